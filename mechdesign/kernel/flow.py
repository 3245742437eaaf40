"""One movement of money between two parties of a decision."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from mechdesign.kernel.errors import MechanismError
from mechdesign.kernel.wire import Value

__all__ = ["ACCOUNTS", "BUYER", "DEPOSIT", "FUNDER", "PROVIDER", "SELLER", "SINK", "Flow", "bound", "net"]

SELLER = "SELLER"
"""The other side of an auction that sells."""
BUYER = "BUYER"
"""The other side of a procurement."""
PROVIDER = "PROVIDER"
"""Receives the cost that players cover."""
SINK = "SINK"
"""Receives a surplus that is burnt."""
FUNDER = "FUNDER"
"""Pays a deficit."""
DEPOSIT = "DEPOSIT"
"""Holds the deposits of a session's players until it ends."""

ACCOUNTS = (SELLER, BUYER, PROVIDER, SINK, FUNDER, DEPOSIT)
"""The named accounts; no player may be called like one."""


@dataclass(frozen=True, slots=True)
class Flow:
    """An amount that moves from one party to another.

    Attributes:
        payer: a player's name or a named account.
        payee: a player's name or a named account, another than the payer.
        amount: positive, exact, in units of the session's currency.
        reason: why, for people, such as ``"second price"``.
    """

    payer: str
    payee: str
    amount: Fraction
    reason: str

    def __post_init__(self) -> None:
        """Refuse what would not be a movement of exact money."""
        amount: object = self.amount
        if isinstance(amount, bool) or not isinstance(amount, Fraction | int):
            raise MechanismError(f"a flow moves an exact Fraction, not the {type(amount).__name__} {amount!r}")
        if self.amount <= 0:
            raise MechanismError(f"a flow moves a positive amount, not {self.amount}: turn it round")
        if self.payer == self.payee:
            raise MechanismError(f"{self.payer} cannot pay itself")
        object.__setattr__(self, "amount", Fraction(self.amount))
        object.__setattr__(self, "payer", str(self.payer))  # a StrEnum becomes its plain text
        object.__setattr__(self, "payee", str(self.payee))

    @property
    def wire(self) -> Value:
        """The flow as a value with a canonical encoding."""
        return (self.payer, self.payee, self.amount, self.reason)


def net(flows: Iterable[Flow]) -> dict[str, Fraction]:
    """What each party receives minus what it pays, in order of first mention; sums to zero."""
    balance: dict[str, Fraction] = {}
    for flow in flows:
        balance[flow.payer] = balance.get(flow.payer, Fraction(0)) - flow.amount
        balance[flow.payee] = balance.get(flow.payee, Fraction(0)) + flow.amount
    return balance


def bound(flows: Iterable[Flow], accounts: Iterable[tuple[str, str]]) -> tuple[Flow, ...]:
    """Flows with every named account replaced by the party behind it; what a party pays itself is left out."""
    behind = dict(accounts)
    ends = ((behind.get(flow.payer, flow.payer), behind.get(flow.payee, flow.payee), flow) for flow in flows)
    return tuple(Flow(payer, payee, flow.amount, flow.reason) for payer, payee, flow in ends if payer != payee)
