"""Ballots that order options, and what all votes for one winner have in common."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from mechdesign.kernel.money import SignedAmount, format_exact
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Decision, Outcome, Reason, Result
from mechdesign.mechanisms.shared.options import Options, Order, Weights, counted, wrong_ballot

__all__ = ["Election", "Options", "Order", "OrderOf", "Ranked", "RankedByScore", "Vote"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class OrderOf:
    """The pydantic type of a ballot that orders given options: ``Annotated[Order, OrderOf(options)]``.

    Attributes:
        options: what can be ordered.
        complete: whether all of them must be ordered; otherwise the first few suffice, and one name alone is an order.
        blank: whether a ballot may also order none.
    """

    options: Order
    complete: bool = True
    blank: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(list, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        option: JsonSchemaValue = {"type": "string", "enum": list(self.options)}
        least = len(self.options) if self.complete else 0 if self.blank else 1
        order = {
            "type": "array",
            "items": option,
            "uniqueItems": True,
            "minItems": least,
            "maxItems": len(self.options),
            "description": "options from the best to the worst",
        }
        return order if self.complete else {"anyOf": [order, option]}

    def read(self, value: object) -> Order:
        """Return the ballot that a list of names (or one name, where it need not be complete) stands for."""
        if isinstance(value, str) and not self.complete:
            value = (value,)
        if not isinstance(value, list | tuple) or not (value or self.blank):
            raise wrong_ballot(f"a ballot is a list of options such as {list(self.options)}")
        for name in value:
            if isinstance(name, list | tuple):
                raise wrong_ballot("this rule takes no ties on a ballot; list every option on its own")
            if name not in self.options:
                raise wrong_ballot(f"{name!r} is none of the options {', '.join(self.options)}")
        if len(set(value)) != len(value):
            raise wrong_ballot("an option stands twice")
        if self.complete and len(value) != len(self.options):
            missing = [name for name in self.options if name not in value]
            raise wrong_ballot(f"a ballot must order all options; missing: {', '.join(missing)}")
        return tuple(value)


class Election(Outcome):
    """Who is elected.

    Attributes:
        winner: the option elected, or null without a vote.
        tied: all options that are as good by the rule, in parameter order; the winner is one of them.
        scores: the score of every option, in parameter order, where the rule has scores.
    """

    winner: str | None = None
    tied: tuple[str, ...] = ()
    scores: dict[str, SignedAmount] = Field(default_factory=dict)

    def __str__(self) -> str:
        if self.winner is None:
            return "nobody is elected"
        if self.winner in self.scores:
            return f"{self.winner} wins with {format_exact(self.scores[self.winner])}"
        return f"{self.winner} wins"


class Vote(Mechanism[T, R, Election], Generic[T, R]):
    """Base of votes that elect one option.

    Attributes:
        options: their order decides ties.
        weights: how many ballots a player's ballot stands for, where that is not one.
    """

    options: Options
    weights: Weights = Field(default_factory=dict)

    def nobody(self) -> Decision[Election]:
        """Return the decision without a ballot."""
        return Decision(Election(), (Reason("no ballots"),))

    def elect(
        self,
        tied: Sequence[str],
        context: Context,
        about: str,
        why: Sequence[Reason] = (),
        scores: Mapping[str, Fraction] | None = None,
    ) -> Decision[Election]:
        """Return the decision for one of equally good options, by the tie rule.

        Args:
            tied: all options that are as good by the rule.
            context: roster and tie rule.
            about: what the tied are equal in.
            why: the reasons to show.
            scores: the score of every option.
        """
        ordered = tuple(option for option in self.options if option in tied)
        winner, ties = context.pick(ordered, about)
        return Decision(Election(winner=winner, tied=ordered, scores=dict(scores or {})), tuple(why), ties)

    def favoured(self, outcome: Election) -> str | None:
        """Return the winner."""
        return outcome.winner


class Ranked(Vote[Order, Order]):
    """Base of votes in which a ballot orders options without ties: all of them, unless a subclass says otherwise."""

    def type_schema(self) -> Any:
        """Return the type of a complete order of the options."""
        return Annotated[Order, OrderOf(self.options)]

    def report_schema(self) -> Any:
        """Return the type of a ballot: a complete order of the options."""
        return Annotated[Order, OrderOf(self.options)]

    def prefers(self, player: Player, value: Order, one: Result[Election], other: Result[Election]) -> bool:
        """Say whether a voter puts the winner of one result before that of the other."""
        return _place(value, one.outcome.winner) < _place(value, other.outcome.winner)

    def type_grid(self) -> Sequence[Order]:
        """Return all orders of the options."""
        return list(permutations(self.options))

    def strengthen(self, report: Order, outcome: Election) -> Iterator[Order]:
        """Yield ballots that move the winner up and leave the rest as it is."""
        if outcome.winner is None:
            return
        rest = [option for option in report if option != outcome.winner]
        place = report.index(outcome.winner) if outcome.winner in report else len(rest) + 1
        for higher in range(place):
            yield (*rest[:higher], outcome.winner, *rest[higher:])


class RankedByScore(Ranked):
    """Base of votes in which ballots order options and the option with the highest score is elected."""

    @abstractmethod
    def scores(self, ballots: Mapping[Order, int]) -> dict[str, Fraction]:
        """Return the score of every option, in parameter order; ``ballots`` says how often each was cast."""

    def decide(self, reports: Profile[Order], context: Context) -> Decision[Election]:
        """Elect the option with the highest score; nobody without a ballot."""
        scores = self.scores(counted(reports, self.weights, context))
        if not reports:
            return Decision(Election(scores=scores), (Reason("no ballots"),))
        top = max(scores.values())
        tied = tuple(option for option in self.options if scores[option] == top)
        why = Reason(f"the highest score of {len(reports)} ballots", {"score": top})
        return self.elect(tied, context, "the highest score", (why,), scores)


def _place(order: Order, option: str | None) -> int:
    return order.index(option) if option in order else len(order)
