"""The session core: runs mechanisms over the sessions of the decision layer, and speaks with the party.

It answers decision (``Enrolled``, ``Answers`` and ``CoinReady`` with the next ask or toss, or with a digest) as soon as
that is computed, at once or later, see ``work.py``, and the party whenever that has made up its mind. It keeps one
:class:`~mechdesign.mechanisms.computation.Computation` for each open session, and nothing of those that
ended, or that decision has forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from mechdesign.decision.ballots.ballot import Ballot
from mechdesign.decision.books import party_flows
from mechdesign.decision.entries import REASON_BYTES_MAX
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Booked,
    Carried,
    Carry,
    CoinReady,
    Convicted,
    Decided,
    DecisionEvent,
    DecisionRequest,
    Decline,
    Defaulted,
    Enrol,
    Enrolled,
    Forgotten,
    Payout,
    PhaseChanged,
    Propose,
    Proposed,
    Receipt,
    Refused,
    Request,
    SessionId,
    Submit,
    Verdict,
    Waited,
)
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import InputError
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.mechanisms.computation import Computation
from mechdesign.mechanisms.events import (
    Asked,
    BallotsCarried,
    CarryBallots,
    DefaultSeen,
    MemberConvicted,
    Progress,
    ProposalRefused,
    ProposeSession,
    Report,
    SessionAborted,
    SessionBooked,
    SessionProposed,
    Settled,
    Suspicion,
    UserEvent,
    UserRequest,
)
from mechdesign.mechanisms.play import PASS
from mechdesign.mechanisms.terms import (
    Lookup,
    Policy,
    computation_of,
    lookup_with,
    proposal_of,
    recomputation,
    registered,
)
from mechdesign.mechanisms.work import AtOnce, Computed, Job, Reaction, Work

__all__ = [
    "Lookup",
    "Policy",
    "SessionCore",
    "SessionEffect",
    "computation_of",
    "lookup_with",
    "recomputation",
    "registered",
]

SessionEffect: TypeAlias = DecisionRequest | UserEvent
"""What a session core asks of decision, and what it tells the party."""


@dataclass(slots=True)
class _Session:
    """An open session at this member."""

    proposer: MemberId
    proposal: Proposal
    computation: Computation | None
    job: Job | None = None
    enrolled: bool = False
    plays: bool = False
    asked_step: int | None = None
    answered: set[int] = field(default_factory=set)


class SessionCore:
    """Runs mechanisms between decision (below) and the party (above); a machine without timers.

    Args:
        member: ourselves.
        members: keys and names of the whole roster, in its order.
        entropy: for the nonces of our proposals.
        lookup: where mechanisms are found.
        policy: what we enrol in.
        work: where mechanisms run, by default where they are called.
    """

    def __init__(
        self,
        member: MemberId,
        members: Sequence[tuple[MemberId, str]],
        entropy: Entropy,
        *,
        lookup: Lookup = registered,
        policy: Policy | None = None,
        work: Work | None = None,
    ) -> None:
        self._member = member
        self._names = dict(members)
        self._entropy = entropy
        self._lookup = lookup
        self._policy = policy or Policy()
        self._work = work or AtOnce()
        self._sessions: dict[SessionId, _Session] = {}

    @property
    def deadline(self) -> Instant | None:
        """None: a session core waits for the log and for its party only."""
        return None

    @property
    def open_sessions(self) -> tuple[SessionId, ...]:
        """The sessions that have not ended, in the order in which they were proposed."""
        return tuple(self._sessions)

    def tick(self, now: Instant) -> Sequence[SessionEffect]:
        """Nothing is ever due."""
        return ()

    def is_open(self, asked: Asked) -> bool:
        """Whether an ask still waits for our player's answer, as far as the ordered log shows."""
        session = self._sessions.get(asked.session)
        return session is not None and session.asked_step == asked.step and asked.step not in session.answered

    # ---------------------------------------------------------------------------------------------------- from above

    def submit(self, request: UserRequest, now: Instant) -> Sequence[SessionEffect]:
        """Take a proposal or a report of the party, or ballots that it was handed.

        Raises:
            InputError: a report is not of the type that was asked for, or is too long.
            LocalProtocolError: a proposal names what does not exist, or a session could not run under its terms.
        """
        match request:
            case ProposeSession():
                return (Propose(proposal_of(request, self._member, self._names, self._entropy)),)
            case Report(session, step, value):
                return self._report(session, step, value)
            case Receipt() | Payout():
                return (request,)
            case CarryBallots(ballots):
                return _carriages(ballots)

    def _report(self, session_id: SessionId, step: int, value: Any) -> Sequence[SessionEffect]:
        session = self._sessions.get(session_id)
        # What is closed by now, or not yet replayed, is no mistake of the party: it may have thought for long.
        if session is None or session.computation is None or session.asked_step != step:
            return ()
        ask = session.computation.ask
        assert ask is not None  # asked_step is the step of the present ask
        data = None if value is None or value is PASS else ask.encode(value)
        most = session.proposal.report_bytes
        if data is not None and len(data) > most:
            raise InputError(f"report: its text takes {len(data)} bytes, more than the {most} of the session")
        return (Submit(session_id, step, data),)

    # ---------------------------------------------------------------------------------------------------- from below

    def receive(self, incoming: DecisionEvent, now: Instant) -> Sequence[SessionEffect]:
        """Take an event of decision, in the order of the log."""
        match incoming:
            case Proposed():
                return self._proposed(incoming)
            case Enrolled(session) | Answers(session) | CoinReady(session):
                return self._computed(session, incoming)
            case PhaseChanged(session, phase, step, heard, asked, missing):
                self._note(session, step, missing)
                return (Progress(session, phase, step, heard, asked, self._called(missing)),)
            case Carried(session, taken, already, refused):
                return (BallotsCarried(session, taken, already, tuple(reason for _, reason in refused)),)
            case Waited(session, phase, step, lasted_us, waits):
                named = tuple((self._name(member), waited, heard) for member, waited, heard in waits)
                return (Suspicion(session, phase, step, lasted_us, named),)
            case Defaulted(session, step, member):
                return (DefaultSeen(session, step, self._name(member)),)
            case Decided():
                return (self._decided(incoming),)
            case Aborted(session, reason, defaulted, flows, transcript):
                known = self._sessions.pop(session, None)
                absent = self._called(defaulted)
                return (SessionAborted(session, _full_name(known), reason, absent, flows, transcript or None),)
            case Forgotten(session):
                self._sessions.pop(session, None)
                return ()
            case Booked(session, position, terms, flows, kept):
                said = terms.currency, terms.custodian, party_flows(flows, terms), kept
                return (SessionBooked(session, position, *said),)
            case Refused(session, terms, reason):
                return (ProposalRefused(session, f"{terms.mechanism}/{terms.version}", reason),)
            case Convicted(member, offence, evidence, sessions):
                return (MemberConvicted(self._name(member), member, offence, evidence, sessions),)

    def _proposed(self, event: Proposed) -> Sequence[SessionEffect]:
        proposal = event.proposal
        computation, reason = computation_of(event, self._lookup)
        session = _Session(event.proposer, proposal, computation)
        self._sessions[event.session] = session
        answer = "not asked"
        answers: tuple[SessionEffect, ...]
        if event.asked:
            enrolled = sum(open_.enrolled for open_ in self._sessions.values())
            other = "" if event.proposer == self._member else self._names[self._member]
            reason = reason or self._policy.objection(proposal, enrolled, other=other, carried=event.carried)
            session.enrolled = not reason
            answer = "declined" if reason else "enrolled"
            answers = (self._decline(event.session, reason, session) if reason else Enrol(event.session),)
        else:
            answers = (self._decline(event.session, reason, session),)
        told = SessionProposed(
            event.session,
            self._name(event.proposer),
            f"{proposal.mechanism}/{proposal.version}",
            proposal.parameters,
            tuple(name for _, name in event.members),
            str(proposal.seal),
            proposal.deposit,
            answer,
            reason,
            proposal.threshold,
            event.notice,
            tuple(map(str, proposal.sanctions)),
            proposal.payment_max,
            proposal.custodian,
            len(self._names),
            event.proposer,
            proposal.nonce,
        )
        return (told, *answers)

    def _decline(self, session_id: SessionId, reason: str, session: _Session) -> Decline:
        short = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
        return Decline(session_id, short, follows=session.computation is not None)

    def _computed(self, session_id: SessionId, event: Enrolled | Answers | CoinReady) -> Sequence[SessionEffect]:
        session = self._sessions.get(session_id)
        if session is None or session.computation is None:
            return ()  # without the code we follow the log, and sign nothing
        session.asked_step = None
        if isinstance(event, Enrolled):
            session.plays = self._member in dict(event.players)
        job = Job(session_id, session.proposer, session.plays, partial(_step, session.computation, event))
        if (reaction := self._work.begin(job)) is None:
            session.job = job
            return ()
        return self._react(session, reaction)

    def computed(self, done: Computed) -> Sequence[SessionEffect]:
        """Take what came out of a job that was not done at once; what nobody waits for any more is ignored."""
        session = self._sessions.get(done.job.session)
        if session is None or session.job is not done.job:
            return ()
        session.job = None
        return self._react(session, done.reaction)

    def finish(self, session_id: SessionId) -> Sequence[SessionEffect]:
        """Wait for the job of a session; nothing follows where it has none."""
        session = self._sessions.get(session_id)
        if session is None or session.job is None:
            return ()
        return self.computed(Computed(session.job, self._work.finish(session.job)))

    def _react(self, session: _Session, reaction: Reaction) -> Sequence[SessionEffect]:
        if not isinstance(reaction, Request):
            return (reaction,)
        return (reaction, *self._ask_our_player(session, reaction))

    def _ask_our_player(self, session: _Session, request: Request) -> Sequence[SessionEffect]:
        computation = session.computation
        assert computation is not None
        assert computation.ask is not None  # it has just asked
        # A member that declined is in no ask; one that enrolled in an earlier life with other code was convinced then.
        if self._member not in request.of:
            return ()
        session.asked_step = request.step
        player = self._name(self._member)
        asked = Asked(
            request.session,
            request.step,
            player,
            computation.ask,
            computation.mechanism,
            computation.players,
            request.step - len(computation.reports),
        )
        return (asked,)

    def _note(self, session_id: SessionId, step: int, missing: tuple[MemberId, ...]) -> None:
        """Remember that our answer was ordered, so that a replay does not ask our player again."""
        session = self._sessions.get(session_id)
        if session is not None and session.asked_step == step and self._member not in missing:
            session.answered.add(step)

    def _decided(self, event: Decided) -> Settled | SessionAborted:
        session = self._sessions.pop(event.session, None)
        computation = session.computation if session else None
        if event.verdict is Verdict.FAILED:
            why = computation.failure if computation and computation.failure else "it raised or asked too often"
            reason = f"the mechanism failed: {why}"
            return SessionAborted(event.session, _full_name(session), reason, (), event.flows, event.transcript)
        answers = tuple(computation.reports) if computation else ()
        return Settled(
            event.session,
            _full_name(session),
            session.proposal.parameters if session else "",
            computation.players if computation else (),
            answers[-1] if answers else {},
            answers,
            computation.result if computation else None,
            computation.flows if computation else (),
            event.flows,
            event.digest,
            event.certificate,
            event.agrees,
            event.transcript,
        )

    def _name(self, member: MemberId) -> str:
        return self._names.get(member, f"stranger {member[:4].hex()}")

    def _called(self, members: Sequence[MemberId]) -> tuple[str, ...]:
        return tuple(self._name(member) for member in members)


def _step(computation: Computation, event: Enrolled | Answers | CoinReady) -> Reaction:
    match event:
        case Enrolled():
            return computation.enrolled(event)
        case Answers():
            return computation.answered(event)
        case CoinReady():
            return computation.tossed(event)


def _carriages(ballots: Sequence[bytes]) -> Sequence[Carry]:
    """The ballots by the session that they name; what is no ballot names none, and is refused below."""
    named: dict[SessionId, list[bytes]] = {}
    for data in ballots:
        ballot = Ballot.parse(data)
        named.setdefault(ballot.session if ballot is not None else b"", []).append(data)
    return tuple(Carry(session, tuple(batch)) for session, batch in named.items())


def _full_name(session: _Session | None) -> str:
    return f"{session.proposal.mechanism}/{session.proposal.version}" if session else ""
