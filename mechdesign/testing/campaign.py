"""``python -m mechdesign.testing.campaign --seeds 0..10000 --jobs 2``: play many seeds and report those that fail."""

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mechdesign.testing.runs import Outcome, run_seed
from mechdesign.testing.schedule import draw

__all__ = ["main", "parse_seeds"]

_LINE_EVERY = 1000
"""Where there is no terminal for a progress bar, a line tells so often how far it is."""

FOUND_VIOLATION = 1
"""Exit code when at least one seed failed."""


def parse_seeds(text: str) -> list[int]:
    """``"5..9"`` is 5, 6, 7, 8; ``"5"`` is 5 alone; ``"1,5..7"`` is 1, 5, 6.

    Raises:
        typer.BadParameter: it is none of these.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        try:
            start = int(first)
            found = range(start, int(last) if dots else start + 1)
        except ValueError:
            found = range(0)
        if not found:
            raise typer.BadParameter(f"{text!r} has a part that is neither a seed nor A..B with A < B")
        seeds += found
    return seeds


def _campaign(
    seeds: Annotated[
        str, typer.Option(help="A..B plays A, A+1, …, B-1; a single number replays that seed; commas join.")
    ] = "0..1000",
    jobs: Annotated[int, typer.Option(min=1, help="Processes that play at once.")] = os.cpu_count() or 1,
    history: Annotated[Path | None, typer.Option(help="Write the history of a single seed to this file.")] = None,
    digests: Annotated[
        Path | None,
        typer.Option(help="Write a line for each seed with the digest of its history: equal under any PYTHONHASHSEED."),
    ] = None,
) -> None:
    """Play simulated runs of the group; exit code 1 if any of them broke a promise."""
    console = Console()
    wanted = parse_seeds(seeds)
    if len(wanted) == 1:
        _replay(console, wanted[0], history, digests)
        return
    began = time.monotonic()
    failed: list[Outcome] = []
    histories: dict[int, str] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        outcomes = progress.track(_outcomes(wanted, jobs), total=len(wanted), description="seeds")
        for played, outcome in enumerate(outcomes, 1):
            histories[outcome.seed] = outcome.digest
            if outcome.violation is not None:
                failed.append(outcome)
                console.print(str(outcome), style="red", markup=False, highlight=False, soft_wrap=True)
                console.print(f"  replay: python -m mechdesign.testing.campaign --seeds {outcome.seed}", soft_wrap=True)
            if not console.is_terminal and played % _LINE_EVERY == 0:
                console.print(f"{played} of {len(wanted)} seeds, {len(failed)} failed")
    _write(digests, histories)
    minutes = (time.monotonic() - began) / 60
    console.print(f"{len(wanted)} seeds, {len(failed)} failed, {len(wanted) / minutes:.0f} a minute with {jobs} jobs")
    if failed:
        console.print("failing seeds:", *sorted(outcome.seed for outcome in failed))
        raise typer.Exit(FOUND_VIOLATION)


def _outcomes(seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    # Spawned processes each have a hash seed of their own, as a later replay does.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(run_seed, seeds, chunksize=4)


def _write(digests: Path | None, histories: Mapping[int, str]) -> None:
    if digests is not None:
        digests.write_text("".join(f"{seed} {histories[seed]}\n" for seed in sorted(histories)))


def _replay(console: Console, seed: int, history: Path | None, digests: Path | None) -> None:
    console.print(str(draw(seed)), markup=False, highlight=False, soft_wrap=True)
    outcome = run_seed(seed, history=history)
    _write(digests, {seed: outcome.digest})
    console.print(str(outcome), markup=False, highlight=False, soft_wrap=True)
    if outcome.violation is not None:
        raise typer.Exit(FOUND_VIOLATION)


def main() -> None:
    """Entry point of the module."""
    application = typer.Typer(add_completion=False)
    application.command()(_campaign)
    application()


if __name__ == "__main__":
    main()
