"""Ballots that score every option with a whole number."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Annotated, Any

from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.shared.options import Scores, ScoresOf, counted, weight_of
from mechdesign.mechanisms.voting.ballots import Election, Vote

__all__ = ["Scored"]


class Scored(Vote[Scores, Scores]):
    """Base of votes in which a ballot gives options whole numbers; to a voter, options are worth its scores."""

    def scale(self) -> ScoresOf:
        """Return the range of scores."""
        return ScoresOf(self.options, 0, 1)

    def type_schema(self) -> Any:
        """Return the type of scores for the options."""
        return Annotated[Scores, self.scale()]

    def report_schema(self) -> Any:
        """Return the type of a ballot: scores for the options."""
        return Annotated[Scores, self.scale()]

    def totals(self, reports: Profile[Scores], context: Context) -> dict[str, Fraction]:
        """Return the sum of scores of every option, in parameter order."""
        counted(dict.fromkeys(reports, 0), self.weights, context)  # refuses weights of strangers
        totals = dict.fromkeys(self.options, 0)
        for player, ballot in reports.items():
            weight = weight_of(player, self.weights)
            for option, score in ballot.items():
                totals[option] += weight * score
        return {option: Fraction(total) for option, total in totals.items()}

    def valuation(self, player: Player, value: Scores, outcome: Election) -> Fraction:
        """Return the voter's own score of the winner."""
        return Fraction(value.get(outcome.winner or "", 0))

    def prefers(self, player: Player, value: Scores, one: Result[Election], other: Result[Election]) -> bool:
        """Say whether a voter scores the winner of one result higher than that of the other."""
        return self.valuation(player, value, one.outcome) > self.valuation(player, value, other.outcome)

    def type_grid(self) -> Sequence[Scores]:
        """Return ballots with the lowest, a middle and the highest score, as far as a ballot may have them."""
        scale = self.scale()
        few = sorted({scale.least, (scale.least + scale.most) // 2, scale.most})
        grid = []
        for scores in product(few, repeat=len(self.options)):
            if scale.squares_max is None or sum(score * score for score in scores) <= scale.squares_max:
                grid.append(dict(zip(self.options, scores, strict=True)))
        return grid

    def strengthen(self, report: Scores, outcome: Election) -> Iterator[Scores]:
        """Yield ballots that score the winner higher and the rest alike."""
        if outcome.winner is None:
            return
        scale = self.scale()
        for higher in range(report[outcome.winner] + 1, scale.most + 1):
            raised = {**report, outcome.winner: higher}
            if scale.squares_max is None or sum(score * score for score in raised.values()) <= scale.squares_max:
                yield raised
