"""What all mechanisms have in common that give each player at most one item."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Outcome
from mechdesign.mechanisms.shared.options import Options, Order
from mechdesign.mechanisms.shared.orders import OrderOf, rank_worth

__all__ = ["Assigned", "ItemsByOrder"]


class Assigned(Outcome):
    """Who gets which item.

    Attributes:
        items: the item of each player that gets one, in roster order.
    """

    items: dict[Player, str] = Field(default_factory=dict)

    def __str__(self) -> str:
        return ", ".join(f"{player} gets {item}" for player, item in self.items.items()) or "nobody gets anything"


A = TypeVar("A", bound=Assigned)


class ItemsByOrder(Mechanism[Order, Order, A], Generic[A]):
    """Base of mechanisms in which a report orders the acceptable items (options), the best first.

    Attributes:
        options: the items, one of each.
    """

    options: Options

    def report_schema(self) -> Any:
        """Return the type of an order of acceptable items."""
        return Annotated[Order, OrderOf(self.options)]

    def type_schema(self) -> Any:
        """Return the type of a report."""
        return self.report_schema()

    def valuation(self, player: Player, value: Order, outcome: A) -> Fraction:
        """Return a number that grows with the place of the item in the order."""
        return rank_worth(value, [outcome.items[player]] if player in outcome.items else [])

    def type_grid(self) -> Sequence[Order]:
        """Return the orders of up to three items, and one that accepts only the last of these."""
        some = self.options[:3]
        return [*permutations(some), some[-1:]]
