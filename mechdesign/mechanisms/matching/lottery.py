"""Lotteries over assignments: a table of chances as definite assignments with weights, and a draw among them.

**Source**: G. Birkhoff, Tres observaciones sobre el álgebra lineal, Universidad Nacional de Tucumán, Revista A 5
(1946); J. von Neumann, A certain zero-sum two-person game equivalent to the optimal assignment problem, 1953.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Final, TypeAlias

from mechdesign.mechanisms.coin import Seed

__all__ = ["Part", "Vector", "decompose", "drawn"]

Vector: TypeAlias = tuple[int | None, ...]
"""The column of each row, or None where a row gets nothing."""

Part: TypeAlias = tuple[Fraction, Vector]
"""A chance, and the assignment that has it."""

_CHUNK: Final = 1 << 64


def decompose(chances: Sequence[Sequence[Fraction]]) -> list[Part]:
    """Return assignments with chances that sum to 1 and give each row each column as often as the table says.

    The decomposition is canonical: of the assignments that what is left of the table allows, always the
    lexicographically first (earlier rows have earlier columns, nothing comes last) gets the greatest chance that it can
    have.

    Args:
        chances: rows and columns; no row and no column sums to more than 1.

    >>> half = Fraction(1, 2)
    >>> decompose([[half, half], [half, 0]])
    [(Fraction(1, 2), (0, None)), (Fraction(1, 2), (1, 0))]
    """
    rows, columns = len(chances), len(chances[0]) if chances else 0
    if not rows:
        return [(Fraction(1), ())]
    scale = lcm(*(Fraction(chance).denominator for row in chances for chance in row))
    table = [[int(chance * scale) for chance in row] for row in chances]
    # Rows for columns that nobody gets, and columns for rows that get nothing, make the table a square in which all
    # sums are equal; there, some perfect matching always lies on what is left.
    square = [
        [*row, *(scale - sum(row) if one == place else 0 for one in range(rows))] for place, row in enumerate(table)
    ]
    for column in range(columns):
        taken = [row[column] for row in table]
        unused = scale - sum(taken)
        square.append([*(unused if one == column else 0 for one in range(columns)), *taken])
    left = [{column: weight for column, weight in enumerate(row) if weight} for row in square]
    parts: dict[Vector, int] = {}
    matched: list[int] = [-1] * len(left)
    while left[0]:
        matched = _first_matching(left, matched)
        weight = min(left[row][column] for row, column in enumerate(matched))
        vector = tuple(column if column < columns else None for column in matched[:rows])
        parts[vector] = parts.get(vector, 0) + weight
        for row, column in enumerate(matched):
            left[row][column] -= weight
            if not left[row][column]:
                del left[row][column]
    return [(Fraction(weight, scale), vector) for vector, weight in parts.items()]


def _first_matching(left: Sequence[dict[int, int]], matched: Sequence[int]) -> list[int]:
    """Return the lexicographically first perfect matching of a square, starting from what remains of another one."""
    match = [column if column in left[row] else -1 for row, column in enumerate(matched)]
    owner = {column: row for row, column in enumerate(match) if column >= 0}
    for row, column in enumerate(match):
        if column < 0:
            _augment(left, match, owner, row, frozenset())
    fixed: set[int] = set()
    for row in range(len(left)):
        for column in left[row]:
            if column == match[row]:
                break
            loser = owner[column]
            if loser in fixed:
                continue
            # The row takes the column; the row that had it looks for another one, in the end the one given up.
            trial, owners = list(match), dict(owner)
            del owners[trial[row]]
            trial[row], owners[column], trial[loser] = column, row, -1
            if _augment(left, trial, owners, loser, frozenset((*fixed, row))):
                match, owner = trial, owners
                break
        fixed.add(row)
    return match


def _augment(
    left: Sequence[dict[int, int]], match: list[int], owner: dict[int, int], start: int, fixed: frozenset[int]
) -> bool:
    """Give a free row a column along a shortest alternating path that leaves fixed rows as they are."""
    came: dict[int, int] = {}
    waiting = [start]
    for row in waiting:
        for column in left[row]:
            if column in came or owner.get(column) in fixed:
                continue
            came[column] = row
            if column in owner:
                waiting.append(owner[column])
                continue
            while True:
                row = came[column]
                given_up = match[row]
                match[row], owner[column] = column, row
                if row == start:
                    return True
                column = given_up
    return False


def drawn(parts: Sequence[Part], seed: Seed, about: str) -> Vector:
    """Return one of the assignments, each with exactly its chance.

    The coin gives the digits of a number between 0 and 1, as many as it takes to see which assignment it falls to.
    """
    low, width, digits = Fraction(0), Fraction(1), 0
    while True:
        reached = Fraction(0)
        for chance, vector in parts:
            reached += chance
            if low < reached:
                if low + width <= reached:
                    return vector
                break
        width /= _CHUNK
        low += width * seed.below(_CHUNK, f"{about}/{digits}")
        digits += 1
