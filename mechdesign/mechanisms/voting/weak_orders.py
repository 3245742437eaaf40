"""Ballots that order options and may leave some tied or unranked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.shared.options import Order, wrong_ballot
from mechdesign.mechanisms.voting.ballots import Election, Vote

__all__ = ["WeakOrder", "WeakOrderOf", "WeaklyRanked", "level", "levels"]

WeakOrder: TypeAlias = tuple[str | tuple[str, ...], ...]
"""Options or groups of equals, from the best to the worst; what is left out stands equal below all that is named."""


@dataclass(frozen=True, slots=True)
class WeakOrderOf:
    """The pydantic type of a ballot that orders options, ties allowed: ``Annotated[WeakOrder, WeakOrderOf(options)]``.

    Attributes:
        options: what can be ordered.
    """

    options: Order

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(_plain, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        option: JsonSchemaValue = {"type": "string", "enum": list(self.options)}
        group: JsonSchemaValue = {"type": "array", "items": option, "uniqueItems": True, "minItems": 2}
        return {
            "type": "array",
            "items": {"anyOf": [option, group]},
            "maxItems": len(self.options),
            "description": "options from the best to the worst; a list inside is a tie; what is left out stands last",
        }

    def read(self, value: object) -> WeakOrder:
        """Return the ballot in its one form: a group of one is an option, a group stands in parameter order."""
        if not isinstance(value, list | tuple):
            raise wrong_ballot(f"a ballot is a list of options such as {list(self.options)}")
        seen: list[str] = []
        ballot: list[str | tuple[str, ...]] = []
        for part in value:
            group = tuple(part) if isinstance(part, list | tuple) else (part,)
            for name in group:
                if name not in self.options:
                    raise wrong_ballot(f"{name!r} is none of the options {', '.join(self.options)}")
            seen.extend(group)
            if not group:
                raise wrong_ballot("a group of equals is empty")
            ballot.append(group[0] if len(group) == 1 else tuple(name for name in self.options if name in group))
        if len(set(seen)) != len(seen):
            raise wrong_ballot("an option stands twice")
        return tuple(ballot)


def _plain(ballot: WeakOrder) -> list[str | list[str]]:
    return [part if isinstance(part, str) else list(part) for part in ballot]


def level(ballot: WeakOrder, option: str | None) -> int:
    """Return on which level of a ballot an option stands, 0 for the best; past the last one where it is left out."""
    for place, part in enumerate(ballot):
        if part == option if isinstance(part, str) else option in part:
            return place
    return len(ballot) + (option is None)


class WeaklyRanked(Vote[WeakOrder, WeakOrder]):
    """Base of votes in which a ballot may leave options tied or unranked."""

    def type_schema(self) -> Any:
        """Return the type of an order of the options with ties."""
        return Annotated[WeakOrder, WeakOrderOf(self.options)]

    def report_schema(self) -> Any:
        """Return the type of a ballot: an order of the options with ties."""
        return Annotated[WeakOrder, WeakOrderOf(self.options)]

    def prefers(self, player: Player, value: WeakOrder, one: Result[Election], other: Result[Election]) -> bool:
        """Say whether a voter puts the winner of one result before that of the other."""
        return level(value, one.outcome.winner) < level(value, other.outcome.winner)

    def type_grid(self) -> Sequence[WeakOrder]:
        """Return all orders of the options without ties."""
        return list(permutations(self.options))

    def strengthen(self, report: WeakOrder, outcome: Election) -> Iterator[WeakOrder]:
        """Yield ballots that move the winner up, between the others' levels, and leave the rest as it is."""
        winner = outcome.winner
        if winner is None:
            return
        place = level(report, winner)
        rest: list[str | tuple[str, ...]] = []
        for part in report:
            others = tuple(name for name in ((part,) if isinstance(part, str) else part) if name != winner)
            if others:
                rest.append(others[0] if len(others) == 1 else others)
        for higher in range(min(place, len(rest)) + (place < len(report) and isinstance(report[place], tuple))):
            yield (*rest[:higher], winner, *rest[higher:])


def levels(ballot: WeakOrder, options: Sequence[str]) -> Mapping[str, int]:
    """Return the level of every option on a ballot."""
    found = dict.fromkeys(options, len(ballot))
    for place, part in enumerate(ballot):
        for name in (part,) if isinstance(part, str) else part:
            found[name] = place
    return found
