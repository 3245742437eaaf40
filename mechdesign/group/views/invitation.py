"""Invitations: what a quorum of an epoch signs so that somebody may join, and where the joiner begins.

A signature binds the joiner's line to one roster, hence to one epoch: it serves for the next epoch and for none after
it. Keys of members that left are therefore worth nothing here, unless a quorum of one epoch leaves and then lies
together; whoever is to trust an invitation has to have it fresh, from somebody it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mechdesign.group.messages import Join
from mechdesign.group.roster import Member, Roster
from mechdesign.kernel.crypto import SIGNATURE_BYTES, MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import VerificationError, WireError
from mechdesign.kernel.wire import Value, decode, digest, encode

__all__ = ["Invitation", "line_of", "member_in", "sign_join", "signed_by_quorum"]

_TAG = "mechdesign/join/1"
_BYTES_MAX = 256 * 1024


def line_of(member: Member) -> Value:
    """A member's line of a roster as a value to be encoded."""
    return (member.id, member.name, member.curve, member.sealing)


def member_in(value: Value) -> Member | None:
    """The member of a line, or None for another value; whether a roster takes it is for the roster to say."""
    match value:
        case (bytes(key), str(name), bytes(curve), bytes(sealing)):
            return Member(MemberId(key), name, curve, sealing)
    return None


def _message(member: Member, roster: Roster) -> bytes:
    return digest(_TAG, roster.digest, encode(line_of(member)))


def sign_join(member: Member, roster: Roster, signer: Signer) -> bytes:
    """A member's consent that somebody joins the epoch after this roster's.

    Who consents has seen to it that the keys are good ones, and that the joiner can prove to have the sealing key.
    """
    return signer.sign(_message(member, roster))


def signed_by_quorum(
    member: Member, signatures: tuple[tuple[int, bytes], ...], roster: Roster, scheme: SignatureScheme
) -> bool:
    """Whether a quorum of different members, in roster order, signed exactly this line."""
    places = [place for place, _ in signatures]
    if not roster.q <= len(places) <= roster.n or places != sorted(set(places)):
        return False
    if not all(0 <= place < roster.n and len(signature) == SIGNATURE_BYTES for place, signature in signatures):
        return False
    message = _message(member, roster)
    return all(scheme.verify(roster.ids[place], message, signature) for place, signature in signatures)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A quorum's consent to a joiner, with the roster of the epoch that it will join the successor of.

    Attributes:
        roster: of the epoch in which it was signed.
        member: the joiner's line.
        signatures: a quorum's, each with its signer's index in the roster, ascending.
    """

    roster: Roster
    member: Member
    signatures: tuple[tuple[int, bytes], ...]

    @classmethod
    def of(cls, roster: Roster, member: Member, signatures: Mapping[int, bytes]) -> "Invitation":
        """Put together what members signed; more than a quorum is cut to one."""
        return cls(roster, member, tuple(sorted(signatures.items())[: roster.q]))

    @property
    def join(self) -> Join:
        """The change that any member can have ordered."""
        return Join(self.member, self.signatures)

    def check(self, scheme: SignatureScheme) -> None:
        """Check the signatures.

        Raises:
            VerificationError: they are no quorum's over this line.
        """
        if not signed_by_quorum(self.member, self.signatures, self.roster, scheme):
            raise VerificationError(
                "invitation", f"no quorum of group {self.roster.group!r} signed that {self.member.name!r} joins"
            )

    @property
    def encoded(self) -> bytes:
        """The canonical bytes, for a file."""
        return encode((_TAG, self.roster.encoded, line_of(self.member), self.signatures))

    @classmethod
    def parse(cls, data: bytes) -> "Invitation":
        """Read the bytes of :attr:`encoded`; what they say is not checked.

        Raises:
            WireError: they are no invitation.
        """
        match decode(data, bytes_max=_BYTES_MAX):
            case (str(tag), bytes(roster), tuple(line), tuple(signatures)) if tag == _TAG:
                member = member_in(line)
                pairs = [item for item in signatures if isinstance(item, tuple) and len(item) == 2]
                found = tuple((p, s) for p, s in pairs if type(p) is int and isinstance(s, bytes))
                if member is not None and len(found) == len(signatures):
                    return cls(Roster.parse(roster), member, found)
        raise WireError("not an invitation to a group")
