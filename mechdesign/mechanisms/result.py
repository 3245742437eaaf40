"""What a mechanism hands back: outcome, flows, reasons and ties."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from mechdesign.kernel.errors import MechanismError
from mechdesign.mechanisms.flow import Account, Flow, Party, Player, balances
from mechdesign.mechanisms.ties import Tie

__all__ = ["Decision", "Outcome", "Reason", "Result"]

O = TypeVar("O")  # noqa: E741 - the outcome, as in the literature


class Outcome(BaseModel):
    """Base of outcome types: frozen, closed, and printed by ``str()`` as a sentence where a subclass defines it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an outcome is what it is, as text for people and as data for programs.

    Attributes:
        text: a short phrase or sentence.
        data: names and exact amounts that the text speaks of.
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)  # no slots: Python 3.11 cannot build Decision[X](...) of a frozen class with slots
class Decision(Generic[O]):
    """An outcome without its payments: what ``decide`` returns, for ``transfers`` to price."""

    outcome: O
    why: tuple[Reason, ...] = ()
    ties: tuple[Tie, ...] = ()


@dataclass(frozen=True)  # no slots, as above
class Result(Generic[O]):
    """Outcome and flows of one run.

    Attributes:
        outcome: one definite outcome, of the mechanism's outcome type.
        flows: every movement of money; they sum to zero because each has a payer and a payee.
        why: reasons, the most telling first.
        ties: the ties that occurred, and how they were broken.
    """

    outcome: O
    flows: tuple[Flow, ...] = ()
    why: tuple[Reason, ...] = ()
    ties: tuple[Tie, ...] = ()

    def __post_init__(self) -> None:
        """Take any iterable of flows, reasons and ties."""
        for name in ("flows", "why", "ties"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def net(self, party: Party) -> Fraction:
        """Return what a player or account receives minus what it pays."""
        return balances(self.flows).get(party, Fraction(0))

    def transfers(self, players: Iterable[Player]) -> dict[Player, Fraction]:
        """Return the net transfer of each player, in the order given, zero where no flow names it."""
        net = balances(self.flows)
        return {player: net.get(player, Fraction(0)) for player in players}

    def accounts(self) -> dict[Account, Fraction]:
        """Return the net transfer of each account that ends with more or less than it had."""
        net = balances(self.flows)
        return {account: net[account] for account in Account if net.get(account)}

    def check(self, players: Iterable[Player], accounts: Iterable[Account]) -> None:
        """Refuse flows that name a party which is neither a player nor a declared account.

        Raises:
            MechanismError: naming the party.
        """
        known = {*players, *(account.value for account in accounts)}
        for flow in self.flows:
            for party in (flow.payer, flow.payee):
                if party not in known:
                    raise MechanismError(f"a flow names {party!r}, which is neither a player nor a declared account")
