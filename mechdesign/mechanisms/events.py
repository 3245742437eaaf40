"""What passes between the session core and the party above it: requests down, events up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeAlias

from mechdesign.decision.certificate import Certificate
from mechdesign.decision.messages import SessionId
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.flow import Flow, net
from mechdesign.kernel.money import Currency
from mechdesign.mechanisms.computation import AnyMechanism
from mechdesign.mechanisms.play import Ask
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.ties import LEXICOGRAPHIC, TieRule

__all__ = [
    "Asked",
    "DefaultSeen",
    "MemberConvicted",
    "Progress",
    "ProposeSession",
    "Report",
    "SessionAborted",
    "SessionProposed",
    "Settled",
    "UserEvent",
    "UserRequest",
]


# Requests, downward


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeSession:
    """Propose that the group runs a mechanism.

    Attributes:
        mechanism: what to run, with its parameters.
        asked: names of the members asked to take part, in any order; empty stands for all.
        seal: ``"threshold"``, ``"commit_reveal"`` or ``"open"``; empty for the first one from four members on, else the
            second.
        threshold: how many members' shares open sealed reports and coins, more than b and at most q; 0 for q.
        deposit: what each player stakes.
        sanctions: of ``"recompute"``, ``"forfeit"`` and ``"abort"`` (this one only with a deposit).
        accounts: who stands behind each named account: a member's name or an outside party. An account that the
            mechanism uses and that is not named here stands for an outside party called like it, in lower case.
        ties: how equals are told apart.
        currency: what amounts are counted in.
        enrol_ms: time for enrolment, in milliseconds, after which a quorum can go on without the silent.
        report_ms: time for each ask.
        open_ms: time for opening seals.
        attest_ms: time for signatures under the outcome.
        players_min: with fewer the session aborts.
        label: two proposals of one member with the same label are one, also over a restart; empty stands for a fresh
            one.
    """

    mechanism: AnyMechanism
    asked: tuple[str, ...] = ()
    seal: str = ""
    threshold: int = 0
    deposit: Fraction = Fraction(0)
    sanctions: tuple[str, ...] = ("recompute", "forfeit")
    accounts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ties: TieRule = LEXICOGRAPHIC
    currency: Currency = field(default_factory=Currency)
    enrol_ms: int = 30_000
    report_ms: int = 60_000
    open_ms: int = 15_000
    attest_ms: int = 15_000
    players_min: int = 1
    label: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Answer an :class:`Asked`; the first answer stands, and an answer to what is closed does nothing.

    Attributes:
        session: the session.
        step: the ask.
        value: a report of the type that was asked for; ``None`` or ``PASS`` to give none.
    """

    session: SessionId
    step: int
    value: Any


UserRequest: TypeAlias = ProposeSession | Report


# Events, upward


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
        phase: proposed, enrolling, sealing, opening, asking, attesting, settled or aborted.
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
        transcript: where a quorum signed that the mechanism failed, the encoded transcript; else None.
    """

    session: SessionId
    mechanism: str
    reason: str
    defaulted: tuple[str, ...]
    booked: tuple[Flow, ...]
    transcript: bytes | None = None


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


UserEvent: TypeAlias = SessionProposed | Asked | Progress | DefaultSeen | Settled | SessionAborted | MemberConvicted
