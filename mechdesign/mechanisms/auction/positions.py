"""What auctions of advertising positions have in common."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise, permutations
from typing import Annotated

from pydantic import AfterValidator, Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Outcome
from mechdesign.mechanisms.ties import Tie

__all__ = ["PositionAuction", "Positions", "ranking"]


def _falling(clicks: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    if any(one < other for one, other in pairwise(clicks)):
        raise ValueError("clicks must not increase from one position to the next")
    return clicks


class Positions(Outcome):
    """Who gets which position, and what each pays.

    Attributes:
        order: the winners, that of the first position first.
        payments: of each winner, for all its clicks.
    """

    order: tuple[Player, ...] = ()
    payments: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = [
            f"{player} gets position {place}, pays {format_exact(self.payments.get(player, Fraction(0)))}"
            for place, player in enumerate(self.order, 1)
        ]
        return "; ".join(parts) or "no position is sold"


class PositionAuction(Mechanism[Amount, Amount, Positions]):
    """An auction of positions in which a report is a bid for a click, and a private type the value of one.

    Attributes:
        clicks: how often each position is clicked, non-increasing.
    """

    accounts = (Account.SELLER,)
    clicks: Annotated[tuple[Amount, ...], Field(min_length=1, max_length=1_000), AfterValidator(_falling)]

    def valuation(self, player: Player, value: Fraction, outcome: Positions) -> Fraction:
        """Return the value of the clicks of a player's position."""
        return value * self.clicks[outcome.order.index(player)] if player in outcome.order else Fraction(0)

    def type_grid(self) -> Sequence[Fraction]:
        """Return values of a click from nothing to four units."""
        return [Fraction(value) for value in range(5)]

    def outcomes(self, reports: Profile[Fraction], context: Context) -> Iterator[Positions]:
        """Yield every order of players in all positions that can be filled."""
        for order in permutations(reports, min(len(self.clicks), len(reports))):
            yield Positions(order=order)

    def sold(self, order: Sequence[Player], payments: dict[Player, Fraction]) -> tuple[Positions, tuple[Flow, ...]]:
        """Return the outcome and flows of a sale."""
        flows = [flow for player in order for flow in pay(player, Account.SELLER, payments[player], "clicks")]
        return Positions(order=tuple(order), payments={player: payments[player] for player in order}), tuple(flows)


def ranking(bids: Profile[Fraction], positions: int, context: Context) -> tuple[list[Player], tuple[Tie, ...]]:
    """Return all bidders, the highest bid first, and the ties that decide about a position."""
    order: list[Player] = []
    ties: tuple[Tie, ...] = ()
    for bid, group in groupby(sorted(bids, key=lambda player: -bids[player]), key=lambda player: bids[player]):
        equal = tuple(group)
        if len(order) < positions:
            equal, more = context.rank(equal, f"the bid of {format_exact(bid)}")
            ties += more
        order += equal
    return order, ties
