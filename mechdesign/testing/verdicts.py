"""How much a search is to look at, and what it found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from mechdesign.mechanisms import codec
from mechdesign.testing.cases import AnyMechanism, Violation

__all__ = ["FULL", "SHORT", "USUAL", "Effort", "Verdict", "grid_name"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a search looks at. All bounds are counts, so that a search finds the same on every machine.

    Attributes:
        players_max: profiles have from one to so many players, five at most.
        runs_max: at most so many profiles of one number of players.
        cases_max: at most so many comparisons over them.
        coalition_max: how many players may deviate together.
        tries: random profiles beyond the grid.
        seed: names the random ones.
    """

    players_max: int = 3
    runs_max: int = 1000
    cases_max: int = 40_000
    coalition_max: int = 3
    tries: int = 0
    seed: int = 0

    def affordable(self, grid: Sequence[Any], players: int, cases: Callable[[int, int, int], int]) -> list[Any]:
        """Return the most types of a grid, spread evenly over it, of which all profiles can be searched."""
        coalition = min(self.coalition_max, players)
        for size in range(len(grid), 0, -1):
            profiles = size**players
            if profiles <= self.runs_max and profiles * cases(players, size, coalition) <= self.cases_max:
                if size == 1:
                    return list(grid[:1])
                return [grid[round(place * (len(grid) - 1) / (size - 1))] for place in range(size)]
        return []


SHORT: Final = Effort(runs_max=70, cases_max=1500, coalition_max=2)
"""What is quick enough for every test run."""

USUAL: Final = Effort()
"""The default: a grid, and nothing random."""

FULL: Final = Effort(players_max=4, runs_max=700, cases_max=20_000, tries=100)
"""What the table in the documentation is made with."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a search found.

    Attributes:
        concept: what was searched for.
        tried: profiles examined on the grid.
        violation: the shrunk violation, or None.
        grid: the name of the grid on which there is none; empty where there was no complete search.
        tries: random profiles in which there is none.
        seed: the seed of these.
        lacking: why the concept cannot be tested; empty where it can.
        witnessed: whether all that was examined is a witness that the mechanism names.
    """

    concept: str
    tried: int
    violation: Violation | None = None
    grid: str = ""
    tries: int = 0
    seed: int = 0
    lacking: str = ""
    witnessed: bool = False

    @property
    def kind(self) -> str:
        """``not applicable``, ``violated``, ``no violation`` (a witness), ``proved on a grid`` or ``not refuted``."""
        if self.lacking:
            return "not applicable"
        if self.violation is not None:
            return "violated"
        if self.witnessed:
            return "no violation"
        return "proved on a grid" if self.grid else "not refuted"

    def __str__(self) -> str:
        return f"{self.concept}: {self.details()}"

    def details(self) -> str:
        """Say what was found, without the name of the concept."""
        if self.lacking:
            return f"not applicable: {self.lacking}"
        if self.violation is not None:
            return str(self.violation)
        if self.witnessed:
            return "the witness shows no violation"
        said = []
        if self.grid:
            said.append(f"proved on this grid of {self.tried} profiles: {self.grid}")
        if self.tries:
            said.append(f"not refuted in {self.tries} tries (seed {self.seed})")
        return "; ".join(said) or "nothing was tried"

    def joined(self, other: "Verdict") -> "Verdict":
        """Return the verdict of two searches without violation, with different parameters."""
        if self.lacking or other.lacking:
            return other if self.lacking else self
        grid = self.grid if self.grid == other.grid else f"{self.grid}; with the defaults {other.grid}"
        return replace(self, tried=self.tried + other.tried, grid=grid, tries=self.tries + other.tries)


def grid_name(mechanism: AnyMechanism, sizes: Sequence[tuple[int, Sequence[Any]]]) -> str:
    """Return the name of a grid: how many players, and of which types.

    Args:
        mechanism: whose types.
        sizes: for each number of players the types, as many as were searched.
    """
    schema = mechanism.type_schema()
    parts: list[str] = []
    for _, group in groupby(sizes, key=lambda size: len(size[1])):
        counts = list(group)
        first, last, types = counts[0][0], counts[-1][0], counts[0][1]
        players = f"{first}" if first == last else f"{first} to {last}"
        noun = "player" if last == 1 else "players"
        if parts:
            parts.append(f"{players} {noun} of {len(types)} of these")
            continue
        texts = [codec.canonical(codec.plain(schema, value)).replace('"', "") for value in types]
        if sum(map(len, texts)) > 60:
            texts = [texts[0], "…", texts[-1]] if len(texts[0]) + len(texts[-1]) <= 80 else []
        named = f" ({', '.join(texts)})" if texts else ""
        parts.append(f"{players} {noun} of {len(types)} types{named}")
    return "; ".join(parts)
