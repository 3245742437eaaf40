"""What all sealed auctions of one item have in common."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player
from mechdesign.mechanisms.result import Outcome
from mechdesign.mechanisms.ties import Tie

__all__ = ["OneItem", "OneItemWithReserve", "Sale", "highest", "second_highest"]


class Sale(Outcome):
    """Who gets the item, and the price named to the winner.

    Attributes:
        winner: the buyer, or null where the item is not sold.
        price: what the winner pays, rebates aside; 0 where it is not sold.
    """

    winner: Player | None = None
    price: Amount = Fraction(0)

    def __str__(self) -> str:
        return f"{self.winner} wins, pays {format_exact(self.price)}" if self.winner else "not sold"


class OneItem(Mechanism[Amount, Amount, Sale]):
    """An auction of one item in which a report is a bid, and a private type the value of the item."""

    def valuation(self, player: Player, value: Fraction, outcome: Sale) -> Fraction:
        """Return the value of the item to the player that got it."""
        return value if outcome.winner == player else Fraction(0)

    def type_grid(self) -> Sequence[Fraction]:
        """Return values from nothing to four units."""
        return [Fraction(value) for value in range(5)]

    def outcomes(self, reports: Profile[Fraction], context: Context) -> Iterator[Sale]:
        """Yield the sale to nobody, and to each bidder."""
        yield Sale()
        for player in reports:
            yield Sale(winner=player)


class OneItemWithReserve(OneItem):
    """An auction of one item below whose reserve the seller keeps it."""

    accounts = (Account.SELLER,)
    reserve: Amount = Fraction(0)

    def type_grid(self) -> Sequence[Fraction]:
        """Return values below, at and above the reserve."""
        return [self.reserve * part / 2 for part in range(5)] if self.reserve else super().type_grid()

    def resource_cost(self, outcome: Sale) -> Fraction:
        """Return the reserve of an item that is sold: it stands for the seller's own value."""
        return self.reserve if outcome.winner else Fraction(0)


def highest(bids: Mapping[Player, Fraction], context: Context) -> tuple[Player, tuple[Tie, ...]]:
    """Return the highest bidder of a non-empty profile, and the tie if several bid as much."""
    top = max(bids.values())
    return context.pick([player for player in bids if bids[player] == top], "the highest bid")


def second_highest(bids: Mapping[Player, Fraction], winner: Player) -> tuple[Player | None, Fraction]:
    """Return the highest bidder besides the winner and its bid; nobody and 0 where the winner is alone."""
    rest = [(bid, player) for player, bid in bids.items() if player != winner]
    if not rest:
        return None, Fraction(0)
    top = max(bid for bid, _ in rest)
    return next((player, bid) for bid, player in rest if bid == top)
