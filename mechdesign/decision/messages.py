"""What passes between the decision layer and the session core above it.

``Enrolled``, ``Answers`` and ``CoinReady`` are answered by ``Request`` (the next ask), ``Toss`` (a coin) or ``Attest``
(the computation is over). The answer is a function of the events of that session, and may come at once or later: what
follows in the log waits for it where it has to (see ``lanes.py``), so that decision and session together are one
deterministic function of the ordered log. Only ``Enrol``, ``Decline`` and ``Submit`` depend on what a party makes up
its mind to.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from mechdesign.decision.certificate import Certificate
from mechdesign.decision.entries import Verdict
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.requests import (
    Attest,
    Carry,
    DecisionRequest,
    Decline,
    Enrol,
    Payout,
    Propose,
    Receipt,
    Request,
    SessionId,
    Submit,
    Toss,
)
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.flow import Flow

__all__ = [
    "Aborted",
    "Answers",
    "Attest",
    "Booked",
    "Carried",
    "Carry",
    "CoinReady",
    "Convicted",
    "Decided",
    "DecisionEvent",
    "DecisionRequest",
    "Decline",
    "Defaulted",
    "Enrol",
    "Enrolled",
    "Forgotten",
    "Payout",
    "PhaseChanged",
    "Propose",
    "Proposed",
    "Reached",
    "Receipt",
    "Refused",
    "Request",
    "SessionId",
    "Submit",
    "Toss",
    "Verdict",
    "Waited",
]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A valid proposal was ordered; answer with ``Enrol`` or ``Decline``.

    A member that is not asked declines, too, and so says whether it has the code.

    Attributes:
        session: its identifier from now on.
        proposer: who proposed.
        proposal: what was proposed.
        members: identifiers and names of those asked, in roster order.
        asked: whether this member is among them.
        notice: where the proposal names a roll, what participants need to make a ballot, see ``notice.py``.
        carried: whether the books have room for all that a custodian may receive for it, and will keep it; nobody
            should pay a deposit where they have not.
    """

    session: SessionId
    proposer: MemberId
    proposal: Proposal
    members: tuple[tuple[MemberId, str], ...]
    asked: bool
    notice: bytes = b""
    carried: bool = True


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Enrolment closed; answer with ``Request`` or ``Attest``.

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
    """An ask closed and its reports are frozen; answer with ``Request`` or ``Attest``.

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
    """A coin has fallen; answer with ``Request``, ``Toss`` or ``Attest``.

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
        phase: enrolling, gathering, sealing, opening, asking, tossing, attesting, settled or aborted.
        step: the ask that the phase belongs to.
        heard: how many were heard in it.
        asked: how many are asked in it.
        missing: which members were not heard yet, in roster order; participants are not named.
    """

    session: SessionId
    phase: str
    step: int
    heard: int
    asked: int
    missing: tuple[MemberId, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """What becomes of the ballots of a ``Carry``, told to this member's party alone.

    Attributes:
        session: the session.
        taken: how many this member carries.
        known: how many say nothing that is not in the log already.
        refused: the place of each other one in the request, with the reason.
    """

    session: SessionId
    taken: int
    known: int
    refused: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Waited:
    """Suspicion, local and by this member's clock: how long a phase lasted, and whom it waited for.

    Attributes:
        session: the session.
        phase: the phase that is over.
        step: its step.
        lasted_us: how long it lasted in this member's log, in microseconds.
        waits: for each member that was missing at its beginning, how long it was waited for in microseconds, and
            whether it was heard at all.
    """

    session: SessionId
    phase: str
    step: int
    lasted_us: int
    waits: tuple[tuple[MemberId, int, bool], ...]


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
        transcript: the encoded transcript, for ``verify``: what happened up to here. Its entries are signed by their
            senders; that none is left out nobody signs.
    """

    session: SessionId
    reason: str
    defaulted: tuple[MemberId, ...]
    flows: tuple[Flow, ...]
    transcript: bytes = b""


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


@dataclass(frozen=True, slots=True)
class Booked:
    """A session that has ended was booked, or not; see ``books.py``.

    Attributes:
        session: the session.
        position: the log position at which it ended.
        proposal: its terms, with the parties behind its accounts.
        flows: what flowed in it.
        kept: whether the balances hold it: not if its proposer has left too many of them open.
    """

    session: SessionId
    position: int
    proposal: Proposal
    flows: tuple[Flow, ...]
    kept: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """What follows it in a list of effects is a consequence of the entry at another log position.

    For whoever routes effects: an entry may have its consequences long after it was ordered.

    Attributes:
        position: of the entry.
    """

    position: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A valid proposal of this member was ordered where it founds no session.

    Attributes:
        session: what the session would have been called.
        proposal: the terms.
        reason: why, in words.
    """

    session: SessionId
    proposal: Proposal
    reason: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A session that this member left is not followed any more: it has left too many since.

    Attributes:
        session: the session, which may have ended without an outcome long ago.
    """

    session: SessionId


DecisionEvent: TypeAlias = (
    Proposed
    | Forgotten
    | Refused
    | Enrolled
    | Answers
    | CoinReady
    | PhaseChanged
    | Carried
    | Waited
    | Defaulted
    | Decided
    | Aborted
    | Booked
    | Convicted
)
