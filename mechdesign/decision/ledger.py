"""Double entry for one session: deposits, the mechanism's flows, returns and forfeits.

Every booking is a flow from one party to another, so the balances sum to zero after each of them. The ledger records
claims; it moves no money.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import ACCOUNTS, DEPOSIT, SINK, Flow, net

__all__ = ["Ledger", "split"]


def split(amount: Fraction, parties: Sequence[str], decimals: int) -> tuple[tuple[str, Fraction], ...]:
    """Share an amount of whole minor units in whole minor units; what is left over goes one each to the first.

    >>> [(who, str(share)) for who, share in split(Fraction(10), ["alice", "bob", "carol"], 0)]
    [('alice', '4'), ('bob', '3'), ('carol', '3')]
    """
    unit = Fraction(1, 10**decimals)
    each, rest = divmod(amount, len(parties) * unit)
    extra = rest / unit
    return tuple((party, (each + (place < extra)) * unit) for place, party in enumerate(parties))


@dataclass(slots=True)
class Ledger:
    """The bookings of one session.

    Attributes:
        players: names in roster order.
        deposit: what each of them puts in.
        decimals: digits of the currency's minor unit.
        flows: what was booked, in order.
    """

    players: tuple[str, ...]
    deposit: Fraction
    decimals: int
    flows: list[Flow] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Take the deposits."""
        if self.deposit:
            self.flows += [Flow(player, DEPOSIT, self.deposit, "deposit") for player in self.players]

    @property
    def balances(self) -> tuple[tuple[str, Fraction], ...]:
        """What each party has received minus what it has paid: players in roster order, then accounts; sums to zero."""
        booked = net(self.flows)
        shown = (*self.players, *(account for account in ACCOUNTS if account in booked))
        return tuple((party, booked.get(party, Fraction(0))) for party in shown)

    def check(self, flows: Iterable[Flow]) -> None:
        """Refuse flows that a mechanism cannot make.

        Raises:
            LocalProtocolError: a flow names neither a player nor a named account, or touches the deposits.
        """
        known = {*self.players, *ACCOUNTS} - {DEPOSIT}
        for flow in flows:
            if flow.payer not in known or flow.payee not in known:
                raise LocalProtocolError(f"a mechanism cannot move money from {flow.payer} to {flow.payee}")

    def book(self, flows: Iterable[Flow]) -> None:
        """Book the mechanism's flows, which :meth:`check` has passed."""
        self.flows += flows

    def close(self, forfeited: Iterable[str]) -> tuple[Flow, ...]:
        """Give the deposits back; those that are forfeited go to the players that forfeit nothing, or else to SINK.

        Returns:
            Everything booked.
        """
        lost = set(forfeited)
        others = [player for player in self.players if player not in lost]
        for player in self.players if self.deposit else ():
            if player not in lost:
                self.flows.append(Flow(DEPOSIT, player, self.deposit, "deposit returned"))
                continue
            for party, share in split(self.deposit, others or [SINK], self.decimals):
                if share:
                    self.flows.append(Flow(DEPOSIT, party, share, f"deposit forfeited by {player}"))
        return tuple(self.flows)
