"""The Moulin mechanism with Shapley shares."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.cost.moulin import Service, charge, moulin
from mechdesign.mechanisms.flow import Account, Player
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.shared.orders import Names

__all__ = ["CoalitionCost", "Facility", "Shapley"]

TABLE_MAX: Final = 10
"""At most so many players can be named in a table of all coalitions."""

_PIPE = {"facilities": [{"cost": 6}, {"cost": 4, "users": ["carol"]}]}


class Facility(BaseModel):
    """A part of the cost that falls due as soon as one of its users is served.

    Attributes:
        cost: what it costs, however many use it.
        users: who needs it; nobody named means everybody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cost: Amount
    users: Names = ()


class CoalitionCost(BaseModel):
    """What it costs to serve exactly these players."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    served: Names
    cost: Amount


class Shapley(Mechanism[Amount, Amount, Service]):
    """A cost that depends on who is served; all that are served pay Shapley shares, and nobody more than it would.

    Everybody that reported is offered its Shapley share: what it adds to the cost when players come one after the
    other, on average over all orders. Who would not pay leaves, and the rest is offered new shares, until all accept or
    nobody is left. A report is the most that a player would pay for being served. The cost is the sum of
    ``facilities``, each shared equally by those served that use it, and of ``table``, which lists the cost of every set
    of the players that it names. The table must be submodular: who joins a larger set never adds more to the cost. Then
    a share never falls when another player leaves. Who is absent is not served.

    **Source**: H. Moulin, S. Shenker, Strategyproof sharing of submodular costs: budget balance versus efficiency,
    Economic Theory 18 (2001); L. Shapley, A value for n-person games, 1953.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> pipes = Shapley(facilities=[{"cost": 6}, {"cost": 4, "users": ["B", "C"]}])
    >>> for offers in ({"A": 3, "B": 4, "C": 4}, {"A": 3, "B": 3, "C": 5}):
    ...     print(run_pure(pipes, Context(("A", "B", "C")), offers).outcome)
    A pays 2, B pays 4, C pays 4
    nobody is served
    """

    name, version = "cost.shapley", 1
    accounts = (Account.PROVIDER,)
    claims = Claims(
        dsic=Holds("Moulin and Shenker 2001: follows from group-strategyproofness"),
        group_strategyproof=Holds(
            "Moulin and Shenker 2001, theorem 1: Shapley shares of a submodular cost are cross-monotonic"
        ),
        individually_rational=Holds("nobody pays more than it reported", "ex post"),
        no_deficit=Holds("Shapley 1953: the shares cover the cost exactly", "after cost"),
        budget_balanced=Holds("Shapley 1953: the shares cover the cost exactly"),
        false_name_proof=Fails(
            Witness(
                types={"alice": 4, "bob": 12},
                deviations={"bob": 4, "carol": 4},
                parameters={"facilities": [{"cost": 12}]},
            ),
            "a second name makes every share smaller, where anybody may use a facility",
        ),
        efficient=Fails(
            Witness(
                types={"alice": 5, "bob": 2},
                parameters={"facilities": [{"cost": 6}]},
                outcome={"served": ["alice", "bob"], "shares": {"alice": "3", "bob": "3"}},
            ),
            "Moulin and Shenker 2001: of all such rules this one loses least in the worst case",
        ),
        anonymous=Fails(
            Witness(types={"alice": 9, "bob": 9, "carol": 9}, parameters=_PIPE), "facilities belong to names"
        ),
        core=Holds("Shapley 1971: the Shapley value of a submodular cost is in the core"),
    )
    example = Example(
        {"alice": 3, "bob": 2, "carol": 9},
        {"facilities": [{"cost": 6}, {"cost": 4, "users": ["carol"]}]},
    )

    facilities: Annotated[tuple[Facility, ...], Field(max_length=1000)] = ()
    table: Annotated[tuple[CoalitionCost, ...], Field(max_length=1 << TABLE_MAX)] = ()

    @model_validator(mode="after")
    def _submodular(self) -> "Shapley":
        costs = self._costs()
        named = self._named()
        if len(named) > TABLE_MAX:
            raise ValueError(f"table: it names {len(named)} players; at most {TABLE_MAX} can be")
        if len(costs) != len(self.table) + 1 or len(costs) != 1 << len(named):
            raise ValueError("table: it must give the cost of every set of the players that it names, once")
        for coalition, cost in costs.items():
            outside = [player for player in named if player not in coalition]
            for one, other in combinations(outside, 2):
                left, right = coalition | {one}, coalition | {other}
                if cost + costs[left | right] > costs[left] + costs[right]:
                    joined = ", ".join(sorted(left))
                    raise ValueError(f"table: not submodular, {other} adds more to {joined} than without {one}")
            if any(costs[coalition | {player}] < cost for player in outside):
                raise ValueError("table: serving more players cannot cost less")
        return self

    def _named(self) -> tuple[Player, ...]:
        return tuple(dict.fromkeys(player for row in self.table for player in row.served))

    def _costs(self) -> dict[frozenset[Player], Fraction]:
        return {frozenset(): Fraction(0)} | {frozenset(row.served): row.cost for row in self.table}

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Service]:
        """Offer Shapley shares until all that are left accept."""
        service, left = moulin(reports, self.shares)
        why = [Reason("all that are left accept their shares") if service.served else Reason("nobody is left")]
        if service.served:
            cost = self.cost(service.served)
            why.append(Reason(f"serving them costs {format_exact(cost)}", {"cost": cost}))
        return Result(service, charge(service), (*why, *left))

    def cost(self, served: Iterable[Player]) -> Fraction:
        """Return the cost of serving a set of players."""
        members = frozenset(served)
        fixed = (one.cost for one in self.facilities if members and (not one.users or members.intersection(one.users)))
        return sum(fixed, self._costs()[members.intersection(self._named())])

    def shares(self, served: tuple[Player, ...]) -> Mapping[Player, Fraction]:
        """Return the Shapley share of each of a set of players."""
        shares = dict.fromkeys(served, Fraction(0))
        for facility in self.facilities:
            users = [player for player in served if not facility.users or player in facility.users]
            for player in users:
                shares[player] += facility.cost / len(users)
        if self.table:
            costs = self._costs()
            named = [player for player in served if player in self._named()]
            for player in named:
                others = [other for other in named if other != player]
                for size in range(len(named)):
                    weight = Fraction(1, len(named) * comb(len(others), size))
                    for before in map(frozenset, combinations(others, size)):
                        shares[player] += weight * (costs[before | {player}] - costs[before])
        return shares

    def valuation(self, player: Player, value: Fraction, outcome: Service) -> Fraction:
        """Return the value of being served."""
        return value if player in outcome.served else Fraction(0)

    def resource_cost(self, outcome: Service) -> Fraction:
        """Return the cost of those served."""
        return self.cost(outcome.served)

    def standalone_cost(self, coalition: Sequence[Player], reports: Mapping[Player, Fraction]) -> Fraction:
        """Return the cost of serving some players alone."""
        return self.cost(coalition)

    def type_grid(self) -> Sequence[Fraction]:
        """Return values around the shares in the example."""
        return [Fraction(value) for value in (0, 2, 3, 7)]

    def outcomes(self, reports: Profile[Fraction], context: Context) -> Iterator[Service]:
        """Yield the service of every set of those that reported."""
        for size in range(len(reports) + 1):
            for served in combinations(reports, size):
                yield Service(served=served, shares=dict(self.shares(served)))
