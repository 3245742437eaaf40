"""Reports that put an exact amount on each of some named things: options, rooms, items, projects."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from mechdesign.kernel.money import MoneyError, SignedAmount, format_exact, parse_exact
from mechdesign.mechanisms.shared.options import Order, wrong_ballot

__all__ = ["AmountsOf", "Valuation"]

Valuation: TypeAlias = dict[str, SignedAmount]
"""An exact amount for every thing, in parameter order."""


@dataclass(frozen=True, slots=True)
class AmountsOf:
    """The pydantic type of a report that values every thing: ``Annotated[Valuation, AmountsOf(items)]``.

    Attributes:
        things: what is valued; a thing that a report leaves out has the amount 0.
        signed: whether amounts may be negative.
        total: what the amounts must sum to, or None.
    """

    things: Order
    signed: bool = False
    total: Fraction | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(_plain, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        amount: dict[str, Any] = {"type": ["string", "number"]}
        if not self.signed:
            amount["minimum"] = 0
        text = "an exact amount for each (a whole number, a decimal, or a text such as 18.50 or 1/3); 0 where left out"
        if self.total is not None:
            text += f"; together {format_exact(self.total)}"
        return {
            "type": "object",
            "properties": dict.fromkeys(self.things, amount),
            "additionalProperties": False,
            "description": text,
        }

    def read(self, value: object) -> Valuation:
        """Return the amounts of all things in parameter order."""
        if not isinstance(value, Mapping):
            raise wrong_ballot(f'a report is an object such as {{"{self.things[0]}": 3}}')
        for name, amount in value.items():
            if not isinstance(name, str) or name not in self.things:
                raise wrong_ballot(f"{name!r} is none of {', '.join(self.things)}")
            self._check(name, amount)
        amounts = {thing: parse_exact(value.get(thing, 0)) for thing in self.things}
        total = sum(amounts.values(), Fraction(0))
        if self.total is not None and total != self.total:
            raise wrong_ballot(f"the amounts sum to {format_exact(total)}, not to {format_exact(self.total)}")
        return amounts

    def _check(self, name: str, amount: object) -> None:
        try:
            exact = parse_exact(amount)
        except MoneyError as error:
            raise wrong_ballot(f"{name}: {error}") from None
        if exact < 0 and not self.signed:
            raise wrong_ballot(f"{name}: an amount must be at least 0, not {format_exact(exact)}")


def _plain(amounts: Mapping[str, Fraction]) -> dict[str, str]:
    return {thing: format_exact(amount) for thing, amount in amounts.items()}
