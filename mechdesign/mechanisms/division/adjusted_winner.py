"""Adjusted winner."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.division.goods import Goods
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Outcome, Reason, Result
from mechdesign.mechanisms.shared.valuations import AmountsOf, Valuation
from mechdesign.mechanisms.ties import Tie

__all__ = ["AdjustedWinner", "Parts"]

_MEETING = "the ratio of points where the two meet"
_LIE = Witness(
    types={"alice": {"x": 60, "y": 40}, "bob": {"x": 40, "y": 60}},
    deviations={"alice": {"x": 50, "y": 50}},
    parameters={"options": ["x", "y"]},
)


class Parts(Outcome):
    """Which part of each item each of the two gets.

    Attributes:
        parts: for each of the two, the items of which it gets something and how much; 1 is the whole item.
    """

    parts: dict[Player, dict[str, Amount]] = Field(default_factory=dict)

    def __str__(self) -> str:
        found = []
        for player, items in self.parts.items():
            named = (item if part == 1 else f"{format_exact(part)} of {item}" for item, part in items.items())
            found.append(f"{player} gets {', '.join(named) or 'nothing'}")
        return "; ".join(found) or "nothing is divided"


class AdjustedWinner(Goods[Parts]):
    """Two players divide items so that each gets as many of its own points as the other, splitting one item at most.

    A report distributes points (the parameter ``points``, 100 unless told) over the items (options); one that is left
    out gets 0. Items are put in order by how much more the first player values them than the second, as a ratio. The
    first player gets them from the front, the second from the back, and the item where they meet is split so that
    both end with the same number of points: the result of giving each item to whom it is worth more and then moving
    items to the poorer one, the cheapest ratio first. Where they meet among items of the same ratio, the player that
    the tie rule puts first gets these from the front of their order by the tie rule. An item that both give 0 points
    goes to nobody. One player that reports alone gets all; if more than two report, nothing is divided.

    **Source**: S. Brams, A. Taylor, Fair Division: from Cake-Cutting to Dispute Resolution, Cambridge 1996, chapter 4.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> values = {"A": {"x": 50, "y": 30, "z": 20}, "B": {"x": 30, "y": 30, "z": 40}}
    >>> result = run_pure(AdjustedWinner(options=("x", "y", "z")), Context(("A", "B")), values)
    >>> str(result.outcome), result.why[0].text
    ('A gets x, 1/3 of y; B gets 2/3 of y, z', 'both get 60 of their points')
    """

    name, version = "division.adjusted-winner", 1
    claims = Claims(
        dsic=Fails(_LIE, "who knows the other's points does well to come close to them"),
        group_strategyproof=Fails(_LIE, "not even strategyproof"),
        individually_rational=Holds("nobody pays, and values are not negative"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        efficient=Fails(
            Witness(
                types={"alice": {"x": 90, "y": 10}, "bob": {"x": 60, "y": 40}},
                parameters={"options": ["x", "y"]},
                outcome={"parts": {"alice": {"x": 1}, "bob": {"y": 1}}},
            ),
            "no other division is better for both (Brams and Taylor 1996, theorem 4.1), but the sum may be greater",
        ),
        anonymous=Holds("points count whoever gives them", "up to ties"),
        envy_free=Holds("Brams and Taylor 1996, theorem 4.1: both get half of their points at least"),
    )
    example = Example(
        {"alice": {"x": 50, "y": 30, "z": 20}, "bob": {"x": 30, "y": 30, "z": 40}}, {"options": ["x", "y", "z"]}
    )

    points: Annotated[int, Field(strict=True, ge=1, le=10**9)] = 100

    def report_schema(self) -> Any:
        """Return the type of points on the items that sum to what is to be distributed."""
        return Annotated[Valuation, AmountsOf(self.options, total=Fraction(self.points))]

    def settle(self, reports: Profile[Valuation], context: Context) -> Result[Parts]:
        """Find where the two meet."""
        if len(reports) != 2:
            alone = len(reports) == 1
            got = dict.fromkeys(self.options, Fraction(1)) if alone else {}
            why_not = "nobody to divide with" if alone else f"{len(reports)} reports: the division is between two"
            return Result(Parts(parts={player: dict(got) for player in reports}), why=(Reason(why_not),))
        first, second = reports
        parts: dict[Player, dict[str, Fraction]] = {first: {}, second: {}}
        ties: tuple[Tie, ...] = ()
        own, other = Fraction(0), sum(reports[second].values(), Fraction(0))
        split: Reason | None = None
        for group in self._groups(reports[first], reports[second]):
            gains = sum((reports[first][item] for item in group), Fraction(0))
            losses = sum((reports[second][item] for item in group), Fraction(0))
            order: Sequence[str] = group
            if own < other and own + gains > other - losses:  # they meet within the group
                order, ties = context.rank(group, _MEETING)
                if len(group) > 1:
                    (front, _), more = context.rank((first, second), f"{_MEETING}: the first of its items")
                    order, ties = order if front == first else order[::-1], ties + more
            for item in order:
                mine, yours = reports[first][item], reports[second][item]
                # The first player takes as much as leaves it with no more points than the second.
                part = min(Fraction(1), max(Fraction(0), (other - own) / (mine + yours)))
                own += part * mine
                other -= part * yours
                if 0 < part < 1:
                    text = f"{item} is split: {format_exact(part)} to {first}"
                    split = Reason(text, {"item": item, "part": part})
                for player, share in ((first, part), (second, 1 - part)):
                    if share:
                        parts[player][item] = share
        why = [Reason(f"both get {format_exact(own)} of their points", {"points": own})]
        why.append(split or Reason("no item is split"))
        sorted_parts = {
            player: {item: items[item] for item in self.options if item in items} for player, items in parts.items()
        }
        return Result(Parts(parts=sorted_parts), (), tuple(why), ties)

    def _groups(self, mine: Valuation, yours: Valuation) -> list[list[str]]:
        """Return the items in order of the ratio of points, those that the first player wants most first."""
        endless = [item for item in self.options if mine[item] and not yours[item]]
        groups: dict[Fraction, list[str]] = {}
        for item in self.options:
            if yours[item]:
                groups.setdefault(mine[item] / yours[item], []).append(item)
        return [*([endless] if endless else []), *(groups[ratio] for ratio in sorted(groups, reverse=True))]

    def valuation(self, player: Player, value: Mapping[str, Fraction], outcome: Parts) -> Fraction:
        """Return the points of the parts that a player gets."""
        items = outcome.parts.get(player, {})
        return sum((part * value[item] for item, part in items.items()), Fraction(0))

    def type_grid(self) -> Sequence[Valuation]:
        """Return distributions over the first two items and the last."""
        places = (0, min(1, len(self.options) - 1), len(self.options) - 1)
        found = []
        for row in ((1, 0, 0), (2, 1, 1), (1, 2, 3), (3, 1, 0), (0, 0, 1)):
            values = dict.fromkeys(self.options, Fraction(0))
            for place, value in zip(places, row, strict=True):
                values[self.options[place]] += Fraction(value * self.points, sum(row))
            found.append(values)
        return found

    def outcomes(self, reports: Profile[Valuation], context: Context) -> Iterator[Parts]:
        """Yield the division in which each item goes to whom of the two it is worth more."""
        if len(reports) == 2:
            owner = {item: max(reports, key=lambda player: reports[player][item]) for item in self.options}
            yield Parts(parts={one: {item: Fraction(1) for item in owner if owner[item] == one} for one in reports})
