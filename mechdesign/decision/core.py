"""The decision layer of one member: many sessions over one ordered log.

What everyone must agree on is in ``session.py``. Here is what only this member does: it speaks for its party, draws
salts and keeps them, opens its own seals, deals and shares, runs its own timers, hands on evidence. None of that
changes a session before it comes back in the log.

Bounds. A proposer has a bounded number of sessions open, see ``admission.py``; there is no common pool that liars
could use up. What a session keeps is bounded by its proposal, its steps, its roll and the roster, because an entry that
does not count is not kept.
Evidence is for ``bench.py``; what outlives the sessions, and the end of an epoch, for ``epoch.py``. The session core
may take its time to answer: meanwhile the session waits (``lanes.py``), and bookings (``clearing.py``).
"""

from collections.abc import Iterable
from typing import TypeAlias

from mechdesign.decision.admission import Admission, Founding, Ruling, began
from mechdesign.decision.alarms import Alarm, Alarms
from mechdesign.decision.ballots.notice import announce
from mechdesign.decision.bench import Bench, Sentence
from mechdesign.decision.books import Balance, Due
from mechdesign.decision.bystander import Bystanders
from mechdesign.decision.certificate import Entry
from mechdesign.decision.clearing import Clearing
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.custody.till import DepositDue, Till
from mechdesign.decision.entries import EvidenceEntry, Kind, SessionEntry, parse
from mechdesign.decision.epoch import DRAIN_MS, STEP_MS, Ending, Epoch
from mechdesign.decision.hearsay import Hearsay
from mechdesign.decision.lanes import HELD_BYTES_MAX, Lanes, Word
from mechdesign.decision.messages import (
    Attest,
    Carry,
    Convicted,
    DecisionEvent,
    DecisionRequest,
    Decline,
    Enrol,
    Enrolled,
    Forgotten,
    Payout,
    PhaseChanged,
    Propose,
    Reached,
    Receipt,
    Refused,
    Request,
    SessionId,
    Submit,
    Toss,
)
from mechdesign.decision.phases import Phase
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.sealing.threshold import EncryptionKey, verify_dealing
from mechdesign.decision.session import Session
from mechdesign.decision.setting import Check, Setting
from mechdesign.decision.speech import Speech
from mechdesign.decision.status import SessionStatus, describe
from mechdesign.decision.suspicion import Delay, Suspicions
from mechdesign.decision.voice import overrun, ran_out
from mechdesign.group.messages import Append, Broadcast, Delivered, EvidenceFound, Exclude, Expel, Ready, ViewChanging
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Entropy, Instant

__all__ = ["DecisionCore", "DecisionEffect", "SessionStatus"]

DecisionEffect: TypeAlias = Append | Broadcast | Exclude | Expel | Ready | Reached | DecisionEvent
"""Everything that this core asks for, downward and upward."""


class DecisionCore:
    """A machine between the group's log and the session core; see the module's text.

    Args:
        roster: the group's.
        me: this member.
        scheme: how signatures are checked.
        entropy: where salts and seeds come from.
        sealing: this member's encryption key, the one in the roster.
        check: how dealings are checked; another function than the default must give the same answers.
        state: what the epoch before left, as its ``Ready`` said; empty for a group's first.

    Raises:
        LocalProtocolError: the roster has no such member, or another key of it, or the state is none.
    """

    def __init__(
        self,
        roster: Roster,
        me: MemberId,
        scheme: SignatureScheme,
        *,
        entropy: Entropy,
        sealing: EncryptionKey,
        check: Check = verify_dealing,
        state: bytes = b"",
    ) -> None:
        self._check = check
        self._roster = roster
        self._me = me
        self._scheme = scheme
        self._sessions: dict[SessionId, Session] = {}
        self._entered: dict[SessionId, tuple[Phase, int, Instant]] = {}
        self._alarms = Alarms(self._runs)
        self._speech = Speech(roster, me, sealing, entropy)
        self._suspicions = Suspicions()
        self._epoch = Epoch(roster, state)
        self._bench = Bench(roster, scheme, self._epoch.standing)
        self._till = Till(roster, me)
        self._lanes = Lanes()
        self._admission = Admission(self._lanes)
        self._bystanders = Bystanders(self._admission)
        self._hearsay = Hearsay(self._admission)
        self._clearing = Clearing(self._epoch, self._bench)

    # The machine

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the journal's table ``secret``, before anything else.

        Raises:
            JournalError: a record is damaged.
        """
        self._speech.restore(records)

    @property
    def deadline(self) -> Instant | None:
        """When the next phase has lasted as long as its proposal allows, or a change has waited, or None."""
        change = self._alarms.change if self._sessions else None
        return min((due for due in (self._alarms.deadline, change) if due is not None), default=None)

    def status(self) -> tuple[SessionStatus, ...]:
        """Every open session that this member follows, in the order of their proposals."""
        shown = ((each, self._entered[each.id][2]) for each in sorted(self._sessions.values(), key=began))
        return tuple(describe(session, since, self._epoch.closing) for session, since in shown)

    def custody(self) -> tuple[DepositDue | Due, ...]:
        """What this member is waited for as a custodian: deposits to sign for, and pay-outs."""
        return self._till.duties(self._sessions.values(), self._epoch.books)

    def suspicions(self) -> tuple[Delay, ...]:
        """How much each member has made this one wait since this process started, in roster order; local."""
        return tuple(delay for member in self._roster.ids if (delay := self._suspicions.totals.get(member)))

    def setting(self, session: SessionId) -> Setting | None:
        """The fixed part of an open session that this member follows, for whoever checks dealings ahead."""
        found = self._sessions.get(session)
        return found.setting if found is not None else None

    def asked_at(self, session: SessionId) -> int | None:
        """The log position of what the session core computes for a session, or None."""
        found = self._sessions.get(session)
        return found.waiting.position if found is not None and found.waiting is not None else None

    def submit(self, request: DecisionRequest, now: Instant) -> list[DecisionEffect]:
        """Take a request of the session core.

        Raises:
            LocalProtocolError: the request breaks the contract of ``messages.py``.
        """
        match request:
            case Propose(proposal):
                return list(self._speech.propose(proposal))
            case Enrol(session):
                return list(self._speech.enrol(self._sessions.get(session)))
            case Decline():
                return self._decline(request, now)
            case Submit():
                return list(self._speech.report(self._sessions.get(request.session), request))
            case Carry():
                return list(self._speech.carry(self._sessions.get(request.session), request))
            case Receipt() | Payout():
                return list(self._till.say(request, self._sessions.get(request.session), self._epoch.books))
            case Request() | Toss() | Attest():
                return self._answer(request, now)

    @property
    def balances(self) -> tuple[Balance, ...]:
        """What every party has received minus what it has paid in the sessions that ended; sums to zero."""
        return self._epoch.books.balances

    @property
    def convicts(self) -> tuple[tuple[MemberId, str], ...]:
        """Members that were convicted in this epoch or an earlier one, with their offences."""
        return tuple(dict.fromkeys((*self._epoch.standing, *self._bench.convicts)))

    @property
    def hindrance(self) -> str:
        """What keeps this member from the change of the view that was ordered; empty if nothing, or none was."""
        return self._epoch.hindrance(self._open)

    @property
    def overfull(self) -> SessionId | None:
        """A session whose computation must be waited for before the next entry: too much is held back for it."""
        held = self._lanes.size + self._admission.size + self._clearing.size
        return self._lanes.first if held > HELD_BYTES_MAX else None

    def receive(self, incoming: Delivered | EvidenceFound | ViewChanging, now: Instant) -> list[DecisionEffect]:
        """Take the next entry of the log, or evidence that our group layer found; what others send never raises."""
        if isinstance(incoming, EvidenceFound):
            return list(self._bench.accuse(incoming))
        if isinstance(incoming, ViewChanging):
            self._epoch.closing = True
            self._alarms.change = now + DRAIN_MS * 1000
            self._clearing.change(self._epoch.position)
            return self._settle(now)
        self._epoch.position = incoming.position
        entry = Entry(incoming.position, incoming.submission, incoming.inclusion)
        if entry.submission.kind == Kind.PROPOSE:
            return self._settle(now, *self._propose(entry))
        return [*self._sort(entry, now), *self._settle(now)]

    def tick(self, now: Instant) -> list[DecisionEffect]:
        """Sign that phases have lasted long enough by our clock."""
        effects: list[DecisionEffect] = []
        while (alarm := self._alarms.due(now)) is not None:
            _, _, session, phase, step = alarm
            effects.append(ran_out(session, step, phase.value))
        if self._alarms.overrun(now):
            for open_ in self._sessions.values():
                phase, step, since = self._entered[open_.id]
                effects += overrun(open_, step, phase, since, now)
        return effects

    # What the session core says

    def _decline(self, request: Decline, now: Instant) -> list[DecisionEffect]:
        session = self._sessions.get(request.session)
        effects: list[DecisionEffect] = [*self._speech.decline(session, request)]
        if session is None or not isinstance(session.waiting, Enrolled) or not self._speech.leaves(session):
            return effects
        # Enrolment closed before the session core heard of the session: nobody answers what its lane is held for.
        effects += self._stand_by(session, self._lanes.release(session.id))
        return [*effects, *self._work_off(session, now), *self._settle(now, session.proposer)]

    def _answer(self, request: Request | Toss | Attest, now: Instant) -> list[DecisionEffect]:
        if request.session in self._bystanders:
            return []
        if (session := self._sessions.get(request.session)) is None:
            raise LocalProtocolError("the session core answers for a session that is not open")
        events = session.answer(request)
        effects = self._after(session, events, self._lanes.release(session.id), now)
        return [*effects, *self._work_off(session, now), *self._settle(now, session.proposer)]

    # What the log says

    def _propose(self, entry: Entry) -> list[MemberId]:
        session = Session.found(self._roster, entry, self._check, self._scheme)
        if session is None or self._known(session.id) is not None:
            return []
        return self._admission.put(Founding(entry, session, self._epoch.closing))

    def _sort(self, entry: Entry, now: Instant) -> list[DecisionEffect]:
        """Find out whose lane an entry belongs to, and take it unless that is held."""
        said = parse(entry.submission.kind, entry.submission.data)
        if isinstance(said, EvidenceEntry):
            return self._judge(entry, said, now)
        if isinstance(said, PayoutEntry):
            self._clearing.pay(entry.position, entry.sender, said, self._known(said.session))
            return []
        if said is None or self._known(said.session) is None:
            return []
        if said.session not in self._lanes:
            return self._hear(entry, said, now)
        self._lanes.put(Word(entry, said))
        return []

    def _known(self, name: SessionId) -> Session | None:
        where = (self._sessions.get, self._admission.find, self._bystanders.session, self._hearsay.session)
        return next((session for find in where if (session := find(name)) is not None), None)

    def _hear(self, entry: Entry, said: SessionEntry, now: Instant) -> list[DecisionEffect]:
        founded = self._hearsay.hear(entry, said)
        begun = self._begin(founded, entry.position, now) if founded is not None else []
        if (session := self._sessions.get(said.session)) is not None:
            return [*begun, *self._after(session, session.apply(entry, said), entry.position, now)]
        return list(self._bystanders.hear(entry, said))

    def _found(self, ruling: Ruling, now: Instant) -> list[DecisionEffect]:
        """Found the session of a proposal, or refuse or doubt it, and take what was said of it since."""
        session, position = ruling.founding.session, ruling.founding.entry.position
        self._admission.drop(ruling.founding)
        if ruling.reason:
            self._lanes.drop(session.id)
            refused = Refused(session.id, session.proposal, ruling.reason)
            return [Reached(position), refused] if session.proposer == self._me else []
        if ruling.doubtful:
            self._hearsay.put(session)
        begun = [] if ruling.doubtful else self._begin(session, position, now)
        return [Reached(position), *begun, *self._work_off(session, now)]

    def _begin(self, session: Session, position: int, now: Instant) -> list[DecisionEffect]:
        self._sessions[session.id] = session
        told = announce(session.setting, self._me, carried=self._epoch.reserve(session))
        return self._after(session, [told, session.progress], position, now)

    def _judge(self, entry: Entry, said: EvidenceEntry, now: Instant) -> list[DecisionEffect]:
        if (sentence := self._bench.judge(entry, said)) is None:
            return []
        self._lanes.judge(sentence)
        free = [session for session in self._sessions.values() if session.id not in self._lanes]
        return self._punish(sentence, free, now, told=sentence.anew)

    def _punish(
        self, sentence: Sentence, sessions: list[Session], now: Instant, *, told: bool = False
    ) -> list[DecisionEffect]:
        """Apply the sanctions of the open sessions whose lanes have come to a sentence."""
        entry, member, name = sentence.entry, sentence.member, sentence.offence
        concerned = [session for session in sessions if session.sanctions(member)]
        if not sentence.anew and not concerned:
            return []
        convicted = Convicted(member, name, sentence.evidence, tuple(session.id for session in concerned))
        excludes = any(Sanction.EXCLUDE in session.proposal.sanctions for session in sessions)
        effects: list[DecisionEffect] = [convicted] if told or concerned else []
        effects += self._bench.note(convicted, entry.position, excludes)
        for session in concerned:
            effects += self._after(session, session.punish(entry, member, name), entry.position, now)
        return effects

    # What was held back

    def _work_off(self, session: Session, now: Instant) -> list[DecisionEffect]:
        """Take what has queued in a session's lane, until it is held again."""
        effects: list[DecisionEffect] = []
        while (item := self._lanes.take(session.id)) is not None:
            effects.append(Reached(item.entry.position))
            if isinstance(item, Word):
                effects += self._hear(item.entry, item.said, now)
            else:
                effects += self._punish(item, [session] if session.id in self._sessions else [], now)
        return effects

    def _settle(self, now: Instant, *proposers: MemberId) -> list[DecisionEffect]:
        """Book what no earlier entry is waited for any more, and found what that, or news of its proposer, decides."""
        effects: list[DecisionEffect] = []
        news = list(proposers)
        while True:
            frontier = self._admission.frontier
            effects += self._clearing.clear(frontier, self._open)
            self._lanes.trim(frontier)
            if (decided := self._admission.decide(news, self._sessions.values())) is None:
                return effects
            effects += self._found(decided, now)

    @property
    def _open(self) -> tuple[SessionId, ...]:
        return (*self._sessions, *self._admission.coming)

    # What this member does about it

    def _after(
        self, session: Session, events: list[DecisionEvent], position: int, now: Instant
    ) -> list[DecisionEffect]:
        """Hand up what happened at a log position, and do this member's own part where a phase was entered."""
        effects: list[DecisionEffect] = []
        for event in events:
            waited = self._suspicions.see(event, now) if isinstance(event, PhaseChanged) else None
            effects += [event] if waited is None else [waited, event]
            if isinstance(event, Convicted):
                effects += self._bench.note(event, position, Sanction.EXCLUDE in session.proposal.sanctions)
        if session.ended:
            self._forget(session, position)
            self._clearing.end(Ending.of(session, events[-1], position), began(session))
            return effects
        if isinstance(session.waiting, Enrolled) and self._speech.leaves(session):
            told = [effect for effect in effects if effect is not session.waiting]
            return [*told, *self._stand_by(session, position)]
        if session.waiting is not None:
            self._lanes.hold(session.id, position)
            return effects
        mark = self._entered.get(session.id)
        if mark is not None and mark[:2] == (session.phase, session.step):
            return effects
        self._entered[session.id] = session.phase, session.step, now
        if self._alarms.overdue and session.hidden:
            effects += overrun(session, session.step, session.phase, now, now)
        if (duration_ms := session.duration_ms) is not None:
            longest = STEP_MS if self._epoch.closing and not session.hidden else duration_ms
            due = now + min(duration_ms, longest) * 1000
            self._alarms.set(due, session.id, session.phase, session.step, len(self._sessions))
        return [*effects, *self._bench.remind(session), *self._speech.speak(session)]

    def _stand_by(self, session: Session, position: int) -> list[Forgotten]:
        """What comes next is for those that have the code."""
        self._forget(session, position)
        self._epoch.books.leave(session.id)
        return self._bystanders.stand_by(session, position)

    def _forget(self, session: Session, position: int) -> None:
        self._admission.end(session, position)
        del self._sessions[session.id]
        self._entered.pop(session.id, None)
        self._suspicions.forget(session.id)
        self._speech.forget(session)

    def _runs(self, alarm: Alarm) -> bool:
        phase, step, on = alarm[3], alarm[4], self._sessions.get(alarm[2])
        return on is not None and on.waiting is None and (on.phase, on.step) == (phase, step)
