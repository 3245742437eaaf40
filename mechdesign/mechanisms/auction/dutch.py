"""The Dutch auction: a descending clock."""

from fractions import Fraction

from pydantic import model_validator

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.auction.clock import Step, pick_between_rounds, refuse_off_grid, shown_price
from mechdesign.mechanisms.auction.one_item import OneItemWithReserve, Sale
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Account, pay
from mechdesign.mechanisms.play import STEPS_MAX, Ask, Play, ask
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["Dutch"]


class Dutch(OneItemWithReserve):
    """Clock auction of one item; the price falls from ``start`` step by step until somebody takes the item at it.

    In every round all say, sealed, whether they take the item at the price of the clock; among several the tie rule
    picks. The clock ends at the last price that is not below the reserve. Who does not answer does not take it. A
    "truthful" bidder takes the item as soon as the price is at most its value; it would gain by waiting, as in the
    first-price auction, to which this one is equivalent.

    **Source**: W. Vickrey, Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance 16 (1961),
    section III.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> document = {"parameters": {"start": 30}, "reports": {"A": 18, "B": 24, "C": 21}}
    >>> str(decide(Dutch, document).result.outcome)
    'B wins, pays 24'
    """

    name, version = "auction.dutch", 1
    start: Amount
    step: Step = Fraction(1)
    claims = Claims(
        dsic=Fails(
            Witness(types={"alice": 2, "bob": 4}, deviations={"bob": 3}, parameters={"start": 5}),
            "who waits pays less",
        ),
        nash=Unknown("when to stop depends on what the others are believed to value"),
        individually_rational=Holds("the price is one that the winner took", "ex post"),
        no_deficit=Holds("one payment, from the winner to the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds(
            "who stops the clock first wins",
            "for truthful bidders, on multiples of the step; the reserve counts as the seller's own value",
        ),
        anonymous=Holds("an answer counts whoever gives it", "up to ties"),
        group_strategyproof=Fails(
            Witness(types={"alice": 2, "bob": 4}, deviations={"bob": 3}, parameters={"start": 5}),
            "not even strategyproof",
        ),
    )
    example = Example({"alice": 18, "bob": 24, "carol": 21}, {"start": 30, "reserve": 5, "step": "0.50"})

    @model_validator(mode="after")
    def _ends(self) -> "Dutch":
        if (self.start - self.reserve) / self.step >= STEPS_MAX:
            raise ValueError(f"from start to reserve the clock would take more than {STEPS_MAX} steps")
        return self

    def type_grid(self) -> list[Fraction]:
        """Return multiples of the step from the reserve, and a value below it."""
        lower = [Fraction(0)] if self.reserve else []
        top = [self.start - self.step * count for count in range(4, -1, -1)]
        return [*lower, *(value for value in top if value >= self.reserve)]

    def truthful(self, value: Fraction, ask: Ask[bool]) -> bool:
        """Take the item once the price is at most the value."""
        return shown_price(ask) <= value

    def play(self, context: Context) -> Play[Sale]:
        """Lower the price until somebody takes the item."""
        refuse_off_grid(context, start=self.start, reserve=self.reserve, step=self.step)
        price = self.start
        while price >= self.reserve:
            takes = yield from ask(bool, of=context.players, price=format_exact(price))
            takers = [player for player in context.players if takes.get(player)]
            if takers:
                winner, ties = yield from pick_between_rounds(takers, "who stops the clock", context)
                flows = pay(winner, Account.SELLER, price, "price")
                why = Reason(f"{winner} stopped the clock first", {"price": price})
                return Result(Sale(winner=winner, price=price), flows, (why,), ties)
            if not context.players:
                break
            price -= self.step
        return Result(
            Sale(), why=(Reason("nobody took the item down to the reserve" if context.players else "no bids"),)
        )
