"""The worlds that the model of the phases searches: honest members with real decision cores, over one log.

Liars have no core: what they say is chosen for them, see :mod:`mechdesign.testing.model_liars`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

from mechdesign.decision.core import DecisionCore
from mechdesign.decision.entries import Verdict
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Attest,
    Carry,
    CoinReady,
    Convicted,
    Decided,
    Decline,
    Defaulted,
    Enrol,
    Enrolled,
    Propose,
    Proposed,
    Request,
    Submit,
    Toss,
)
from mechdesign.decision.phases import Phase
from mechdesign.decision.proposal import Proposal, Sanction, Seal
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing, EncryptionKey, verify_dealing
from mechdesign.decision.session import Session
from mechdesign.group.messages import Broadcast, Delivered, Exclude, Expel, Inclusion, Ready, Submission, ViewChanging
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.flow import DEPOSIT, Flow, net
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import digest
from mechdesign.testing.model_ballots import electorate, handed
from mechdesign.testing.simulator import Violation

__all__ = [
    "REPORT_BYTES",
    "Case",
    "Entropy",
    "Heard",
    "Player",
    "World",
    "change_clock",
    "first",
    "hear",
    "ordered",
    "phase_clock",
    "player",
    "said_of",
    "sealing_key",
    "session_in",
    "session_of",
    "waiting_ballots",
]

REPORT_BYTES = 4
"""How long reports are in the model."""

Heard: TypeAlias = Delivered | ViewChanging
"""What is ordered."""

_NAMES = ("alice", "bob", "carol", "dave")
_CHANGE = "the members change"
_INCLUSION = Inclusion(b"", b"", 0, ())  # this layer packs it into proofs, and looks at it in audits only


@dataclass(frozen=True, slots=True)
class Case:
    """What is searched.

    Attributes:
        name: for people.
        n: how many members.
        liars: how many of them lie, the last ones.
        seal: how reports are sealed.
        threshold: how many shares open what is dealt; as many as a quorum by default.
        asks: how often the mechanism asks; every time all players, and sealed as the terms say; never if 0.
        toss: whether the mechanism tosses a coin after that.
        rolled: how many participants play that are no members; none where members do.
        fails: whether the mechanism fails once it has the reports.
        deposit: what players stake.
        sanctions: what happens to convicts.
        custodian: which member holds the deposits, by name; it lies if it is one of the last. Nobody by default. For
            sessions that start with enrolling or paying.
        outside: whether the custodian is the one member that is not asked.
        parts: whether a deposit may be paid in two parts.
        late: whether anything can happen between the end of a clock and its entry in the log, and between the entries
            by which members say that they wait no longer for the session to end.
        view: whether a change of the view can be ordered.
        abuses: what liars do beside staying silent or doing what they should, see ``model_liars.py``.
        start: the first phase in which anybody misbehaves, declines, passes, or sees its clock run out, or ``again``
            for the second step, or ``paying`` for when all have enrolled; before it everybody is prompt.
        doubt: whether to see too that states that are taken for one have the same states behind them; many times
            slower.
    """

    name: str
    n: int
    liars: int
    seal: Seal
    threshold: int = 0
    asks: int = 1
    toss: bool = False
    rolled: int = 0
    fails: bool = False
    deposit: Fraction = Fraction(0)
    sanctions: tuple[Sanction, ...] = (Sanction.RECOMPUTE,)
    custodian: str = ""
    outside: bool = False
    parts: bool = False
    late: bool = False
    view: bool = False
    abuses: tuple[str, ...] = ("false", "garbage", "early", "leave", "timer", "proof")
    start: str = "enrolling"
    doubt: bool = False

    @property
    def roster(self) -> Roster:
        """The group's."""
        return _roster(self.n)

    @property
    def opens(self) -> int:
        """How many shares open what is dealt."""
        return self.threshold or self.roster.q

    @property
    def punishes(self) -> bool:
        """Whether anything happens to convicts while the session runs, or when it ends."""
        return bool({Sanction.FORFEIT, Sanction.ABORT, Sanction.EXCLUDE} & set(self.sanctions))


@dataclass(frozen=True, slots=True)
class Entropy:
    """A member's: the same bytes in every world, so that what follows from them is computed once."""

    place: int

    def __call__(self, size: int) -> bytes:
        """So many bytes."""
        return digest("mechdesign/model-entropy/1", bytes([self.place]))[:size]


def said_of(reason: str) -> list[tuple[str, str]]:
    """Who is said to be convicted of what by a cause of an abort."""
    parts = [part.partition(" was convicted of ") for part in reason.split(" and ")]
    return [(who, offence) for who, said, offence in parts if said]


@dataclass(slots=True)
class Player:
    """One honest member: its core, and the little that its session core does."""

    place: int
    core: DecisionCore
    case: Case
    pending: list[Broadcast] = field(default_factory=list)
    said: dict[bytes, Broadcast] = field(default_factory=dict)
    ended: list[tuple[object, ...]] = field(default_factory=list)
    ready: bytes | None = None
    convicted: list[tuple[MemberId, str]] = field(default_factory=list)
    defaulted: list[MemberId] = field(default_factory=list)
    excluded: list[MemberId] = field(default_factory=list)
    asked: tuple[MemberId, ...] = ()
    shown: bool = False
    proofs: dict[bytes, MemberId] = field(default_factory=dict)

    def route(self, effects: Sequence[object]) -> None:
        """Perform effects depth first, as the stack does."""
        for effect in effects:
            match effect:
                case Broadcast():
                    if effect.key not in self.said:
                        self.said[effect.key] = effect
                        self.pending.append(effect)
                case Ready(state=state):
                    if self.ready is not None or self.core.status():
                        raise Violation(f"{_NAMES[self.place]} is ready while a session is open, or twice")
                    self.ready = state
                case Convicted(member=member, offence=offence, evidence=evidence):
                    # What it is worth is tested where entries are signed; here they are not.
                    if not evidence:
                        raise Violation(f"{self.case.roster.name(member)} is convicted of {offence} without a proof")
                    self.convicted.append((member, offence))
                    self.proofs[evidence] = member
                case Exclude() | Expel():
                    self._exclude(self.proofs[effect.evidence] if isinstance(effect, Exclude) else effect.member)
                case Defaulted(member=member):
                    self.defaulted.append(member)
                case Decided(verdict=verdict, digest=made, flows=flows):
                    self._check_forfeits(flows)
                    self._end((verdict.value, made, flows), net(flows))
                case Aborted(reason=reason, flows=flows):
                    if self.shown and (said_of(reason) or reason.startswith(_CHANGE)):
                        raise Violation(f"it ended though reports or a coin had shown: {reason}")
                    for who, what in said_of(reason):
                        if (self.case.roster.ids[_NAMES.index(who)], what) not in self.convicted:
                            raise Violation(f"it aborted as if {who} were convicted of {what}, and nobody was")
                    self._end((reason, flows), net(flows))
                case _:
                    for request in self._react(effect):
                        self.route(self.core.submit(request, 0))

    def _exclude(self, member: MemberId) -> None:
        if member in self.excluded or Sanction.EXCLUDE not in self.case.sanctions:
            name = self.case.roster.name(member)
            raise Violation(f"{_NAMES[self.place]} asks to exclude {name}, and has done so, or no session declared it")
        self.excluded.append(member)

    def _check_forfeits(self, flows: Sequence[Flow]) -> None:
        """See that whoever lost its deposit in a session with an outcome defaulted, or was convicted with a proof."""
        guilty = {*(member for member, _ in self.convicted), *self.defaulted}
        for place, member in enumerate(self.case.roster.ids):
            lost = any(flow.reason == f"deposit forfeited by {_NAMES[place]}" for flow in flows)
            if lost and member not in guilty:
                raise Violation(f"{_NAMES[place]} lost its deposit, and nothing was proved against it")

    def _end(self, end: tuple[object, ...], booked: Mapping[str, Fraction]) -> None:
        if sum(booked.values()) or booked.get(DEPOSIT):
            raise Violation(f"what was booked does not balance, or leaves deposits: {booked}")
        self.ended.append(end)

    def _react(self, event: object) -> list[Any]:
        self.shown |= isinstance(event, Answers | CoinReady)
        match event:
            case Proposed(session=session):
                setting = self.core.setting(session)
                assert setting is not None  # it has just been proposed
                given = handed(setting, self.place) if self.case.rolled else ()
                asked = self.core._me in setting.proposal.asked
                joins = Enrol(session) if asked else Decline(session, "", follows=True)
                return [joins, *([Carry(session, given)] if given else [])]
            case Enrolled(session=session, players=players):
                self.asked = tuple(member for member, _ in players)
                return self._ask(session, 0) if self.case.asks else [self._attest(session, session)]
            case Answers(session=session, step=step) if step + 1 < self.case.asks:
                return self._ask(session, step + 1)
            case Answers(session=session) if self.case.toss:
                return [Toss(session, self.case.asks)]
            case Answers(session=session, inputs=inputs) | CoinReady(session=session, inputs=inputs):
                return [self._attest(session, inputs)]
        return []

    def _attest(self, session: bytes, inputs: bytes) -> Attest:
        verdict = Verdict.FAILED if self.case.fails else Verdict.SETTLED
        return Attest(session, verdict, digest("mechdesign/model-outcome/1", inputs), ())

    def _ask(self, session: bytes, step: int) -> list[Any]:
        # A member that left is told nothing more, and whoever did not enrol is not asked.
        mine = [Submit(session, step, bytes([self.place + 1 + step]))] if self.core._me in self.asked else []
        return [Request(session, step, self.asked, sealed=True), *mine]


@dataclass(slots=True)
class World:
    """A state: the honest members, and the log that they heard; and how long that was when enrolment closed."""

    case: Case
    players: list[Player]
    log: list[Heard] = field(default_factory=list)
    changing: bool = False
    closed: int | None = None

    @property
    def roster(self) -> Roster:
        """The group's."""
        return self.case.roster

    @property
    def asked(self) -> tuple[MemberId, ...]:
        """Who may play, of the members."""
        without = self.case.custodian if self.case.outside else ""
        return tuple(member for member in self.roster.ids if self.roster.name(member) != without)

    @property
    def honest(self) -> range:
        """The places of those that do not lie."""
        return range(len(self.players))

    @property
    def liars(self) -> range:
        """The places of those that do."""
        return range(len(self.players), self.case.n)

    def name(self, place: int) -> str:
        """What a member is called."""
        return _NAMES[place]


@cache
def sealing_key(place: int) -> EncryptionKey:
    """A member's key for sealing."""
    return EncryptionKey(digest("mechdesign/model-sealing/1", bytes([place])))


@cache
def _roster(n: int) -> Roster:
    ids = sorted(MemberId(digest("mechdesign/model-member/1", bytes([place]))) for place in range(n))
    members = tuple(Member(key, _NAMES[place], bytes(key), sealing_key(place).public) for place, key in enumerate(ids))
    return Roster("model", members, FaultModel.default(n))


def player(case: Case, place: int) -> Player:
    """An honest member that has heard nothing yet."""
    roster, key = case.roster, sealing_key(place)
    core = DecisionCore(
        roster, roster.ids[place], KeyedHash(), entropy=Entropy(place), sealing=key, check=_remembered_check
    )
    return Player(place, core, case)


def first(case: Case) -> World:
    """Everybody is up, and the proposal waits to be ordered."""
    world = World(case, [player(case, place) for place in range(case.n - case.liars)])
    proposal = Proposal(
        mechanism="model",
        version=1,
        code=bytes(32),
        parameters="{}",
        asked=world.asked,
        seal=case.seal,
        threshold=case.opens,
        report_bytes=REPORT_BYTES,
        deposit=case.deposit,
        sanctions=case.sanctions,
        custodian=case.custodian,
        default_report=b"none" if Sanction.DEFAULT_REPORT in case.sanctions else None,
        decimals=0,
        roll=electorate(case.rolled).roll.root if case.rolled else b"",
        rolled=case.rolled,
    )
    proposer = world.players[0]
    proposer.route(proposer.core.submit(Propose(proposal), 0))
    return world


_verify = cache(verify_dealing)


def _remembered_check(committee: Committee, context: Context, dealing: Dealing) -> bool:
    return _verify(committee, context, dealing)


# What happens in a world


def ordered(world: World, place: int, kind: int, data: bytes) -> Delivered:
    """An entry of a member, as it would stand at the end of the log."""
    return Delivered(len(world.log), Submission(kind, world.roster.ids[place], 0, data), _INCLUSION)


def hear(world: World, heard: Heard) -> None:
    """Put something at the end of the log, where all members hear it."""
    world.log.append(heard)
    world.changing |= isinstance(heard, ViewChanging)
    for each in world.players:
        each.route(each.core.receive(heard, 0))
    session = session_of(world)
    if world.closed is None and (world.players[0].ended if session is None else session.phase is not Phase.ENROLLING):
        world.closed = len(world.log)


def session_of(world: World) -> Session | None:
    """The session, as the first member has it, while it is open."""
    return session_in(world.players[0].core)


def session_in(core: DecisionCore) -> Session | None:
    """The session, as a member has it, while it is open."""
    return next(iter(core._sessions.values()), None)


def phase_clock(player: Player) -> Instant | None:
    """When the clock of an honest member that measures the current phase runs out; None if it has, or none runs."""
    return player.core._alarms.deadline


def waiting_ballots(player: Player) -> list[bytes]:
    """The digests of what an honest member was handed while enrolment was open."""
    return [
        digest("mechdesign/model-waiting/1", data)
        for by in player.core._speech._carriage._waiting.values()
        for data in by
    ]


def change_clock(player: Player) -> Instant | None:
    """When an honest member has waited long enough for the session to end since the view changes; None as above."""
    return player.core._alarms.change if player.core._sessions else None
