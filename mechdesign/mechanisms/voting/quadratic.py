"""Quadratic voting."""

from math import isqrt
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

__all__ = ["Quadratic"]

_LIE = misreport({"alice": {"x": 6, "y": 5}, "bob": {"y": 3}}, alice={"x": 10})


class Quadratic(Scored):
    """Voters buy votes for and against options with credits, v votes for v² credits; the most votes are elected.

    A ballot gives each option a whole number of votes, negative against it, 0 where it is left out; the squares sum
    to ``credits`` at most. Credits are no money, and what is left of them is lost. Who is absent abstains; without a
    ballot nobody is elected.

    **Source**: S. P. Lalley, E. G. Weyl, Quadratic voting: how mechanism design can radicalize democracy, AEA Papers
    and Proceedings 108 (2018); with credits in place of money, E. A. Posner, E. G. Weyl, Radical Markets, Princeton
    2018, chapter 2.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Quadratic(options=("M", "N"), credits=25)
    >>> str(run_pure(vote, Context(("A", "B", "D")), {"A": {"M": 5}, "B": {"N": 3, "M": -4}, "D": {"N": 1}}).outcome)
    'N wins with 4'
    """

    name, version = "voting.quadratic", 1
    claims = vote_claims(
        _LIE,
        "credits buy most where they are pooled on one contest",
        monotone=Holds("a vote more changes one sum only"),
    )
    example = Example(
        {"alice": {"tea": 6, "coffee": -8}, "bob": {"coffee": 10}, "carol": {"water": 7, "coffee": -7}},
        {"options": ["coffee", "tea", "water"]},
    )

    credits: Annotated[int, Field(strict=True, ge=1, le=10**9)] = 100

    def scale(self) -> ScoresOf:
        """Return votes whose squares sum to the credits at most."""
        most = isqrt(self.credits)
        return ScoresOf(self.options, -most, most, self.credits)

    def decide(self, reports: Profile[Scores], context: Context) -> Decision[Election]:
        """Add up votes."""
        if not reports:
            return self.nobody()
        scores = self.totals(reports, context)
        top = max(scores.values())
        tied = [option for option in self.options if scores[option] == top]
        spent = {player: sum(votes * votes for votes in ballot.values()) for player, ballot in reports.items()}
        why = Reason(f"the most votes, for less votes against: {top}", {"spent": spent})
        return self.elect(tied, context, "the most votes", (why,), scores)
