"""The decision layer of one member: many sessions over one ordered log.

What everyone must agree on is in ``session.py``. Here is what only this member does: it speaks for its party, draws
salts and keeps them, opens its own seals, deals and shares, runs its own timers, hands on evidence. None of that
changes a session before it comes back in the log.

Bounds. A proposer has at most :data:`SESSIONS_PER_PROPOSER` sessions open (a limit over all proposers would let liars
starve the others); what a session keeps is bounded by its proposal, its steps and the roster, because an entry that
does not count is not kept. A member that accused others falsely :data:`FALSE_ACCUSATIONS_MAX` times is not listened
to any more.

Evidence of the group layer convicts a member once of each kind of offence: the same proof, presented again, costs
nothing a second time. It concerns the sessions that are open at its log position. Offences inside a session are
convicted from the log itself, once a session.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import TypeAlias

from mechdesign.decision.ask import Ask
from mechdesign.decision.bystander import Bystander
from mechdesign.decision.certificate import Entry
from mechdesign.decision.coin import contribute
from mechdesign.decision.dealt import SealedAsk, Tossing
from mechdesign.decision.entries import (
    REASON_BYTES_MAX,
    AttestEntry,
    CoinEntry,
    DeclineEntry,
    EnrolEntry,
    EntryValue,
    EvidenceEntry,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    ShareEntry,
    TimerEntry,
    parse,
)
from mechdesign.decision.messages import (
    Attest,
    Convicted,
    DecisionEvent,
    DecisionRequest,
    Decline,
    Enrol,
    Propose,
    Request,
    SessionId,
    Submit,
    Toss,
)
from mechdesign.decision.phases import Phase
from mechdesign.decision.policing import group_offence
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.sealing.commit_reveal import SALT_BYTES, commitment, pad
from mechdesign.decision.sealing.threshold import EncryptionKey, Purpose, deal, open_share, targets, verify_dealing
from mechdesign.decision.secret import Secret
from mechdesign.decision.session import Session
from mechdesign.decision.setting import Check, Setting
from mechdesign.decision.status import SessionStatus
from mechdesign.group.messages import Append, Broadcast, Delivered, EvidenceFound
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.kernel.wire import Value, digest, encode

__all__ = ["FALSE_ACCUSATIONS_MAX", "SESSIONS_PER_PROPOSER", "DecisionCore", "DecisionEffect", "SessionStatus"]

DecisionEffect: TypeAlias = Append | Broadcast | DecisionEvent
"""Everything that this core asks for, downward and upward."""

SESSIONS_PER_PROPOSER = 64
"""A proposal of a member that has so many sessions open founds none."""

FALSE_ACCUSATIONS_MAX = 16
"""Evidence of a member is not checked any more after so many of its proofs did not hold."""

_BYSTANDERS_MAX = 1024
_PROPOSAL_TAG = "mechdesign/proposal/1"


class DecisionCore:
    """A machine between the group's log and the session core; see the module's text.

    Args:
        roster: the group's.
        me: this member.
        scheme: how signatures are checked.
        entropy: where salts and seeds come from.
        sealing: this member's encryption key, the one in the roster.
        check: how dealings are checked; another function than the default must give the same answers.

    Raises:
        LocalProtocolError: the roster has no such member, or another key of it.
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
    ) -> None:
        place = roster.place(me)
        if place is None:
            raise LocalProtocolError("only a member of the roster takes part in its sessions")
        if roster.members[place].sealing != sealing.public:
            raise LocalProtocolError("the roster has another sealing key of this member")
        self._sealing = sealing
        self._check = check
        self._roster = roster
        self._me = me
        self._scheme = scheme
        self._entropy = entropy
        self._sessions: dict[SessionId, Session] = {}
        self._bystanders: dict[SessionId, Bystander] = {}
        self._secrets: dict[tuple[SessionId, int], Secret] = {}
        self._entered: dict[SessionId, tuple[Phase, int, Instant]] = {}
        self._timers: list[tuple[Instant, int, SessionId, Phase, int]] = []
        self._timers_set = 0
        self._convicted: set[tuple[MemberId, str]] = set()
        self._accusations: dict[MemberId, int] = {}

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
        """When the next phase has lasted as long as its proposal allows, or None."""
        while self._timers and not self._runs(self._timers[0]):
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def status(self) -> tuple[SessionStatus, ...]:
        """Every open session that this member follows, in the order of their proposals."""
        return tuple(self._describe(session) for session in self._sessions.values())

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
            case Request() | Toss() | Attest():
                return self._answer(request, now)

    def receive(self, incoming: Delivered | EvidenceFound, now: Instant) -> list[DecisionEffect]:
        """Take the next entry of the log, or evidence that our group layer found; what others send never raises.

        Raises:
            LocalProtocolError: the session core has not answered an event that it must answer at once.
        """
        if isinstance(incoming, EvidenceFound):
            return self._accuse(incoming)
        entry = Entry(incoming.position, incoming.submission, incoming.inclusion)
        if incoming.submission.kind == Kind.PROPOSE:
            return self._found(entry, now)
        said = parse(incoming.submission.kind, incoming.submission.data)
        if said is None:
            return []
        if isinstance(said, EvidenceEntry):
            return self._judge(entry, said, now)
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
        while (deadline := self.deadline) is not None and deadline <= now:
            _, _, session, phase, step = heappop(self._timers)
            effects.append(self._say(Kind.TIMER, TimerEntry(session, step, phase.value), session, step, phase.value))
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
        return [self._say(Kind.ENROL, EnrolEntry(session), session)]

    def _decline(self, request: Decline) -> list[DecisionEffect]:
        found = self._sessions.get(request.session)
        if found is None or (request.follows and self._me not in found.proposal.asked):
            return []
        reason = request.reason.encode("utf-8", "replace")[:REASON_BYTES_MAX].decode("utf-8", "ignore")
        if not request.follows:
            self._forget(found)
            self._bystanders[found.id] = Bystander(self._roster, found.id)
            if len(self._bystanders) > _BYSTANDERS_MAX:
                del self._bystanders[next(iter(self._bystanders))]
        # The same act as enrolling: whatever was said first, in this life or an earlier one, stands.
        return [self._say(Kind.ENROL, DeclineEntry(found.id, reason, request.follows), found.id)]

    def _report(self, request: Submit) -> list[DecisionEffect]:
        session = self._sessions.get(request.session)
        if session is None or request.step < session.step or session.phase not in {Phase.SEALING, Phase.ASKING}:
            return []
        if request.step > session.step or isinstance(session.ask, Tossing | None) or self._me not in session.ask.of:
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
        session = Session.found(self._roster, entry, self._check)
        if session is None or session.id in self._sessions:
            return []
        if sum(other.proposer == entry.sender for other in self._sessions.values()) >= SESSIONS_PER_PROPOSER:
            return []
        self._sessions[session.id] = session
        return self._after(session, [session.proposed(self._me), session.progress], now)

    def _accuse(self, found: EvidenceFound) -> list[DecisionEffect]:
        offence = group_offence(found.data, self._roster, self._scheme)
        entry = EvidenceEntry(found.data)
        if offence is None or offence in self._convicted or len(entry.encoded) > self._roster.submission_bytes_max:
            return []
        member, name = offence
        return [Broadcast(encode(("evidence", member, name)), Kind.EVIDENCE, entry.encoded)]

    def _judge(self, entry: Entry, said: EvidenceEntry, now: Instant) -> list[DecisionEffect]:
        if self._accusations.get(entry.sender, 0) >= FALSE_ACCUSATIONS_MAX:
            return []
        offence = group_offence(said.evidence, self._roster, self._scheme)
        if offence is None:
            self._accusations[entry.sender] = self._accusations.get(entry.sender, 0) + 1
            return []
        if offence in self._convicted:
            return []
        self._convicted.add(offence)
        member, name = offence
        concerned = [session for session in self._sessions.values() if session.sanctions(member)]
        effects: list[DecisionEffect] = [
            Convicted(member, name, said.evidence, tuple(session.id for session in concerned))
        ]
        for session in concerned:
            effects += self._after(session, session.punish(entry, member, name), now)
        return effects

    # What this member does about it

    def _after(self, session: Session, events: list[DecisionEvent], now: Instant) -> list[DecisionEffect]:
        """Hand up what happened, and do this member's own part where a phase was entered."""
        effects: list[DecisionEffect] = list(events)
        if session.ended:
            self._forget(session)
            return effects
        mark = self._entered.get(session.id)
        if session.waiting is not None or (mark is not None and mark[:2] == (session.phase, session.step)):
            return effects
        self._entered[session.id] = session.phase, session.step, now
        if (duration_ms := session.duration_ms) is not None:
            self._timers_set += 1
            timer = (now + duration_ms * 1000, self._timers_set, session.id, session.phase, session.step)
            heappush(self._timers, timer)
            if len(self._timers) > 2 * len(self._sessions) + 64:  # long timers of phases that closed early
                self._timers = sorted(filter(self._runs, self._timers))
        return effects + self._speak(session)

    def _speak(self, session: Session) -> list[DecisionEffect]:
        """What this member has to say in the current phase by itself; said twice, it is heard once."""
        secret = self._secrets.get((session.id, session.step))
        place, ask = (session.id, session.step), session.ask
        match session.phase:
            case Phase.SEALING if secret and isinstance(ask, Ask | SealedAsk) and self._me in ask.of:
                sealed = self._commit(session, secret) if isinstance(ask, Ask) else self._deal(session, ask, secret)
                return [self._say(Kind.SEAL, SealEntry(*place, sealed), *place)]
            case Phase.ASKING if secret and isinstance(ask, Ask) and self._me in ask.of:
                return [self._say(Kind.REPORT, ReportEntry(*place, secret.report), *place)]
            case Phase.TOSSING if isinstance(ask, Tossing) and self._me not in session.left:
                return self._contribute(session, ask, secret)
            case Phase.OPENING if isinstance(ask, SealedAsk | Tossing):
                if ask.vault.locked and self._me not in session.left and self._me not in ask.vault.heard:
                    return [self._say(Kind.SHARE, ShareEntry(*place, self._share(ask)), *place)]
            case Phase.OPENING if secret and secret.report is not None and isinstance(ask, Ask):
                bound = ask.seals.get(self._me)
                # A seal that is not this secret's (a journal rolled back) stays shut: opening it would convict us.
                if bound is not None and bound[0] == self._commit(session, secret):
                    padded = pad(secret.report, session.proposal.report_bytes)
                    return [self._say(Kind.OPEN, OpenEntry(*place, secret.salt, padded), *place)]
            case Phase.ATTESTING if session.statement is not None and self._me not in session.left:
                return [self._say(Kind.ATTEST, session.statement, session.id)]
        return []

    def _commit(self, session: Session, secret: Secret) -> bytes | None:
        if secret.report is None:
            return None
        padded = pad(secret.report, session.proposal.report_bytes)
        return commitment(self._roster, session.id, session.step, self._me, secret.salt, padded)

    def _deal(self, session: Session, ask: SealedAsk, secret: Secret) -> bytes | None:
        if secret.report is None:
            return None
        setting = ask.vault.setting
        context = setting.context(session.step, Purpose.REPORT, self._me)
        return deal(setting.committee, context, secret.report, session.proposal.report_bytes, secret.salt).encoded

    def _contribute(self, session: Session, ask: Tossing, secret: Secret | None) -> list[DecisionEffect]:
        """Our dealing for a coin; its seed is in the journal before it leaves."""
        effects: list[DecisionEffect] = []
        if secret is None:
            secret = Secret(session.id, session.step, self._entropy(SALT_BYTES), None)
            self._secrets[session.id, session.step] = secret
            effects.append(Append("secret", secret.key, secret.data))
        setting = ask.vault.setting
        context = setting.context(session.step, Purpose.COIN, self._me)
        dealing = contribute(setting.committee, context, secret.salt).encoded
        coin = CoinEntry(session.id, session.step, dealing)
        return [*effects, self._say(Kind.COIN, coin, session.id, session.step)]

    def _share(self, ask: SealedAsk | Tossing) -> bytes:
        """Our share of all that was dealt: not to be made before the close is in our own log, as it is by now."""
        committee = ask.vault.setting.committee
        return open_share(self._sealing, committee, self._me, targets(committee, self._me, ask.vault.locked)).encoded

    def _say(self, kind: Kind, entry: EntryValue, *act: Value) -> Broadcast:
        made = Kind.DECLINE if isinstance(entry, DeclineEntry) else kind
        return Broadcast(encode((kind.name.lower(), *act)), made, entry.encoded)

    def _forget(self, session: Session) -> None:
        del self._sessions[session.id]
        self._entered.pop(session.id, None)
        for step in range(session.step + 1):
            self._secrets.pop((session.id, step), None)

    def _runs(self, timer: tuple[Instant, int, SessionId, Phase, int]) -> bool:
        _, _, name, phase, step = timer
        session = self._sessions.get(name)
        return session is not None and session.waiting is None and (session.phase, session.step) == (phase, step)

    def _describe(self, session: Session) -> SessionStatus:
        seen = session.progress
        missing = tuple(self._roster.name(member) for member in seen.missing)
        proposal = session.proposal
        name = f"{proposal.mechanism}/{proposal.version}"
        since = self._entered[session.id][2]
        return SessionStatus(session.id, name, seen.phase, seen.step, seen.heard, seen.asked, missing, since)
