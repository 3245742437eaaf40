"""What passes between the decision layer and the session core above it.

The session core answers every event that asks something of it *at once* (see ``stack.py``), so that decision and
session together are one deterministic function of the ordered log: ``Enrolled``, ``Answers`` and ``CoinReady`` are
answered by ``Request`` (the next ask), ``Toss`` (a coin) or ``Attest`` (the computation is over). Only ``Enrol``,
``Decline`` and ``Submit`` may come later, when a party has made up its mind.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from mechdesign.decision.certificate import Certificate
from mechdesign.decision.entries import Verdict
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.flow import Flow

__all__ = [
    "Aborted",
    "Answers",
    "Attest",
    "CoinReady",
    "Convicted",
    "Decided",
    "DecisionEvent",
    "DecisionRequest",
    "Decline",
    "Defaulted",
    "Enrol",
    "Enrolled",
    "PhaseChanged",
    "Propose",
    "Proposed",
    "Request",
    "SessionId",
    "Submit",
    "Toss",
    "Verdict",
]

SessionId: TypeAlias = bytes
"""Digest of the proposal, its proposer and its sequence number; 32 bytes."""


# Requests, downward


@dataclass(frozen=True, slots=True)
class Propose:
    """Put a proposal before the group."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Enrol:
    """Take part: this member has exactly the code that the proposal names, and accepts its terms."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class Decline:
    """Stay out of a session, with a reason that the others can read; also said by a member that is not asked.

    Attributes:
        session: the session.
        reason: why, at most 256 bytes; a longer text is cut.
        follows: whether this member has exactly the code that the proposal names all the same, so that it follows the
            session and attests. Without the code it leaves: it is asked nothing more and cannot attest.
    """

    session: SessionId
    reason: str
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """Open the next ask, in answer to ``Enrolled`` or ``Answers`` and at the same log position at every member.

    Attributes:
        session: the session.
        step: counts asks and tosses of the session together, from 0.
        of: who is asked, in roster order; not empty.
        sealed: whether reports stay hidden until all are in (by the proposal's seal mode), or are plain.
    """

    session: SessionId
    step: int
    of: tuple[MemberId, ...]
    sealed: bool


@dataclass(frozen=True, slots=True)
class Toss:
    """Toss a shared coin next, in answer to ``Enrolled``, ``Answers`` or ``CoinReady``; ``CoinReady`` brings it.

    Attributes:
        session: the session.
        step: counts asks and tosses of the session together, from 0.
    """

    session: SessionId
    step: int


@dataclass(frozen=True, slots=True)
class Submit:
    """This member's report to an ask, or None to pass.

    Attributes:
        session: the session.
        step: the ask.
        report: at most the proposal's ``report_bytes``, or None.
    """

    session: SessionId
    step: int
    report: bytes | None


@dataclass(frozen=True, slots=True)
class Attest:
    """The computation is over: sign its digest, and book these flows once a quorum signed the same.

    Attributes:
        session: the session.
        verdict: settled, or failed where the mechanism raised or ran past its step limit.
        digest: 32 bytes over session, position, inputs, balances, outcome and flows.
        flows: the mechanism's flows between players (by name) and named accounts; empty when failed.
    """

    session: SessionId
    verdict: Verdict
    digest: bytes
    flows: tuple[Flow, ...]


DecisionRequest: TypeAlias = Propose | Enrol | Decline | Request | Toss | Submit | Attest


# Events, upward


@dataclass(frozen=True, slots=True)
class Proposed:
    """A valid proposal was ordered; answer with ``Enrol`` or ``Decline`` if this member is asked.

    Attributes:
        session: its identifier from now on.
        proposer: who proposed.
        proposal: what was proposed.
        members: identifiers and names of those asked, in roster order.
        asked: whether this member is among them.
    """

    session: SessionId
    proposer: MemberId
    proposal: Proposal
    members: tuple[tuple[MemberId, str], ...]
    asked: bool


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Enrolment closed; answer at once with ``Request`` or ``Attest``.

    Attributes:
        session: the session.
        players: identifiers and names of those who take part, in roster order.
        position: the log position at which enrolment closed.
    """

    session: SessionId
    players: tuple[tuple[MemberId, str], ...]
    position: int


@dataclass(frozen=True, slots=True)
class Answers:
    """An ask closed and its reports are frozen; answer at once with ``Request`` or ``Attest``.

    Attributes:
        session: the session.
        step: the ask.
        reports: the report of each player that gave one, in roster order; a player without one is absent here.
        position: the log position at which the inputs were frozen.
        inputs: digest over all of the session's entries up to that position, in their order.
        balances: what each party holds in the session's ledger at that position, as (party, amount) pairs.
    """

    session: SessionId
    step: int
    reports: tuple[tuple[MemberId, bytes], ...]
    position: int
    inputs: bytes
    balances: tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True, slots=True)
class CoinReady:
    """A coin has fallen; answer at once with ``Request``, ``Toss`` or ``Attest``.

    Attributes:
        session: the session.
        step: the toss.
        coin: 32 bytes that nobody could know before the reports were in, nor choose.
        position: the log position at which it fell, up to which the inputs are frozen.
        inputs: as in ``Answers``.
        balances: as in ``Answers``.
    """

    session: SessionId
    step: int
    coin: bytes
    position: int
    inputs: bytes
    balances: tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """Progress for people: a phase was entered, or one more member was heard in it.

    Attributes:
        session: the session.
        phase: enrolling, sealing, opening, asking, tossing, attesting, settled or aborted.
        step: the ask that the phase belongs to.
        heard: how many were heard in it.
        asked: how many are asked in it.
        missing: who was not heard yet, in roster order.
    """

    session: SessionId
    phase: str
    step: int
    heard: int
    asked: int
    missing: tuple[MemberId, ...]


@dataclass(frozen=True, slots=True)
class Defaulted:
    """A fact of the log, never guilt: a member did not open its seal before the close.

    Attributes:
        session: the session.
        step: the ask.
        member: who.
    """

    session: SessionId
    step: int
    member: MemberId


@dataclass(frozen=True, slots=True)
class Decided:
    """A quorum signed one digest and attesting closed: the session is over.

    Attributes:
        session: the session.
        verdict: what they signed.
        digest: the digest.
        certificate: the quorum's signatures, checkable by anyone who holds the roster.
        agrees: whether this member's own digest is the same.
        flows: everything booked for the session, deposits and forfeits included.
        transcript: the encoded transcript, for ``verify``.
    """

    session: SessionId
    verdict: Verdict
    digest: bytes
    certificate: Certificate
    agrees: bool
    flows: tuple[Flow, ...]
    transcript: bytes


@dataclass(frozen=True, slots=True)
class Aborted:
    """The session ended without an outcome, at everyone alike.

    Attributes:
        session: the session.
        reason: why, in one sentence.
        defaulted: who is missing in the phase that could not go on.
        flows: deposits returned and forfeited.
    """

    session: SessionId
    reason: str
    defaulted: tuple[MemberId, ...]
    flows: tuple[Flow, ...]


@dataclass(frozen=True, slots=True)
class Convicted:
    """A proof against a member was ordered and holds.

    Attributes:
        member: who.
        offence: what kind, such as ``"equivocation"``.
        evidence: the encoded proof, checkable by anyone who holds the roster.
        sessions: the open sessions whose sanction was applied.
    """

    member: MemberId
    offence: str
    evidence: bytes
    sessions: tuple[SessionId, ...]


DecisionEvent: TypeAlias = (
    Proposed | Enrolled | Answers | CoinReady | PhaseChanged | Defaulted | Decided | Aborted | Convicted
)
