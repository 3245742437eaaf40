"""What passes between the session core and the party above it: requests down, events up."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from mechdesign.decision.certificate import Certificate
from mechdesign.decision.messages import SessionId
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.flow import Flow, net
from mechdesign.mechanisms.computation import AnyMechanism
from mechdesign.mechanisms.play import Ask
from mechdesign.mechanisms.requests import CarryBallots, Payout, ProposeSession, Receipt, Report, UserRequest
from mechdesign.mechanisms.result import Result

__all__ = [
    "Asked",
    "BallotsCarried",
    "CarryBallots",
    "DefaultSeen",
    "MemberConvicted",
    "Payout",
    "Progress",
    "ProposalRefused",
    "ProposeSession",
    "Receipt",
    "Removed",
    "Report",
    "SessionAborted",
    "SessionBooked",
    "SessionMissed",
    "SessionProposed",
    "Settled",
    "Suspicion",
    "UserEvent",
    "UserRequest",
    "ViewBegun",
]


@dataclass(frozen=True, slots=True)
class SessionProposed:
    """A proposal was ordered, and this member's policy has answered it.

    Attributes:
        session: its identifier, 32 bytes.
        proposer: name of the member that proposed.
        mechanism: ``family.name/version``.
        parameters: canonical JSON text.
        asked: names of those asked, in roster order.
        seal: how reports are sealed.
        deposit: what each player stakes.
        answer: ``"enrolled"``, ``"declined"`` or ``"not asked"``.
        reason: why it was declined, or empty.
        threshold: how many members' shares open sealed reports (under ``threshold``) and coins.
        notice: where participants on a roll report, what they need to make a ballot, see
            :mod:`mechdesign.decision.ballots.notice`; else empty.
        sanctions: what follows a conviction, in the order of ``Sanction``.
        payment_max: the most that a player can owe, or None for any.
        custodian: name of the member that holds the deposits, or empty.
        members: how many members the group has: so many less t, and one more, who are absent keep sealed reports shut.
        key: the proposer's.
        nonce: of the proposal; one that was made under a label has the label's.
    """

    session: SessionId
    proposer: str
    mechanism: str
    parameters: str
    asked: tuple[str, ...]
    seal: str
    deposit: Fraction
    answer: str
    reason: str
    threshold: int = 0
    notice: bytes = b""
    sanctions: tuple[str, ...] = ()
    payment_max: Fraction | None = None
    custodian: str = ""
    members: int = 0
    key: bytes = b""
    nonce: bytes = b""


@dataclass(frozen=True, slots=True)
class ProposalRefused:
    """A proposal of our own was ordered where it founds no session, such as while the members change, or not at all.

    Attributes:
        session: what the session would have been called; empty where the members changed before it was ordered.
        mechanism: ``family.name/version``.
        reason: why, in words.
    """

    session: SessionId
    mechanism: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Our own player is asked for a report; answer with :class:`Report`.

    Attributes:
        session: the session.
        step: counts the asks and tosses of the session together, from 0.
        player: our own player's name.
        ask: the type of the report and what is shown with the ask.
        mechanism: what runs, with its parameters.
        players: everyone that takes part, in roster order.
        tosses: how many coins fell before; ``step - tosses`` counts the asks alone.
    """

    session: SessionId
    step: int
    player: str
    ask: Ask[Any]
    mechanism: AnyMechanism
    players: tuple[str, ...]
    tosses: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """A phase was entered, or one more member was heard in it.

    Attributes:
        session: the session.
        phase: enrolling, gathering, sealing, opening, asking, attesting, settled or aborted.
        step: the ask that the phase belongs to.
        heard: how many were heard in it.
        asked: how many are asked in it.
        missing: names of those not heard yet.
    """

    session: SessionId
    phase: str
    step: int
    heard: int
    asked: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BallotsCarried:
    """What became of ballots that this member was handed.

    Attributes:
        session: the session that they name.
        taken: how many this member carries into the log.
        known: how many say nothing that is not there already.
        refused: why each of the others is not carried.
    """

    session: SessionId
    taken: int
    known: int
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A phase is over, and this is whom it waited for, by this member's own clock: a hint and never evidence.

    Attributes:
        session: the session.
        phase: the phase.
        step: its step.
        lasted_us: how long it lasted, in microseconds.
        waits: name, microseconds, and whether it was heard, of each member that was missing at the beginning.
    """

    session: SessionId
    phase: str
    step: int
    lasted_us: int
    waits: tuple[tuple[str, int, bool], ...]


@dataclass(frozen=True, slots=True)
class DefaultSeen:
    """A fact of the log, never guilt: a member did not open its seal in time.

    Attributes:
        session: the session.
        step: the ask.
        member: its name.
    """

    session: SessionId
    step: int
    member: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A quorum signed the outcome.

    Attributes:
        session: the session.
        mechanism: ``family.name/version``.
        parameters: canonical JSON text.
        players: who took part, in roster order.
        reports: the reports that counted in the last ask, by player (all asks: ``answers``).
        answers: for each ask the reports that counted.
        result: outcome, exact flows, reasons and ties; None where this member has not the mechanism's code.
        flows: the mechanism's flows in whole minor units.
        booked: everything booked for the session, deposits and forfeits included.
        digest: what was signed, 32 bytes.
        certificate: the quorum's signatures.
        agrees: whether this member computed the same digest.
        transcript: the encoded transcript, for ``verify``.
    """

    session: SessionId
    mechanism: str
    parameters: str
    players: tuple[str, ...]
    reports: Mapping[str, Any]
    answers: tuple[Mapping[str, Any], ...]
    result: Result[Any] | None
    flows: tuple[Flow, ...]
    booked: tuple[Flow, ...]
    digest: bytes
    certificate: Certificate
    agrees: bool
    transcript: bytes

    @property
    def outcome(self) -> Any:
        """The outcome, or None where this member could not compute it."""
        return self.result.outcome if self.result else None

    @property
    def transfers(self) -> dict[str, Fraction]:
        """What each player receives minus what it pays by the mechanism's flows, in roster order."""
        balance = net(self.flows)
        return {player: balance.get(player, Fraction(0)) for player in self.players}

    @property
    def accounts(self) -> dict[str, Fraction]:
        """The same of each named account that ends with more or less than it had."""
        return {party: amount for party, amount in net(self.flows).items() if party not in self.players and amount}


@dataclass(frozen=True, slots=True)
class SessionAborted:
    """The session ended without an outcome, at everyone alike.

    Attributes:
        session: the session.
        mechanism: ``family.name/version``.
        reason: why, in one sentence.
        defaulted: names of those who are missing in the phase that could not go on.
        booked: deposits returned and forfeited.
        transcript: the encoded transcript, for ``verify``; None where this member has not the code to follow.
    """

    session: SessionId
    mechanism: str
    reason: str
    defaulted: tuple[str, ...]
    booked: tuple[Flow, ...]
    transcript: bytes | None = None


@dataclass(frozen=True, slots=True)
class SessionBooked:
    """A session that has ended entered the ledger of the group.

    Attributes:
        session: the session.
        position: the log position at which it ended.
        currency: code of its currency, may be empty.
        custodian: who holds the money, or empty: then the ledger holds claims.
        flows: what flowed, each account replaced by the party behind it.
        kept: whether the balances hold it: not if its proposer has left too many of them open.
    """

    session: SessionId
    position: int
    currency: str
    custodian: str
    flows: tuple[Flow, ...]
    kept: bool


@dataclass(frozen=True, slots=True)
class MemberConvicted:
    """A proof against a member was ordered and holds.

    Attributes:
        member: its name.
        id: its key.
        offence: what kind, such as ``"equivocation"``.
        evidence: the encoded proof, for anyone who holds the roster.
        sessions: the open sessions whose sanction was applied.
    """

    member: str
    id: MemberId
    offence: str
    evidence: bytes
    sessions: tuple[SessionId, ...]


@dataclass(frozen=True, slots=True)
class ViewBegun:
    """The members changed: a new epoch of the group has begun, and sessions of the one before are over.

    Attributes:
        epoch: counts the views of the group from 0.
        members: everybody's names, in roster order.
        joined: names of those who came in.
        left: names of those who went.
        missed: whether we did not get to the end of the epoch before: others may know of sessions in it that we do not.
    """

    epoch: int
    members: tuple[str, ...]
    joined: tuple[str, ...]
    left: tuple[str, ...]
    missed: bool = False


@dataclass(frozen=True, slots=True)
class SessionMissed:
    """A session that we knew as open ended while we were away, in an epoch whose log we did not get to the end of.

    How it ended those know who were there; the balances that we go on with hold what it moved.

    Attributes:
        session: the session.
    """

    session: SessionId


@dataclass(frozen=True, slots=True)
class Removed:
    """Our own member is not in the group any more: it left, or was excluded.

    Attributes:
        epoch: the first one without it.
    """

    epoch: int


UserEvent: TypeAlias = (
    SessionProposed
    | ProposalRefused
    | Asked
    | Progress
    | BallotsCarried
    | Suspicion
    | DefaultSeen
    | Settled
    | SessionAborted
    | SessionBooked
    | MemberConvicted
    | SessionMissed
    | ViewBegun
    | Removed
)
