"""Who may enrol for a group: those on a list, those with an invitation, or everybody.

An invitation is bound to the convener and the group's name, not to one announcement: it has to exist before there is
one, and serves again when the same convener forms the group again.
"""

from dataclasses import dataclass
from enum import StrEnum

from mechdesign.group.roster import MEMBERS_MAX
from mechdesign.kernel.crypto import KEY_BYTES, SIGNATURE_BYTES, MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import digest

__all__ = ["INVITATION_BYTES", "Admission", "Policy", "invite"]

INVITATION_BYTES = KEY_BYTES + SIGNATURE_BYTES
"""Length of an invitation: the issuer's key and its signature."""


class Policy(StrEnum):
    """How a group chooses whom it admits."""

    ALLOW_LIST = "allow_list"
    INVITATION = "invitation"
    OPEN = "open"


def _invitation(convener: MemberId, group: str, invitee: MemberId) -> bytes:
    return digest("mechdesign/formation/invitation/1", convener, group.encode(), invitee)


def invite(issuer: Signer, convener: MemberId, group: str, invitee: MemberId) -> bytes:
    """An invitation into a group of that name, whenever that convener forms it."""
    return issuer.public + issuer.sign(_invitation(convener, group, invitee))


@dataclass(frozen=True, slots=True)
class Admission:
    """The rule by which enrolments are admitted; the convener itself always is.

    Attributes:
        policy: list, invitation or open.
        keys: the allowed, or those who may invite besides the convener; ascending, none for open.

    Raises:
        LocalProtocolError: the keys do not fit the policy.
    """

    policy: Policy
    keys: tuple[MemberId, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that nobody can follow."""
        if len(self.keys) > MEMBERS_MAX or any(len(key) != KEY_BYTES for key in self.keys):
            raise LocalProtocolError(f"an admission rule names at most {MEMBERS_MAX} keys of {KEY_BYTES} bytes")
        if list(self.keys) != sorted(set(self.keys)):
            raise LocalProtocolError("the keys of an admission rule are different and ascending")
        if (self.policy is Policy.OPEN and self.keys) or (self.policy is Policy.ALLOW_LIST and not self.keys):
            raise LocalProtocolError("a list of the allowed is not empty, and an open group has none")

    def admits(
        self, member: MemberId, invitation: bytes, convener: MemberId, group: str, scheme: SignatureScheme
    ) -> bool:
        """Whether a player may enrol for a group of that convener and name."""
        if member == convener or self.policy is Policy.OPEN:
            return True
        if self.policy is Policy.ALLOW_LIST:
            return member in self.keys
        issuer = MemberId(invitation[:KEY_BYTES])
        if len(invitation) != INVITATION_BYTES or (issuer != convener and issuer not in self.keys):
            return False
        return scheme.verify(issuer, _invitation(convener, group, member), invitation[KEY_BYTES:])

    @property
    def text(self) -> str:
        """What the rule means, to be shown wherever the group is offered."""
        match self.policy:
            case Policy.ALLOW_LIST:
                return f"only the {len(self.keys)} listed players may enrol"
            case Policy.INVITATION:
                others = f" or of {len(self.keys)} named others" if self.keys else ""
                return f"an invitation of the convener{others} is needed to enrol"
            case Policy.OPEN:
                return (
                    "anybody may enrol: one person can do so under many keys (Sybils), so no bound on the number of "
                    "liars means anything"
                )
