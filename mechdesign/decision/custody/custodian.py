"""Where the money is: a port between a custodian member and the people or the bank that it deals with.

The ledger records claims and moves nothing. A member that a proposal names as custodian holds the deposits: it signs
for what it has received, and says what it has paid out. :func:`attend` is its duty in one step; a driver calls it again
and again with what :meth:`~mechdesign.decision.core.DecisionCore.custody` says, and submits what comes out. All of it
can be repeated: a payment is signed for once by its reference, and a pay-out is made once.

The default is :class:`Manual`: it shows what to pay, and a person confirms. ``custody_files.py`` has one that reads and
writes files. Nothing here checks the custodian itself: whoever names one trusts it with the money.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from mechdesign.decision.books import Due
from mechdesign.decision.custody.till import DepositDue
from mechdesign.decision.messages import Payout, Receipt
from mechdesign.kernel.errors import InputError

__all__ = ["Custodian", "Manual", "Payment", "attend"]

_DIGITS, _PLAYER_DIGITS = 32, 28
# Of a session's name in that of a payment: a proposer that finds two sessions alike in these 128 bits would have what a
# person confirms for one count for the other.


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that a custodian has received.

    Attributes:
        reference: names it; 1 to 64 printable characters.
        amount: how much.
    """

    reference: str
    amount: Fraction


class Custodian(Protocol):
    """What holds the money of sessions."""

    def received(self, due: DepositDue) -> Sequence[Payment]:
        """The payments that are there for a deposit, the same ones and perhaps more when it is asked again."""
        ...

    def pay(self, due: Due) -> bool:
        """Pay out, and say whether that is done; asked again, it pays nothing twice."""
        ...


def attend(custodian: Custodian, duties: Iterable[DepositDue | Due]) -> list[Receipt | Payout]:
    """What a custodian's member has to report by now; all of it may be said again."""
    said: list[Receipt | Payout] = []
    for due in duties:
        if isinstance(due, DepositDue):
            paid = custodian.received(due)
            said += [Receipt(due.session, due.player, each.amount, each.reference) for each in paid]
        elif custodian.pay(due):
            said.append(Payout(due.session, due.party))
    return said


class Manual:
    """Shows what is to be paid, and waits for a person to confirm it.

    Args:
        show: tells the person, once for each payment.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._waiting: dict[str, bool] = {}

    @property
    def open(self) -> tuple[str, ...]:
        """The names of the payments that were shown and not confirmed."""
        return tuple(name for name, done in self._waiting.items() if not done)

    def confirm(self, name: str) -> None:
        """A person says that a payment was made.

        Raises:
            InputError: no payment of that name was shown.
        """
        if name not in self._waiting:
            raise InputError(f"no payment is called {name!r}: open are {', '.join(self.open) or 'none'}")
        self._waiting[name] = True

    def received(self, due: DepositDue) -> Sequence[Payment]:
        """The deposit as one payment, once it is confirmed."""
        name = f"in/{due.session.hex()[:_DIGITS]}/{due.player.hex()[:_PLAYER_DIGITS]}"
        done = self._confirmed(name, f"{due.name} pays {due.deposit} {due.currency}".rstrip() + " as its deposit")
        return [Payment(name, due.deposit)] if done else []

    def pay(self, due: Due) -> bool:
        """Whether the pay-out is confirmed."""
        name = f"out/{due.session.hex()[:_DIGITS]}/{due.party}"
        return self._confirmed(name, f"pay {due.amount} {due.purse.currency}".rstrip() + f" to {due.party}")

    def _confirmed(self, name: str, what: str) -> bool:
        if name not in self._waiting:
            self._waiting[name] = False
            self._show(f"{what}; confirm it as {name}")
        return self._waiting[name]
