"""Generalised medians on a line."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from mechdesign.kernel.money import SignedAmount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Outcome, Reason, Result

__all__ = ["Median", "Place"]


class Place(Outcome):
    """The point chosen, or null where nobody reported."""

    point: SignedAmount | None = None

    def __str__(self) -> str:
        return "no place" if self.point is None else f"at {format_exact(self.point)}"


class Median(Mechanism[SignedAmount, SignedAmount, Place]):
    """A point on a line: the median of all reported peaks and of fixed phantom peaks.

    A report is the point that a player likes best; it likes a point the less the farther it lies on the same side. The
    phantoms are a parameter, any number of points of either sign; n - 1 phantoms give every rule that is strategyproof,
    anonymous and efficient for n players, none the plain median. Of an even number of points the lower of the two in
    the middle is taken. No money moves. Who is absent has no peak; without a peak no point is chosen.

    **Source**: H. Moulin, On strategy-proofness and single peakedness, Public Choice 35 (1980).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> context, peaks = Context(("A", "B", "C")), {"A": 1, "B": 8, "C": 9}
    >>> str(run_pure(Median(), context, peaks).outcome), str(run_pure(Median(phantoms=(2, 4)), context, peaks).outcome)
    ('at 8', 'at 4')
    """

    name, version = "location.median", 1
    claims = Claims(
        dsic=Holds("Moulin 1980: a peak can only push the median away from itself", "single-peaked"),
        group_strategyproof=Holds(
            "Moulin 1980: who pushes the point away from one peak pushes it past another", "single-peaked"
        ),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        efficient=Fails(
            Witness(types={"alice": 4, "bob": 4}, parameters={"phantoms": [0, 0, 0]}, outcome={"point": "4"}),
            "many phantoms outweigh the players; with distance as cost, the plain median is efficient",
        ),
        anonymous=Holds("a peak counts whoever reports it"),
        false_name_proof=Fails(
            Witness(types={"alice": 0}, deviations={"alice": 0, "bob": 0}, parameters={"phantoms": [2, 4]}),
            "a peak under two names counts twice",
        ),
        monotone=Holds("Moulin 1980: a peak that moves to the chosen point leaves it where it is"),
    )
    example = Example({"alice": 1, "bob": 8, "carol": 9}, {"phantoms": [2, 4]})

    phantoms: Annotated[tuple[SignedAmount, ...], Field(max_length=1000)] = ()

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Place]:
        """Take the middle of all points."""
        if not reports:
            return Result(Place(), why=(Reason("no peaks"),))
        points = sorted([*reports.values(), *self.phantoms])
        point = points[(len(points) - 1) // 2]
        below = sum(peak < point for peak in reports.values())
        above = sum(peak > point for peak in reports.values())
        fixed = f" and {len(self.phantoms)} phantoms" if self.phantoms else ""
        text = f"median of {len(reports)} peaks{fixed}: {below} players want less, {above} more"
        at = [player for player, peak in reports.items() if peak == point]
        return Result(Place(point=point), why=(Reason(text, {"below": below, "above": above, "peak_of": at}),))

    def valuation(self, player: Player, value: Fraction, outcome: Place) -> Fraction:
        """Return minus the distance from the peak: one of many single-peaked preferences."""
        return Fraction(0) if outcome.point is None else -abs(value - outcome.point)

    def type_grid(self) -> Sequence[Fraction]:
        """Return peaks around the phantoms of the example."""
        return [Fraction(value) for value in (0, 1, 3, 6)]

    def outcomes(self, reports: Profile[Fraction], context: Context) -> Iterator[Place]:
        """Yield every reported peak: some peak is always among the best points."""
        for peak in reports.values():
            yield Place(point=peak)

    def strengthen(self, report: Fraction, outcome: Place) -> Iterator[Fraction]:
        """Yield the chosen point, and the point half-way to it."""
        if outcome.point is not None:
            yield outcome.point
            yield (report + outcome.point) / 2

    def favoured(self, outcome: Place) -> Fraction | None:
        """Return the point."""
        return outcome.point
