"""The phases of a session, checked in every order: a search over all states that the real cores can reach.

A *world* is a few members with real :class:`~mechdesign.decision.core.DecisionCore` objects over one log. At each state
the search tries every next thing that can happen: an honest member's oldest pending entry is ordered, an honest clock
runs out, a liar has something ordered (what an honest member would say in its place, a false version of it, or an
abuse that needs no occasion; or it never says anything), a change of the view is ordered. States in which members that
play the same part have merely changed places are one.

What must hold, at every state:

1. *Alike.* All honest members show the same phase, step and progress, and see the same end.
2. *No honest member is convicted.*
3. *Balanced.* What was booked when a session ended sums to zero.
4. *Ready only when nothing is open*, with the same bytes at all.

And at every state where honest members can do nothing more:

5. *Ended.* No session is open; or, where a quorum needs everybody (``unanimous``), the local status of every honest
   member names somebody that is missing, and nobody that is honest.

Everything is real but for the signatures of blocks, which this layer does not look at. It is cheap because no point is
multiplied twice, and no dealing checked twice.
"""

import argparse
import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from mechdesign.decision.entries import (
    AttestEntry,
    CoinEntry,
    DeclineEntry,
    Kind,
    OpenEntry,
    SealEntry,
    ShareEntry,
    TimerEntry,
    parse,
)
from mechdesign.decision.proposal import Seal
from mechdesign.decision.sealing.threshold import Share
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.wire import digest
from mechdesign.testing.model_rules import check, clear, name, rest, rows
from mechdesign.testing.model_world import Case, World, change, first, forget, freeze, order, session_of, thaw
from mechdesign.testing.remembered import remembered_points
from mechdesign.testing.simulator import Violation

__all__ = ["LONG", "SHORT", "Case", "Found", "search"]


@dataclass(slots=True)
class Found:
    """What a search has seen.

    Attributes:
        states: different states.
        steps: steps between them.
        ends: by how a session ended (or stalled), at how many states where nothing more can happen.
        seconds: how long it took.
    """

    states: int = 0
    steps: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def steps(world: World) -> Iterator[tuple[str, Callable[[World], None]]]:
    """Everything that can happen next: what to call it, and what it does to a copy."""
    yield from honest_steps(world)
    if not _begun(world):
        return
    for place in range(len(world.honest), world.case.n):
        player = world.players[place]
        for at, said in enumerate(player.pending):
            yield f"{world.name(place)} says {Kind(said.kind).name}", _say(place, at, None)
            if "false" in world.case.abuses and (false := _false_of(said)) is not None:
                yield f"{world.name(place)} says a false {Kind(said.kind).name}", _say(place, at, false)
        for label, said in _abuses(world):
            yield f"{world.name(place)} {label}", _abuse(place, said)
    if world.case.view and not world.changing:
        yield "a change of the view", change


def honest_steps(world: World) -> Iterator[tuple[str, Callable[[World], None]]]:
    """What honest members do sooner or later, whatever the others do."""
    begun = _begun(world)
    told = rows(world)
    for place in world.honest if begun else range(world.case.n):
        player = world.players[place]
        if told[place] in told[:place]:
            continue  # its step leads where that one's does, but for an exchange of members
        if player.pending:
            yield f"{world.name(place)} says {Kind(player.pending[0].kind).name}", _say(place, 0, None)
        if begun and player.core.deadline is not None:
            yield f"the clock of {world.name(place)}", _tick(place)


def _begun(world: World) -> bool:
    session = session_of(world)
    phases = ("enrolling", "sealing", "opening", "asking", "tossing", "attesting")
    return session is None or phases.index(session.phase.value) >= phases.index(world.case.start)


def _abuses(world: World) -> Iterator[tuple[str, Broadcast]]:
    """What a liar can say without occasion; where it is void it leads back to the same state."""
    session = session_of(world)
    if session is None:
        return
    said = {
        "early": (Kind.SHARE, ShareEntry(session.id, session.step, b"early").encoded),
        "leave": (Kind.DECLINE, DeclineEntry(session.id, "no such code", follows=False).encoded),
        "timer": (Kind.TIMER, TimerEntry(session.id, session.step, session.phase.value).encoded),
    }
    for abuse, (kind, data) in said.items():
        if abuse in world.case.abuses:
            yield f"says {Kind(kind).name} in {session.phase}", Broadcast(b"", kind, data)


def _say(place: int, at: int, instead: bytes | None) -> Callable[[World], None]:
    def step(world: World) -> None:
        said = world.players[place].pending.pop(at)
        order(world, place, said if instead is None else replace(said, data=instead))

    return step


def _abuse(place: int, said: Broadcast) -> Callable[[World], None]:
    def step(world: World) -> None:
        order(world, place, said)

    return step


def _tick(place: int) -> Callable[[World], None]:
    def step(world: World) -> None:
        player = world.players[place]
        due = player.core.deadline
        assert due is not None  # the step was offered for it
        player.route(player.core.tick(due))
        if not world.case.late:
            order(world, place, player.pending.pop())

    return step


def _false_of(said: Broadcast) -> bytes | None:
    """A false version of an entry, or None where there is none that is worth a state."""
    match parse(said.kind, said.data):
        case SealEntry(sealed=bytes(sealed)) as entry if len(sealed) > 64:
            return replace(entry, sealed=sealed[:-1] + bytes([sealed[-1] ^ 1])).encoded
        case SealEntry() as entry:
            return replace(entry, sealed=None).encoded
        case OpenEntry() as entry:
            return replace(entry, salt=digest("mechdesign/model-salt/1", entry.salt)).encoded
        case ShareEntry() as entry if (share := Share.parse(entry.share)) is not None:
            return replace(entry, share=replace(share, points=share.points[::-1]).encoded).encoded
        case CoinEntry(dealing=dealing) as entry:
            return replace(entry, dealing=dealing[:-1] + bytes([dealing[-1] ^ 1])).encoded
        case AttestEntry() as entry:
            return replace(entry, digest=bytes(32)).encoded
    return None


@contextmanager
def _few_collections() -> Iterator[None]:
    """Every copy of a world is thrown away as a whole: the collector has nothing to find in young ones."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        forget()


def search(case: Case, *, states_max: int | None = None) -> Found:
    """Look at every state that a case can reach, nearest first.

    Args:
        case: what is searched.
        states_max: stop with a Violation beyond so many states, so that a test cannot run away.

    Raises:
        Violation: something does not hold; the message says what, and the steps that lead there.
    """
    found, begun = Found(), time.monotonic()
    with remembered_points(), _few_collections():
        world = first(case)
        names = {name(world)}
        paths: dict[int, tuple[int, str]] = {0: (-1, "")}
        waiting = deque([(0, freeze(world))])
        while waiting:
            number, data = waiting.popleft()
            world = thaw(data)
            if not any(honest_steps(world)):
                end = rest(world) if _holds(rest, world, paths, number) else ""
                found.ends[end] = found.ends.get(end, 0) + 1
            for label, step in steps(world):
                after = thaw(data)
                _holds(step, after, paths, number, label)
                found.steps += 1
                _holds(clear, after, paths, number, label)
                _holds(check, after, paths, number, label)
                named = name(after)
                if named in names:
                    continue
                names.add(named)
                paths[len(paths)] = (number, label)
                waiting.append((len(paths) - 1, freeze(after)))
            if states_max is not None and len(names) > states_max:
                raise Violation(f"{case.name}: more than {states_max} states")
    found.states = len(names)
    found.seconds = time.monotonic() - begun
    return found


def _holds(
    rule: Callable[[World], object], world: World, paths: dict[int, tuple[int, str]], number: int, last: str = ""
) -> bool:
    try:
        rule(world)
    except Violation as violation:
        steps = [last] if last else []
        while number > 0:
            number, label = paths[number]
            steps.append(label)
        raise Violation(f"{violation}, after: {'; '.join(reversed(steps))}") from violation
    return True


_ABORT: dict[str, Any] = {"deposit": Fraction(6), "sanctions": ("forfeit", "abort")}

SHORT: tuple[Case, ...] = (
    Case(
        "n = 3, commitments, a change of the view, from opening on",
        3,
        1,
        Seal.COMMIT_REVEAL,
        start="opening",
        view=True,
    ),
    Case("n = 3, two liars, from attesting on", 3, 2, Seal.COMMIT_REVEAL, start="attesting"),
    Case(
        "n = 3, dealings and a deposit, late clocks, from opening on", 3, 1, Seal.THRESHOLD, start="opening", late=True
    ),
    Case("n = 4, dealings, from opening on", 4, 1, Seal.THRESHOLD, start="opening"),
    Case("n = 4, a change of the view, from attesting on", 4, 1, Seal.THRESHOLD, start="attesting", view=True),
)
"""What the tests search."""

LONG: tuple[Case, ...] = (
    *SHORT,
    Case("n = 3, commitments, a change of the view", 3, 1, Seal.COMMIT_REVEAL, view=True),
    Case("n = 3, two liars, commitments", 3, 2, Seal.COMMIT_REVEAL, start="sealing"),
    Case("n = 3, dealings and a deposit, late clocks", 3, 1, Seal.THRESHOLD, start="sealing", late=True, **_ABORT),
    Case("n = 3, dealings and a coin", 3, 1, Seal.THRESHOLD, start="sealing", toss=True),
    Case("n = 4, commitments and a deposit, from opening on", 4, 1, Seal.COMMIT_REVEAL, start="opening", **_ABORT),
    Case("n = 4, late clocks, from opening on", 4, 1, Seal.THRESHOLD, start="opening", late=True),
    Case("n = 4, a coin and a deposit", 4, 1, Seal.THRESHOLD, start="tossing", toss=True, **_ABORT),
    Case("n = 4, dealings and a deposit", 4, 1, Seal.THRESHOLD, start="sealing", **_ABORT),
    Case("n = 4, commitments, a change of the view", 4, 1, Seal.COMMIT_REVEAL, start="sealing", view=True),
)
"""What ``python -m mechdesign.testing.phase_model --long`` searches."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Search all cases, and print how many states each has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="the larger cases too")
    wanted = parser.parse_args(arguments)
    for case in LONG if wanted.long else SHORT:
        found = search(case)
        ends = ", ".join(f"{count} {end}" for end, count in sorted(found.ends.items()))
        size = f"{found.states} states, {found.steps} steps, {found.seconds:.1f} s"
        print(f"{case.name}: {size}; ends: {ends}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
