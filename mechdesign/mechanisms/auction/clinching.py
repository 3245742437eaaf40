"""Ausubel's clinching auction."""

from fractions import Fraction
from typing import Annotated

from pydantic import Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.auction.clock import Step, refuse_off_grid, shown_price
from mechdesign.mechanisms.auction.units import UNITS_MAX, Lots, Margins, UnitAuction
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.play import Ask, Play, ask, settle_breaking_ties
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.ties import Tie

__all__ = ["Clinching"]

_Demand = Annotated[int, Field(strict=True, ge=0, le=UNITS_MAX)]


class Clinching(UnitAuction):
    """Ascending auction of identical units; a bidder clinches units as soon as the others leave enough for it.

    The price rises from ``start`` step by step. In every round each bidder says, sealed, how many units it would buy
    at the price of the clock: never more than before, and no fewer than it has clinched (a demand outside these
    bounds counts as the nearest one within; no answer counts as the least). What the supply exceeds the others'
    demand by is clinched, at the last price at which the others still wanted it: that of the round before. The
    auction ends when demand is at most supply; units left over go to those that wanted them in the round before,
    ordered by the tie rule. A truthful bidder demands the units whose marginal value is at least the price (at the
    price 0, more than 0). On values that are multiples of the step, payments are those of Vickrey.

    **Source**: L. Ausubel, An efficient ascending-bid auction for multiple objects, American Economic Review 94 (2004).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> bids = {"A": [50, 47, 40, 32, 15, 5], "B": [42, 28, 20, 12, 7, 3], "C": [45, 35, 24, 14, 9, 6]}
    >>> str(decide(Clinching, {"parameters": {"units": 6}, "reports": bids}).result.outcome)
    'A wins 3 units, pays 72; B wins 1 unit, pays 32; C wins 2 units, pays 60'
    """

    name, version = "auction.clinching", 1
    start: Amount = Fraction(0)
    step: Step = Fraction(1)
    claims = Claims(
        dsic=Holds(
            "Ausubel 2004, theorem 1", "private values that are multiples of the step; others that answer alike"
        ),
        individually_rational=Holds("a unit is clinched at a price at which it was wanted", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds(
            "Ausubel 2004, theorem 1", "on multiples of the step; start is the seller's own value of a unit"
        ),
        anonymous=Holds("an answer counts whoever gives it", "up to ties"),
        core=Holds("its payments are those of Vickrey, and marginal values fall", "on multiples of the step"),
        group_strategyproof=Fails(
            Witness(
                types={"alice": [4], "bob": [3]},
                deviations={"alice": [4], "bob": [0]},
                parameters={"units": 1},
            ),
            "the other bidder leaves early as a favour to the winner",
        ),
    )
    example = Example({"alice": [50, 47, 40], "bob": [42, 28, 20], "carol": [45, 35, 24]}, {"units": 4})

    def resource_cost(self, outcome: Lots) -> Fraction:
        """Return the seller's own value of the units sold."""
        return self.start * sum(outcome.units.values())

    def truthful(self, value: Margins, ask: Ask[int]) -> int:
        """Demand the units that are worth the price."""
        price = shown_price(ask)
        return sum(worth >= price and worth > 0 for worth in value)

    def play(self, context: Context) -> Play[Lots]:
        """Raise the price until demand is at most supply."""
        refuse_off_grid(context, start=self.start, step=self.step)
        price = last = self.start
        before: dict[Player, int] = dict.fromkeys(context.players, self.units)
        clinched: dict[Player, int] = dict.fromkeys(context.players, 0)
        payments: dict[Player, Fraction] = dict.fromkeys(context.players, Fraction(0))
        why: list[Reason] = []
        first = True
        while True:
            active = [player for player in context.players if before[player] > clinched[player]]
            shown = {"price": format_exact(price), "demands": dict(before), "clinched": dict(clinched)}
            given = yield from ask(_Demand, of=active, show=shown)
            demands = dict(before)
            for player in active:
                demands[player] = min(before[player], max(clinched[player], given.get(player, 0)))
            total = sum(demands.values())
            if total <= self.units:
                break
            for player in active:
                self._clinch(player, self.units - total + demands[player], last, clinched, payments, why)
            before, last, price, first = demands, price, price + self.step, False
        for player, demand in demands.items():
            self._clinch(player, demand, last, clinched, payments, why)
        left = 0 if first else self.units - total
        spare = {player: before[player] - demands[player] for player in context.players}
        return (
            yield from settle_breaking_ties(
                lambda known: self._closed(left, spare, last, clinched, payments, why, known), context
            )
        )

    def _clinch(
        self,
        player: Player,
        certain: int,
        price: Fraction,
        clinched: dict[Player, int],
        payments: dict[Player, Fraction],
        why: list[Reason],
    ) -> None:
        more = certain - clinched[player]
        if more > 0:
            clinched[player] += more
            payments[player] += more * price
            text = f"{player} clinches {more} at {format_exact(price)}"
            why.append(Reason(text, {"player": player, "units": more, "price": price}))

    def _closed(
        self,
        left: int,
        spare: dict[Player, int],
        price: Fraction,
        clinched: dict[Player, int],
        payments: dict[Player, Fraction],
        why: list[Reason],
        context: Context,
    ) -> Result[Lots]:
        """Give what is left to those that wanted it in the round before, and close."""
        won, paid, reasons = dict(clinched), dict(payments), list(why)
        wanting = [player for player in context.players if spare[player]]
        order: tuple[Player, ...] = tuple(wanting)
        ties: tuple[Tie, ...] = ()
        if 0 < left < sum(spare.values()):
            order, ties = context.rank(wanting, f"the last units at {format_exact(price)}")
        for player in order:
            taken = min(left, spare[player])
            self._clinch(player, won[player] + taken, price, won, paid, reasons)
            left -= taken
        outcome, flows = self.sold(won, paid)
        return Result(outcome, flows, tuple(reasons) or (Reason("nobody wants a unit at the start"),), ties)
