"""Beliefs about a bidder's value, and the virtual value that a seller counts a bid as.

A virtual value is the revenue that selling to one more type adds. Where it falls although the value rises, it is
ironed: replaced by its slopes after the revenue curve was made concave.

**Source**: R. Myerson, Optimal auction design, Mathematics of Operations Research 6 (1981), sections 4 to 6; J.
Bulow, J. Roberts, The simple economics of optimal auctions, Journal of Political Economy 97 (1989).
"""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Final, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mechdesign.kernel.errors import MechanismError
from mechdesign.kernel.money import Amount, Currency
from mechdesign.mechanisms.auction.clock import Step

__all__ = ["GRID_MAX", "Discrete", "Piecewise", "Prior", "Virtual", "virtual_of"]

GRID_MAX: Final = 50_000
"""An irregular piecewise prior may span at most so many payable amounts."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Discrete(_Frozen):
    """A prior on finitely many values.

    Attributes:
        values: ascending.
        weights: how probable each is, up to a common factor.
    """

    values: Annotated[tuple[Amount, ...], Field(min_length=1, max_length=10_000)]
    weights: Annotated[tuple[Step, ...], Field(min_length=1, max_length=10_000)]

    @model_validator(mode="after")
    def _fits(self) -> "Discrete":
        if len(self.values) != len(self.weights):
            raise ValueError("there must be one weight for each value")
        if any(one >= other for one, other in pairwise(self.values)):
            raise ValueError("values must ascend")
        return self


class Piecewise(_Frozen):
    """A prior whose distribution function is linear between points: uniform on each piece.

    Attributes:
        points: where pieces begin and end, ascending; uniform between 0 and 1 is ``points=(0, 1), masses=(1,)``.
        masses: how probable each piece is, up to a common factor.
    """

    points: Annotated[tuple[Amount, ...], Field(min_length=2, max_length=1_000)]
    masses: Annotated[tuple[Step, ...], Field(min_length=1, max_length=999)]

    @model_validator(mode="after")
    def _fits(self) -> "Piecewise":
        if len(self.points) != len(self.masses) + 1:
            raise ValueError("there must be one mass for each piece between two points")
        if any(one >= other for one, other in pairwise(self.points)):
            raise ValueError("points must ascend")
        return self

    def densities(self) -> list[Fraction]:
        """Return the density on each piece, the total mass being 1."""
        total = sum(self.masses, Fraction(0))
        return [
            mass / total / (high - low) for mass, (low, high) in zip(self.masses, pairwise(self.points), strict=True)
        ]

    def regular(self) -> bool:
        """Say whether the virtual value rises everywhere: unless the density falls from one piece to the next."""
        return all(one <= other for one, other in pairwise(self.densities()))


Prior: TypeAlias = Discrete | Piecewise
"""What the seller believes about a value."""


class Virtual(Protocol):
    """The (ironed) virtual value of each bid under one prior."""

    def of(self, bid: Fraction) -> Fraction | None:
        """Return what a bid counts as, or None below the lowest value that the prior admits."""

    def least(self, level: Fraction, above: bool) -> Fraction:
        """Return the least bid that counts as ``level`` or more (``above``: as more than that).

        The level must be one that some bid reaches (exceeds).
        """

    @property
    def flat(self) -> bool:
        """Whether different bids may count as the same."""


def virtual_of(prior: Prior, currency: Currency) -> Virtual:
    """Return the virtual value of a prior: exact; of an irregular piecewise prior, on the payable amounts.

    Ironing a continuous prior leads to irrational numbers. So bids are then rounded down to payable amounts, and the
    prior counts as the discrete one that this makes of it.

    Raises:
        MechanismError: where an irregular prior spans too many payable amounts.
    """
    if isinstance(prior, Discrete):
        return _Steps(prior.values, prior.weights)
    if prior.regular():
        return _Slopes(prior)
    return _Steps(*_discretised(prior, currency))


class _Steps:
    """Ironed virtual values of a discrete prior; a bid counts as the greatest value of the prior that it reaches."""

    flat = True

    def __init__(self, values: Sequence[Fraction], weights: Sequence[Fraction]) -> None:
        self._values = tuple(values)
        self._levels = _ironed(values, weights)

    def of(self, bid: Fraction) -> Fraction | None:
        place = bisect_right(self._values, bid) - 1
        return self._levels[place] if place >= 0 else None

    def least(self, level: Fraction, above: bool) -> Fraction:
        return next(
            value
            for value, own in zip(self._values, self._levels, strict=True)
            if own > level or (own == level and not above)
        )


def _ironed(values: Sequence[Fraction], weights: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Return the slope of the concave revenue curve at each value.

    The curve has one point for each value: how much mass buys at this price, and the revenue. Seen from the highest
    value down, neighbouring pieces are merged while their slopes rise.
    """
    pieces: list[tuple[Fraction, Fraction, int]] = []  # revenue added, mass added, values merged
    mass = revenue = Fraction(0)
    for value, weight in zip(reversed(values), reversed(weights), strict=True):
        mass += weight
        gained, width, count = mass * value - revenue, weight, 1
        revenue = mass * value
        while pieces and pieces[-1][0] * width <= gained * pieces[-1][1]:
            more, wider, many = pieces.pop()
            gained, width, count = gained + more, width + wider, count + many
        pieces.append((gained, width, count))
    return tuple(gained / width for gained, width, count in reversed(pieces) for _ in range(count))


class _Slopes:
    """Virtual values of a regular piecewise prior: of slope 2 on each piece, jumping up between pieces."""

    flat = False

    def __init__(self, prior: Piecewise) -> None:
        self._points = prior.points
        self._offsets: list[Fraction] = []  # on a piece, the virtual value of v is 2 v - offset
        above = Fraction(1)
        for density, (low, high) in zip(prior.densities(), pairwise(prior.points), strict=True):
            self._offsets.append(low + above / density)
            above -= density * (high - low)

    def of(self, bid: Fraction) -> Fraction | None:
        if bid < self._points[0]:
            return None
        if bid >= self._points[-1]:
            return self._points[-1]
        place = bisect_right(self._points, bid) - 1
        return 2 * bid - self._offsets[place]

    def least(self, level: Fraction, above: bool) -> Fraction:
        for offset, (low, high) in zip(self._offsets, pairwise(self._points), strict=True):
            if 2 * high - offset >= level:
                return max(low, (level + offset) / 2)
        return self._points[-1]


def _discretised(prior: Piecewise, currency: Currency) -> tuple[list[Fraction], list[Fraction]]:
    """Return the payable amounts within a prior, each with the mass from it up to the next one."""
    first = currency.round_down(prior.points[0])
    last = currency.round_down(prior.points[-1])
    count = int(currency.to_minor(last - first)) + 1
    if count > GRID_MAX:
        raise MechanismError(
            f"an irregular prior spans {count} payable amounts, more than {GRID_MAX}: take fewer decimals"
        )
    grid = [first + currency.from_minor(place) for place in range(count)]
    densities = prior.densities()
    masses = [Fraction(0)] * count
    for density, (low, high) in zip(densities, pairwise(prior.points), strict=True):
        place = int(currency.to_minor(currency.round_down(low) - first))
        while place < count and grid[place] < high:
            upper = grid[place] + currency.from_minor(1)
            masses[place] += density * (min(high, upper) - max(low, grid[place]))
            place += 1
    kept = [(value, mass) for value, mass in zip(grid, masses, strict=True) if mass]
    return [value for value, _ in kept], [mass for _, mass in kept]
