"""What all mechanisms have in common that divide items by their values to the players."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Outcome
from mechdesign.mechanisms.shared.options import Options
from mechdesign.mechanisms.shared.valuations import AmountsOf, Valuation

__all__ = ["Bundles", "Goods"]


class Bundles(Outcome):
    """Who gets which items.

    Attributes:
        bundles: the items of each player that reported, in parameter order.
    """

    bundles: dict[Player, tuple[str, ...]] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = (f"{player} gets {', '.join(items) or 'nothing'}" for player, items in self.bundles.items())
        return "; ".join(parts) or "nothing is divided"


O = TypeVar("O", bound=Outcome)  # noqa: E741 - the outcome, as in the literature


class Goods(Mechanism[Valuation, Valuation, O], Generic[O]):
    """Base of mechanisms in which a report puts a value on each item (option).

    Attributes:
        options: the items, one of each.
    """

    options: Options

    def report_schema(self) -> Any:
        """Return the type of a value for each item."""
        return Annotated[Valuation, AmountsOf(self.options)]

    def type_schema(self) -> Any:
        """Return the type of a report."""
        return self.report_schema()

    def valuation(self, player: Player, value: Mapping[str, Fraction], outcome: O) -> Fraction:
        """Return the sum of the values of the items that a player gets."""
        assert isinstance(outcome, Bundles)  # mechanisms with other outcomes say themselves what they are worth
        return sum((value[item] for item in outcome.bundles.get(player, ())), Fraction(0))

    def type_grid(self) -> Sequence[Valuation]:
        """Return values of the first two items and the last."""
        rows = ((0, 0, 0), (1, 0, 0), (1, 2, 3), (3, 2, 1), (2, 4, 1))
        places = (0, min(1, len(self.options) - 1), len(self.options) - 1)
        found = []
        for row in rows:
            values = dict.fromkeys(self.options, Fraction(0))
            values |= {self.options[place]: Fraction(value) for place, value in zip(places, row, strict=True)}
            found.append(values)
        return found
