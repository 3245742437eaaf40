"""Members' keys: from an identity to the record that others check, to a roster's line, to a committee.

The record's scope is one for all groups. What binds a share to a group and a session is the context of the dealing; the
record only shows that the member knows the key, and that it wants it used for its shares. With it comes the proof that
the member knows the key of its links (``link_key.py``).
"""

from functools import lru_cache

from mechdesign.decision.link_key import holds_link_key, prove_link_key
from mechdesign.decision.sealing.proof import Proof
from mechdesign.decision.sealing.threshold import Committee, EncryptionKey, KeyRecord
from mechdesign.group.roster import Member, Roster
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.wire import decode, encode

__all__ = ["committee_of", "holds_key", "member_of", "possession"]

_SCOPE = b"mechdesign/roster"
_BYTES_MAX = 512


def member_of(identity: Identity, name: str) -> Member:
    """The line of a roster for a member whose keys we hold."""
    return Member(identity.public, name, identity.curve_public, EncryptionKey(identity.sealing_seed).public)


def possession(identity: Identity) -> bytes:
    """What others check before they take a member's sealing key and CURVE key into a roster."""
    sealing = EncryptionKey(identity.sealing_seed).record(identity, _SCOPE)
    link = prove_link_key(identity)
    return encode((sealing.encoded, link.challenge, link.responses))


def holds_key(scheme: SignatureScheme, line: Member, proof: bytes) -> bool:
    """Whether a proof of :func:`possession` shows that a member knows the sealing and CURVE key of its line.

    Never raises.
    """
    try:
        value = decode(proof, bytes_max=_BYTES_MAX)
    except WireError:
        return False
    match value:
        case (bytes(record), bytes(challenge), bytes(responses)):
            found = KeyRecord.parse(record)
            if found is None or (found.member, found.key) != (line.id, line.sealing):
                return False
            return found.holds(scheme, _SCOPE) and holds_link_key(line.id, line.curve, Proof(challenge, responses))
    return False


@lru_cache(maxsize=64)
def committee_of(roster: Roster, threshold: int) -> Committee | None:
    """All members of a roster as holders of shares, or None where its sealing keys are not different good points."""
    try:
        return Committee(roster.ids, tuple(member.sealing for member in roster.members), threshold)
    except LocalProtocolError:
        return None
