"""The worlds that the model of the phases searches: a few members with real decision cores over one log.

A world is copied at every step of the search. Whatever is frozen is shared by all worlds; the rest goes through pickle,
which is many times faster than ``deepcopy``.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.core import DecisionCore
from mechdesign.decision.entries import (
    AttestEntry,
    CoinEntry,
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
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Attest,
    CoinReady,
    Convicted,
    Decided,
    Enrol,
    Enrolled,
    Propose,
    Proposed,
    Request,
    Submit,
    Toss,
)
from mechdesign.decision.phases import Phase
from mechdesign.decision.proposal import Proposal, Seal
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing, EncryptionKey, Share, verify_dealing
from mechdesign.decision.secret import Secret
from mechdesign.decision.session import Session
from mechdesign.decision.setting import Setting
from mechdesign.decision.suspicion import Delay
from mechdesign.decision.voice import Voice
from mechdesign.group.messages import Broadcast, Delivered, Inclusion, Ready, Submission, ViewChanging
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.flow import Flow, net
from mechdesign.kernel.wire import digest
from mechdesign.testing.simulator import Violation

__all__ = ["Case", "Player", "World", "change", "first", "forget", "freeze", "is_past", "order", "session_of", "thaw"]

_NAMES = ("alice", "bob", "carol", "dave")
_INCLUSION = Inclusion(b"", b"", 0, ())  # this layer packs it into proofs, and looks at it in audits only


@dataclass(frozen=True, slots=True)
class Case:
    """What is searched.

    Attributes:
        name: for people.
        n: how many members.
        liars: how many of them lie, the last ones.
        seal: how reports are sealed.
        toss: whether the mechanism tosses a coin after the ask.
        deposit: what players stake.
        sanctions: what happens to convicts.
        late: whether anything can happen between the end of a clock and its entry in the log.
        view: whether a change of the view can be ordered.
        abuses: what liars do: say ``false`` versions of what they should, share too ``early``, ``leave``, say at once
            that a ``timer`` ran out.
        start: the first phase in which liars misbehave and honest clocks run out; before it everybody is prompt.
    """

    name: str
    n: int
    liars: int
    seal: Seal
    toss: bool = False
    deposit: Fraction = Fraction(0)
    sanctions: tuple[str, ...] = ("recompute",)
    late: bool = False
    view: bool = False
    abuses: tuple[str, ...] = ("false", "early", "leave", "timer")
    start: str = "enrolling"

    @property
    def roster(self) -> Roster:
        """The group's."""
        return _roster(self.n)


class _Entropy:
    """Draws the same bytes in every world, so that what follows from them is computed once."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __call__(self, size: int) -> bytes:
        return digest("mechdesign/model-entropy/1", bytes([self._place]))[:size]


@dataclass(slots=True)
class Player:
    """One member: its core, and the little that its session core does."""

    place: int
    core: DecisionCore
    toss: bool
    pending: list[Broadcast] = field(default_factory=list)
    said: set[bytes] = field(default_factory=set)
    ended: list[tuple[object, ...]] = field(default_factory=list)
    ready: bytes | None = None
    convicted: list[tuple[MemberId, str]] = field(default_factory=list)

    def route(self, effects: Sequence[object]) -> None:
        """Perform effects depth first, as the stack does."""
        for effect in effects:
            match effect:
                case Broadcast():
                    if effect.key not in self.said:
                        self.said.add(effect.key)
                        self.pending.append(effect)
                case Ready(state=state):
                    if self.ready is not None or self.core.status():
                        raise Violation(f"{_NAMES[self.place]} is ready while a session is open, or twice")
                    self.ready = state
                case Convicted(member=member, offence=offence):
                    self.convicted.append((member, offence))
                case Decided(verdict=verdict, digest=made, flows=flows):
                    self._end((verdict.value, made, flows), sum(net(flows).values()))
                case Aborted(reason=reason, flows=flows):
                    self._end((reason, flows), sum(net(flows).values()))
                case _:
                    for request in self._react(effect):
                        self.route(self.core.submit(request, 0))

    def _end(self, end: tuple[object, ...], sum_: Fraction | int) -> None:
        if sum_:
            raise Violation(f"what was booked sums to {sum_}")
        self.ended.append(end)

    def _react(self, event: object) -> list[Any]:
        match event:
            case Proposed(session=session):
                return [Enrol(session)]
            case Enrolled(session=session, players=players):
                of = tuple(member for member, _ in players)
                # A member that left is told nothing more, and whoever did not enrol is not asked.
                asked = Request(session, 0, of, sealed=True)
                mine = [Submit(session, 0, bytes([self.place + 1]))] if self.core._me in of else []
                return [asked, *mine]
            case Answers(session=session) if self.toss:
                return [Toss(session, 1)]
            case Answers(session=session, inputs=inputs) | CoinReady(session=session, inputs=inputs):
                return [Attest(session, Verdict.SETTLED, digest("mechdesign/model-outcome/1", inputs), ())]
        return []


@dataclass(slots=True)
class World:
    """A state: members, and how long the log is. The position of an entry matters only as a name of the freeze."""

    case: Case
    players: list[Player]
    position: int = 0
    changing: bool = False

    @property
    def roster(self) -> Roster:
        """The group's."""
        return self.case.roster

    @property
    def honest(self) -> range:
        """The places of those that do not lie."""
        return range(self.case.n - self.case.liars)

    def name(self, place: int) -> str:
        """What a member is called."""
        return _NAMES[place]


@cache
def _seed(place: int) -> bytes:
    return digest("mechdesign/model-sealing/1", bytes([place]))


@cache
def _roster(n: int) -> Roster:
    ids = sorted(MemberId(digest("mechdesign/model-member/1", bytes([place]))) for place in range(n))
    members = tuple(
        Member(key, _NAMES[place], bytes(key), EncryptionKey(_seed(place)).public) for place, key in enumerate(ids)
    )
    return Roster("model", members, FaultModel.default(n))


def first(case: Case) -> World:
    """Everybody is up, and the proposal has just been ordered or waits to be."""
    roster, scheme, players = case.roster, KeyedHash(), []
    for place, member in enumerate(roster.ids):
        key = EncryptionKey(_seed(place))
        core = DecisionCore(roster, member, scheme, entropy=_Entropy(place), sealing=key, check=_remembered_check)
        players.append(Player(place, core, case.toss))
    world = World(case, players)
    proposal = Proposal(
        mechanism="model",
        version=1,
        code=bytes(32),
        parameters="{}",
        asked=roster.ids,
        seal=case.seal,
        threshold=roster.q,
        report_bytes=4,
        deposit=case.deposit,
        sanctions=case.sanctions,  # type: ignore[arg-type]  # brought to its type on construction
        decimals=0,
    )
    players[0].route(players[0].core.submit(Propose(proposal), 0))
    return world


_SHARED = (
    AttestEntry,
    Broadcast,
    Case,
    Certificate,
    Committee,
    Dealing,
    EncryptionKey,
    Entry,
    Flow,
    Fraction,
    Proposal,
    Roster,
    Secret,
    Setting,
    Share,
    Submission,
    Voice,
    Delay,
)
_KNOWN: dict[int, object] = {}


def _shared(key: int) -> object:
    return _KNOWN[key]


_verify = cache(verify_dealing)


def _remembered_check(committee: Committee, context: Context, dealing: Dealing) -> bool:
    return _verify(committee, context, dealing)


def freeze(world: World) -> bytes:
    """A world as bytes."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=5)
    pickler.dispatch_table = dict.fromkeys(_SHARED, _share)
    pickler.dump(world)
    return buffer.getvalue()


def thaw(data: bytes) -> World:
    """A copy of a world."""
    world: World = pickle.loads(data)
    return world


def _share(value: object) -> tuple[Callable[[int], object], tuple[int]]:
    _KNOWN[id(value)] = value
    return _shared, (id(value),)


def order(world: World, place: int, said: Broadcast) -> None:
    """Put an entry at the end of the log."""
    submission = Submission(said.kind, world.roster.ids[place], 0, said.data)
    delivered = Delivered(world.position, submission, _INCLUSION)
    world.position += 1
    for player in world.players:
        player.route(player.core.receive(delivered, 0))


def change(world: World) -> None:
    """Order a change of the view."""
    world.changing = True
    for player in world.players:
        player.route(player.core.receive(ViewChanging(world.position), 0))


_STAGES = {
    Kind.SEAL: Phase.SEALING,
    Kind.REPORT: Phase.ASKING,
    Kind.COIN: Phase.TOSSING,
    Kind.OPEN: Phase.OPENING,
    Kind.SHARE: Phase.OPENING,
}


def is_past(said: Broadcast, session: Session) -> bool:
    """Whether the phase is over in which an entry could count."""
    entry = parse(said.kind, said.data)
    match entry:
        case EnrolEntry():
            return session.phase is not Phase.ENROLLING
        case TimerEntry(step=step, phase=phase):
            return (step, phase) != (session.step, session.phase.value)
        case SealEntry(step=step) | ReportEntry(step=step) | CoinEntry(step=step):
            return step < session.step or session.phase is not _STAGES[Kind(said.kind)]
        case OpenEntry(step=step) | ShareEntry(step=step):
            return step < session.step or session.phase is Phase.ATTESTING
    return False


def session_of(world: World) -> Session | None:
    """The session, as the first member has it, while it is open."""
    return next(iter(world.players[0].core._sessions.values()), None)


def forget() -> None:
    """Let go of what copies share, once a search is over."""
    _KNOWN.clear()
