"""The assignment problem, solved exactly: each row takes at most one column, each column goes to at most one row.

**Source**: H. Kuhn, The Hungarian method for the assignment problem, Naval Research Logistics Quarterly 2 (1955); the
form with dual prices and shortest augmenting paths is that of R. Jonker and A. Volgenant, Computing 38 (1987).
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import lcm
from typing import TypeAlias

__all__ = ["Assignment", "Choose"]

Choose: TypeAlias = Callable[[int, tuple[int, ...]], int]
"""Given a row and several columns that it can have, returns one of these."""


def _earliest(row: int, columns: tuple[int, ...]) -> int:
    return columns[0]


class Assignment:
    """All best assignments of a matrix of worths.

    A row never takes a column that is worth nothing to it.

    Attributes:
        value: the greatest total worth.

    >>> rows = Assignment([[5, 4, 0], [7, 6, 1], [2, 5, 4]])
    >>> rows.value, rows.varying(), rows.first(rows.varying())
    (Fraction(15, 1), (0, 1), (0, 1, 2))
    """

    def __init__(self, worths: Sequence[Sequence[Fraction | int]]) -> None:
        """Solve a matrix: the worth of each column for each row."""
        self._rows = len(worths)
        self._columns = len(worths[0]) if worths else 0
        scale = lcm(*(Fraction(worth).denominator for row in worths for worth in row))
        size = self._rows + self._columns
        # Further columns, worth 0, stand for taking nothing, and further rows for not being taken: every assignment is
        # a perfect matching of the square, so all best ones live on the pairs that dual prices make tight.
        square = [[0] * size for _ in range(size)]
        for row, values in enumerate(worths):
            for column, worth in enumerate(values):
                square[row][column] = int(worth * scale) if worth > 0 else -1
        self._matched, row_prices, column_prices = _hungarian(square)
        total = sum(square[row][column] for row, column in enumerate(self._matched))
        self.value = Fraction(total, scale)
        self._tight = [
            [column for column, worth in enumerate(values) if worth == row_prices[row] + column_prices[column]]
            for row, values in enumerate(square)
        ]

    def varying(self) -> tuple[int, ...]:
        """Return the rows that have different columns in different best assignments, ascending."""
        return tuple(row for row in range(self._rows) if self._varies(row))

    def _varies(self, row: int) -> bool:
        now = self._shown(self._matched[row])
        others = (column for column in self._tight[row] if self._shown(column) != now)
        return any(self._turned(self._matched, (), row, column) for column in others)

    def first(self, order: Sequence[int] = (), choose: Choose = _earliest) -> tuple[int | None, ...]:
        """Return the best assignment in which rows, in this order, have the columns that they choose.

        Nothing comes after every column. Rows that are not named follow in ascending order.

        Args:
            order: rows, those that choose first.
            choose: says which of several columns (ascending) a row has, where it can have any of them; the earliest
                unless told otherwise.
        """
        matched = self._matched
        fixed: list[int] = []
        for row in (*order, *(row for row in range(self._rows) if row not in order)):
            possible: dict[int, list[int]] = {}
            for column in self._tight[row]:
                if column >= self._columns and possible:
                    break
                if turned := self._turned(matched, fixed, row, column):
                    possible[column] = turned
            matched = possible[choose(row, tuple(possible)) if len(possible) > 1 else next(iter(possible))]
            fixed.append(row)
        return tuple(self._shown(column) for column in matched[: self._rows])

    def _shown(self, column: int) -> int | None:
        return column if column < self._columns else None

    def _turned(self, matched: Sequence[int], fixed: Sequence[int], row: int, column: int) -> list[int]:
        """Return a best assignment in which a row has a tight column and fixed rows keep theirs, or an empty list.

        The row that loses the column looks along tight pairs for the column that is given up.
        """
        owner = {taken: one for one, taken in enumerate(matched)}
        freed = matched[row]
        came: dict[int, int] = {}
        waiting = [column]
        for left in waiting:
            if left == freed:
                break
            loser = owner[left]
            if loser in fixed:
                return []
            for other in self._tight[loser]:
                if other not in came and other != column and (other == freed or owner[other] not in (row, *fixed)):
                    came[other] = left
                    waiting.append(other)
        else:
            return []
        turned = list(matched)
        while freed != column:
            turned[owner[came[freed]]] = freed
            freed = came[freed]
        turned[row] = column
        return turned


def _hungarian(worth: Sequence[Sequence[int]]) -> tuple[list[int], list[int], list[int]]:
    """Return the column of each row in one best perfect matching of a square, and dual prices of rows and columns."""
    size = len(worth)
    row_price = [max(row, default=0) for row in worth]
    column_price = [0] * size
    owner = [-1] * size
    for start in range(size):
        # Shortest augmenting path from a free row; `slack` is how far a column is from being tight.
        slack: list[int | None] = [None] * size
        through = [-1] * size
        done: list[int] = []
        reached = [False] * size
        row, last, travelled = start, -1, 0
        while True:
            nearest = -1
            for column in range(size):
                if reached[column]:
                    continue
                step = travelled + row_price[row] + column_price[column] - worth[row][column]
                known = slack[column]
                if known is None or step < known:
                    slack[column], through[column], known = step, last, step
                if nearest < 0 or known < (slack[nearest] or 0):
                    nearest = column
            travelled = slack[nearest] or 0
            reached[nearest] = True
            if owner[nearest] < 0:
                break
            done.append(nearest)
            row, last = owner[nearest], nearest
        row_price[start] -= travelled
        for column in done:
            shift = travelled - (slack[column] or 0)
            column_price[column] += shift
            row_price[owner[column]] -= shift
        while nearest >= 0:
            before = through[nearest]
            owner[nearest] = owner[before] if before >= 0 else start
            nearest = before
    matched = [-1] * size
    for column, row in enumerate(owner):
        matched[row] = column
    return matched, row_price, column_price
