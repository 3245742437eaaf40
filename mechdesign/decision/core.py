"""The decision layer of one member: many sessions over one ordered log.

What everyone must agree on is in ``session.py``. Here is what only this member does: it speaks for its party, draws
salts and keeps them, opens its own seals, deals and shares, runs its own timers, hands on evidence. None of that
changes a session before it comes back in the log.

Bounds. A proposer has a bounded number of sessions open, see ``admission.py``; there is no common pool that liars
could use up. What a session keeps is bounded by its proposal, its steps, its roll and the roster, because an entry that
does not count is not kept.
Evidence is for ``bench.py``; what outlives the sessions, and the end of an epoch, for ``epoch.py``. The session core
may take its time to answer: meanwhile its proposer's sessions wait (``lanes.py``), and bookings (``clearing.py``).
"""

from collections.abc import Iterable
from typing import TypeAlias

from mechdesign.decision.admission import refusal
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
from mechdesign.decision.lanes import HELD_BYTES_MAX, Founding, Item, Lanes, Word
from mechdesign.decision.messages import (
    Attest,
    Booked,
    Carry,
    Convicted,
    DecisionEvent,
    DecisionRequest,
    Decline,
    Enrol,
    Enrolled,
    Payout,
    PhaseChanged,
    Propose,
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

DecisionEffect: TypeAlias = Append | Broadcast | Exclude | Expel | Ready | DecisionEvent
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
        place = roster.place(me)
        if place is None:
            raise LocalProtocolError("only a member of the roster takes part in its sessions")
        if roster.members[place].sealing != sealing.public:
            raise LocalProtocolError("the roster has another sealing key of this member")
        self._check = check
        self._roster = roster
        self._me = me
        self._scheme = scheme
        self._sessions: dict[SessionId, Session] = {}
        self._bystanders = Bystanders()
        self._entered: dict[SessionId, tuple[Phase, int, Instant]] = {}
        self._alarms = Alarms(self._runs)
        self._speech = Speech(roster, me, sealing, entropy)
        self._suspicions = Suspicions()
        self._epoch = Epoch(roster, state)
        self._bench = Bench(roster, scheme, self._epoch.standing)
        self._till = Till(roster, me)
        self._lanes = Lanes()
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
        shown = ((each, self._entered[each.id][2]) for each in self._sessions.values())
        return tuple(describe(session, since, self._epoch.closing) for session, since in shown)

    def custody(self) -> tuple[DepositDue | Due, ...]:
        """What this member is waited for as a custodian: deposits to sign for, and pay-outs."""
        return self._till.duties(self._sessions.values(), self._epoch.books)

    def suspicions(self) -> tuple[Delay, ...]:
        """How much each member has made this one wait since this process started, in roster order; local."""
        totals = self._suspicions.totals
        return tuple(totals[member] for member in self._roster.ids if member in totals)

    def setting(self, session: SessionId) -> Setting | None:
        """The fixed part of an open session that this member follows, for whoever checks dealings ahead."""
        found = self._sessions.get(session)
        return found.setting if found is not None else None

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
        if self._lanes.size + self._clearing.size <= HELD_BYTES_MAX or (first := self._lanes.first) is None:
            return None
        return first[1]

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
        taken = self._sort(Entry(incoming.position, incoming.submission, incoming.inclusion), now)
        return [*taken, *self._settle(now)]

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
        self._stand_by(session)
        self._lanes.release(session.proposer)
        return [*effects, *self._work_off(session.proposer, now), *self._settle(now)]

    def _answer(self, request: Request | Toss | Attest, now: Instant) -> list[DecisionEffect]:
        if request.session in self._bystanders:
            return []
        if (session := self._sessions.get(request.session)) is None:
            raise LocalProtocolError("the session core answers for a session that is not open")
        events = session.answer(request)
        effects = self._after(session, events, self._lanes.release(session.proposer), now)
        return [*effects, *self._work_off(session.proposer, now), *self._settle(now)]

    # What the log says

    def _sort(self, entry: Entry, now: Instant) -> list[DecisionEffect]:
        """Find out whose lane an entry belongs to, and take it unless that is held."""
        if entry.submission.kind == Kind.PROPOSE:
            session = Session.found(self._roster, entry, self._check, self._scheme)
            return self._run(session.proposer, Founding(entry, session, self._epoch.closing), now) if session else []
        said = parse(entry.submission.kind, entry.submission.data)
        if isinstance(said, EvidenceEntry):
            return self._judge(entry, said, now)
        if isinstance(said, PayoutEntry):
            self._clearing.pay(entry.position, entry.sender, said, self._known(said.session))
            return []
        known = self._known(said.session) if said is not None else None
        return self._run(known.proposer, Word(entry, said), now) if said is not None and known is not None else []

    def _known(self, name: SessionId) -> Session | None:
        return self._sessions.get(name) or self._lanes.coming.get(name) or self._bystanders.session(name)

    def _run(self, proposer: MemberId, item: Item, now: Instant) -> list[DecisionEffect]:
        if proposer not in self._lanes:
            return self._take(proposer, item, now)
        self._lanes.put(proposer, item)
        return []

    def _take(self, proposer: MemberId, item: Item, now: Instant) -> list[DecisionEffect]:
        """Let the next item of a proposer's lane have its consequences."""
        match item:
            case Founding():
                return self._found(item, now)
            case Sentence():
                return self._punish(item, [each for each in self._sessions.values() if each.proposer == proposer], now)
            case Word(entry, said):
                return self._hear(entry, said, now)

    def _hear(self, entry: Entry, said: SessionEntry, now: Instant) -> list[DecisionEffect]:
        if (session := self._sessions.get(said.session)) is not None:
            return self._after(session, session.apply(entry, said), entry.position, now)
        events, ended = self._bystanders.hear(entry, said)
        if ended is not None:
            self._clearing.end(Ending.empty(ended, entry.position), ended.setting.founding.position)
        return list(events)

    def _found(self, founding: Founding, now: Instant) -> list[DecisionEffect]:
        session, position = founding.session, founding.entry.position
        if session.id in self._sessions:
            return []
        booked: list[Booked | Ready] = []
        if reason := refusal(session, self._sessions.values(), founding.closing):
            return [Refused(session.id, session.proposal, reason)] if session.proposer == self._me else []
        if session.proposal.takes_deposits:
            if self._lanes.earlier(position):
                # Whether the books will have room for the deposits is not known yet.
                self._lanes.hold(session.proposer, position, None)
                self._lanes.put(session.proposer, founding, first=True)
                return []
            booked = self._clearing.clear(position, self._open)
        self._sessions[session.id] = session
        told = announce(session.setting, self._me, carried=self._epoch.reserve(session))
        return [*booked, *self._after(session, [told, session.progress], position, now)]

    def _judge(self, entry: Entry, said: EvidenceEntry, now: Instant) -> list[DecisionEffect]:
        if (sentence := self._bench.judge(entry, said)) is None:
            return []
        for proposer in self._lanes.held:
            self._lanes.put(proposer, sentence)
        free = [session for session in self._sessions.values() if session.proposer not in self._lanes]
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

    def _work_off(self, proposer: MemberId, now: Instant) -> list[DecisionEffect]:
        """Take what has queued in a lane, until it is held again."""
        effects: list[DecisionEffect] = []
        while (item := self._lanes.take(proposer)) is not None:
            effects += self._take(proposer, item, now)
        return effects

    def _settle(self, now: Instant) -> list[DecisionEffect]:
        """Book what no earlier entry is waited for any more, and go on with the lanes that needed that."""
        effects: list[DecisionEffect] = []
        while True:
            effects += self._clearing.clear(self._lanes.frontier, self._open)
            if (first := self._lanes.first) is None or first[1] is not None:
                return effects
            self._lanes.release(first[0])
            effects += self._work_off(first[0], now)

    @property
    def _open(self) -> tuple[SessionId, ...]:
        return (*self._sessions, *self._lanes.coming)

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
            self._forget(session)
            self._clearing.end(Ending.of(session, events[-1], position), session.setting.founding.position)
            return effects
        if isinstance(session.waiting, Enrolled) and self._speech.leaves(session):
            self._stand_by(session)
            return [effect for effect in effects if effect is not session.waiting]
        if session.waiting is not None:
            self._lanes.hold(session.proposer, position, session.id)
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

    def _stand_by(self, session: Session) -> None:  # what comes next is for those that have the code
        self._forget(session)
        self._epoch.books.leave(session.id)
        self._bystanders.stand_by(session)

    def _forget(self, session: Session) -> None:
        del self._sessions[session.id]
        self._entered.pop(session.id, None)
        self._suspicions.forget(session.id)
        self._speech.forget(session)

    def _runs(self, alarm: Alarm) -> bool:
        phase, step, on = alarm[3], alarm[4], self._sessions.get(alarm[2])
        return on is not None and on.waiting is None and (on.phase, on.step) == (phase, step)
