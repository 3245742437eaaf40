"""Accounts kept apart from the members' own: what is booked is added up again, and the books are held against it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, TypeAlias
from unittest.mock import patch

from mechdesign.decision.books import Balance
from mechdesign.decision.core import DecisionCore
from mechdesign.decision.messages import Booked
from mechdesign.testing.simulator import Violation

__all__ = ["Bookkeeper", "bookkept"]

Line: TypeAlias = tuple[str, str, str]
"""Currency, custodian, party."""


class Bookkeeper:
    """The accounts of a member, from what was booked where nobody holds money.

    Args:
        balances: with which the epoch begins.

    Attributes:
        looked: how often the books were looked at.
        booked: how many sessions were booked.
    """

    def __init__(self, balances: Sequence[Balance]) -> None:
        self._held = _lines(balances)
        self.looked = self.booked = 0

    def book(self, event: Booked) -> None:
        """Add what moved in a session."""
        terms = event.proposal
        if not event.kept or terms.custodian or terms.rolled:
            return
        self.booked += 1
        behind = dict(terms.accounts)
        for flow in event.flows:
            for end, amount in ((flow.payer, -flow.amount), (flow.payee, flow.amount)):
                line = (terms.currency, "", behind.get(end, end))
                self._held[line] = self._held.get(line, Fraction(0)) + amount

    def check(self, balances: Sequence[Balance]) -> None:
        """Compare with a member's books.

        Raises:
            Violation: they are not what was booked, or a purse does not sum to zero.
        """
        self.looked += 1
        lines = _lines(balances)
        sums: dict[tuple[str, str], Fraction] = {}
        for (currency, custodian, _), amount in lines.items():
            sums[currency, custodian] = sums.get((currency, custodian), Fraction(0)) + amount
        if any(sums.values()):
            raise Violation(f"the books do not sum to zero: {sums}")
        claims = {line: amount for line, amount in lines.items() if not line[1] and "(roll " not in line[2]}
        booked = {
            line: amount for line, amount in self._held.items() if amount and not line[1] and "(roll " not in line[2]
        }
        if claims != booked:
            wrong = sorted(line for line in {*claims, *booked} if claims.get(line) != booked.get(line))
            raise Violation(f"the books are not what was booked, at {wrong}")


def _lines(balances: Sequence[Balance]) -> dict[Line, Fraction]:
    return {(each.purse.currency, each.purse.custodian, each.party): each.amount for each in balances}


@contextmanager
def bookkept() -> Iterator[dict[int, Bookkeeper]]:
    """Look at the books of every decision core after each entry of the log and each answer; gives the keepers."""
    keepers: dict[int, Bookkeeper] = {}
    alive: list[DecisionCore] = []  # so that no other core gets the identity of one that is gone

    def looking(method: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def call(core: DecisionCore, *arguments: Any) -> list[Any]:
            if id(core) not in keepers:
                alive.append(core)
                keepers[id(core)] = Bookkeeper(core.balances)
            keeper = keepers[id(core)]
            effects = method(core, *arguments)
            for effect in effects:
                if isinstance(effect, Booked):
                    keeper.book(effect)
            keeper.check(core.balances)
            return effects

        return call

    changes: dict[str, Any] = {name: looking(getattr(DecisionCore, name)) for name in ("receive", "submit")}
    with patch.multiple(DecisionCore, **changes):
        yield keepers
