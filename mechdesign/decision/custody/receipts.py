"""What a custodian says in the log: what it received for a session, and what it paid out after one."""

from dataclasses import dataclass
from fractions import Fraction

from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.text import is_plain
from mechdesign.kernel.wire import DIGEST_BYTES, Value, encode

__all__ = ["REFERENCE_MAX", "PayoutEntry", "ReceiptEntry", "is_reference", "read_payout", "read_receipt"]

REFERENCE_MAX = 64
"""Longest reference of a payment, in characters."""

_PARTY_MAX = 128


@dataclass(frozen=True, slots=True)
class ReceiptEntry:
    """The sender, custodian of ``session``, has received ``amount`` of ``player``; see ``Receipt``."""

    session: bytes
    player: MemberId
    amount: Fraction
    reference: str

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.player, self.amount, self.reference))


@dataclass(frozen=True, slots=True)
class PayoutEntry:
    """The sender, custodian of ``session``, has paid ``party`` what was due to it."""

    session: bytes
    party: str

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.party))


def is_reference(text: str) -> bool:
    """Whether a payment can be called so."""
    return 0 < len(text) <= REFERENCE_MAX and is_plain(text)


def read_receipt(value: Value) -> ReceiptEntry | None:
    """What :attr:`ReceiptEntry.encoded` holds; None for anything else."""
    match value:
        case (bytes(session), bytes(player), (int() | Fraction()) as amount, str(reference)) if (
            not isinstance(amount, bool) and len(session) == DIGEST_BYTES and len(player) == KEY_BYTES
        ):
            if amount > 0 and is_reference(reference):
                return ReceiptEntry(session, MemberId(player), Fraction(amount), reference)
    return None


def read_payout(value: Value) -> PayoutEntry | None:
    """What :attr:`PayoutEntry.encoded` holds; None for anything else."""
    match value:
        case (bytes(session), str(party)) if len(session) == DIGEST_BYTES and 0 < len(party) <= _PARTY_MAX:
            return PayoutEntry(session, party)
    return None
