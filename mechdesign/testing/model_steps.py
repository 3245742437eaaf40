"""What can happen next in a world of the model: to honest members, to liars, and to the group."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from mechdesign.decision.entries import DeclineEntry, EnrolEntry, Kind, ReportEntry, SealEntry, TimerEntry, parse
from mechdesign.decision.phases import DRAINING, Phase
from mechdesign.group.messages import Broadcast, ViewChanging
from mechdesign.kernel.machine import Instant
from mechdesign.testing.model_custody import pay, payments
from mechdesign.testing.model_liars import prompt, sayings
from mechdesign.testing.model_rules import rows
from mechdesign.testing.model_world import World, change_clock, hear, ordered, phase_clock, session_of
from mechdesign.testing.simulator import Violation

__all__ = ["Step", "begun", "honest_steps", "other_steps"]

Step: TypeAlias = tuple[str, Callable[[World], None]]
"""What a step is called, and what it does to a world."""

_ORDER = ("enrolling", "paying", "gathering", "sealing", "asking", "opening", "tossing", "attesting", "again")


def begun(world: World) -> bool:
    """Whether the phase is reached from which on anything can go wrong."""
    session, start = session_of(world), world.case.start
    if start == _ORDER[0] or (session is None and world.log):
        return True
    if session is None:
        return False
    enrolled = session.phase is Phase.ENROLLING and len(session.enrolment.equipped) == world.case.n
    return session.step > 0 or _ORDER.index("paying" if enrolled else session.phase.value) >= _ORDER.index(start)


def honest_steps(world: World) -> Iterator[Step]:
    """What honest members do sooner or later, whatever the others do."""
    free, told = begun(world), rows(world)
    for place in world.honest:
        player = world.players[place]
        if told[place] in told[:place]:
            continue  # its step leads where that one's does, but for an exchange of members
        for at, said in enumerate(player.pending):
            yield f"{world.name(place)} says {Kind(said.kind).name}", _say(place, at, None)
            if free and said.kind == Kind.CARRY:
                yield f"{world.name(place)} was handed no ballot", _drop(place, at)
            if free and (instead := _instead(said)) is not None:
                yield f"{world.name(place)} says {Kind(instead.kind).name} instead", _say(place, at, instead)
        if free and phase_clock(player) is not None:
            yield f"the clock of {world.name(place)}", _tick(place)
        if free and world.case.late and (due := change_clock(player)) is not None:
            yield f"{world.name(place)} waits no longer", _ring(place, due)
    if free and len(world.honest) >= world.roster.q and _drains(world):
        yield "honest members wait no longer", _drain
    if world.players[0].excluded and not world.changing:
        yield "an exclusion is ordered", _change
    for place in world.liars if not free else ():
        if (saying := prompt(world, place)) is not None:
            label, kind, data = saying
            yield f"{world.name(place)} {label}", _lie(place, kind, data)


def other_steps(world: World) -> Iterator[Step]:
    """What liars may do, what players pay, and the change of the view, which may all never happen."""
    if not begun(world):
        return
    told = rows(world)
    for place in world.liars:
        if told[place] in told[:place]:
            continue
        for label, kind, data in sayings(world, place):
            yield f"{world.name(place)} {label}", _lie(place, kind, data)
    for place, payment in payments(world):
        if told[place] not in told[:place]:
            yield f"{world.name(place)} pays {payment.amount}", partial(pay, place=place, payment=payment)
    if len(world.honest) < world.roster.q and "timer" in world.case.abuses and _drains(world):
        yield "a quorum waits no longer", _drain
    if world.case.view and not world.changing:
        yield "a change of the view", _change


def _instead(said: Broadcast) -> Broadcast | None:
    """What an honest member may choose to say in the place of this: that it takes no part, or gives no report."""
    match parse(said.kind, said.data):
        case EnrolEntry(session=session):
            entry = DeclineEntry(session, "not now", follows=True)
            return replace(said, kind=Kind.DECLINE, data=entry.encoded)
        case (SealEntry() | ReportEntry()) as entry:
            passes = replace(entry, sealed=None) if isinstance(entry, SealEntry) else replace(entry, report=None)
            return replace(said, data=passes.encoded)
    return None


def _say(place: int, at: int, instead: Broadcast | None) -> Callable[[World], None]:
    def step(world: World) -> None:
        said = world.players[place].pending.pop(at)
        said = said if instead is None else instead
        hear(world, ordered(world, place, said.kind, said.data))

    return step


def _drop(place: int, at: int) -> Callable[[World], None]:
    def step(world: World) -> None:
        del world.players[place].pending[at]

    return step


def _lie(place: int, kind: int, data: bytes) -> Callable[[World], None]:
    def step(world: World) -> None:
        # A proof is presented by somebody else.
        hear(world, ordered(world, 0 if kind == Kind.EVIDENCE else place, kind, data))

    return step


def _tick(place: int) -> Callable[[World], None]:
    def step(world: World) -> None:
        player = world.players[place]
        due = phase_clock(player)
        assert due is not None  # the step was offered for it
        player.route(player.core.tick(due))
        if not world.case.late and player.pending and player.pending[-1].kind == Kind.TIMER:
            said = player.pending.pop()
            hear(world, ordered(world, place, said.kind, said.data))

    return step


def _ring(place: int, due: Instant) -> Callable[[World], None]:
    def step(world: World) -> None:
        player = world.players[place]
        player.route(player.core.tick(due))

    return step


def _drains(world: World) -> bool:
    """Whether a quorum can end the session because the view changes; in late cases it does so one by one."""
    session = session_of(world)
    return world.changing and not world.case.late and session is not None and session.hidden


def _drain(world: World) -> None:
    session = session_of(world)
    assert session is not None  # the step was offered for it
    data, before = TimerEntry(session.id, 0, DRAINING).encoded, rows(world, waiting=False)
    for said, place in enumerate(range(world.roster.q), 1):
        hear(world, ordered(world, place, Kind.TIMER, data))
        if said < world.roster.q and rows(world, waiting=False) != before:
            raise Violation(f"{said} members changed something by waiting no longer, and a quorum is {world.roster.q}")
    if session_of(world) is not None:
        raise Violation("a quorum waits no longer, and the session goes on")


def _change(world: World) -> None:
    hear(world, ViewChanging(len(world.log)))
