"""What a member signs when an epoch closes: where the log ends, with which state, and who comes next."""

from dataclasses import dataclass

from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.wire import digest

__all__ = ["Statement", "carried_digest"]

_TAG = "mechdesign/epoch/sign/1"
_TAG_STATE = "mechdesign/epoch/state/1"


def carried_digest(state: bytes) -> bytes:
    """What stands for the state of the layers above, 32 bytes."""
    return digest(_TAG_STATE, state)


@dataclass(frozen=True, slots=True)
class Statement:
    """The end of an epoch, in four digests; an honest member signs one in an epoch.

    Attributes:
        roster: of the epoch that ends.
        checkpoint: of its last checkpoint.
        state: of what the layers above take along.
        successor: of the next epoch's roster.
    """

    roster: bytes
    checkpoint: bytes
    state: bytes
    successor: bytes

    @property
    def message(self) -> bytes:
        """What is signed."""
        return digest(_TAG, self.roster, self.checkpoint, self.state, self.successor)

    def sign(self, signer: Signer) -> bytes:
        """A member's signature."""
        return signer.sign(self.message)

    def signed(self, member: MemberId, signature: bytes, scheme: SignatureScheme) -> bool:
        """Whether a signature is the member's."""
        return scheme.verify(member, self.message, signature)
