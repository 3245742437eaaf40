"""The decision layer of one member: many sessions over one ordered log.

What everyone must agree on is in ``session.py``. Here is what only this member does: it speaks for its party, draws
salts and keeps them, opens its own seals, deals and shares, runs its own timers, hands on evidence. None of that
changes a session before it comes back in the log.

Bounds. A proposer has a bounded number of sessions open, see ``admission.py``; there is no common pool that liars
could use up. What a session keeps is bounded by its proposal, its steps, its roll and the roster, because an entry that
does not count is not kept.
Evidence is for ``bench.py``; what outlives the sessions, and the end of an epoch, for ``epoch.py``.
"""

from collections.abc import Iterable
from typing import TypeAlias

from mechdesign.decision.admission import refusal
from mechdesign.decision.alarms import Alarm, Alarms
from mechdesign.decision.ballots.carriage import Carriage
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.ballots.notice import announce
from mechdesign.decision.bench import Bench
from mechdesign.decision.books import Balance, Due
from mechdesign.decision.bystander import Bystander
from mechdesign.decision.certificate import Entry
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.custody.till import DepositDue, Till
from mechdesign.decision.dealt import Tossing
from mechdesign.decision.entries import (
    REASON_BYTES_MAX,
    AttestEntry,
    DeclineEntry,
    EnrolEntry,
    EvidenceEntry,
    Kind,
    TimerEntry,
    parse,
)
from mechdesign.decision.epoch import DRAIN_MS, STEP_MS, Epoch
from mechdesign.decision.messages import (
    Attest,
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
from mechdesign.decision.phases import DRAINING, Phase
from mechdesign.decision.proposal import Proposal, Sanction
from mechdesign.decision.sealing.commit_reveal import SALT_BYTES
from mechdesign.decision.sealing.threshold import EncryptionKey, verify_dealing
from mechdesign.decision.secret import Secret
from mechdesign.decision.session import Session
from mechdesign.decision.setting import Check, Setting
from mechdesign.decision.status import SessionStatus, describe
from mechdesign.decision.suspicion import Delay, Suspicions
from mechdesign.decision.voice import Voice, say
from mechdesign.group.messages import (
    Append,
    Broadcast,
    Delivered,
    EvidenceFound,
    Exclude,
    Expel,
    Ready,
    ViewChanging,
)
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.kernel.wire import digest, encode

__all__ = ["DecisionCore", "DecisionEffect", "SessionStatus"]

DecisionEffect: TypeAlias = Append | Broadcast | Exclude | Expel | Ready | DecisionEvent
"""Everything that this core asks for, downward and upward."""

_BYSTANDERS_MAX = 1024
_PROPOSAL_TAG = "mechdesign/proposal/1"
_CARRIAGE_TAG = "mechdesign/carriage/1"


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
        self._entropy = entropy
        self._sessions: dict[SessionId, Session] = {}
        self._bystanders: dict[SessionId, Bystander] = {}
        self._secrets: dict[tuple[SessionId, int], Secret] = {}
        self._entered: dict[SessionId, tuple[Phase, int, Instant]] = {}
        self._alarms = Alarms(self._runs)
        self._voice = Voice(roster, me, sealing)
        self._carriage = Carriage()
        self._suspicions = Suspicions()
        self._epoch = Epoch(roster, state)
        self._bench = Bench(roster, scheme, self._epoch.standing)
        self._till = Till(roster, me)
        self._leaving: set[SessionId] = set()

    # The machine

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the journal's table ``secret``, before anything else.

        Raises:
            JournalError: a record is damaged.
        """
        for key, data in records:
            secret = Secret.parse(key, data)
            self._secrets[secret.session, secret.step] = secret

    @property
    def deadline(self) -> Instant | None:
        """When the next phase has lasted as long as its proposal allows, or a change has waited, or None."""
        change = self._alarms.change if self._sessions else None
        return min((due for due in (self._alarms.deadline, change) if due is not None), default=None)

    def status(self) -> tuple[SessionStatus, ...]:
        """Every open session that this member follows, in the order of their proposals."""
        closing = self._epoch.closing
        return tuple(describe(each, self._entered[each.id][2], closing) for each in self._sessions.values())

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
                return self._propose(proposal)
            case Enrol(session):
                return self._enrol(session)
            case Decline():
                return self._decline(request)
            case Submit():
                return self._report(request)
            case Carry(session):
                told = self._carriage.take(self._sessions.get(session), request)
                found = self._sessions.get(session)
                return [told, *(self._convey(found) if found is not None else ())]
            case Receipt() | Payout():
                return list(self._till.say(request, self._sessions.get(request.session)))
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
        return self._epoch.hindrance(session.id for session in self._sessions.values())

    def receive(self, incoming: Delivered | EvidenceFound | ViewChanging, now: Instant) -> list[DecisionEffect]:
        """Take the next entry of the log, or evidence that our group layer found; what others send never raises.

        Raises:
            LocalProtocolError: the session core has not answered an event that it must answer at once.
        """
        if isinstance(incoming, EvidenceFound):
            return list(self._bench.accuse(incoming))
        if isinstance(incoming, ViewChanging):
            self._epoch.closing = True
            self._alarms.change = now + DRAIN_MS * 1000
            return list(self._epoch.ready(self._sessions, self._bench))
        self._epoch.position = incoming.position
        entry = Entry(incoming.position, incoming.submission, incoming.inclusion)
        if incoming.submission.kind == Kind.PROPOSE:
            return self._found(entry, now)
        said = parse(incoming.submission.kind, incoming.submission.data)
        if said is None:
            return []
        if isinstance(said, EvidenceEntry):
            return self._judge(entry, said, now)
        if isinstance(said, PayoutEntry):
            self._epoch.pay(entry.sender, said)
            return []
        if (session := self._sessions.get(said.session)) is not None:
            return self._after(session, session.apply(entry, said), now)
        if isinstance(said, AttestEntry) and (bystander := self._bystanders.get(said.session)) is not None:
            events = bystander.apply(entry, said)
            if events:
                del self._bystanders[said.session]
            return list(events)
        return []

    def tick(self, now: Instant) -> list[DecisionEffect]:
        """Sign that phases have lasted long enough by our clock."""
        effects: list[DecisionEffect] = []
        while (alarm := self._alarms.due(now)) is not None:
            _, _, session, phase, step = alarm
            effects.append(say(Kind.TIMER, TimerEntry(session, step, phase.value), session, step, phase.value))
        if self._alarms.overrun(now):
            for open_ in self._sessions.values():
                phase, step, since = self._entered[open_.id]
                if open_.hidden:
                    effects.append(say(Kind.TIMER, TimerEntry(open_.id, 0, DRAINING), open_.id, 0, DRAINING))
                elif since <= now - DRAIN_MS * 1000:
                    effects.append(
                        say(Kind.TIMER, TimerEntry(open_.id, step, phase.value), open_.id, step, phase.value)
                    )
        return effects

    # What this member's session core wants

    def _propose(self, proposal: Proposal) -> list[DecisionEffect]:
        proposal = proposal.resolved(self._roster)
        if fault := proposal.fault(self._roster):
            raise LocalProtocolError(f"the group cannot hold this session: {fault}")
        key = encode(("propose", digest(_PROPOSAL_TAG, proposal.encoded)))
        return [Broadcast(key, Kind.PROPOSE, proposal.encoded)]

    def _enrol(self, session: SessionId) -> list[DecisionEffect]:
        found = self._sessions.get(session)
        if found is None or found.phase is not Phase.ENROLLING:
            return []
        if self._me not in found.proposal.asked:
            raise LocalProtocolError("only a member that is asked can enrol")
        return [say(Kind.ENROL, EnrolEntry(session), session)]

    def _decline(self, request: Decline) -> list[DecisionEffect]:
        found = self._sessions.get(request.session)
        if found is None or (request.follows and self._me not in found.proposal.asked):
            return []
        reason = request.reason.encode("utf-8", "replace")[:REASON_BYTES_MAX].decode("utf-8", "ignore")
        if not request.follows:
            self._leaving.add(found.id)
        # The same act as enrolling: whatever was said first, in this life or an earlier one, stands.
        return [say(Kind.ENROL, DeclineEntry(found.id, reason, request.follows), found.id)]

    def _report(self, request: Submit) -> list[DecisionEffect]:
        session = self._sessions.get(request.session)
        if session is None or request.step < session.step or session.phase not in {Phase.SEALING, Phase.ASKING}:
            return []
        if (
            request.step > session.step
            or isinstance(session.ask, Tossing | Gathering | None)
            or self._me not in session.ask.of
        ):
            raise LocalProtocolError(f"this member is not asked in step {request.step}")
        if (session.id, request.step) in self._secrets:
            return self._speak(session)
        if request.report is not None and len(request.report) > session.proposal.report_bytes:
            raise LocalProtocolError(
                f"a report of {len(request.report)} bytes passes the session's limit of {session.proposal.report_bytes}"
            )
        secret = Secret(session.id, request.step, self._entropy(SALT_BYTES), request.report)
        self._secrets[session.id, request.step] = secret
        return [Append("secret", secret.key, secret.data), *self._speak(session)]

    def _answer(self, request: Request | Toss | Attest, now: Instant) -> list[DecisionEffect]:
        session = self._sessions.get(request.session)
        if session is None:
            if request.session in self._bystanders:
                return []
            raise LocalProtocolError("the session core answers for a session that is not open")
        return self._after(session, session.answer(request), now)

    # What the log says

    def _found(self, entry: Entry, now: Instant) -> list[DecisionEffect]:
        session = Session.found(self._roster, entry, self._check, self._scheme)
        if session is None or session.id in self._sessions:
            return []
        if reason := refusal(session, self._sessions.values(), self._epoch.closing):
            return [Refused(session.id, session.proposal, reason)] if session.proposer == self._me else []
        self._sessions[session.id] = session
        return self._after(session, [announce(session.setting, self._me), session.progress], now)

    def _judge(self, entry: Entry, said: EvidenceEntry, now: Instant) -> list[DecisionEffect]:
        sessions = self._sessions.values()
        if (offence := self._bench.judge(entry, said, sessions)) is None:
            return []
        member, name = offence
        concerned = [session for session in sessions if session.sanctions(member)]
        convicted = Convicted(member, name, said.evidence, tuple(session.id for session in concerned))
        excludes = any(Sanction.EXCLUDE in session.proposal.sanctions for session in sessions)
        effects: list[DecisionEffect] = [convicted, *self._bench.note(convicted, excludes)]
        for session in concerned:
            effects += self._after(session, session.punish(entry, member, name), now)
        return effects

    # What this member does about it

    def _after(self, session: Session, events: list[DecisionEvent], now: Instant) -> list[DecisionEffect]:
        """Hand up what happened, and do this member's own part where a phase was entered."""
        effects: list[DecisionEffect] = []
        for event in events:
            waited = self._suspicions.see(event, now) if isinstance(event, PhaseChanged) else None
            effects += [event] if waited is None else [waited, event]
            if isinstance(event, Convicted):
                effects += self._bench.note(event, Sanction.EXCLUDE in session.proposal.sanctions)
        if session.ended:
            self._forget(session)
            booked = self._epoch.book(session, events[-1])
            return [*effects, *booked, *self._epoch.ready(self._sessions, self._bench)]
        if isinstance(session.waiting, Enrolled) and session.id in self._leaving:
            self._stand_by(session)
            return [effect for effect in effects if effect is not session.waiting]
        mark = self._entered.get(session.id)
        if session.waiting is not None or (mark is not None and mark[:2] == (session.phase, session.step)):
            return effects
        self._entered[session.id] = session.phase, session.step, now
        if (duration_ms := session.duration_ms) is not None:
            longest = STEP_MS if self._epoch.closing and not session.hidden else duration_ms
            due = now + min(duration_ms, longest) * 1000
            self._alarms.set(due, session.id, session.phase, session.step, len(self._sessions))
        return [*effects, *self._bench.remind(session), *self._speak(session)]

    def _speak(self, session: Session) -> list[DecisionEffect]:
        """What this member has to say in the current phase by itself; said twice, it is heard once."""
        effects: list[DecisionEffect] = []
        secret = self._secrets.get((session.id, session.step))
        if secret is None and self._voice.needs_seed(session):
            secret = Secret(session.id, session.step, self._entropy(SALT_BYTES), None)
            self._secrets[session.id, session.step] = secret
            effects.append(Append("secret", secret.key, secret.data))
        return [*effects, *self._voice.speak(session, secret), *self._convey(session)]

    def _convey(self, session: Session) -> list[Broadcast]:
        entries = self._carriage.load(session)
        return [say(Kind.CARRY, entry, session.id, digest(_CARRIAGE_TAG, entry.encoded)) for entry in entries]

    def _stand_by(self, session: Session) -> None:
        """Follow no further: what comes next is for those that have the code."""
        self._forget(session)
        self._epoch.books.complete = False
        self._bystanders[session.id] = Bystander(self._roster, session.id)
        if len(self._bystanders) > _BYSTANDERS_MAX:
            del self._bystanders[next(iter(self._bystanders))]

    def _forget(self, session: Session) -> None:
        del self._sessions[session.id]
        self._leaving.discard(session.id)
        self._entered.pop(session.id, None)
        self._suspicions.forget(session.id)
        self._carriage.forget(session.id)
        for step in range(session.step + 1):
            self._secrets.pop((session.id, step), None)

    def _runs(self, alarm: Alarm) -> bool:
        _, _, name, phase, step = alarm
        session = self._sessions.get(name)
        return session is not None and session.waiting is None and (session.phase, session.step) == (phase, step)
