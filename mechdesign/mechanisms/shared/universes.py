"""Parallel universes: every end that a procedure can reach when ties are broken one way or the other.

**Source**: V. Conitzer, M. Rognlie, L. Xia, Preference functions that score rankings and maximum likelihood estimation,
IJCAI 2009 (parallel-universes tie-breaking).
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

__all__ = ["STATES_MAX", "universes"]

S = TypeVar("S", bound=Hashable)

STATES_MAX: Final = 5_000
"""At most so many states are visited: the number of ends may grow exponentially with the number of ties."""


def universes(start: S, step: Callable[[S], Sequence[S]], states_max: int = STATES_MAX) -> tuple[list[S], bool]:
    """Return the ends of a procedure in the order in which they are found, and whether these are all of them.

    Args:
        start: the first state.
        step: the states that may follow, the canonical one first; none at an end.
        states_max: the search stops after so many states.

    >>> universes(3, lambda n: [n - 1, n - 2] if n > 1 else [])
    ([1, 0], True)
    """
    seen: set[S] = set()
    waiting = [start]
    ends: list[S] = []
    while waiting:
        state = waiting.pop()
        if state in seen:
            continue
        if len(seen) == states_max:
            return ends, False
        seen.add(state)
        following = step(state)
        if not following:
            ends.append(state)
        waiting.extend(reversed(following))  # so that the canonical universe is followed to its end first
    return ends, True
