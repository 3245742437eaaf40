"""What the party asks of the session core; what it is told stands in ``events.py``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeAlias

from mechdesign.decision.messages import Payout, Receipt, SessionId
from mechdesign.kernel.money import Currency
from mechdesign.mechanisms.computation import AnyMechanism
from mechdesign.mechanisms.ties import LEXICOGRAPHIC, TieRule

__all__ = ["CarryBallots", "Payout", "ProposeSession", "Receipt", "Report", "UserRequest"]


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
        sanctions: of ``"recompute"``, ``"default_report"``, ``"forfeit"``, ``"abort"`` (only with a deposit) and
            ``"exclude"``.
        accounts: who stands behind each named account: a member's name or an outside party. An account that the
            mechanism uses and that is not named here stands for an outside party called like it, in lower case.
        default_report: a report of the mechanism's type that stands in for a void one; with the sanction of that name.
        payment_max: no player pays more than this, nor a member that is asked, through accounts that it stands behind;
            an outcome that asks for more fails. None for any.
        custodian: name of the member that holds deposits, so that who has not paid it does not play; empty for nobody.
        ties: how equals are told apart.
        currency: what amounts are counted in.
        enrol_ms: time for enrolment, in milliseconds, after which a quorum can go on without the silent.
        report_ms: time for each ask.
        open_ms: time for opening seals.
        attest_ms: time for signatures under the outcome.
        players_min: with fewer the session aborts.
        roll: Merkle root of the roll of participants that are not members, see ``decision/ballots``; then
            they report, by ballots, and members report nothing. Empty for none.
        rolled: how many stand on the roll.
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
    default_report: Any = None
    payment_max: Fraction | None = None
    custodian: str = ""
    ties: TieRule = LEXICOGRAPHIC
    currency: Currency = field(default_factory=Currency)
    enrol_ms: int = 30_000
    report_ms: int = 60_000
    open_ms: int = 15_000
    attest_ms: int = 15_000
    players_min: int = 1
    roll: bytes = b""
    rolled: int = 0
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


@dataclass(frozen=True, slots=True)
class CarryBallots:
    """Carry ballots of participants into the log, each to the session that it names; answered by ``BallotsCarried``.

    Attributes:
        ballots: encoded ballots, as participants hand them to members.
    """

    ballots: tuple[bytes, ...]


UserRequest: TypeAlias = ProposeSession | Report | CarryBallots | Receipt | Payout
