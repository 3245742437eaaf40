"""What must hold in the worlds of the model, and when two of them are one."""

from collections.abc import Iterator
from typing import Any

from mechdesign.decision.ask import Ask
from mechdesign.decision.dealt import Dealt, SealedAsk
from mechdesign.decision.entries import Kind
from mechdesign.decision.session import Session
from mechdesign.group.messages import Broadcast
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.model_world import World, is_past, order, session_of
from mechdesign.testing.simulator import Violation

__all__ = ["check", "clear", "name", "rest", "rows"]


def clear(world: World) -> None:
    """Order what has come too late by now, and see that it counts for nothing: when that happens is of no matter.

    Raises:
        Violation: it counted.
    """
    while late := next(_late(world), None):
        place, said = late
        world.players[place].pending.remove(said)
        before = rows(world), world.players[0].ended
        order(world, place, said)
        if (rows(world), world.players[0].ended) != before:
            raise Violation(f"a {Kind(said.kind).name} of {world.name(place)} counted after its phase")


def _late(world: World) -> Iterator[tuple[int, Broadcast]]:
    session = session_of(world)
    for place, player in enumerate(world.players):
        for said in player.pending:
            if said.kind != Kind.PROPOSE and (session is None or is_past(said, session)):
                yield place, said


def check(world: World) -> None:
    """Raise a Violation if members differ, or an honest one was convicted."""
    first = world.players[0]
    for place in world.honest:
        player = world.players[place]
        if [_seen(each) for each in player.core.status()] != [_seen(each) for each in first.core.status()]:
            raise Violation(f"{world.name(0)} and {world.name(place)} are not in the same phase")
        if player.ended != first.ended or player.ready != first.ready:
            raise Violation(f"{world.name(0)} and {world.name(place)} have not seen the same end")
        guilty = [world.roster.name(member) for member, _ in player.convicted]
        if set(guilty) & {world.name(honest) for honest in world.honest}:
            raise Violation(f"{guilty} convicted, an honest member among them")


def rest(world: World) -> str:
    """How a state ends in which honest members can do nothing more.

    Raises:
        Violation: it is none in which a session may end.
    """
    status = [world.players[place].core.status() for place in world.honest]
    first = world.players[0]
    if not any(status):
        if world.case.view and world.changing and first.ready is None:
            raise Violation("nothing is open, and nobody is ready for the change of the view")
        return "not begun" if not first.ended else str(first.ended[0][0]).split(" and ")[0]
    liars = {world.name(place) for place in range(len(world.honest), world.case.n)}
    for (seen,) in status:
        if world.roster.faults is not FaultModel.UNANIMOUS:
            raise Violation(f"stalled in {seen.phase} with {seen.missing} missing")
        if not seen.missing or not set(seen.missing) <= liars:
            raise Violation(f"stalled in {seen.phase}, and the status names {seen.missing}")
    return f"stalled in {status[0][0].phase}"


def rows(world: World) -> list[tuple[object, ...]]:
    """For each member, what tells it from others: what it has yet to say, and what the log says of it."""
    session = session_of(world)
    rows: list[tuple[object, ...]] = []
    for place, (player, member) in enumerate(zip(world.players, world.roster.ids, strict=True)):
        own = (
            place in world.honest,
            tuple((said.kind, said.kind == Kind.TIMER and said.key) for said in player.pending),
            player.core.deadline is not None,
        )
        rows.append((*own, *(_row(session, member) if session is not None else ())))
    return rows


def name(world: World) -> tuple[object, ...]:
    """What is the same for two worlds exactly if nothing that can follow tells them apart, up to exchange."""
    session, first = session_of(world), world.players[0]
    here = _facts(session) if session is not None else None
    told = tuple(sorted(map(repr, rows(world))))
    convicts = tuple(sorted(offence for _, offence in first.convicted))
    ended = tuple(end[0] for end in first.ended)
    return here, told, world.changing, convicts, ended, first.ready is not None


def _seen(status: Any) -> tuple[object, ...]:
    return (status.session, status.phase, status.step, status.heard, status.asked, status.missing)


def _session(world: World) -> Session | None:
    return next(iter(world.players[0].core._sessions.values()), None)


def _facts(session: Session) -> tuple[object, ...]:
    ask = session.ask
    locked = len(ask.vault.locked) if isinstance(ask, Dealt) else 0
    return session.phase.value, session.step, type(ask).__name__, locked, session.statement is not None


def _row(session: Session, member: MemberId) -> tuple[object, ...]:
    """Everything that the log says of one member in a session."""
    ask = session.ask
    said: tuple[object, ...] = ()
    if isinstance(ask, Ask):
        seal = ask.seals.get(member)
        opened = member in ask.reports, ask.reports.get(member) is None
        said = seal is not None, seal is not None and seal[0] is None, *opened
    elif isinstance(ask, Dealt):
        heard = member in (ask.seals if isinstance(ask, SealedAsk) else getattr(ask, "heard", ()))
        box = ask.vault
        said = heard, member in box.dealt, member in box.heard, member in box.shares, member in ask.early
    attested = session._tally.said.get(member)
    return (
        said,
        member in session.players,
        session.enrolment.answers.get(member),
        member in session.left,
        member in session._timers,
        attested is not None and attested[0] == session.statement,
        attested is not None,
        session.convicted.get(member),
        member in session.defaulted,
        member in session._docket.accused,
        member in session._docket.early,
    )
