"""Moulin mechanisms: offer everybody a share, let go who does not take it, offer again.

Where shares are cross-monotonic (nobody's share falls when another leaves), no coalition gains by misreporting.

**Source**: H. Moulin, S. Shenker, Strategyproof sharing of submodular costs, Economic Theory 18 (2001).
"""

from collections.abc import Callable, Mapping
from fractions import Fraction

from pydantic import Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason

__all__ = ["Service", "Shares", "charge", "moulin"]

Shares = Callable[[tuple[Player, ...]], Mapping[Player, Fraction]]
"""What each of a set of players (in roster order) would pay if exactly this set were served."""


class Service(Outcome):
    """Who is served, and what each of them pays.

    Attributes:
        served: the players served, in roster order.
        shares: the cost share of each of them.
    """

    served: tuple[Player, ...] = ()
    shares: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        if not self.served:
            return "nobody is served"
        return ", ".join(f"{player} pays {format_exact(self.shares[player])}" for player in self.served)


def moulin(limits: Mapping[Player, Fraction | None], shares: Shares) -> tuple[Service, tuple[Reason, ...]]:
    """Return the largest set of players that all accept their shares, and who left in which round.

    Args:
        limits: the most that each player would pay, in roster order; None is any share.
        shares: cross-monotonic cost shares.

    Complexity: at most n rounds for n players, since somebody leaves in each.
    """
    served = tuple(limits)
    why: list[Reason] = []
    while True:
        offer = shares(served) if served else {}
        left = [player for player in served if not _accepts(limits[player], offer[player])]
        if not left:
            return Service(served=served, shares={player: offer[player] for player in served}), tuple(why)
        offered = {player: offer[player] for player in left}
        why.append(Reason(f"round {len(why) + 1}: {', '.join(left)} would not pay the share", {"shares": offered}))
        served = tuple(player for player in served if player not in offered)


def _accepts(limit: Fraction | None, share: Fraction) -> bool:
    return limit is None or share <= limit


def charge(service: Service) -> tuple[Flow, ...]:
    """Return the flows by which those served pay their shares to whoever provides the service."""
    return tuple(
        flow
        for player in service.served
        for flow in pay(player, Account.PROVIDER, service.shares[player], "share of the cost")
    )
