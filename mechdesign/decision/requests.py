"""What the session core, and the party behind it, ask of the decision layer; see ``messages.py``."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from mechdesign.decision.entries import Verdict
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.flow import Flow

__all__ = [
    "Attest",
    "Carry",
    "DecisionRequest",
    "Decline",
    "Enrol",
    "Payout",
    "Propose",
    "Receipt",
    "Request",
    "SessionId",
    "Submit",
    "Toss",
]

SessionId: TypeAlias = bytes
"""Digest of the proposal, its proposer and its sequence number; 32 bytes."""


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
    """Stay out of a session, with a reason that the others can read; a member that is not asked says so, too.

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


@dataclass(frozen=True, slots=True)
class Carry:
    """Carry ballots of participants that are not members into the log, answered by ``Carried``.

    What comes while enrolment is open waits for its close. Each ballot is checked first: a member answers for what it
    carries.

    Attributes:
        session: the session.
        ballots: encoded ballots, see ``ballot.py``.
    """

    session: SessionId
    ballots: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """This member, the session's custodian, has received a deposit, or a part of one.

    Attributes:
        session: for which session.
        player: whose it is.
        amount: a positive whole number of minor units.
        reference: names the payment, 1 to 64 printable characters; what was received counts once under it.
    """

    session: SessionId
    player: MemberId
    amount: Fraction
    reference: str


@dataclass(frozen=True, slots=True)
class Payout:
    """This member, the session's custodian, has paid out what was due.

    Attributes:
        session: after which session.
        party: who was paid.
    """

    session: SessionId
    party: str


DecisionRequest: TypeAlias = Propose | Enrol | Decline | Request | Toss | Submit | Attest | Carry | Receipt | Payout
