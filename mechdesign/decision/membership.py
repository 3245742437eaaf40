"""Members' encryption keys: from an identity to the record that others check, to a roster's line, to a committee.

The record's scope is one for all groups. What binds a share to a group and a session is the context of the dealing; the
record only shows that the member knows the key, and that it wants it used for its shares.
"""

from functools import lru_cache

from mechdesign.decision.sealing.threshold import Committee, EncryptionKey, KeyRecord
from mechdesign.group.roster import Member, Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.identity import Identity

__all__ = ["committee_of", "holds_key", "member_of", "possession"]

_SCOPE = b"mechdesign/roster"


def member_of(identity: Identity, name: str) -> Member:
    """The line of a roster for a member whose keys we hold."""
    return Member(identity.public, name, identity.curve_public, EncryptionKey(identity.sealing_seed).public)


def possession(identity: Identity) -> bytes:
    """The encoded record that others check before they take the member's encryption key into a roster."""
    return EncryptionKey(identity.sealing_seed).record(identity, _SCOPE).encoded


def holds_key(scheme: SignatureScheme, member: MemberId, sealing: bytes, record: bytes) -> bool:
    """Whether a record of :func:`possession` shows that the member knows the key behind ``sealing``. Never raises."""
    found = KeyRecord.parse(record)
    return found is not None and (found.member, found.key) == (member, sealing) and found.holds(scheme, _SCOPE)


@lru_cache(maxsize=64)
def committee_of(roster: Roster, threshold: int) -> Committee | None:
    """All members of a roster as holders of shares, or None where its sealing keys are not different good points."""
    try:
        return Committee(roster.ids, tuple(member.sealing for member in roster.members), threshold)
    except LocalProtocolError:
        return None
