"""Strict orders of what a player would accept, the best first; what an order leaves out is not acceptable."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from mechdesign.mechanisms.shared.options import Order, wrong_ballot

__all__ = ["Names", "OrderOf", "rank_worth"]


def _distinct(names: Order) -> Order:
    if len(set(names)) != len(names):
        raise ValueError("a name stands twice")
    return names


Names = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    Field(max_length=1000),
    AfterValidator(_distinct),
]
"""Distinct names in an order that matters, possibly none."""


@dataclass(frozen=True, slots=True)
class OrderOf:
    """The pydantic type of an order of some of the options: ``Annotated[Order, OrderOf(options)]``.

    Attributes:
        options: what can be ordered.
    """

    options: Order

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(list, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "array",
            "items": {"type": "string", "enum": list(self.options)},
            "uniqueItems": True,
            "description": "the acceptable ones, the best first; what is left out is not acceptable",
        }

    def read(self, value: object) -> Order:
        """Return the order, each option at most once."""
        if not isinstance(value, list | tuple):
            raise wrong_ballot(f"a report is a list, the best first, such as {list(self.options[:2])}")
        for name in value:
            if not isinstance(name, str) or name not in self.options:
                raise wrong_ballot(f"{name!r} is none of {', '.join(self.options)}")
        if len(set(value)) != len(value):
            raise wrong_ballot("an option stands twice")
        return tuple(value)


def rank_worth(order: Order, got: Iterable[str]) -> Fraction:
    """Return a number that grows with preference: the worst acceptable thing has 1, nothing 0, an unacceptable one -1.

    It stands for an order where the checks compare what players get; mechanisms never add it up.
    """
    worth = {name: len(order) - place for place, name in enumerate(order)}
    return Fraction(sum(worth.get(name, -1) for name in got))
