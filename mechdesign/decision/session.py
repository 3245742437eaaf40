"""One session: a pure function of its own entries, the roster, and the answers of the session core.

The same object runs live and in an audit. It knows neither who "we" are nor what time it is: it takes the next entry
of the log and says what follows for everyone. Whatever counts is chained into a digest of the inputs and kept for the
transcript; whatever does not leaves no trace. Deposits move at the end: who forfeits is known only then.
"""

from collections.abc import Callable, Sequence
from functools import partial

from mechdesign.decision.ask import Accusation, Ask, Waits, waits_for
from mechdesign.decision.certificate import Entry
from mechdesign.decision.dealt import SealedAsk, Tossing
from mechdesign.decision.docket import Docket
from mechdesign.decision.entries import (
    STEPS_MAX,
    AttestEntry,
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
    Proposed,
    Request,
    Toss,
)
from mechdesign.decision.offence import Offence
from mechdesign.decision.phases import ENDED, PHASES, Cause, Phase, follow
from mechdesign.decision.proposal import Proposal, Sanction, session_id
from mechdesign.decision.sealing.threshold import verify_dealing
from mechdesign.decision.setting import Check, Setting
from mechdesign.decision.steps import open_step
from mechdesign.decision.tally import Tally
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import DIGEST_BYTES

__all__ = ["Session"]

_STEPS = frozenset({Phase.SEALING, Phase.OPENING, Phase.ASKING, Phase.TOSSING})


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
        players: who takes part, in roster order; empty until enrolment closes.
        left: members that cannot attest because they have not the code, in log order.
        convicted: players under sanction, with the offence.
        defaulted: who did not open a seal, in log order without repeats.
        ask: the current ask or toss, or the last one.
        coins: the coins that have fallen, in their order.
        waiting: the event that the session core has yet to answer.
        statement: what a member that computed the same attests; None before the freeze.
    """

    def __init__(self, roster: Roster, proposal: Proposal, founding: Entry, check: Check = verify_dealing) -> None:
        sent = founding.submission
        self.roster = roster
        self.proposal = proposal
        self.proposer = founding.sender
        self.id = session_id(roster, founding.sender, sent.sequence, sent.data)
        self.phase = Phase.ENROLLING
        self.step = 0
        self.players: tuple[MemberId, ...] = ()
        self.left: dict[MemberId, None] = {}
        self.setting = Setting(roster, proposal, self.id, founding, check)
        self._docket = Docket(self.setting)
        self.convicted = self._docket.convicted
        self.defaulted = self._docket.defaulted
        self.ask: Ask | SealedAsk | Tossing | None = None
        self.coins: list[bytes] = []
        self.waiting: Enrolled | Answers | CoinReady | None = None
        self.statement: AttestEntry | None = None
        self._answers: dict[MemberId, bool] = {}
        self._timers: dict[MemberId, None] = {}
        self._tally = Tally(roster)
        self._computed: Attest | None = None
        self._ledger: Ledger | None = None
        self._reports: tuple[tuple[MemberId, bytes], ...] = ()
        self._inputs = Inputs(self.id)
        self._inputs.add(founding)

    @classmethod
    def found(cls, roster: Roster, entry: Entry, check: Check = verify_dealing) -> "Session | None":
        """The session that a PROPOSE entry founds, or None if its proposal is not valid here. Never raises.

        Args:
            roster: the group's.
            entry: the entry.
            check: how dealings are checked; another function than the default must give the same answers.
        """
        proposal = Proposal.parse(entry.submission.data)
        if proposal is None or proposal.fault(roster) is not None or roster.place(entry.sender) is None:
            return None
        return cls(roster, proposal, entry, check)

    # What can be asked of it

    def proposed(self, me: MemberId | None) -> Proposed:
        """The event that announces the session to the member ``me``."""
        members = self._named(self.proposal.asked)
        return Proposed(self.id, self.proposer, self.proposal, members, me in self.proposal.asked)

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        return self.phase in ENDED

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
    def reports(self) -> tuple[tuple[MemberId, bytes], ...]:
        """The reports to the last ask that closed or is open, in roster order."""
        return self._reports

    @property
    def counted(self) -> int:
        """How many entries counted, the proposal included."""
        return self._inputs.counted

    def sanctions(self, member: MemberId) -> bool:
        """Whether a new conviction of ``member`` concerns this session."""
        counts = Kind.EVIDENCE in PHASES[self.phase].counts
        return counts and member in self.players and member not in self.convicted

    # The log

    def apply(self, entry: Entry, said: EntryValue) -> list[DecisionEvent]:
        """Take the next entry of the log; empty if it counts for nothing.

        Raises:
            LocalProtocolError: the session core has not answered yet.
        """
        self._answered_all()
        if entry.submission.kind not in PHASES[self.phase].counts or self.roster.place(entry.sender) is None:
            return []
        accused: Sequence[Accusation] | None = ()
        match said:
            case TimerEntry():
                counts = self._time(entry.sender, said)
            case EnrolEntry() | DeclineEntry():
                counts = self._enrol(entry.sender, said)
            case SealEntry() | ReportEntry() | OpenEntry() | ShareEntry() | CoinEntry() if self.ask:
                accused = self.ask.take(self.phase, entry, said)
                counts = accused is not None
            case AttestEntry():
                counts = self._attest(entry, said)
            case _:
                counts = False
        if not counts:
            return []
        self._inputs.add(entry)
        events: list[DecisionEvent] = [] if isinstance(said, TimerEntry) else [self.progress]
        for accusation in accused or ():
            events += self._convict(*accusation)
        for accusation in self._docket.wrong(self._tally):
            events += self._convict(*accusation)
        for member in self._docket.premature(self.ask, self.phase, said):
            if self.sanctions(member):
                events += self._sanction(member, Offence.EARLY_SHARE.value)
        return events + self._advance()

    def punish(self, entry: Entry, member: MemberId, offence: str) -> list[DecisionEvent]:
        """Apply the sanction for evidence that was ordered as ``entry`` and holds; see :meth:`sanctions`."""
        self._answered_all()
        self._inputs.add(entry)
        return self._sanction(member, offence)

    def answer(self, said: Request | Toss | Attest) -> list[DecisionEvent]:
        """Take the session core's answer to :attr:`waiting`.

        Raises:
            LocalProtocolError: nothing was asked, or the answer is none that the contract allows.
        """
        if self.waiting is None:
            raise LocalProtocolError("the session core answers what was not asked")
        at = self.waiting.position
        cause = self._compute(said, at) if isinstance(said, Attest) else self._step(said)
        self.phase = follow(self.phase, cause)
        self.waiting = None
        self._timers = {}
        return [self.progress, *self._advance()]

    def _answered_all(self) -> None:
        if self.waiting is not None:
            raise LocalProtocolError(
                "the session core must answer Enrolled, Answers and CoinReady before the next entry"
            )

    # Rules of single entries: True if it counts

    def _time(self, sender: MemberId, said: TimerEntry) -> bool:
        if (said.phase, said.step) != (self.phase.value, self.step) or sender in self._timers:
            return False
        self._timers[sender] = None
        return True

    def _enrol(self, sender: MemberId, said: EnrolEntry | DeclineEntry) -> bool:
        leaves = isinstance(said, DeclineEntry) and not said.follows
        if self.phase is Phase.ENROLLING and sender in self.proposal.asked and sender not in self._answers:
            self._answers[sender] = isinstance(said, EnrolEntry)
        elif not leaves or sender in self.left or sender in self._tally.said or self._answers.get(sender):
            return False
        if leaves:
            self.left[sender] = None
        return True

    def _attest(self, entry: Entry, said: AttestEntry) -> bool:
        if self.statement is None or said.position != self.statement.position or entry.sender in self.left:
            return False
        return self._tally.add(entry, said)

    # What closes

    def _waits(self) -> Waits:
        """What the current phase waits for."""
        if self.phase is Phase.ENROLLING:
            return waits_for(self.proposal.asked, self._answers)
        followers = tuple(member for member in self.roster.ids if member not in self.left)
        if self.phase in _STEPS and self.ask:
            return self.ask.waits(self.phase, followers)
        return waits_for(followers, self._tally.said)

    def _advance(self) -> list[DecisionEvent]:
        """Close what is due, and what that makes due."""
        events: list[DecisionEvent] = []
        while not self.ended and self.waiting is None:
            waits = self._waits()
            out = not waits.missing or len(self._timers) >= self.roster.q
            over = waits.heard >= waits.needed or out
            if self.phase is Phase.ATTESTING:
                if over and self._tally.certified is not None:
                    return events + self._decide()
                if self._tally.most + len(waits.missing) < self.roster.q:
                    return events + self._abort(Cause.NO_QUORUM, "no outcome can be certified any more by a quorum")
                return events
            # A timer alone does not let a coin fall: dealings that it lacks may still come.
            lacking = self.phase is Phase.TOSSING and isinstance(self.ask, Tossing) and not self.ask.enough
            if not over or (lacking and waits.missing):
                return events
            events += self._close[self.phase](self)
        return events

    def _close_enrolment(self) -> list[DecisionEvent]:
        self.players = tuple(member for member in self.proposal.asked if self._answers.get(member))
        silent = tuple(member for member in self.proposal.asked if member not in self._answers)
        followers = self.roster.n - len(self.left)
        if len(self.players) < self.proposal.players_min:
            reason = f"{len(self.players)} of at least {self.proposal.players_min} players enrolled"
            return self._abort(Cause.TOO_FEW, reason, silent)
        if followers < self.roster.q:
            reason = f"{followers} members have the code, and a quorum is {self.roster.q}"
            return self._abort(Cause.TOO_FEW, reason, silent)
        names = tuple(map(self.roster.name, self.players))
        self._ledger = Ledger(names, self.proposal.deposit, self.proposal.decimals)
        self.waiting = Enrolled(self.id, self._named(self.players), self._inputs.position)
        return [self.waiting]

    def _lock(self) -> list[DecisionEvent]:
        assert self.ask is not None
        if not self.ask.lock():
            return self._abort(Cause.NO_COIN, "too few members dealt validly for a coin")
        self.phase = follow(self.phase, Cause.DEALT if isinstance(self.ask, Tossing) else Cause.SEALS_IN)
        self._timers = {}
        return [self.progress]

    def _close_ask(self) -> list[DecisionEvent]:
        assert self.ask is not None
        assert self._ledger is not None
        waits = self._waits()
        accused = self.ask.close()
        if accused is None:
            reason = f"{waits.heard} of {waits.needed} members' shares are there, which does not open what was sealed"
            return self._abort(Cause.UNOPENED, reason, waits.missing)
        events = [event for accusation in accused for event in self._convict(*accusation)]
        if self.ended:
            return events
        inputs = self._inputs.position, self._inputs.digest, self._ledger.balances
        if isinstance(self.ask, Tossing):
            self.coins.append(self.ask.coin)
            self.waiting = CoinReady(self.id, self.step, self.ask.coin, *inputs)
            return [*events, self.waiting]
        unopened = self.ask.unopened if isinstance(self.ask, Ask) else ()
        self.defaulted.update(dict.fromkeys(unopened))
        self._reports = self.ask.answers
        self.waiting = Answers(self.id, self.step, self._reports, *inputs)
        return [*events, *(Defaulted(self.id, self.step, member) for member in unopened), self.waiting]

    _close: dict[Phase, Callable[["Session"], list[DecisionEvent]]] = {  # noqa: RUF012 - a table, never written to
        Phase.ENROLLING: _close_enrolment,
        Phase.SEALING: _lock,
        Phase.TOSSING: _lock,
        Phase.OPENING: _close_ask,
        Phase.ASKING: _close_ask,
    }

    # What the session core answers

    def _step(self, said: Request | Toss) -> Cause:
        step = 0 if self.ask is None else self.step + 1
        if said.step != step or step >= STEPS_MAX:
            raise LocalProtocolError(f"the next step is {step} of at most {STEPS_MAX}, not {said.step}")
        if isinstance(said, Request) and said.of != tuple(member for member in self.players if member in said.of):
            raise LocalProtocolError("an ask is of players, in roster order")
        self.step = step
        self.ask, cause = open_step(self.setting, said)
        return cause

    def _compute(self, said: Attest, position: int) -> Cause:
        if len(said.digest) != DIGEST_BYTES or (said.verdict is Verdict.FAILED and said.flows):
            raise LocalProtocolError("an outcome has a digest of 32 bytes, and a failed one no flows")
        assert self._ledger is not None
        self._ledger.check(said.flows)
        self._computed = said
        self.statement = AttestEntry(self.id, position, self._inputs.digest, said.verdict, said.digest)
        self._inputs.frozen = True
        return Cause.COMPUTED

    # How it ends

    def _convict(self, member: MemberId, offence: Offence, proof: bytes) -> list[DecisionEvent]:
        concerned = (self.id,) if self.sanctions(member) else ()
        convicted = Convicted(member, offence.value, proof, concerned)
        return [convicted, *(self._sanction(member, offence.value) if concerned else ())]

    def _sanction(self, member: MemberId, offence: str) -> list[DecisionEvent]:
        self.convicted[member] = offence
        if Sanction.ABORT not in self.proposal.sanctions or self.statement is not None:
            return []
        return self._abort(Cause.SANCTION, f"{self.roster.name(member)} was convicted of {offence}")

    def _abort(self, cause: Cause, reason: str, missing: tuple[MemberId, ...] = ()) -> list[DecisionEvent]:
        last = self.progress
        self.phase = follow(self.phase, cause)
        flows = self._ledger.close(self._docket.forfeited(self.players)) if self._ledger else ()
        return [self._at_end(last), Aborted(self.id, reason, missing, flows)]

    def _decide(self) -> list[DecisionEvent]:
        certificate, computed, ledger = self._tally.certificate, self._computed, self._ledger
        assert certificate is not None
        assert computed is not None
        assert ledger is not None
        last = self.progress
        settled = certificate.verdict is Verdict.SETTLED
        self.phase = follow(self.phase, Cause.CERTIFIED if settled else Cause.FAILED)
        agrees = certificate.statement == self.statement
        if agrees:
            ledger.book(computed.flows)
        flows = ledger.close(self._docket.forfeited(self.players))
        early = self._docket.proofs(certificate, self._inputs.entries)
        transcript = self._inputs.record(self.roster).encoded
        result = partial(Decided, self.id, certificate.verdict, certificate.digest, certificate)
        return [*early, self._at_end(last), result(agrees=agrees, flows=flows, transcript=transcript)]

    def _at_end(self, last: PhaseChanged) -> PhaseChanged:
        return PhaseChanged(self.id, self.phase, self.step, last.heard, last.asked, last.missing)

    def _named(self, members: tuple[MemberId, ...]) -> tuple[tuple[MemberId, str], ...]:
        return tuple((member, self.roster.name(member)) for member in members)
