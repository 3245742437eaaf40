"""The combinatorial auction with core payments nearest to those of Vickrey."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.auction.bundles import (
    Allocation,
    Bids,
    BundleAuction,
    Winners,
    chosen,
    determine,
    packing_of,
    sold,
)
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.shared.optimisation_projection import Projection

__all__ = ["CoreNearest"]

_LOCALS = {
    "alice": [{"items": ["a", "b"], "value": 10}],
    "bob": [{"items": ["a"], "value": 8}],
    "carol": [{"items": ["b"], "value": 8}],
}
_WITNESS = Witness(types=_LOCALS, deviations={"bob": [{"items": ["a"], "value": 6}]}, parameters={"items": ["a", "b"]})


class CoreNearest(BundleAuction):
    """Sealed-bid auction of different items; the bids worth most together win and pay what no losers would outbid.

    Winners are those of the Vickrey-Clarke-Groves auction. Payments are in the core: no group of bidders could offer
    the seller more for another allocation than it gets. Among these payments they are the ones nearest (in Euclidean
    distance) to those of Vickrey, with ``revenue = "least"`` among those of least revenue only. They are exact
    fractions, found by adding the core's inequalities as they are violated. Bids, ties and absent players are as in
    ``auction.vcg``.

    **Source**: R. Day, P. Cramton, Quadratic core-selecting payment rules for combinatorial auctions, Operations
    Research 60 (2012); R. Day, S. Raghavan, Fair payments for efficient allocations, Management Science 53 (2007),
    for the search of violated inequalities.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> bids = {
    ...     name: [{"items": list(items), "value": value}]
    ...     for name, items, value in (("A", "ab", 10), ("B", "a", 8), ("C", "b", 8))
    ... }
    >>> document = {"parameters": {"items": ["a", "b"]}, "reports": bids}
    >>> str(decide(CoreNearest, document).result.outcome)
    'B wins a, pays 5; C wins b, pays 5'
    """

    name, version = "auction.core-nearest", 1
    revenue: Literal["least", "any"] = "least"
    claims = Claims(
        dsic=Fails(_WITNESS, "Day and Cramton 2012: a winner may shift part of the joint payment to another"),
        nash=Unknown("full information equilibria in the core exist; truth is none of them in general"),
        individually_rational=Holds("Day and Raghavan 2007: a core payment is at most the winning bid", "ex post"),
        no_deficit=Holds("core payments are not negative"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("the bids worth most together win", "for truthful bids, which are no equilibrium"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        core=Holds("Day and Raghavan 2007: inequalities are added until no coalition objects"),
        group_strategyproof=Fails(_WITNESS, "not even strategyproof"),
    )
    example = Example(
        {
            "alice": [{"items": ["north", "south"], "value": 10}],
            "bob": [{"items": ["north"], "value": 8}],
            "carol": [{"items": ["south"], "value": 6}],
        },
        {"items": ["north", "south"]},
    )

    def settle(self, reports: Profile[Bids], context: Context) -> Result[Allocation]:
        """Choose the bids worth most together and project Vickrey's payments onto the core."""
        winners = determine(self.items, reports, context)
        names = tuple(winners.bids)
        without = winners.worths_without()
        vickrey = {player: without[player] - winners.worth + winners.bids[player].value for player in names}
        nearest = Projection([vickrey[player] for player in names], least_sum=self.revenue == "least")
        for place, player in enumerate(names):
            unit = [int(other == place) for other in range(len(names))]
            nearest.require(unit, vickrey[player])
            nearest.require([-number for number in unit], -winners.bids[player].value)
        why = [chosen(winners)]
        while True:
            payments = dict(zip(names, nearest.point(), strict=True))
            coalition, offer, content = self._blocking(winners, payments)
            if not coalition:
                break
            paying = [player for player in names if player not in coalition]
            nearest.require([int(player in paying) for player in names], offer - content)
            text = (
                f"{', '.join(coalition)} would offer {format_exact(offer - content)} for what {', '.join(paying)} won"
            )
            why.append(Reason(text, {"coalition": coalition, "paying": paying, "offer": offer - content}))
        outcome, flows = sold(winners.bids, payments)
        why.append(Reason("payments of Vickrey", {"vickrey": vickrey}))
        return Result(outcome, flows, tuple(why), winners.ties)

    def _blocking(
        self, winners: Winners, payments: Mapping[Player, Fraction]
    ) -> tuple[tuple[Player, ...], Fraction, Fraction]:
        """Return the coalition that offers the seller most above what it gets, its offer, and what its winners pay now.

        A winner joins only if it keeps what it gains now, so its bids count less by that.
        """
        gains = {player: winners.bids[player].value - paid for player, paid in payments.items()}
        options = [(player, bid.items, bid.value - gains.get(player, Fraction(0))) for player, bid in winners.options]
        options = [option for option in options if option[2] > 0]
        problem, scale = packing_of(options)
        place = {(player, items): number for number, (player, items, _) in enumerate(options)}
        known = [place[key] for key in ((player, bid.items) for player, bid in winners.bids.items()) if key in place]
        best = problem.best(known=known)
        offer = Fraction(best.value, scale)
        if offer <= sum(payments.values()):
            return (), offer, Fraction(0)
        coalition = tuple(options[number][0] for number in best.taken)
        content = sum((payments[player] for player in coalition if player in payments), Fraction(0))
        return coalition, offer, content
