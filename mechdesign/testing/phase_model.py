"""The phases of a session, checked in every order: a search over all states that the real cores can reach.

A *world* is a few members with real :class:`~mechdesign.decision.core.DecisionCore` objects over one log. At each state
the search tries every next thing that can happen: an honest member's pending entry is ordered (or what its party may
choose to say instead), an honest clock runs out, a liar has something ordered (``model_liars.py`` says what; or it
never says anything), a change of the view is ordered. States in which members that play the same part have merely
changed places are one. ``docs/phases.md`` says why nothing is left out.

What must hold, at every state:

1. *Alike.* All honest members know the same of the log, in every particular, and see the same end.
2. *A function of the log.* So does a member that hears all of it at once, and it says the same.
3. *No honest member is convicted.*
4. *Balanced.* When a session ends nothing is left of what players staked, and what was booked sums to zero.
5. *Void is void.* What is late, out of place, or said again changes nothing.
6. *No minority closes a phase* before all honest members were heard in it (but t shares open what was dealt).
7. *Ready only when nothing is open*, with the same bytes at all.

And of the whole:

8. *Ended.* Honest members never go round in circles. Where they can do nothing more, no session is open; or, where a
   quorum needs everybody (``unanimous``), the local status of every honest member names somebody that is missing, and
   nobody that is honest.

Everything is real but for the signatures of blocks, which this layer does not look at.
"""

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import TypeAlias

from mechdesign.testing.model_cases import LONG, SHORT
from mechdesign.testing.model_custody import pay_out
from mechdesign.testing.model_memory import freeze, remembering, thaw
from mechdesign.testing.model_rules import check, check_close, clear, count_junk, follow_late, name, rest
from mechdesign.testing.model_steps import begun, honest_steps, other_steps
from mechdesign.testing.model_world import Case, World, first, session_of
from mechdesign.testing.simulator import Violation

__all__ = ["LONG", "SHORT", "Case", "Found", "search"]

_Name: TypeAlias = tuple[object, ...]


@dataclass(slots=True)
class Found:
    """What a search has seen.

    Attributes:
        states: different states.
        steps: steps between them.
        ends: by how a session ended (or stalled), at how many states where nothing more can happen.
        moves: from which phase to which other one a session went in one step.
        seconds: how much processor time it took.
    """

    states: int = 0
    steps: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    moves: set[tuple[str, str]] = field(default_factory=set)
    seconds: float = 0.0

    def __str__(self) -> str:
        """One line for people."""
        ends = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        return f"{self.states} states, {self.steps} steps, {self.seconds:.0f} s; ends: {ends}"


@dataclass(slots=True)
class _Search:
    """States are numbered in the order in which they are found; each remembers by which step it was."""

    case: Case
    found: Found = field(default_factory=Found)
    numbers: dict[_Name, int] = field(default_factory=dict)
    paths: list[tuple[int, str]] = field(default_factory=list)
    waiting: deque[tuple[int, bytes]] = field(default_factory=deque)
    willing: list[list[int]] = field(default_factory=list)  # where the steps of honest members lead from each state
    onward: list[frozenset[_Name]] = field(default_factory=list)
    twins: list[tuple[int, str, int, frozenset[_Name]]] = field(default_factory=list)

    def run(self, states_max: int | None) -> None:
        """Look at every state, nearest first."""
        world = first(self.case)
        self._number(world, name(world), -1, "")
        while self.waiting:
            self._visit(*self.waiting.popleft())
            if states_max is not None and len(self.numbers) > states_max:
                raise Violation(f"{self.case.name}: more than {states_max} states")
        self._refuse_circles()
        for number, label, twin, onward in self.twins:
            with self._after(number, label):
                if onward != self.onward[twin]:
                    raise Violation("taken for a state that was known, and more or less can follow")
        self.found.states = len(self.numbers)

    def _visit(self, number: int, data: bytes) -> None:
        world = thaw(data)
        with self._after(number):
            follow_late(world, world.log)
            if not any(honest_steps(world)):
                end = rest(world)
                self.found.ends[end] = self.found.ends.get(end, 0) + 1
        if self.case.custodian and world.players[0].ended:
            with self._after(number, "all is paid out"):
                pay_out(partial(thaw, data))
        if begun(world):
            with self._after(number, "junk"):
                count_junk(partial(thaw, data))
        willing: list[int] = []
        names: list[_Name] = []
        before = _phase(world)
        for honest, label, after in self._follow(data, number):
            self.found.steps += 1
            self.found.moves.add((before, _phase(after)))
            named = name(after)
            reached = self.numbers.get(named)
            if reached is None:
                reached = self._number(after, named, number, label)
            elif self.case.doubt:
                onward = {name(next_) for _, _, next_ in self._follow(freeze(after), number, label)}
                self.twins.append((number, label, reached, frozenset(onward - {named})))
            if honest:
                willing.append(reached)
            names.append(named)
        self.willing.append(willing)
        if self.case.doubt:
            self.onward.append(frozenset(names) - {name(world)})  # what changes nothing may come once or often

    def _number(self, world: World, named: _Name, parent: int, label: str) -> int:
        number = self.numbers[named] = len(self.numbers)
        self.paths.append((parent, label))
        self.waiting.append((number, freeze(world)))
        return number

    def _follow(self, data: bytes, number: int, last: str = "") -> Iterator[tuple[bool, str, World]]:
        """Every step from a state: whether honest members take it, its name, and where it leads."""
        world = thaw(data)
        honest = [(True, *step) for step in honest_steps(world)]
        for willing, label, step in (*honest, *((False, *step) for step in other_steps(world))):
            after = thaw(data)
            with self._after(number, last, label):
                step(after)
                check_close(world, after)
                clear(after)
                check(after)
            yield willing, label, after

    @contextmanager
    def _after(self, number: int, *last: str) -> Iterator[None]:
        """Say in a Violation by which steps it was reached."""
        try:
            yield
        except Violation as violation:
            steps = [label for label in reversed(last) if label]
            while number > 0:
                number, label = self.paths[number]
                steps.append(label)
            raise Violation(f"{violation}, after: {'; '.join(reversed(steps))}") from violation

    def _refuse_circles(self) -> None:
        """See that honest members get somewhere: take away states that no honest step leads to, until none is left."""
        into = [0] * len(self.willing)
        for reached in (number for each in self.willing for number in each):
            into[reached] += 1
        free = [number for number, count in enumerate(into) if not count]
        for number in free:
            for reached in self.willing[number]:
                into[reached] -= 1
                if not into[reached]:
                    free.append(reached)
        if len(free) < len(into):
            number = next(number for number, count in enumerate(into) if count)
            with self._after(number):
                raise Violation("honest members can go round in circles")


def _phase(world: World) -> str:
    session, ended = session_of(world), world.players[0].ended
    if session is not None:
        return session.phase.value
    if not ended:
        return "not begun"
    return "settled" if ended[0][0] == "settled" else "aborted"


def search(case: Case, *, states_max: int | None = None) -> Found:
    """Look at every state that a case can reach.

    Args:
        case: what is searched.
        states_max: stop with a Violation beyond so many states, so that a test cannot run away.

    Raises:
        Violation: something does not hold; the message says what, and the steps that lead there.
    """
    started = time.process_time()
    with remembering():
        searched = _Search(case)
        searched.run(states_max)
    searched.found.seconds = time.process_time() - started
    return searched.found


def _results(cases: Sequence[Case], jobs: int) -> Iterator[Found]:
    if jobs == 1:
        yield from map(search, cases)
        return
    # A process a case: what a case needs of memory it gives back.
    with ProcessPoolExecutor(jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
        yield from pool.map(search, cases)


def main(arguments: Sequence[str] | None = None) -> int:
    """Search all cases, and print how many states each has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="the larger cases too")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that search at once")
    parser.add_argument("--rows", action="store_true", help="print the rows of the table in docs/phases.md")
    parser.add_argument("--only", default="", metavar="TEXT", help="the cases whose name has this in it")
    wanted = parser.parse_args(arguments)
    cases = [case for case in (LONG if wanted.long else SHORT) if wanted.only in case.name]
    for case, found in zip(cases, _results(cases, wanted.jobs), strict=True):
        row = f"| {case.name} | {found.states:,} | {found.steps:,} |"
        print(row if wanted.rows else f"{case.name}: {found}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
