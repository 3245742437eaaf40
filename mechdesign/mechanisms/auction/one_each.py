"""What auctions have in common in which each bidder wants one of several different items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Annotated, Any, TypeAlias

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mechdesign.kernel.errors import InputError
from mechdesign.kernel.money import Amount, format_exact, parse_exact
from mechdesign.mechanisms.auction.bundles import Items
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Outcome

__all__ = ["OneEach", "Placement", "Worths", "WorthsOf"]

Worths: TypeAlias = dict[str, Fraction]
"""What each item is worth, in parameter order."""


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("worths", "{reason}", {"reason": reason})


@dataclass(frozen=True, slots=True)
class WorthsOf:
    """The pydantic type of a worth for each item: ``Annotated[Worths, WorthsOf(items)]``.

    Attributes:
        items: what is for sale; an item that is left out is worth nothing.
    """

    items: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(_written, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "object",
            "properties": {item: {"type": ["string", "number"], "minimum": 0} for item in self.items},
            "additionalProperties": False,
            "description": "an exact amount for each item; 0 for one that is left out",
        }

    def read(self, value: object) -> Worths:
        """Return the worths of all items in parameter order."""
        if not isinstance(value, Mapping):
            raise _wrong(f'worths are an object such as {{"{self.items[0]}": 5}}')
        found: Worths = dict.fromkeys(self.items, Fraction(0))
        for item, worth in value.items():
            if item not in found:
                raise _wrong(f"{item!r} is none of the items {', '.join(self.items)}")
            try:
                found[item] = parse_exact(worth)
            except InputError as error:
                raise _wrong(f"{item}: {error}") from None
            if found[item] < 0:
                raise _wrong(f"{item}: an amount must be at least 0, not {format_exact(found[item])}")
        return found


def _written(worths: Worths) -> dict[str, str]:
    return {item: format_exact(worth) for item, worth in worths.items()}


class Placement(Outcome):
    """Who gets which item, and what each pays.

    Attributes:
        items: of each winner, in roster order.
        payments: of each winner.
    """

    items: dict[Player, str] = Field(default_factory=dict)
    payments: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = [
            f"{player} gets {item}, pays {format_exact(self.payments.get(player, Fraction(0)))}"
            for player, item in self.items.items()
        ]
        return "; ".join(parts) or "nothing is sold"


class OneEach(Mechanism[Worths, Worths, Placement]):
    """An auction of different ``items`` of which each bidder gets one at most.

    Attributes:
        items: what is for sale.
    """

    accounts = (Account.SELLER,)
    items: Items

    def type_schema(self) -> Any:
        """Return the type of a worth for each item."""
        return Annotated[Worths, WorthsOf(self.items)]

    def report_schema(self) -> Any:
        """Return the type of a worth for each item."""
        return self.type_schema()

    def valuation(self, player: Player, value: Worths, outcome: Placement) -> Fraction:
        """Return the worth of the item that a player got."""
        return value[outcome.items[player]] if player in outcome.items else Fraction(0)

    def type_grid(self) -> Sequence[Worths]:
        """Return worths of up to three for the first two items."""
        shown = self.items[:2]
        pairs = [(0, 0), (1, 0), (0, 2), (2, 1), (1, 3), (3, 3)]
        return [
            {item: Fraction(dict(zip(shown, pair, strict=False)).get(item, 0)) for item in self.items} for pair in pairs
        ]

    def outcomes(self, reports: Profile[Worths], context: Context) -> Iterator[Placement]:
        """Yield every way of giving each player one item at most."""
        for given in product((None, *self.items), repeat=len(reports)):
            items = {player: item for player, item in zip(reports, given, strict=True) if item is not None}
            if len(set(items.values())) == len(items):
                yield Placement(items=items)

    def sold(
        self, items: Mapping[Player, str], payments: Mapping[Player, Fraction]
    ) -> tuple[Placement, tuple[Flow, ...]]:
        """Return the outcome and flows of a sale."""
        flows = [flow for player in items for flow in pay(player, Account.SELLER, payments[player], items[player])]
        return Placement(items=dict(items), payments={player: payments[player] for player in items}), tuple(flows)
