"""Inputs on which every mechanism is tried: its own values, and rosters that mechanisms tend to stumble over."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Any, Final, TypeAlias

from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.inputs import strategies_for
from mechdesign.mechanisms.play import PASS, Ask, run_pure
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.ties import TieRule

__all__ = [
    "PLAYERS",
    "SEED",
    "AnyMechanism",
    "CheckFailure",
    "Sample",
    "built",
    "sample_profiles",
    "sample_results",
    "sample_values",
    "sampled",
]

AnyMechanism: TypeAlias = Mechanism[Any, Any, Any]
Sample: TypeAlias = tuple[str, Context, Result[Any]]
"""Where (for messages), on which roster, with which result."""

PLAYERS: Final = ("alice", "bob", "carol", "dave", "erin", "frank")
"""Names of the players in samples."""

SEED: Final = Seed.of("checks")
"""Where coins come from."""

_VALUES_MAX: Final = 8
"""Of longer grids so many types are tried, spread evenly."""


class CheckFailure(AssertionError):
    """A mechanism breaks the contract of mechanisms; the message names the check and the input."""


def built(cls: type[AnyMechanism]) -> AnyMechanism:
    """Return the mechanism with the parameters of its example.

    Raises:
        CheckFailure: where it has no example.
    """
    if cls.example is None:
        raise CheckFailure(f"{cls.full_name()} has no example: set example = Example(reports, parameters)")
    return cls.from_parameters(cls.example.parameters)


def sample_values(mechanism: AnyMechanism) -> list[Any]:
    """Return some reports (types, for a mechanism that plays): those of the example, then a grid of types."""
    assert mechanism.example is not None
    values = list(mechanism.example.reports.values())
    if mechanism.overrides("type_grid"):
        grid = list(mechanism.type_grid())
        grid = [grid[place * len(grid) // _VALUES_MAX] for place in range(_VALUES_MAX)] if grid[_VALUES_MAX:] else grid
        if not mechanism.overrides("play"):
            asked: Ask[Any] = Ask(mechanism.report_schema(), PLAYERS[:1])
            grid = [mechanism.truthful(value, asked) for value in grid]
        values += [value for value in grid if value is not PASS]
    return values


def sample_profiles(mechanism: AnyMechanism) -> Iterator[tuple[tuple[Player, ...], dict[Player, Any]]]:
    """Yield rosters with profiles that mechanisms tend to stumble over.

    An empty roster, no reports, a single player, everybody alike, the example, and the example with some absent.
    """
    assert mechanism.example is not None
    values = sample_values(mechanism)
    yield (), {}
    yield PLAYERS[:3], {}
    for value in values:
        yield PLAYERS[:1], {PLAYERS[0]: value}
        yield PLAYERS[:2], dict.fromkeys(PLAYERS[:2], value)
        yield PLAYERS[:5], dict.fromkeys(PLAYERS[:5], value)
    example = dict(mechanism.example.reports)
    players = tuple(example)
    for size in range(1, min(len(players), 4) + 1):
        for present in combinations(players, size):
            yield players, {player: example[player] for player in present}
    count = min(len(values), len(PLAYERS))
    yield PLAYERS[:count], dict(zip(PLAYERS, values, strict=False))
    yield PLAYERS[:count], dict(zip(PLAYERS, reversed(values), strict=False))


def _run(mechanism: AnyMechanism, context: Context, profile: Mapping[Player, Any]) -> Result[Any]:
    return run_pure(mechanism, context, strategies_for(mechanism, profile), seed=SEED)


def sample_results(mechanism: AnyMechanism, ties: TieRule | None = None) -> Iterator[Sample]:
    """Yield where, context and result of every sample profile; a failure names its profile."""
    for players, profile in sample_profiles(mechanism):
        context = Context(players, ties=ties or TieRule())
        where = f"{mechanism.identifier} on {len(players)} players with reports {profile}"
        try:
            yield where, context, _run(mechanism, context, profile)
        except CheckFailure:
            raise
        except Exception as error:
            raise CheckFailure(f"{where}: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=2)
def sampled(cls: type[AnyMechanism]) -> tuple[Sample, ...]:
    """Return the results of all sample profiles under the usual tie rule; those of the last classes are kept.

    Raises:
        CheckFailure: where there is none for a profile.
    """
    return tuple(sample_results(built(cls)))
