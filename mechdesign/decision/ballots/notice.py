"""The announcement of a session: to members as an event, to participants that are not members as a notice.

A notice is what a participant needs to know of a session before it makes a ballot. It carries the roster and the
proposal as its proposer signed it. It shows what the session would be; that it was ordered, and that the roster is the
right one, the participant learns from its fingerprint and from several members.
"""

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import Proposed
from mechdesign.decision.record import pack_signed, unpack_signed
from mechdesign.decision.setting import Setting
from mechdesign.group.block import check_inclusion
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import VerificationError, WireError
from mechdesign.kernel.wire import decode, encode

__all__ = ["announce", "notice_of", "open_notice"]

_MAGIC = "mechdesign notice"
_FORMAT = 1


def notice_of(setting: Setting) -> bytes:
    """The encoded notice of a session."""
    founding = setting.founding
    return encode((_MAGIC, _FORMAT, setting.roster.encoded, pack_signed(founding.submission, founding.inclusion)))


def announce(setting: Setting, me: MemberId | None, *, carried: bool = True) -> Proposed:
    """The event that announces a session to the member ``me``; see :attr:`Proposed.carried`."""
    proposal, roster = setting.proposal, setting.roster
    members = tuple((member, roster.name(member)) for member in proposal.asked)
    notice = notice_of(setting) if proposal.rolled else b""
    return Proposed(setting.session, setting.founding.sender, proposal, members, me in proposal.asked, notice, carried)


def open_notice(data: bytes, scheme: SignatureScheme, roster: Roster | None = None) -> Setting:
    """The session that a notice is of.

    Args:
        data: the notice.
        scheme: how signatures are checked.
        roster: the roster that the participant trusts, if it has one.

    Raises:
        VerificationError: it is no notice, of another roster, or not signed by its proposer.
    """
    try:
        match decode(data):
            case (str(magic), int(version), bytes(encoded), tuple(packed)) if (magic, version) == (_MAGIC, _FORMAT):
                found, signed = Roster.parse(encoded), unpack_signed(packed)
            case _:
                raise VerificationError("format", "not a notice of a session")
    except WireError as error:
        raise VerificationError("format", f"not a notice of a session: {error}") from error
    if roster is not None and roster.encoded != found.encoded:
        raise VerificationError("roster", f"the notice is of roster {found.digest.hex()[:16]}, another group")
    if signed is None or signed[0].kind != Kind.PROPOSE or not check_inclusion(found, scheme, *signed):
        raise VerificationError("inclusion", "the notice holds no proposal that its proposer signed")
    setting = Setting.found(found, Entry(0, *signed), scheme=scheme)
    if setting is None or not setting.proposal.rolled:
        raise VerificationError("proposal", "the notice's proposal names no roll, or does not fit its group")
    return setting
