"""What ballots are about: the options, who counts how much, and ballots that approve or score options."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mechdesign.kernel.errors import MechanismError
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player

__all__ = [
    "Approvals",
    "ApprovalsOf",
    "Options",
    "Order",
    "Scores",
    "ScoresOf",
    "Weights",
    "counted",
    "weight_of",
    "wrong_ballot",
]

B = TypeVar("B", bound=Hashable)

Order: TypeAlias = tuple[str, ...]
"""Options from the best to the worst, each at most once."""

Approvals: TypeAlias = tuple[str, ...]
"""Approved options, in parameter order."""

Scores: TypeAlias = dict[str, int]
"""A whole number for every option, in parameter order."""


def _distinct(options: Order) -> Order:
    if len(set(options)) != len(options):
        raise ValueError("an option stands twice")
    return options


Options = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    Field(min_length=1, max_length=1000),
    AfterValidator(_distinct),
]
"""The names of the options of a vote; their order decides ties."""

Weights = dict[str, Annotated[int, Field(strict=True, ge=1, le=10**12)]]
"""How many ballots a player's ballot stands for, by player; whoever is not named has one."""


def wrong_ballot(reason: str) -> PydanticCustomError:
    """Return the error that says what is wrong with a ballot."""
    return PydanticCustomError("ballot", "{reason}", {"reason": reason})


def counted(ballots: Profile[B], weights: Mapping[Player, int], context: Context) -> dict[B, int]:
    """Return how often each ballot was cast, in the order of first appearance in the roster.

    Raises:
        MechanismError: where a weight is given to somebody outside the roster.
    """
    count: dict[B, int] = {}
    for player, ballot in ballots.items():
        count[ballot] = count.get(ballot, 0) + weight_of(player, weights)
    if weights:
        players = set(context.players)
        for name in weights:
            if name not in players:
                raise MechanismError(f"weights: {name!r} is none of the players")
    return count


def weight_of(player: Player, weights: Mapping[Player, int]) -> int:
    """Return how many ballots a player's ballot stands for."""
    return weights.get(player, 1)


def _known(name: object, options: Order) -> str:
    if not isinstance(name, str) or name not in options:
        raise wrong_ballot(f"{name!r} is none of the options {', '.join(options)}")
    return name


@dataclass(frozen=True, slots=True)
class ApprovalsOf:
    """The pydantic type of a ballot that approves some options: ``Annotated[Approvals, ApprovalsOf(options)]``.

    Attributes:
        options: what can be approved.
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
            "description": "the approved options, in any order; none is a ballot too",
        }

    def read(self, value: object) -> Approvals:
        """Return the approved options in parameter order, so that one ballot has one text."""
        if not isinstance(value, list | tuple):
            raise wrong_ballot(f"a ballot is a list of approved options such as {list(self.options[:2])}")
        approved = {_known(name, self.options) for name in value}
        if len(approved) != len(value):
            raise wrong_ballot("an option stands twice")
        return tuple(option for option in self.options if option in approved)


@dataclass(frozen=True, slots=True)
class ScoresOf:
    """The pydantic type of a ballot that gives every option a whole number: ``Annotated[Scores, ScoresOf(...)]``.

    Attributes:
        options: what is scored; an option that a ballot leaves out has the score 0.
        least: the lowest score.
        most: the highest score.
        squares_max: bound on the sum of the squares of a ballot's scores, or None.
    """

    options: Order
    least: int
    most: int
    squares_max: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(dict, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": self.least, "maximum": self.most}
        text = "a whole number for each option; 0 for one that is left out"
        if self.squares_max is not None:
            text += f"; their squares sum to {self.squares_max} at most"
        return {
            "type": "object",
            "properties": dict.fromkeys(self.options, number),
            "additionalProperties": False,
            "description": text,
        }

    def read(self, value: object) -> Scores:
        """Return the scores of all options in parameter order."""
        if not isinstance(value, Mapping):
            raise wrong_ballot(f'a ballot is an object such as {{"{self.options[0]}": {self.most}}}')
        for name, score in value.items():
            _known(name, self.options)
            if type(score) is not int or not self.least <= score <= self.most:
                raise wrong_ballot(
                    f"the score of {name} must be a whole number from {self.least} to {self.most}, not {score!r}"
                )
        spent = sum(score * score for score in value.values())
        if self.squares_max is not None and spent > self.squares_max:
            raise wrong_ballot(f"the votes cost {spent} credits, more than {self.squares_max}")
        return {option: value.get(option, 0) for option in self.options}
