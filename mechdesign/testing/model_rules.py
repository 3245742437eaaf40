"""What must hold in the worlds of the model, and when two of them are one."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mechdesign.decision.ask import Ask
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.core import DecisionCore
from mechdesign.decision.custody.receipts import ReceiptEntry
from mechdesign.decision.dealt import Dealt, SealedAsk, Tossing
from mechdesign.decision.entries import (
    CarryEntry,
    CoinEntry,
    DeclineEntry,
    EnrolEntry,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    ShareEntry,
    TimerEntry,
    Verdict,
    parse,
)
from mechdesign.decision.offence import Offence
from mechdesign.decision.phases import DRAINING, Phase
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.sealing.threshold import Share
from mechdesign.decision.session import Session
from mechdesign.group.messages import Broadcast, Delivered, ViewChanging
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.model_ballots import gathered, lines_of, what_counts
from mechdesign.testing.model_custody import check_books, check_players, check_unpaid, waiting_receipts
from mechdesign.testing.model_liars import is_garbage, junk
from mechdesign.testing.model_world import (
    Heard,
    Player,
    World,
    change_clock,
    hear,
    ordered,
    phase_clock,
    player,
    session_in,
    session_of,
    waiting_ballots,
)
from mechdesign.testing.simulator import Violation

__all__ = ["check", "check_close", "clear", "count_junk", "follow_late", "name", "rest", "rows"]


# What must hold


def check(world: World) -> None:
    """Raise a Violation if honest members differ in anything, or one of them was convicted."""
    first = world.players[0]
    known = _told(first)
    for each in world.players:
        if (told := _told(each)) != known:
            what = next(part for part, one, other in zip(_PARTS, told, known, strict=True) if one != other)
            raise Violation(f"{world.name(0)} and {world.name(each.place)} differ in {what}")
        guilty = {world.roster.name(member) for member, _ in each.convicted}
        if guilty & {world.name(honest) for honest in world.honest}:
            raise Violation(f"{sorted(guilty)} convicted, an honest member among them")
    _check_shares(world)
    if world.case.custodian:
        check_unpaid(world)


def _check_shares(world: World) -> None:
    """See that what was dealt is open at the t-th share that holds; those of honest members do."""
    session = session_of(world)
    if session is None or session.phase is not Phase.OPENING or not isinstance(session.ask, Dealt):
        return
    shared = _sharers(world, session) & set(world.honest)
    if session.ask.vault.locked and len(shared) >= world.case.opens:
        raise Violation(
            f"{len(shared)} honest members have shared, {world.case.opens} shares open, and nothing is open"
        )


def _sharers(world: World, session: Session) -> set[int | None]:
    """Who has shared in the current step what reads as a share, by the log alone."""
    said = [each.submission for each in world.log if isinstance(each, Delivered) and each.submission.kind == Kind.SHARE]
    read = [(each.sender, parse(each.kind, each.data)) for each in said]
    shares = [(who, share) for who, share in read if isinstance(share, ShareEntry) and share.step == session.step]
    return {world.roster.place(who) for who, share in shares if Share.parse(share.share) is not None}


def clear(world: World) -> None:
    """Order what has come too late by now, and see that it counts for nothing: when that happens is of no matter.

    Raises:
        Violation: it counted.
    """
    while late := next(_late(world), None):
        slow, said = late
        slow.pending.remove(said)
        _waste(world, slow.place, f"a {Kind(said.kind).name}", said.kind, said.data)


def check_close(before: World, after: World) -> None:
    """See that liars alone did not close a phase before an honest member was heard in it; call before ``clear``.

    Raises:
        Violation: they did, or an opening was left out.
    """
    session, last, now = session_of(before), after.log[-1], session_of(after)
    if after.case.custodian and session is not None:
        check_players(session, after)
        if now is None:
            check_books(after)
    if session is None or isinstance(last, ViewChanging) or _is_aborted(after):
        return
    if session.phase in (Phase.SEALING, Phase.TOSSING):
        _check_opening(before, session, now)
    closes = session.phase is Phase.GATHERING and now is not None and now.phase is not Phase.GATHERING
    if closes and now is not None and isinstance(now.ask, Gathering):
        _check_ballots(after, now.ask)
    dealt = session.phase is Phase.OPENING and isinstance(session.ask, Dealt) and bool(session.ask.vault.locked)
    if dealt and (now is None or now.phase is not Phase.OPENING):
        sharers = _sharers(after, session)
        if len(sharers) < before.case.opens:
            raise Violation(f"{len(sharers)} members have shared, {before.case.opens} shares open, and it is open")
    # Nobody waits for a clock, or for the proof of an offence.
    late = [(each, said) for each, said in _late(after) if said.kind not in (Kind.TIMER, Kind.EVIDENCE)]
    unheard = {each.place for each, said in late if _is_news(session, said, last.submission.data)}
    if not unheard or (session.phase is Phase.OPENING and isinstance(session.ask, Dealt)):
        return  # t shares open what was dealt; nobody waits for more
    rang = {before.roster.place(member) for member in session._timers.out}
    if last.submission.kind == Kind.TIMER:
        rang.add(before.roster.place(last.submission.sender))
    honest = rang & set(before.honest)
    if len(honest) < before.roster.q - len(before.liars):
        names = [before.name(place) for place in sorted(unheard)]
        raise Violation(f"{session.phase} closed without {names}, by the clocks of {len(honest)} honest members")


def _check_opening(before: World, session: Session, now: Session | None) -> None:
    """See that what honest members sealed is not passed over: between the close and what follows it is opened."""
    if now is not None and now.phase in (session.phase, Phase.OPENING):
        return
    bound = [before.name(place) for place in before.honest if _is_bound(session, before.roster.ids[place])]
    if bound:
        raise Violation(f"{session.phase} closed, and nobody could open what {bound} had sealed")


def _check_ballots(after: World, ask: Gathering) -> None:
    """See that of all that was carried what counts is what each participant said last without contradicting itself."""
    said = [parse(each.submission.kind, each.submission.data) for each in after.log if isinstance(each, Delivered)]
    carried = [data for entry in said if isinstance(entry, CarryEntry) for data in entry.ballots]
    wanted = what_counts(ask.vault.setting, carried)
    counted = {said.ballot.index: said.data for said in ask.counted}
    if counted != wanted:
        raise Violation(f"ballots of {sorted(counted)} count, and what was carried says otherwise")


def _is_news(session: Session, said: Broadcast, last: bytes) -> bool:
    """Whether an entry says what nobody else can have said: a ballot's participant may have been heard already."""
    carried = parse(said.kind, said.data)
    if not isinstance(carried, CarryEntry) or not isinstance(session.ask, Gathering):
        return True
    heard = set(session.ask.said)
    if isinstance(closing := parse(Kind.CARRY, last), CarryEntry):
        heard |= lines_of(session.setting, closing.ballots)
    return not lines_of(session.setting, carried.ballots) <= heard


def _is_bound(session: Session, member: MemberId) -> bool:
    ask = session.ask
    return member in (ask.vault.dealt if isinstance(ask, Dealt) else ask.sealed if isinstance(ask, Ask) else ())


def _is_aborted(world: World) -> bool:
    ended = world.players[0].ended
    return bool(ended) and ended[0][0] != Verdict.SETTLED.value


def count_junk(copy: Callable[[], World]) -> None:
    """Have liars say what must count for nothing, in one world after the other if it does not.

    Raises:
        Violation: it counted.
    """
    world = copy()
    sayings = [(place, *saying) for place in world.liars for saying in junk(world, place)]
    before = _known(world)
    for place, _, kind, data in sayings:
        hear(world, ordered(world, place, kind, data))
    if _known(world) != before:
        for place, label, kind, data in sayings:
            _waste(copy(), place, label, kind, data)
        raise Violation(f"something counted that should not among {[label for _, label, *_ in sayings]}")


def _waste(world: World, place: int, label: str, kind: int, data: bytes) -> None:
    before = _known(world)
    hear(world, ordered(world, place, kind, data))
    if _known(world) != before:
        raise Violation(f"{label} of {world.name(place)} counted, and its time was over or had not come")


def _known(world: World) -> tuple[object, ...]:
    return tuple((_told(each), len(each.pending)) for each in world.players)


def follow_late(world: World, log: Sequence[Heard]) -> None:
    """Have another life of an honest member hear the whole log at once, with its clock standing still.

    Raises:
        Violation: the state is another one than that of the life that followed step by step, or it says something else.
    """
    place = world.honest[-1]
    slow, quick = player(world.case, place), world.players[place]
    for heard in log:
        slow.route(slow.core.receive(heard, 0))
    if _told(slow) != _told(quick):
        raise Violation(f"{world.name(place)} is in another state when it hears the log late")
    if _words(slow) != _words(quick):
        raise Violation(f"{world.name(place)} says something else when it hears the log late")


def _words(player: Player) -> dict[bytes, bytes]:
    own = (Kind.PROPOSE, Kind.TIMER, Kind.RECEIPT)  # said by the wish of its party, by its clock, and for its money
    return {key: said.data for key, said in player.said.items() if said.kind not in own}


def rest(world: World) -> str:
    """How a state ends in which honest members can do nothing more.

    Raises:
        Violation: it is none in which a session may end.
    """
    status = [player.core.status() for player in world.players]
    first = world.players[0]
    guilty = {member for member, _ in first.convicted}
    if Sanction.EXCLUDE in world.case.sanctions and guilty != set(first.excluded):
        names = sorted(map(world.roster.name, guilty.difference(first.excluded)))
        raise Violation(f"{names} stand convicted, and nobody asks to exclude them")
    if not any(status):
        if world.changing and first.ready is None:
            raise Violation("nothing is open, and nobody is ready for the change of the view")
        return "not begun" if not first.ended else str(first.ended[0][0]).split(" and ")[0]
    liars = {world.name(place) for place in world.liars}
    for (seen,) in status:
        if world.roster.faults is not FaultModel.UNANIMOUS:
            raise Violation(f"stalled in {seen.phase} with {seen.missing} missing")
        if not seen.missing or not set(seen.missing) <= liars:
            raise Violation(f"stalled in {seen.phase}, and the status names {seen.missing}")
    return f"stalled in {status[0][0].phase}"


# What a member knows of the log

_PARTS = (
    *("phase", "enrolment", "deposits", "step", "seals", "ballots", "reports"),
    *("shares", "record", "attested", "inputs", "status", "end"),
)


def _told(player: Player) -> tuple[object, ...]:
    """Everything that the log has told a member; see the names in ``_PARTS``."""
    core = player.core
    books = core.balances, core._epoch.books.dues
    end = tuple(player.ended), player.ready, *books, core.convicts, tuple(player.excluded)
    session = session_in(core)
    if session is None:
        return (*(None,) * (len(_PARTS) - 1), end)
    ask, docket, ledger = session.ask, session._docket, session._ledger
    vault = ask.vault if isinstance(ask, Dealt) else None
    sealed = ask.seals if isinstance(ask, Ask | SealedAsk) else ask.heard if isinstance(ask, Tossing) else ()
    return (
        (session.phase, session.step, *session._timers.out, *session._timers.overrun),
        (*session.enrolment.answers.items(), *session.enrolment.equipped, *session.left, session.players),
        (*session.enrolment.cover.received.items(), *session.enrolment.cover._references.items()),
        (type(ask), *session.coins, session.waiting),
        tuple(sealed),
        gathered(ask) if isinstance(ask, Gathering) else None,
        (session.reports, *(ask.reports.items() if isinstance(ask, Ask | SealedAsk) else ())),
        vault and (*vault.dealt, vault.locked, *vault.heard, *vault.shares),
        (*session.convicted.items(), *session.defaulted, *docket.accused, *docket.early),
        (session.statement, *((member, said) for member, (said, _) in session.tally.said.items())),
        (session._inputs.digest, session.counted, *(ledger.flows if ledger else ())),
        tuple(_seen(each) for each in core.status()),
        end,
    )


def _seen(status: Any) -> tuple[object, ...]:
    return (status.session, status.phase, status.step, status.heard, status.asked, status.missing, status.unpaid)


# When entries are past


def _late(world: World) -> Iterator[tuple[Player, Broadcast]]:
    session = session_of(world)
    for each in world.players:
        for said in each.pending:
            if said.kind != Kind.PROPOSE and (session is None or _is_past(said, session)):
                yield each, said


_STAGES = {Kind.SEAL: Phase.SEALING, Kind.REPORT: Phase.ASKING, Kind.COIN: Phase.TOSSING}


def _is_past(said: Broadcast, session: Session) -> bool:
    """Whether the phase is over in which an entry could count."""
    match parse(said.kind, said.data):
        case EnrolEntry() | DeclineEntry(follows=True) | ReceiptEntry():
            return session.phase is not Phase.ENROLLING
        case TimerEntry(phase=phase) if phase == DRAINING:
            return not session.hidden
        case TimerEntry(step=step, phase=phase):
            return (step, phase) != (session.step, session.phase.value)
        case SealEntry(step=step) | ReportEntry(step=step) | CoinEntry(step=step):
            return step < session.step or session.phase is not _STAGES[Kind(said.kind)]
        case CarryEntry():
            return session.phase not in (Phase.ENROLLING, Phase.GATHERING)
        case OpenEntry(step=step) | ShareEntry(step=step):
            return step < session.step or session.phase is Phase.ATTESTING
    return False


# When two worlds are one


def name(world: World) -> tuple[object, ...]:
    """What is the same for two worlds only if nothing that can follow tells them apart, up to exchange of members.

    That is: everything that some rule can still ask for. Why the rest is left out stands in ``docs/phases.md``, and
    :func:`~mechdesign.testing.phase_model.search` can check it with ``doubt``.
    """
    session, first = session_of(world), world.players[0]
    here = _facts(session) if session is not None else None
    told = tuple(sorted(map(repr, rows(world))))
    ended = tuple(end[0] for end in first.ended)
    return here, told, world.changing, ended, first.ready is not None, bool(first.excluded)


def _facts(session: Session) -> tuple[object, ...]:
    ask = session.ask
    ballots = gathered(ask) if isinstance(ask, Gathering) else ()
    return session.phase.value, session.step, isinstance(ask, Dealt) and bool(ask.vault.locked), ballots


_TOLD_APART = (Kind.TIMER, Kind.CARRY)


def rows(world: World, *, waiting: bool = True) -> list[tuple[object, ...]]:
    """For each member, what tells it from others: what it has yet to say, and what the log says of it.

    Args:
        world: which.
        waiting: including whether it has said that it waits no longer for the session to end.
    """
    session = session_of(world)
    rows: list[tuple[object, ...]] = []
    for place, member in enumerate(world.roster.ids):
        row: tuple[object, ...] = (place in world.honest,)
        if place in world.honest:
            player = world.players[place]
            row += (tuple((said.kind, said.kind in _TOLD_APART and said.key) for said in player.pending),)
            row += (tuple(waiting_ballots(player)),)
            row += phase_clock(player) is not None, world.case.late and change_clock(player) is not None
        if world.case.custodian:
            row += _money(world, session, member)
        if session is not None:
            row += _standing(session, member), member in session._timers.out, _said(session, member)
            row += (waiting and session.hidden and member in session._timers.overrun,)
            if world.case.punishes:
                row += (_record(session, world.players[0].core, member), member in world.players[0].excluded)
        rows.append(row)
    return rows


def _money(world: World, session: Session | None, member: MemberId) -> tuple[object, ...]:
    """What was received of a member, and while that may be more, in how many parts; in the end what is due to it."""
    name, core = world.roster.name(member), world.players[0].core
    if session is None:
        owed = tuple(due.amount for due in core._epoch.books.dues if due.party == name)
        return name == world.case.custodian, owed
    cover = session.enrolment.cover
    parts = sum(player == member for player in cover._references.values()) if session.phase is Phase.ENROLLING else 0
    waiting = tuple(waiting_receipts(world, member))
    return name == world.case.custodian, cover.received.get(member), parts, waiting


def _standing(session: Session, member: MemberId) -> object:
    if session.phase is Phase.ENROLLING:
        return session.enrolment.answers.get(member), member in session.left, member in session.enrolment.equipped
    return member in session.players, member in session.left, member in session.enrolment.equipped


def _said(session: Session, member: MemberId) -> tuple[object, ...]:
    """What a member was heard to say in the current phase, as far as any rule looks at it again."""
    ask = session.ask
    match session.phase, ask:
        case Phase.SEALING, Ask():
            seal = ask.seals.get(member)
            return seal is not None, seal is not None and seal[0] is None
        case Phase.GATHERING, Gathering():
            return (member in ask.early,)
        case ((Phase.SEALING | Phase.TOSSING), (SealedAsk() | Tossing())):
            heard = ask.seals if isinstance(ask, SealedAsk) else ask.heard
            return member in heard, *_dealing(ask, member), member in ask.early
        case Phase.OPENING, Dealt():
            return *_dealing(ask, member), member in ask.vault.heard, member in ask.vault.shares
        case Phase.OPENING, Ask():
            return member in ask.sealed, member in ask.reports
        case Phase.ASKING, Ask():
            return (member in ask.reports,)
        case Phase.ATTESTING, _ if member in session.tally.said and session.statement is not None:
            said = session.tally.said[member][0]
            return said.verdict == session.statement.verdict, said.digest == session.statement.digest
    return ()


def _dealing(ask: Dealt, member: MemberId) -> tuple[bool, bool]:
    dealt = ask.vault.dealt.get(member)
    return dealt is not None, dealt is not None and bool(dealt[0].ciphertext) and is_garbage(dealt[0].ciphertext)


def _record(session: Session, core: DecisionCore, member: MemberId) -> bool:
    """What is held against a member: a proof that will be said again if it plays, and then whether it forfeits.

    Which offence it was, how often, or whether it has merely not opened, makes no difference from then on.
    """
    if session.phase is Phase.ENROLLING:
        return (member, Offence.EQUIVOCATION) in core.convicts
    return session.roster.name(member) in session._docket.forfeited(session.players)
