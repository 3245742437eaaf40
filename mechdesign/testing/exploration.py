"""``python -m mechdesign.testing.exploration``: explore small groups to the end, and say how many schedules there were.

Where the fault model holds there must be no counterexample; where a rule is broken, or more members lie than the roster
bears, there must be one, and it is printed.
"""

import gc
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Annotated

import typer
from rich.console import Console

from mechdesign.group.committer import CommitRule
from mechdesign.group.roster import FaultModel
from mechdesign.testing.epoch_ends import ClosingDecider, ClosingGroup, Ends
from mechdesign.testing.explorer import Explorer, Found
from mechdesign.testing.small_groups import SmallGroup

__all__ = ["LONG", "SHORT", "Case", "EndingCase", "explore_all", "main"]

NOT_AS_EXPECTED = 1
"""Exit code when a case that must hold does not, or the other way round."""


_SOUND = CommitRule()


@dataclass(frozen=True, slots=True)
class Case:
    """One group to be explored.

    Attributes:
        name: what is looked at, for people.
        n: how many members.
        faults: the fault model.
        rounds: in so many rounds.
        omissions: see :class:`~mechdesign.testing.explorer.Explorer`.
        liars: how many of the members lie, the last ones in the roster.
        twins: how many twins each of them makes at most.
        rule: the commit rule.
        holds: whether there must be no counterexample.
    """

    name: str
    n: int
    faults: FaultModel
    rounds: int
    omissions: int | None = None
    liars: int = 0
    twins: int = 0
    rule: CommitRule = _SOUND
    holds: bool = True

    def explore(self) -> Found:
        """Look at all schedules, or up to the first counterexample."""
        liars = range(self.n - self.liars, self.n)
        group = SmallGroup(self.n, self.faults, self.rounds, liars=liars, twins=self.twins)
        return Explorer(group, self.omissions, rule=self.rule).explore()

    def __str__(self) -> str:
        bound = "any number of omissions" if self.omissions is None else f"at most {self.omissions} omissions"
        liars = f", {self.liars} lying with at most {self.twins} twins" if self.liars else ""
        return f"{self.name}: n = {self.n}, {self.faults.value}{liars}, {self.rounds} rounds, {bound}"


@dataclass(frozen=True, slots=True)
class EndingCase(Case):
    """One group whose first member leaves, so that the epoch ends.

    Attributes:
        together: in so many rounds everybody sees everything; what may happen then is explored.
        votes_on: whether who has come to the end goes on making blocks.
    """

    together: int = 0
    votes_on: bool = True

    def explore(self) -> Found:
        """Look at all schedules, and bring everybody to the end from there, or up to the first counterexample."""
        liars = range(self.n - self.liars, self.n)
        group = ClosingGroup(self.n, self.faults, self.rounds, liars=liars, twins=self.twins)
        ends = Ends(group, self.rule, votes_on=self.votes_on)
        explorer = Explorer(group, self.omissions, rule=self.rule, decider=ClosingDecider, visit=ends.visit)
        found = explorer.explore(group.lockstep(self.together))
        return replace(found, ends=str(ends), counterexample=found.counterexample or ends.wrong)

    def __str__(self) -> str:
        together = f", {self.together} of them in lockstep" if self.together else ""
        return Case.__str__(self) + together


_MAJORITY, _BYZANTINE, _UNANIMOUS = FaultModel.MAJORITY, FaultModel.BYZANTINE, FaultModel.UNANIMOUS

_BROKEN = (
    Case("wave of two rounds", 3, _MAJORITY, 4, 4, rule=CommitRule(wave=2), holds=False),
    Case("a liar where none is borne", 3, _MAJORITY, 3, 3, liars=1, twins=1, holds=False),
    EndingCase(
        "nobody votes who has come to the end", 4, _BYZANTINE, 6, 0, liars=1, together=4, votes_on=False, holds=False
    ),
)

SHORT: tuple[Case, ...] = (
    Case("everybody waits for everybody", 3, _UNANIMOUS, 6),
    Case("unbounded asynchrony", 3, _MAJORITY, 3),
    Case("indirect decisions", 3, _MAJORITY, 6, 1),
    Case("silent members", 4, _BYZANTINE, 7, 0),
    Case("an equivocator", 4, _BYZANTINE, 3, 0, liars=1, twins=1),
    EndingCase("the epoch ends", 3, _MAJORITY, 7, 1, together=3),
    EndingCase("the epoch ends beside a liar", 4, _BYZANTINE, 6, 0, liars=1, together=4),
    *_BROKEN,
)
"""What every test run looks at, in some seconds."""

LONG: tuple[Case, ...] = (
    Case("an equivocator and indirect decisions", 4, _BYZANTINE, 6, 0, liars=1, twins=1),
    Case("unbounded asynchrony", 3, _MAJORITY, 5),
    Case("an equivocator", 4, _BYZANTINE, 3, 4, liars=1, twins=1),
    Case("asynchrony", 4, _BYZANTINE, 4, 5),
    Case("indirect decisions", 3, _MAJORITY, 6, 3),
    Case("a liar that withholds", 4, _BYZANTINE, 6, 1, liars=1),
    Case("indirect decisions", 4, _BYZANTINE, 6, 1),
    Case("unbounded asynchrony", 4, _BYZANTINE, 3),
    Case("unbounded asynchrony and an equivocator", 4, _BYZANTINE, 2, liars=1, twins=1),
    Case("everybody waits for everybody", 4, _UNANIMOUS, 8),
    EndingCase("the epoch ends", 3, _MAJORITY, 6, 1),
    EndingCase("the epoch ends", 3, _MAJORITY, 6, 2, together=3),
    EndingCase("the epoch ends beside a liar", 4, _BYZANTINE, 6, 1, liars=1, together=4),
    EndingCase("the epoch ends beside an equivocator", 4, _BYZANTINE, 6, 0, liars=1, twins=1, together=4),
    *_BROKEN,
)
"""What ``make explore`` looks at, in some minutes; what takes long is first."""


def _run(case: Case) -> tuple[Case, Found, float]:
    began = time.process_time()
    # What an exploration keeps it needs to its end, and nothing of it refers to itself: to look for garbage is in vain.
    gc.disable()
    try:
        found = case.explore()
    finally:
        gc.enable()
    return case, found, time.process_time() - began


def _outcomes(cases: Iterable[Case], jobs: int) -> Iterator[tuple[Case, Found, float]]:
    if jobs == 1:
        yield from map(_run, cases)
        return
    # A process a case: what a case needs of memory it gives back.
    with ProcessPoolExecutor(jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
        for future in as_completed([pool.submit(_run, case) for case in cases]):
            yield future.result()


def explore_all(
    long: Annotated[bool, typer.Option(help="Minutes instead of seconds.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that explore at once.")] = 1,
) -> None:
    """Explore small groups completely; exit code 1 if a guarantee fails, or a broken rule is not found out."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    wrong = False
    cases = LONG if long else SHORT
    for done, (case, found, seconds) in enumerate(_outcomes(cases, jobs), 1):
        console.print(f"{case}\n  {found}; {seconds:.0f} s of CPU, case {done} of {len(cases)}")
        if found.counterexample is not None:
            console.print(f"  {found.counterexample}".replace("\n", "\n  "))
        if (found.counterexample is None) != case.holds:
            console.print("  THIS IS NOT WHAT THEORY SAYS", style="red")
            wrong = True
    if wrong:
        raise typer.Exit(NOT_AS_EXPECTED)


def main() -> None:
    """Entry point of the module."""
    application = typer.Typer(add_completion=False)
    application.command()(explore_all)
    application()


if __name__ == "__main__":
    main()
