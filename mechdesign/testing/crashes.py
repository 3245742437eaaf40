"""One member stops before any of its effects, and starts again: every such point of a scene, on several processes.

What a crash leaves behind differs by the writes that no sync followed: a power cut loses them, a killed process leaves
them with the operating system, and a front part of them may be what is left. Where there are none of these, all three
are one and the same crash, which is played once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mechdesign.group.messages import Append, Compact
from mechdesign.testing.disk import Tail
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["TAILS", "Scene", "crash_everywhere", "play_all", "watch_losses"]

Scene: TypeAlias = Callable[[int, int, Tail], int | None]
"""Plays ``(place, after, tail)``: the member at that place stops after so many effects.

Returns how many writes it lost by that, or None if it did not get so far. Raises Violation where something does not end
as it should.
"""

TAILS: tuple[Tail, ...] = ("lost", "kept")
"""What becomes of the writes that no sync followed."""

FOUND_VIOLATION = 1
"""Exit code when a member did not come back from a crash as it should."""

_STRIDES = 6
"""Every so-manieth point of a member is one piece of work."""


def watch_losses(simulator: Simulator, place: int) -> list[int]:
    """A list that gets, at each crash of a member from now on, how many of its writes were lost."""
    losses: list[int] = []
    disk = simulator.processes[place].disk
    written = len(disk)

    def write(who: int, _: Append | Compact) -> None:
        nonlocal written
        if who == place:
            written = len(disk)

    def life(who: int, begins: bool) -> None:
        nonlocal written
        if who == place and not begins:
            losses.append(written - len(disk))
            written = len(disk)

    simulator.watch(Append, write)
    simulator.watch(Compact, write)
    simulator.watch_lives(life)
    return losses


def crash_everywhere(scene: Scene, place: int, *, first: int = 1, every: int = 1, tails: Sequence[Tail] = TAILS) -> int:
    """Play a scene for each point of a member, or each so-manieth.

    Args:
        scene: what is played.
        place: who stops.
        first: after how many effects at first.
        every: how many effects more at each time.
        tails: the ways to stop; only the first of them where no write is lost.

    Returns:
        How many crashes were played.

    Raises:
        Violation: one of them ends otherwise than it should; the message says which.
    """
    played = 0
    after = first
    while True:
        for tail in tails:
            where = f"member {place} stopped after {after} effects, tail {tail}"
            try:
                lost = scene(place, after, tail)
            except Violation as violation:
                raise Violation(f"{where}: {violation}") from violation
            except Exception as error:
                error.add_note(where)
                raise
            if lost is None:
                return played
            played += 1
            if tail == "lost" and lost == 0:
                break
        after += every


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some of the points of a member in a scene."""

    name: str
    scene: Scene
    place: int
    first: int
    every: int
    tails: Sequence[Tail]


def _play(piece: _Piece) -> tuple[_Piece, int, str | None]:
    """How many crashes were played, or what went wrong in one of them."""
    try:
        played = crash_everywhere(piece.scene, piece.place, first=piece.first, every=piece.every, tails=piece.tails)
    except Violation as violation:
        return piece, 0, str(violation)
    return piece, played, None


def _outcomes(pieces: Sequence[_Piece], jobs: int) -> Iterator[tuple[_Piece, int, str | None]]:
    if jobs == 1:
        yield from map(_play, pieces)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_play, piece) for piece in pieces]):
            yield future.result()


def play_all(
    scenes: Mapping[str, Scene],
    places: Sequence[int],
    *,
    every: int = 1,
    jobs: int = 1,
    tails: Sequence[Tail] = TAILS,
) -> None:
    """Crash each of some members at every point of each scene, and print how many crashes that were.

    Raises:
        typer.Exit: somebody did not come back as it should; the violations are printed.
    """
    pieces = [
        _Piece(name, scene, place, 1 + stride * every, _STRIDES * every, tails)
        for name, scene in scenes.items()
        for place in places
        for stride in range(_STRIDES)
    ]
    counts = {(piece.name, piece.place): 0 for piece in pieces}
    left = dict.fromkeys(counts, _STRIDES)
    broken: set[tuple[str, int]] = set()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        outcomes = progress.track(_outcomes(pieces, jobs), total=len(pieces), description="crashes")
        for done, (piece, played, violation) in enumerate(outcomes, 1):
            key = piece.name, piece.place
            counts[key] += played
            left[key] -= 1
            if violation is not None:
                broken.add(key)
                console.print(f"{piece.name}: {violation}", style="red")
            elif not left[key] and key not in broken:
                console.print(f"{piece.name}: member {piece.place} came back from each of {counts[key]} crashes")
            elif not console.is_terminal:
                console.print(f"{done} of {len(pieces)} pieces, {sum(counts.values())} crashes")
    if broken:
        raise typer.Exit(FOUND_VIOLATION)
