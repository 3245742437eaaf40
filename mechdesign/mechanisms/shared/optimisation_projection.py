"""The point of a polyhedron that is nearest to another point, exactly, in fractions.

**Source**: D. Goldfarb, A. Idnani, A numerically stable dual method for solving strictly convex quadratic programs,
Mathematical Programming 27 (1983): the dual method; here with exact arithmetic, so that it ends.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeAlias

from mechdesign.kernel.errors import MechanismError

__all__ = ["Projection"]

Large: TypeAlias = tuple[Fraction, Fraction]
"""A number ``a t + b`` for a ``t`` beyond all bounds, as ``(a, b)``: it compares as the pair does."""

_NOTHING: Large = (Fraction(0), Fraction(0))


class Projection:
    """The point nearest to a target among those that satisfy inequalities, which may be added one by one.

    With ``least_sum``, only points whose coordinates have the least sum are considered. That sum is minimised by
    moving the target towards minus infinity along all axes alike: far enough away, the nearest point is the one
    wanted (O. Mangasarian, R. Meyer, Nonlinear perturbation of linear programs, SIAM Journal on Control and
    Optimization 17, 1979). How far is far enough need not be known, since numbers are of the form ``a t + b`` with a
    ``t`` beyond all bounds.

    >>> nearest = Projection([Fraction(0), Fraction(1)], least_sum=True)
    >>> for row in ((1, 1), 10), ((1, 0), 0), ((0, 1), 0):
    ...     nearest.require(*row)
    >>> [str(number) for number in nearest.point()]
    ['9/2', '11/2']
    """

    def __init__(self, target: Sequence[Fraction], *, least_sum: bool = False) -> None:
        """Start at the target, without inequalities."""
        away = Fraction(-1 if least_sum else 0)
        self._size = len(target)
        self._point: list[Large] = [(away, Fraction(number)) for number in target]
        self._rows: list[tuple[tuple[int, ...], Fraction]] = []
        self._active: list[int] = []
        self._multipliers: list[Large] = []

    def require(self, coefficients: Iterable[int], bound: Fraction | int) -> None:
        """Add the inequality that the coordinates times whole coefficients sum to the bound or more."""
        self._rows.append((tuple(coefficients), Fraction(bound)))

    def point(self) -> list[Fraction]:
        """Return the nearest point.

        Raises:
            MechanismError: where no point satisfies the inequalities, or coordinates have no least sum.
        """
        while (violated := self._violated()) is not None:
            self._enforce(violated)
        if any(far for far, _ in self._point):
            raise MechanismError("the sum of the coordinates has no least value")
        return [number for _, number in self._point]

    def _excess(self, row: int) -> Large:
        coefficients, bound = self._rows[row]
        far = sum((one * number[0] for one, number in zip(coefficients, self._point, strict=True) if one), Fraction(0))
        near = sum((one * number[1] for one, number in zip(coefficients, self._point, strict=True) if one), Fraction(0))
        return far, near - bound

    def _violated(self) -> int | None:
        """Return the inequality that is violated most."""
        excesses = [(self._excess(row), row) for row in range(len(self._rows))]
        worst = min(excesses, default=(_NOTHING, 0))
        return worst[1] if worst[0] < _NOTHING else None

    def _enforce(self, row: int) -> None:
        """Move to the nearest point that satisfies the active inequalities and one more."""
        normal = self._rows[row][0]
        own = _NOTHING
        while True:
            weights = self._weights(normal)
            direction = [
                Fraction(one)
                - sum(
                    (
                        weight * self._rows[active][0][place]
                        for weight, active in zip(weights, self._active, strict=True)
                    ),
                    Fraction(0),
                )
                for place, one in enumerate(normal)
            ]
            slope = sum((one * step for one, step in zip(normal, direction, strict=True)), Fraction(0))
            blocking = [
                (_scaled(multiplier, 1 / weight), place)
                for place, (multiplier, weight) in enumerate(zip(self._multipliers, weights, strict=True))
                if weight > 0
            ]
            dual = min(blocking, default=None)
            full = _scaled(self._excess(row), -1 / slope) if slope else None
            if full is None and dual is None:
                raise MechanismError("no point satisfies all inequalities")
            partial = full is None or (dual is not None and dual[0] < full)
            length = dual[0] if partial and dual is not None else full
            assert length is not None
            self._point = [
                _sum(number, _scaled(length, step)) for number, step in zip(self._point, direction, strict=True)
            ]
            self._multipliers = [
                _sum(number, _scaled(length, -weight))
                for number, weight in zip(self._multipliers, weights, strict=True)
            ]
            own = _sum(own, length)
            if not partial:
                self._active.append(row)
                self._multipliers.append(own)
                return
            assert dual is not None
            del self._active[dual[1]], self._multipliers[dual[1]]

    def _weights(self, normal: Sequence[int]) -> list[Fraction]:
        """Return the combination of active normals that is nearest to a normal."""
        rows = [self._rows[active][0] for active in self._active]
        return _solved(
            [[Fraction(_product(one, other)) for other in rows] for one in rows],
            [Fraction(_product(one, normal)) for one in rows],
        )


def _product(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(left * right for left, right in zip(one, other, strict=True))


def _sum(one: Large, other: Large) -> Large:
    return one[0] + other[0], one[1] + other[1]


def _scaled(number: Large, factor: Fraction) -> Large:
    return number[0] * factor, number[1] * factor


def _solved(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Solve linear equations with a regular symmetric matrix by elimination."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for place in range(size):
        pivot = next(row for row in range(place, size) if rows[row][place])
        rows[place], rows[pivot] = rows[pivot], rows[place]
        head = rows[place][place]
        rows[place] = [value / head for value in rows[place]]
        for row in range(size):
            factor = rows[row][place]
            if row != place and factor:
                rows[row] = [one - factor * other for one, other in zip(rows[row], rows[place], strict=True)]
    return [row[-1] for row in rows]
