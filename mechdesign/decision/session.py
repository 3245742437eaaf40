"""One session: a pure function of its own entries, the roster, and the answers of the session core.

The same object runs live and in an audit. It knows neither who "we" are nor what time it is: it takes the next entry
of the log and says what follows for everyone. Whatever counts is chained into a digest of the inputs and kept for the
transcript; whatever does not leaves no trace. Deposits move at the end: who forfeits is known only then.
"""

from collections.abc import Callable, Sequence
from functools import partial

from mechdesign.decision.ask import Accusation, Ask, Waits, waits_for
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.certificate import Entry
from mechdesign.decision.custody.receipts import ReceiptEntry
from mechdesign.decision.dealt import SealedAsk, Tossing
from mechdesign.decision.docket import Docket
from mechdesign.decision.enrolment import Enrolment
from mechdesign.decision.entries import (
    STEPS_MAX,
    AttestEntry,
    CarryEntry,
    CoinEntry,
    DeclineEntry,
    EnrolEntry,
    EntryValue,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    ShareEntry,
    TimerEntry,
    Verdict,
)
from mechdesign.decision.inputs import Inputs
from mechdesign.decision.ledger import Ledger
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Attest,
    CoinReady,
    Convicted,
    Decided,
    DecisionEvent,
    Defaulted,
    Enrolled,
    PhaseChanged,
    Request,
    Toss,
)
from mechdesign.decision.offence import Offence
from mechdesign.decision.outcome import Outcome
from mechdesign.decision.phases import ENDED, PHASES, Cause, Phase, follow
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.room import fits
from mechdesign.decision.sealing.threshold import Purpose, verify_dealing
from mechdesign.decision.setting import Check, Setting
from mechdesign.decision.steps import open_step
from mechdesign.decision.tally import Tally
from mechdesign.decision.timers import Timers
from mechdesign.decision.vault import Vault
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError

__all__ = ["Session"]

_HIDDEN = frozenset({Phase.ENROLLING, Phase.GATHERING, Phase.SEALING, Phase.TOSSING})
_STEPS = frozenset({Phase.GATHERING, Phase.SEALING, Phase.OPENING, Phase.ASKING, Phase.TOSSING})


class Session:
    """The state of one session; see the module's text.

    Attributes:
        roster: the group's.
        proposal: the terms.
        proposer: who proposed.
        id: the session's identifier.
        setting: all of the above, for the steps.
        phase: where it stands.
        step: the current ask, or the last one.
        players: who takes part, in the order of the roster or of the roll; empty until that is known.
        named: the players with their names.
        enrolment: what members said to the proposal.
        left: members that cannot attest because they have not the code, in log order.
        convicted: players under sanction, with the offence.
        defaulted: who did not open a seal, in log order without repeats.
        tally: what members attested.
        ask: the current ask or toss, or the last one.
        coins: the coins that have fallen, in their order.
        reports: those to the last ask that closed, in the order of the players.
        waiting: the event that the session core has yet to answer.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.roster = setting.roster
        self.proposal = setting.proposal
        self.proposer = setting.founding.sender
        self.id = setting.session
        self.phase = Phase.ENROLLING
        self.step = 0
        self.players: tuple[MemberId, ...] = ()
        self.named: tuple[tuple[MemberId, str], ...] = ()
        self.enrolment = Enrolment(self.setting)
        self.left = self.enrolment.left
        self._docket = Docket(self.setting)
        self.convicted = self._docket.convicted
        self.defaulted = self._docket.defaulted
        self.ask: Ask | SealedAsk | Tossing | Gathering | None = None
        self.coins: list[bytes] = []
        self.waiting: Enrolled | Answers | CoinReady | None = None
        self._timers = Timers()
        self.tally = Tally(self.roster)
        self._outcome = Outcome(self.tally)
        self._ledger: Ledger | None = None
        self.reports: tuple[tuple[MemberId, bytes], ...] = ()
        self._inputs = Inputs(self.id)
        self._inputs.add(setting.founding)

    @classmethod
    def found(
        cls, roster: Roster, entry: Entry, check: Check = verify_dealing, scheme: SignatureScheme | None = None
    ) -> "Session | None":
        """The session that a PROPOSE entry founds, or None; see :meth:`Setting.found`."""
        setting = Setting.found(roster, entry, check, scheme)
        return cls(setting) if setting is not None else None

    # What can be asked of it

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        return self.phase in ENDED

    @property
    def hidden(self) -> bool:
        """Whether no report and no coin has begun to show."""
        return self.step == 0 and self.phase in _HIDDEN

    @property
    def duration_ms(self) -> int | None:
        """How long members let the current phase last by their own clocks, in milliseconds."""
        field = PHASES[self.phase].duration
        return getattr(self.proposal, field) if field and self.waiting is None else None

    @property
    def progress(self) -> PhaseChanged:
        """Who was heard in the current phase, and who is missing."""
        waits = self._waits()
        missing = waits.missing if waits.heard < waits.needed else ()
        return PhaseChanged(self.id, self.phase, self.step, min(waits.heard, waits.needed), waits.needed, missing)

    @property
    def late(self) -> tuple[MemberId, ...]:
        """Whose clocks have yet to run out in this phase, in roster order, once that of one member has."""
        return self._timers.awaited(self.enrolment.followers)

    @property
    def statement(self) -> AttestEntry | None:
        """What a member that computed the same attests; None before the freeze."""
        return self._outcome.statement

    @property
    def counted(self) -> int:
        """How many entries counted, the proposal included."""
        return self._inputs.counted

    def sanctions(self, member: MemberId) -> bool:
        """Whether a new conviction of ``member`` concerns this session: an early share shields nobody."""
        counts = Kind.EVIDENCE in PHASES[self.phase].counts
        return counts and member in self.players and self.convicted.get(member) in (None, Offence.EARLY_SHARE.value)

    # The log

    def apply(self, entry: Entry, said: EntryValue) -> list[DecisionEvent]:
        """Take the next entry of the log; empty if it counts for nothing.

        Raises:
            LocalProtocolError: the session core has not answered yet.
        """
        self._answered_all()
        attests = isinstance(said, AttestEntry) and not self.ended
        heard = attests or entry.submission.kind in PHASES[self.phase].counts
        if not heard or self.roster.place(entry.sender) is None or not fits(said, self.setting):
            return []
        accused: Sequence[Accusation] | None = ()
        match said:
            case TimerEntry():
                counts = self._timers.take(entry.sender, said, self.phase, self.step, self.hidden)
            case EnrolEntry() | DeclineEntry():
                stage = self.phase is Phase.ENROLLING, entry.sender in self.tally.said
                counts = self.enrolment.take(entry.sender, said, *stage)
            case SealEntry() | ReportEntry() | OpenEntry() | ShareEntry() | CoinEntry() | CarryEntry() if self.ask:
                accused = self.ask.take(self.phase, entry, said)
                counts = accused is not None
            case ReceiptEntry():
                counts = self.enrolment.cover.take(entry.sender, said)
            case AttestEntry():
                counts = self._outcome.attest(entry, said, self.left)
            case _:
                counts = False
        if not counts:
            return []
        self._inputs.add(entry)
        events: list[DecisionEvent] = [] if isinstance(said, TimerEntry) else [self.progress]
        events += self._convict([*(accused or ()), *self._docket.wrong(self.tally, self.statement)])
        # It costs the deposit and ends nothing: what proves it is the order that a quorum signs with the outcome.
        early = filter(self.sanctions, self._docket.premature(self.ask, self.phase, said))
        self.convicted.update(dict.fromkeys(early, Offence.EARLY_SHARE.value))
        return events + self._advance()

    def punish(self, entry: Entry, member: MemberId, offence: str) -> list[DecisionEvent]:
        """Apply the sanction for evidence that was ordered as ``entry`` and holds; see :meth:`sanctions`."""
        self._answered_all()
        self._inputs.add(entry)
        return self._sanction([(member, offence)])

    def answer(self, said: Request | Toss | Attest) -> list[DecisionEvent]:
        """Take the session core's answer to :attr:`waiting`.

        Raises:
            LocalProtocolError: nothing was asked, or the answer is none that the contract allows.
        """
        if self.waiting is None:
            raise LocalProtocolError("the session core answers what was not asked")
        if isinstance(self.ask, Gathering) and isinstance(self.waiting, Enrolled) and not isinstance(said, Attest):
            return self._reported(said)
        at = self.waiting.position
        if isinstance(said, Attest):
            assert self._ledger is not None
            self._outcome.compute(said, at, self._inputs, self._ledger)
        cause = Cause.COMPUTED if isinstance(said, Attest) else self._step(said)
        self.phase = follow(self.phase, cause)
        self.waiting = None
        self._timers.begin()
        return [self.progress, *self._advance()]

    def _answered_all(self) -> None:
        if self.waiting is not None:
            raise LocalProtocolError("the session core must answer what asks it before the next entry")

    # What closes

    def _waits(self) -> Waits:
        """What the current phase waits for."""
        if self.phase is Phase.ENROLLING:
            return self.enrolment.waits
        followers = self.enrolment.followers
        if self.phase in _STEPS and self.ask:
            return self.ask.waits(self.phase, followers)
        return waits_for(followers, self.tally.said)

    def _advance(self) -> list[DecisionEvent]:
        """Close what is due, and what that makes due."""
        events: list[DecisionEvent] = []
        while not self.ended and self.waiting is None:
            if self.hidden and len(self._timers.overrun) >= self.roster.q:
                return events + self._abort(Cause.OVERRUN, "the members change, and did not wait any longer")
            waits = self._waits()
            out = waits.nobody or len(self._timers.out) >= self.roster.q
            over = waits.heard >= waits.needed or out
            if self.phase is Phase.ATTESTING:
                if over and self.tally.certified is not None:
                    return events + self._decide()
                if self.tally.most + len(waits.missing) < self.roster.q:
                    return events + self._abort(Cause.NO_QUORUM, "no outcome can be certified any more by a quorum")
                return events
            # A timer alone lets no coin fall: what that lacks may still come.
            lacking = self.phase is Phase.TOSSING and isinstance(self.ask, Tossing) and not self.ask.enough
            if not over or (lacking and waits.missing):
                return events
            events += self._close[self.phase](self)
        return events

    def _close_enrolment(self) -> list[DecisionEvent]:
        if reason := self.enrolment.obstacle:
            return self._abort(Cause.TOO_FEW, reason, self.enrolment.silent)
        if not self.proposal.rolled:
            return self._begin(self.enrolment.enrolled)
        self.ask = Gathering(0, Vault(self.setting, 0, Purpose.REPORT))
        self.phase = follow(self.phase, Cause.ROLL)
        self._timers.begin()
        return [self.progress]

    def _begin(self, players: tuple[MemberId, ...]) -> list[DecisionEvent]:
        """The players are known: the mechanism can start."""
        names = self.ask.names if isinstance(self.ask, Gathering) else {}
        self.players = players
        self.named = tuple((player, names.get(player) or self.roster.name(player)) for player in players)
        self._ledger = Ledger(tuple(name for _, name in self.named), self.proposal.deposit, self.proposal.decimals)
        self.waiting = Enrolled(self.id, self.named, self._inputs.position)
        return [self.waiting]

    def _lock(self) -> list[DecisionEvent]:
        assert self.ask is not None
        if not self.ask.lock():
            return self._abort(Cause.NO_COIN, "too few members dealt validly for a coin")
        cause = {Tossing: Cause.DEALT, Gathering: Cause.BALLOTS_IN}.get(type(self.ask), Cause.SEALS_IN)
        self.phase = follow(self.phase, cause)
        self._timers.begin()
        return [self.progress]

    def _close_ask(self) -> list[DecisionEvent]:
        assert self.ask is not None
        waits = self._waits()
        accused = self.ask.close()
        if accused is None:
            reason = f"{waits.heard} of {waits.needed} members' shares are there, which does not open what was sealed"
            return self._abort(Cause.UNOPENED, reason, waits.missing)
        events = self._convict(accused)
        if isinstance(self.ask, Gathering):
            return self._close_gathering(self.ask)
        assert self._ledger is not None
        inputs = self._inputs.position, self._inputs.digest, self._ledger.balances
        if isinstance(self.ask, Tossing):
            self.coins.append(self.ask.coin)
            self.waiting = CoinReady(self.id, self.step, self.ask.coin, *inputs)
            return [*events, self.waiting]
        unopened = self.ask.unopened if isinstance(self.ask, Ask) else ()
        self.defaulted.update(dict.fromkeys(unopened))
        self.reports = self.ask.answers
        self.waiting = Answers(self.id, self.step, self.reports, *inputs)
        return [*events, *(Defaulted(self.id, self.step, member) for member in unopened), self.waiting]

    def _close_gathering(self, ask: Gathering) -> list[DecisionEvent]:
        self.reports = ask.answers
        if len(self.reports) < self.proposal.players_min:
            reason = f"{len(self.reports)} of at least {self.proposal.players_min} participants gave a report"
            return self._abort(Cause.TOO_FEW, reason)
        return self._begin(tuple(member for member, _ in self.reports))

    _close: dict[Phase, Callable[["Session"], list[DecisionEvent]]] = {  # noqa: RUF012 - a table, never written to
        Phase.ENROLLING: _close_enrolment,
        Phase.GATHERING: _lock,
        Phase.SEALING: _lock,
        Phase.TOSSING: _lock,
        Phase.OPENING: _close_ask,
        Phase.ASKING: _close_ask,
    }

    def _reported(self, said: Request | Toss) -> list[DecisionEvent]:
        """Answer the one ask of a session with a roll: the reports were in before the players were known."""
        if not isinstance(said, Request) or (said.step, said.of) != (0, self.players):
            raise LocalProtocolError("a session with a roll asks all participants first, and once")
        assert self._ledger is not None
        inputs = self._inputs.position, self._inputs.digest, self._ledger.balances
        self.waiting = Answers(self.id, 0, self.reports, *inputs)
        return [self.waiting]

    def _step(self, said: Request | Toss) -> Cause:
        step = 0 if self.ask is None else self.step + 1
        if said.step != step or step >= STEPS_MAX:
            raise LocalProtocolError(f"the next step is {step} of at most {STEPS_MAX}, not {said.step}")
        if isinstance(said, Request) and said.of != tuple(member for member in self.players if member in said.of):
            raise LocalProtocolError("an ask is of players, in roster order")
        self.step = step
        self.ask, cause = open_step(self.setting, said)
        return cause

    # How it ends

    def _convict(self, accused: Sequence[Accusation]) -> list[DecisionEvent]:
        events: list[DecisionEvent] = []
        concerned: list[tuple[MemberId, str]] = []
        for member, offence, proof in accused:
            here = self.sanctions(member) and member not in dict(concerned)
            concerned += [(member, offence.value)] if here else []
            events.append(Convicted(member, offence.value, proof, (self.id,) if here else ()))
        return events + self._sanction(concerned)

    def _sanction(self, convicts: Sequence[tuple[MemberId, str]]) -> list[DecisionEvent]:
        """Whoever was convicted at one position pays together, before the session ends for it, if it does.

        Once reports or a coin begin to show, a conviction ends nothing: a cheat could have itself convicted to get out
        of what it has seen.
        """
        self.convicted.update(convicts)
        if not convicts or Sanction.ABORT not in self.proposal.sanctions or not self.hidden:
            return []
        names = " and ".join(f"{self.roster.name(member)} was convicted of {offence}" for member, offence in convicts)
        return self._abort(Cause.SANCTION, names)

    def _abort(self, cause: Cause, reason: str, missing: tuple[MemberId, ...] = ()) -> list[DecisionEvent]:
        last, self.phase = self.progress, follow(self.phase, cause)
        flows = self._ledger.close(self._docket.forfeited(self.players)) if self._ledger else ()
        transcript = self._inputs.record(self.roster).encoded
        return [self._at_end(last), Aborted(self.id, reason, missing, flows, transcript)]

    def _decide(self) -> list[DecisionEvent]:
        certificate, ledger = self.tally.certificate, self._ledger
        assert certificate is not None
        assert ledger is not None
        last = self.progress
        self.phase = follow(self.phase, Cause.CERTIFIED if certificate.verdict is Verdict.SETTLED else Cause.FAILED)
        agrees = certificate.statement == self.statement
        if agrees:
            ledger.book(self._outcome.flows)
        flows = ledger.close(self._docket.forfeited(self.players))
        early = self._docket.proofs(certificate, self._inputs.entries)
        transcript = self._inputs.record(self.roster).encoded
        result = partial(Decided, self.id, certificate.verdict, certificate.digest, certificate)
        return [*early, self._at_end(last), result(agrees=agrees, flows=flows, transcript=transcript)]

    def _at_end(self, last: PhaseChanged) -> PhaseChanged:
        return PhaseChanged(self.id, self.phase, self.step, last.heard, last.asked, last.missing)
