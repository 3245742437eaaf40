"""The money of the model: who pays a deposit, what a custodian says of it, and what the log alone says of both.

Where the custodian is honest, each player may pay its deposit, or less, or nothing, and the custodian signs for what it
has received, as a driver would have it. A custodian that lies has received whatever it says, of whom it says.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from mechdesign.decision.books import CUSTODY, Balance, Due
from mechdesign.decision.custody.custodian import Payment, attend
from mechdesign.decision.custody.receipts import PayoutEntry, ReceiptEntry
from mechdesign.decision.custody.till import DepositDue
from mechdesign.decision.entries import DeclineEntry, EnrolEntry, Kind, parse
from mechdesign.decision.phases import Phase
from mechdesign.decision.session import Session
from mechdesign.group.messages import Broadcast, Delivered
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.flow import DEPOSIT, Flow, net
from mechdesign.testing.model_world import Player, World, hear, ordered, session_of
from mechdesign.testing.simulator import Violation

__all__ = [
    "check_books",
    "check_players",
    "check_unpaid",
    "holder",
    "pay",
    "pay_out",
    "payments",
    "receipts",
    "strange_receipts",
    "waiting_receipts",
]

_FIRST, _REST = "the first of", "the rest of"


def holder(world: World) -> Player | None:
    """The custodian, if it is honest; None where it lies, or nobody holds deposits."""
    return next((each for each in world.players if world.name(each.place) == world.case.custodian), None)


# What is paid, and what is said of it


def payments(world: World) -> Iterator[tuple[int, Payment]]:
    """What players may pay to an honest custodian now: all, or less (liars, and where there are parts), or the rest."""
    custodian = holder(world)
    if custodian is None:
        return
    for due in (each for each in custodian.core.custody() if isinstance(each, DepositDue)):
        place = world.roster.ids.index(due.player)
        before, offered = _signed(custodian.said.values(), due.player), _amounts(world, place)
        if not before:
            short = place in world.liars or world.case.parts
            for amount in offered[:2] if short else offered[:1]:
                yield place, Payment(f"{_FIRST} {place}", amount)
        elif before == [offered[1]] and len(offered) > 2:
            yield place, Payment(f"{_REST} {place}", offered[2])


def pay(world: World, place: int, payment: Payment) -> None:
    """A member pays; the custodian sees it and has its receipt to say."""
    custodian = holder(world)
    assert custodian is not None  # the step was offered for it
    for said in attend(_Bank(world.roster.ids[place], payment), custodian.core.custody()):
        custodian.route(custodian.core.submit(said, 0))


def receipts(world: World, session: Session) -> Iterator[tuple[str, ReceiptEntry]]:
    """What a liar can sign for: for each member its deposit or less of it under one reference, the rest under another.

    Said by anybody but the custodian, behind the close, or under a reference that was used, it must count for nothing.
    """
    for place, player in enumerate(world.roster.ids):
        deposit, *parts = _amounts(world, place)
        name = world.name(place)
        yield f"all of {name}", ReceiptEntry(session.id, player, deposit, f"{_FIRST} {place}")
        yield f"too little of {name}", ReceiptEntry(session.id, player, parts[0], f"{_FIRST} {place}")
        if world.case.parts:
            yield f"the rest of {name}", ReceiptEntry(session.id, player, parts[1], f"{_REST} {place}")


def strange_receipts(world: World, session: Session) -> Iterator[ReceiptEntry]:
    """What must count for nothing whoever says it: what is no whole amount, or has the reference of another's."""
    deposit, *_ = _amounts(world, 0)
    for player in world.roster.ids:
        yield ReceiptEntry(session.id, player, deposit + Fraction(1, 2), "half a unit")
        for _, _, reference in _receipts(world):
            yield ReceiptEntry(session.id, player, deposit, reference)


def waiting_receipts(world: World, member: MemberId) -> list[Fraction]:
    """What an honest custodian has signed for of a member and has yet to be heard with."""
    custodian = holder(world)
    return _signed(custodian.pending, member) if custodian is not None else []


def _amounts(world: World, place: int) -> tuple[Fraction, ...]:
    """A deposit; less than it; and, where it is paid in parts, the rest. The custodian's is one like all others."""
    deposit = world.case.deposit
    return (deposit, deposit / 3, deposit * 2 / 3) if world.case.parts else (deposit, deposit / 3)


def _signed(told: Iterable[Broadcast], member: MemberId) -> list[Fraction]:
    read = [_read(said.kind, said.data) for said in told if said.kind == Kind.RECEIPT]
    return [said.amount for said in read if isinstance(said, ReceiptEntry) and said.player == member]


@dataclass(frozen=True, slots=True)
class _Bank:
    """Where an honest custodian has its money: one payment has come in; what is due is paid out at once."""

    payer: MemberId | None = None
    payment: Payment | None = None

    def received(self, due: DepositDue) -> Sequence[Payment]:
        """The payment, if it is for this deposit."""
        return [self.payment] if self.payment is not None and due.player == self.payer else []

    def pay(self, due: Due) -> bool:
        """It is done."""
        return True


# What the log alone says


_read = lru_cache(1 << 10)(parse)


def _entries(world: World, *kinds: Kind) -> Iterator[tuple[MemberId, object]]:
    """What was said while enrolment was open, by whom."""
    for heard in world.log[: world.closed]:
        if isinstance(heard, Delivered) and heard.submission.kind in kinds:
            yield heard.submission.sender, _read(heard.submission.kind, heard.submission.data)


def _receipts(world: World) -> list[tuple[MemberId, Fraction, str]]:
    """The receipts that count: of the custodian, in time, for one that is asked, each reference once."""
    counted: dict[str, tuple[MemberId, Fraction, str]] = {}
    for sender, said in _entries(world, Kind.RECEIPT):
        if not isinstance(said, ReceiptEntry) or world.roster.name(sender) != world.case.custodian:
            continue
        if said.player in world.asked and said.amount.denominator == 1:
            counted.setdefault(said.reference, (said.player, said.amount, said.reference))
    return list(counted.values())


def _received(world: World) -> dict[MemberId, Fraction]:
    received = dict.fromkeys(world.roster.ids, Fraction(0))
    for player, amount, _ in _receipts(world):
        received[player] += amount
    return received


def _standing(world: World) -> tuple[list[MemberId], dict[MemberId, Fraction]]:
    """Who wants to take part and has its deposit there, and of whom else how much of it is not, in roster order."""
    answers: dict[MemberId, bool] = {}
    for sender, said in _entries(world, Kind.ENROL, Kind.DECLINE):
        if sender in world.asked and isinstance(said, EnrolEntry | DeclineEntry):
            answers.setdefault(sender, isinstance(said, EnrolEntry))
    received, deposit = _received(world), world.case.deposit
    wanting = [member for member in world.asked if answers.get(member)]
    covered = [member for member in wanting if received[member] >= deposit]
    return covered, {member: deposit - received[member] for member in wanting if member not in covered}


# What must hold


def check_unpaid(world: World) -> None:
    """See that the status names those who want to take part and have no full receipt, and that the custodian knows."""
    session = session_of(world)
    if session is None:
        return
    open_ = session.phase is Phase.ENROLLING
    lacking = _standing(world)[1] if open_ else {}
    names = tuple(map(world.roster.name, lacking))
    for each in world.players:
        (seen,) = each.core.status()
        if seen.unpaid != names:
            raise Violation(f"the status says that {seen.unpaid} have not paid, and the log has no receipt of {names}")
    custodian = holder(world)
    duties = custodian.core.custody() if custodian is not None else ()
    told = {due.player: due.lacks for due in duties if isinstance(due, DepositDue)}
    if custodian is not None and told != lacking:
        raise Violation(f"the custodian waits for other deposits than those of {names}")


def check_players(before: Session, after: World) -> None:
    """See that whoever wants to take part plays if the log held a full receipt in time, and nobody else.

    Raises:
        Violation: enrolment has closed in this step, with others.
    """
    if before.phase is not Phase.ENROLLING or after.closed is None:
        return
    covered, session, name = _standing(after)[0], session_of(after), after.roster.name
    if session is not None:
        if strange := [name(player) for player in session.players if player not in covered]:
            raise Violation(f"{strange} play, and the log holds no full receipt of their deposits")
        if missed := [name(player) for player in covered if player not in session.players]:
            raise Violation(f"{missed} enrolled and paid in time, and do not play")
        return
    reason = str(after.players[0].ended[0][0])
    if " players enrolled" in reason and not reason.startswith(f"{len(covered)} of "):
        raise Violation(f"{len(covered)} enrolled and paid in time, and it ended with: {reason}")


def check_books(after: World) -> None:
    """See that the books hold what the custodian received in time and what flowed, and that all of it is to be paid.

    Raises:
        Violation: the session has ended in this step, and something else is booked.
    """
    flows = _flows(after)
    received = {after.roster.name(member): amount for member, amount in _received(after).items()}
    staked = {flow.payer: flow.amount for flow in flows if flow.payee == DEPOSIT}
    if short := [who for who, amount in staked.items() if received.get(who, 0) < amount]:
        raise Violation(f"{short} staked what the custodian has not received")
    moved = net((*(Flow(CUSTODY, who, amount, "") for who, amount in received.items() if amount), *flows))
    wanted = {party: amount for party, amount in moved.items() if amount}
    for each in after.players:
        booked = {line.party: line.amount for line in each.core.balances}
        if booked != wanted:
            raise Violation(f"{_shown(booked)} are in the books, and by the log it is {_shown(wanted)}")
        owed = {due.party: due.amount for due in each.core._epoch.books.dues}
        if owed != {party: amount for party, amount in wanted.items() if party != CUSTODY}:
            raise Violation(f"{_shown(owed)} are to be paid out of {_shown(wanted)}")


def _flows(world: World) -> tuple[Flow, ...]:
    flows = world.players[0].ended[0][-1]
    assert isinstance(flows, tuple)  # the last thing that an end tells
    return flows


def _shown(amounts: dict[str, Fraction]) -> str:
    return ", ".join(f"{amount} of {party}" for party, amount in amounts.items()) or "nothing"


def pay_out(copy: Callable[[], World]) -> None:
    """Have everything paid that is due once a session has ended, by others than the custodian, by it, and again by it.

    Raises:
        Violation: more or less counts than what the custodian says first; or any of it does, and the view changes.
    """
    world = copy()
    first = world.players[0]
    dues, lines = first.core._epoch.books.dues, first.core.balances
    told = [PayoutEntry(due.session, due.party).encoded for due in dues]
    place = [world.name(each) for each in range(world.case.n)].index(world.case.custodian)
    custodian = holder(world)
    if custodian is not None:
        said = attend(_Bank(), custodian.core.custody())
        sent = [effect for request in said for effect in custodian.core.submit(request, 0)]
        if sorted(getattr(effect, "data", b"") for effect in sent) != sorted(told):
            raise Violation(f"the custodian pays {len(said)} of {len(told)} that are due")
    for other in range(world.case.n):
        if other != place:
            _say_paid(world, other, told, lines)
    _say_paid(world, place, told, lines if world.changing else ())
    _say_paid(world, place, told, lines if world.changing else ())


def _say_paid(world: World, place: int, told: Sequence[bytes], wanted: tuple[Balance, ...]) -> None:
    for data in told:
        hear(world, ordered(world, place, Kind.PAYOUT, data))
    for each in world.players:
        if each.core.balances != wanted:
            raise Violation(f"{world.name(place)} says that all is paid, and {len(each.core.balances)} balances stand")
