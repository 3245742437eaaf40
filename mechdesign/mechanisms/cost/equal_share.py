"""Equal cost sharing among those who accept their share."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import TypeAlias

from pydantic import StrictBool

from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.cost.moulin import Service, charge, moulin
from mechdesign.mechanisms.flow import Account, Player
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["Demand", "EqualShare"]

Demand: TypeAlias = StrictBool | Amount
"""The most that a player would pay; or true (served at any share) and false (not served)."""


class EqualShare(Mechanism[Amount, Demand, Service]):
    """One cost shared equally by all who are served, where nobody is served for more than it would pay.

    Everybody that reported is offered an equal share of the cost; who would not pay it leaves, and the rest is
    offered the larger share, until all accept or nobody is left. A report is the most that a player would pay for
    being served, or true (at any share) or false (not at all). The cost is a parameter. Who is absent is not served.

    **Source**: H. Moulin, S. Shenker, Strategyproof sharing of submodular costs, Economic Theory 18 (2001).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> context = Context(("A", "B", "C"))
    >>> str(run_pure(EqualShare(cost=Fraction(12)), context, {"A": 7, "B": 3, "C": 6}).outcome)
    'A pays 6, C pays 6'
    """

    name, version = "cost.equal-share", 1
    accounts = (Account.PROVIDER,)
    claims = Claims(
        dsic=Holds("Moulin and Shenker 2001: follows from group-strategyproofness"),
        group_strategyproof=Holds(
            "Moulin and Shenker 2001, theorem 1: equal shares of a fixed cost are cross-monotonic"
        ),
        individually_rational=Holds("nobody pays more than it reported", "ex post"),
        no_deficit=Holds("the shares cover the cost exactly", "after cost"),
        budget_balanced=Holds("the shares cover the cost exactly"),
        false_name_proof=Fails(
            Witness(types={"alice": 4, "bob": 12}, deviations={"bob": 4, "carol": 4}, parameters={"cost": 12}),
            "a second name makes every share smaller",
        ),
        efficient=Fails(
            Witness(
                types={"alice": 5, "bob": 2},
                parameters={"cost": 6},
                outcome={"served": ["alice", "bob"], "shares": {"alice": "3", "bob": "3"}},
            ),
            "Moulin and Shenker 2001: one that would not pay half may still be needed to cover the cost",
        ),
        anonymous=Holds("a report counts whoever makes it"),
        core=Holds("equal shares of one fixed cost", "no coalition of those served pays more than the whole cost"),
    )
    example = Example({"alice": 7, "bob": 3, "carol": 6, "dave": True}, {"cost": 12})

    cost: Amount

    def settle(self, reports: Profile[Demand], context: Context) -> Result[Service]:
        """Offer equal shares until all that are left accept."""
        limits: dict[Player, Fraction | None] = {}
        for player, demand in reports.items():
            if isinstance(demand, bool):
                if demand:
                    limits[player] = None
            else:
                limits[player] = demand
        service, left = moulin(limits, lambda served: dict.fromkeys(served, self.cost / len(served)))
        accepted = Reason("all that are left accept the share") if service.served else Reason("nobody is left")
        return Result(service, charge(service), (accepted, *left))

    def valuation(self, player: Player, value: Fraction, outcome: Service) -> Fraction:
        """Return the value of being served."""
        return value if player in outcome.served else Fraction(0)

    def resource_cost(self, outcome: Service) -> Fraction:
        """Return the cost where somebody is served."""
        return self.cost if outcome.served else Fraction(0)

    def standalone_cost(self, coalition: Sequence[Player], reports: Mapping[Player, Demand]) -> Fraction:
        """Return the fixed cost, however few are served."""
        return self.cost

    def type_grid(self) -> Sequence[Fraction]:
        """Return values around the shares of one to three players."""
        return [self.cost * part / 12 for part in (0, 4, 6, 12, 13)]

    def outcomes(self, reports: Profile[Demand], context: Context) -> Iterator[Service]:
        """Yield the service of every set of those that reported."""
        for size in range(len(reports) + 1):
            for served in combinations(reports, size):
                yield Service(served=served, shares=dict.fromkeys(served, self.cost / size) if size else {})
