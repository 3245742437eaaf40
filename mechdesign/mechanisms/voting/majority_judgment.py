"""Majority judgment."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Annotated, Any, TypeAlias

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Decision, Reason, Result
from mechdesign.mechanisms.shared.options import Options, counted, weight_of, wrong_ballot
from mechdesign.mechanisms.voting.ballots import Election, Vote
from mechdesign.mechanisms.voting.common import misreport, vote_claims

__all__ = ["Grades", "GradesOf", "MajorityJudgment"]

Grades: TypeAlias = dict[str, str]
"""A grade for every option, in parameter order."""

_LIE = misreport({"alice": {"x": "excellent", "y": "good"}, "bob": {"y": "excellent"}}, alice={"x": "excellent"})


@dataclass(frozen=True, slots=True)
class GradesOf:
    """The pydantic type of a ballot that grades options: ``Annotated[Grades, GradesOf(options, grades)]``.

    Attributes:
        options: what is graded.
        grades: from the worst to the best; an option that a ballot leaves out has the worst.
    """

    options: tuple[str, ...]
    grades: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(dict, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "object",
            "properties": {option: {"type": "string", "enum": list(self.grades)} for option in self.options},
            "additionalProperties": False,
            "description": f"a grade for each option; {self.grades[0]} for one that is left out",
        }

    def read(self, value: object) -> Grades:
        """Return the grades of all options in parameter order."""
        if not isinstance(value, Mapping):
            raise wrong_ballot(f'a ballot is an object such as {{"{self.options[0]}": "{self.grades[-1]}"}}')
        for name, grade in value.items():
            if name not in self.options:
                raise wrong_ballot(f"{name!r} is none of the options {', '.join(self.options)}")
            if grade not in self.grades:
                raise wrong_ballot(f"{grade!r} is none of the grades {', '.join(self.grades)}")
        return {option: value.get(option, self.grades[0]) for option in self.options}


class MajorityJudgment(Vote[Grades, Grades]):
    """The option with the best median grade is elected; among equals one median grade after the other is taken away.

    A ballot gives each option a grade; an option that it leaves out has the worst. The median of an even number of
    grades is the lower of the two in the middle. Options with the same median are compared by their majority values: a
    median grade is taken from each, then the next medians are compared, until they differ. Who is absent abstains;
    without a ballot nobody is elected.

    **Source**: M. Balinski, R. Laraki, A theory of measuring, electing, and ranking, Proceedings of the National
    Academy of Sciences 104 (2007); Majority Judgment, MIT Press 2011.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = MajorityJudgment(options=("M", "N"), grades=("bad", "fair", "good"))
    >>> ballots = {"A": {"M": "good", "N": "fair"}, "B": {"M": "fair", "N": "fair"}, "D": {"M": "bad", "N": "good"}}
    >>> result = run_pure(vote, Context(("A", "B", "D")), ballots)
    >>> str(result.outcome), result.why[0].text
    ('N wins', 'the best median: fair, and among M, N the best grades next to it')
    """

    name, version = "voting.majority-judgment", 1
    claims = vote_claims(
        _LIE, "Balinski and Laraki 2011, chapter 10", monotone=Holds("Balinski and Laraki 2011, chapter 9")
    )
    example = Example(
        {
            "alice": {"tea": "good", "coffee": "fair"},
            "bob": {"coffee": "good", "water": "bad", "tea": "fair"},
            "carol": {"tea": "fair", "water": "good"},
        },
        {"options": ["coffee", "tea", "water"], "grades": ["bad", "fair", "good"]},
    )

    grades: Annotated[Options, Field(min_length=2, max_length=100)] = (
        "to reject",
        "poor",
        "acceptable",
        "good",
        "very good",
        "excellent",
    )

    def type_schema(self) -> Any:
        """Return the type of grades for the options."""
        return Annotated[Grades, GradesOf(self.options, self.grades)]

    def report_schema(self) -> Any:
        """Return the type of a ballot: grades for the options."""
        return Annotated[Grades, GradesOf(self.options, self.grades)]

    def decide(self, reports: Profile[Grades], context: Context) -> Decision[Election]:
        """Compare majority values."""
        if not reports:
            return self.nobody()
        counted(dict.fromkeys(reports, 0), self.weights, context)  # refuses weights of strangers
        values = majority_values({option: self._counts(reports, option) for option in self.options})
        best = max(values.values())
        tied = [option for option in self.options if values[option] == best]
        medians = {option: self.grades[values[option][0][0]] for option in self.options}
        rivals = [option for option in self.options if medians[option] == self.grades[best[0][0]]]
        text = f"the best median: {self.grades[best[0][0]]}"
        if len(rivals) > len(tied):
            text += f", and among {', '.join(rivals)} the best grades next to it"
        return self.elect(tied, context, "the majority value", (Reason(text, {"medians": medians}),))

    def _counts(self, reports: Profile[Grades], option: str) -> list[int]:
        counts = [0] * len(self.grades)
        for player, ballot in reports.items():
            counts[self.grades.index(ballot[option])] += weight_of(player, self.weights)
        return counts

    def prefers(self, player: Player, value: Grades, one: Result[Election], other: Result[Election]) -> bool:
        """Say whether a voter grades the winner of one result higher than that of the other."""
        return self._grade(value, one.outcome) > self._grade(value, other.outcome)

    def _grade(self, value: Grades, outcome: Election) -> int:
        return self.grades.index(value[outcome.winner]) if outcome.winner else -1

    def type_grid(self) -> Sequence[Grades]:
        """Return ballots with the worst, a middle and the best grade."""
        few = dict.fromkeys((self.grades[0], self.grades[len(self.grades) // 2], self.grades[-1]))
        return [dict(zip(self.options, given, strict=True)) for given in product(few, repeat=len(self.options))]

    def strengthen(self, report: Grades, outcome: Election) -> Iterator[Grades]:
        """Yield ballots that grade the winner higher and the rest alike."""
        if outcome.winner is not None:
            for higher in self.grades[self.grades.index(report[outcome.winner]) + 1 :]:
                yield {**report, outcome.winner: higher}


def majority_values(counts: Mapping[str, Sequence[int]]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return for every option a value that compares like the medians of its grades, each taken away before the next.

    These medians walk outwards from the middle, a step down and a step up in turn. Steps at which no option's grade
    changes are left out, so that the number of ballots does not matter.

    Args:
        counts: for every option how often it has each grade, the worst first; the same number of grades in all.

    >>> majority_values({"M": [1, 1, 1], "N": [0, 2, 1]})
    {'M': ((1, 1), (0, 2)), 'N': ((1, 1), (1, 2))}
    """
    total = sum(next(iter(counts.values())))
    low, high = (total - 1) // 2, total // 2
    below = {option: list(accumulate(row)) for option, row in counts.items()}
    turns = {0}
    for sums in below.values():
        for edge in sums:
            turns |= {low - edge + 1, edge - high}
    steps = sorted(step for step in turns if 0 <= step <= low)
    return {
        option: tuple((bisect_right(sums, low - step), bisect_right(sums, high + step)) for step in steps)
        for option, sums in below.items()
    }
