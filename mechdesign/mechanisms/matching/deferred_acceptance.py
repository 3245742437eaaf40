"""Deferred acceptance between two sides."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Outcome, Reason, Result
from mechdesign.mechanisms.shared.options import Options, Order
from mechdesign.mechanisms.shared.orders import Names, OrderOf, rank_worth

__all__ = ["DeferredAcceptance", "Pairs"]

_LIE = Witness(
    types={"alice": ["bob", "carol"], "dave": ["carol", "bob"], "bob": ["dave", "alice"], "carol": ["alice", "dave"]},
    deviations={"bob": ["dave"]},
    parameters={"left": ["alice", "dave"], "right": ["bob", "carol"]},
)


class Pairs(Outcome):
    """Who is matched with whom.

    Attributes:
        pairs: a name of the left side and a name of the right side, in the order in which the sides name them.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return ", ".join(f"{one}-{other}" for one, other in self.pairs) or "nobody is matched"

    def partners(self, name: str) -> tuple[str, ...]:
        """Return everybody that a name is matched with."""
        return tuple(other if name == one else one for one, other in self.pairs if name in (one, other))


class DeferredAcceptance(Mechanism[Order, Order, Pairs]):
    """One side proposes in its order of preference; the other holds the best proposals so far and rejects the rest.

    The parameters ``left`` and ``right`` name the two sides, ``proposes`` says which one proposes (left unless told).
    A report orders the acceptable names of the other side, the best first; who is left out is not acceptable, and
    names of one's own side are passed over. ``capacities`` lets a name hold several partners (1 unless told).
    ``priorities`` gives the order of a name that sends no report, such as a school; any other absent name is left out,
    and so is a player that neither side names. The result is the stable matching that all proposers like best.

    **Source**: D. Gale, L. Shapley, College admissions and the stability of marriage, American Mathematical Monthly 69
    (1962).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> orders = {"a": "ABC", "b": "BCA", "g": "CAB", "A": "bga", "B": "gab", "C": "abg"}
    >>> reports = {player: list(order) for player, order in orders.items()}
    >>> for side in ("left", "right"):
    ...     matching = DeferredAcceptance(left=tuple("abg"), right=tuple("ABC"), proposes=side)
    ...     print(run_pure(matching, Context(tuple(orders)), reports).outcome)
    a-A, b-B, g-C
    a-C, b-A, g-B
    """

    name, version = "matching.deferred-acceptance", 1
    claims = Claims(
        dsic=Fails(
            _LIE,
            "Roth 1982: the side that receives can gain; for the side that proposes truth is dominant (Dubins and "
            "Freedman 1981), and so for all where the other side has priorities instead of reports",
        ),
        group_strategyproof=Fails(_LIE, "not even strategyproof for the side that receives"),
        individually_rational=Holds("nobody is matched with whom it does not accept", "ex post"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        core=Holds("Roth and Sotomayor 1990, theorem 3.3: stable matchings are the core", "one partner each"),
        stable=Holds("Gale and Shapley 1962, theorem 1: no two prefer each other to what they have"),
    )
    example = Example(
        {
            "alice": ["carol", "dave"],
            "bob": ["dave", "carol"],
            "carol": ["bob", "alice"],
            "dave": ["alice", "bob"],
        },
        {"left": ["alice", "bob"], "right": ["carol", "dave"]},
    )

    left: Options
    right: Options
    proposes: Literal["left", "right"] = "left"
    capacities: dict[str, Annotated[int, Field(strict=True, ge=1, le=10**6)]] = Field(default_factory=dict)
    priorities: dict[str, Names] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sides(self) -> "DeferredAcceptance":
        names = (*self.left, *self.right)
        if len(set(names)) != len(names):
            raise ValueError("a name stands on both sides")
        for field, given in (("capacities", self.capacities), ("priorities", self.priorities)):
            for name in given:
                if name not in names:
                    raise ValueError(f"{field}: {name!r} stands on neither side")
        for name, order in self.priorities.items():
            for other in order:
                if other not in (self.right if name in self.left else self.left):
                    raise ValueError(f"priorities.{name}: {other!r} does not stand on the other side")
        return self

    def report_schema(self) -> Any:
        """Return the type of an order of names."""
        return Annotated[Order, OrderOf((*self.left, *self.right))]

    def type_schema(self) -> Any:
        """Return the type of a report."""
        return self.report_schema()

    def settle(self, reports: Profile[Order], context: Context) -> Result[Pairs]:
        """Propose and reject until nobody is rejected any more."""
        orders = self.orders(reports)
        proposers, receivers = (self.left, self.right) if self.proposes == "left" else (self.right, self.left)
        held, why, proposals = self._run(orders, proposers, receivers)
        matched = {(one, other) for other, names in held.items() for one in names}
        pairs = tuple(
            (one, other)
            for one in self.left
            for other in self.right
            if (one, other) in matched or (other, one) in matched
        )
        counted = Reason(
            f"{proposals} proposals, {len(why)} rejections; stable, and best for all that propose",
            {"proposals": proposals, "rejections": len(why)},
        )
        return Result(Pairs(pairs=pairs), (), (counted, *why))

    def orders(self, reports: Mapping[Player, Order]) -> dict[str, Order]:
        """Return the order of each name that takes part, of names on the other side that take part."""
        given = {name: reports.get(name, self.priorities.get(name)) for name in (*self.left, *self.right)}
        orders = {name: order for name, order in given.items() if order is not None}
        sides = {name: self.right if name in self.left else self.left for name in orders}
        return {
            name: tuple(other for other in order if other in orders and other in sides[name])
            for name, order in orders.items()
        }

    def _run(
        self, orders: Mapping[str, Order], proposers: Sequence[str], receivers: Sequence[str]
    ) -> tuple[dict[str, list[str]], list[Reason], int]:
        """Return whom each receiver holds, the rejections, and the number of proposals."""
        rank = {
            name: {other: place for place, other in enumerate(orders[name])} for name in receivers if name in orders
        }
        held: dict[str, list[str]] = {name: [] for name in rank}
        untried = {name: list(reversed(orders[name])) for name in proposers if name in orders}
        waiting = [name for name in reversed(untried) for _ in range(min(self.capacity(name), len(untried[name])))]
        why: list[Reason] = []
        proposals = 0
        while waiting:
            proposer = waiting.pop()
            if not untried[proposer]:
                continue
            receiver = untried[proposer].pop()
            proposals += 1
            if proposer not in rank[receiver]:
                why.append(_rejected(receiver, proposer, None))
                waiting.append(proposer)
                continue
            held[receiver].append(proposer)
            if len(held[receiver]) > self.capacity(receiver):
                worst = max(held[receiver], key=rank[receiver].__getitem__)
                held[receiver].remove(worst)
                why.append(_rejected(receiver, worst, proposer))
                waiting.append(worst)
        return held, why, proposals

    def capacity(self, name: str) -> int:
        """Return how many partners a name may have."""
        return self.capacities.get(name, 1)

    def blocking(self, types: Mapping[Player, Order], outcome: Pairs) -> Iterator[tuple[str, ...]]:
        """Yield who has an unacceptable partner, and the pairs that prefer each other to what they have."""
        orders = self.orders(types)
        matched = set(outcome.pairs)
        for name, order in orders.items():
            if any(partner not in order for partner in outcome.partners(name)):
                yield (name,)
        for one in self.left:
            for other in self.right:
                if (one, other) in matched or one not in orders or other not in orders:
                    continue
                if all(self._wants(*pair, outcome, orders) for pair in ((one, other), (other, one))):
                    yield one, other

    def _wants(self, name: str, other: str, outcome: Pairs, orders: Mapping[str, Order]) -> bool:
        order, partners = orders[name], outcome.partners(name)
        if other not in order:
            return False
        if len(partners) < self.capacity(name):
            return True
        return any(partner not in order or order.index(other) < order.index(partner) for partner in partners)

    def valuation(self, player: Player, value: Order, outcome: Pairs) -> Fraction:
        """Return a number that grows with the places of the partners in the order."""
        other_side = self.right if player in self.left else self.left
        return rank_worth(tuple(name for name in value if name in other_side), outcome.partners(player))

    def type_grid(self) -> Sequence[Order]:
        """Return orders of up to two names of each side, and some that leave names out."""
        left, right = self.left[:2], self.right[:2]
        both = [(*one, *other) for one in permutations(left) for other in permutations(right)]
        return [*both, (*left[:1], *right[:1]), (*left[-1:], *right[-1:])]


def _rejected(receiver: str, loser: str, winner: str | None) -> Reason:
    if winner is None:
        text = f"{receiver} rejects {loser}, not acceptable"
    elif winner == loser:
        text = f"{receiver} rejects {loser}, holding better"
    else:
        text = f"{receiver} rejects {loser} for {winner}"
    return Reason(text, {"by": receiver, "rejected": loser})
