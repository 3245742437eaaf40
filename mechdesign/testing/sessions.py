"""``python -m mechdesign.testing.sessions --sessions 200 --jobs 2``: many sessions at once beside all who mean ill.

Every case of :mod:`~mechdesign.testing.session_cases` is played under each of the conditions that are asked for.
"""

import json
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mechdesign.testing.session_cases import CASES
from mechdesign.testing.session_runs import CONDITIONS, Played, play_sessions

__all__ = ["FOUND_VIOLATION", "main"]

FOUND_VIOLATION = 1
"""Exit code when something did not hold in at least one run."""

_COLUMNS = ("members", "conditions", "among them", "wanted", "settled", "aborted", "books compared", "convicted of")

_Piece: TypeAlias = tuple[str, str, int, int]
"""Case, conditions, seed, sessions."""


def _chosen(text: str, known: Iterable[str], what: str) -> list[str]:
    names = list(known)
    chosen = [name.strip() for name in text.split(",")] if text else names
    if strange := [name for name in chosen if name not in names]:
        raise typer.BadParameter(f"no {what} is called {strange[0]!r}: choose from {', '.join(names)}")
    return chosen


def _sessions(
    sessions: Annotated[int, typer.Option(min=1, help="How many honest members want at once, all together.")] = 200,
    cases: Annotated[str, typer.Option(help="Names of cases with commas between; by default all.")] = "",
    conditions: Annotated[str, typer.Option(help=f"Of {', '.join(CONDITIONS)}; by default all.")] = "",
    seed: Annotated[int, typer.Option(help="Names every stream of chance.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that play at once.")] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of each run as JSON.")] = False,
) -> None:
    """Play many sessions at once beside every kind of liar; exit code 1 if anything promised did not hold."""
    pieces = [
        (case, each, seed, sessions)
        for each in _chosen(conditions, CONDITIONS, "condition")
        for case in _chosen(cases, CASES, "case")
    ]
    console = Console(stderr=as_json, highlight=False, markup=False)
    played: list[Played] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for run in progress.track(_played(pieces, jobs), total=len(pieces), description="runs"):
            played.append(run)
            if run.violation:
                console.print(
                    f"VIOLATION in {run.case}, {run.conditions}: {run.violation}", style="red", soft_wrap=True
                )
                console.print(f"  replay: {_replay(run, sessions)}", soft_wrap=True)
            elif not console.is_terminal:
                console.print(
                    f"{len(played)} of {len(pieces)}: {run.case}, {run.conditions}: {_ends(run)}", soft_wrap=True
                )
    if as_json:
        print(json.dumps([asdict(run) for run in played], indent=1), file=sys.stdout)
    else:
        console.print(_table(played))
    if any(run.violation for run in played):
        raise typer.Exit(FOUND_VIOLATION)


def _played(pieces: list[_Piece], jobs: int) -> Iterator[Played]:
    if jobs == 1:
        yield from map(_play, pieces)
        return
    # Spawned processes each have a hash seed of their own, as a later replay does.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_play, pieces)


def _play(piece: _Piece) -> Played:
    case, conditions, seed, sessions = piece
    return play_sessions(case, conditions, seed, sessions)


def _replay(run: Played, sessions: int) -> str:
    chosen = f"--cases '{run.case}' --conditions {run.conditions} --seed {run.seed} --sessions {sessions} --jobs 1"
    return f"python -m mechdesign.testing.sessions {chosen}"


def _ends(run: Played) -> str:
    return f"{run.settled} settled, {sum(many for _, many in run.aborted)} aborted"


def _table(played: Iterable[Played]) -> Table:
    table = Table(title="sessions that went on at once")
    for name in (
        "members",
        "conditions",
        "among them",
        "wanted",
        "settled",
        "aborted",
        "books compared",
        "convicted of",
    ):
        table.add_column(name)
    for run in played:
        aborted = "; ".join(f"{many}: {reason}" for reason, many in run.aborted) or "0"
        convicted = ", ".join(offence for offence, _ in run.convicted)
        ends = (
            (run.violation, "", "", "") if run.violation else (str(run.settled), aborted, f"{run.positions}", convicted)
        )
        table.add_row(str(run.members), run.conditions, run.case, str(run.wanted), *ends)
    return table


def main() -> None:
    """Entry point of the module."""
    application = typer.Typer(add_completion=False)
    application.command()(_sessions)
    application()


if __name__ == "__main__":
    main()
