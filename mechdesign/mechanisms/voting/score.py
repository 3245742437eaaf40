"""Score voting."""

from typing import Annotated

from pydantic import Field

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Scores, ScoresOf
from mechdesign.mechanisms.voting.ballots import Election
from mechdesign.mechanisms.voting.common import misreport, vote_claims
from mechdesign.mechanisms.voting.scored import Scored

__all__ = ["Score"]

_LIE = misreport({"alice": {"x": 5, "y": 4}, "bob": {"y": 3}}, alice={"x": 5})


class Score(Scored):
    """The option with the highest sum of scores is elected (range voting).

    A ballot gives each option a whole number from 0 to ``most``; an option that it leaves out has 0. Who is absent
    abstains; without a ballot nobody is elected.

    **Source**: W. D. Smith, Range voting, 2000; Handbook of Computational Social Choice, Cambridge 2016, chapter 2.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Score(options=("M", "N"), most=10)
    >>> str(run_pure(vote, Context(("A", "B")), {"A": {"M": 10, "N": 6}, "B": {"N": 7}}).outcome)
    'N wins with 13'
    """

    name, version = "voting.score", 1
    claims = vote_claims(
        _LIE, "exaggerating helps the best option", monotone=Holds("a higher score changes one sum only")
    )
    example = Example(
        {"alice": {"tea": 5, "coffee": 2}, "bob": {"coffee": 4, "water": 1}, "carol": {"tea": 3, "water": 5}},
        {"options": ["coffee", "tea", "water"]},
    )

    most: Annotated[int, Field(strict=True, ge=1, le=1000)] = 5

    def scale(self) -> ScoresOf:
        """Return scores from 0 to ``most``."""
        return ScoresOf(self.options, 0, self.most)

    def decide(self, reports: Profile[Scores], context: Context) -> Decision[Election]:
        """Add up scores."""
        if not reports:
            return self.nobody()
        scores = self.totals(reports, context)
        top = max(scores.values())
        tied = [option for option in self.options if scores[option] == top]
        why = Reason(f"the highest sum of scores of {len(reports)} ballots", {"score": top})
        return self.elect(tied, context, "the highest sum of scores", (why,), scores)
