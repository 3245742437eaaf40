"""STAR voting: score, then automatic run-off."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Unknown
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Scores, ScoresOf, weight_of
from mechdesign.mechanisms.ties import Tie
from mechdesign.mechanisms.voting.ballots import Election
from mechdesign.mechanisms.voting.common import misreport, vote_claims
from mechdesign.mechanisms.voting.scored import Scored

__all__ = ["Star"]

_LIE = misreport({"alice": {"x": 2, "y": 5, "z": 3}, "bob": {"x": 2}}, alice={"y": 3, "z": 3})


class Star(Scored):
    """Of the two options with the highest sums of scores, the one that more ballots score higher is elected.

    A ballot gives each option a whole number from 0 to ``most``; an option that it leaves out has 0. Ties for a place
    in the run-off, and in it, are broken by the tie rule; tied are the winners of all ways to break them. Who is
    absent abstains; without a ballot nobody is elected.

    **Source**: S. Wolk, J. Quinn, M. Ogren, STAR voting, equality of voice, and voter satisfaction, Constitutional
    Political Economy 34 (2023).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Star(options=("M", "N", "C"))
    >>> ballots = {"A": {"M": 5, "N": 1}, "B": {"N": 3, "M": 2}, "D": {"N": 5, "M": 4, "C": 1}}
    >>> result = run_pure(vote, Context(("A", "B", "D")), ballots)
    >>> str(result.outcome), result.why[0].text
    ('N wins with 9', 'run-off between M (11) and N (9): N preferred by 2 ballots to 1')
    """

    name, version = "voting.star", 1
    claims = vote_claims(_LIE, "scores decide who meets whom in the run-off", monotone=Unknown())
    example = Example(
        {"alice": {"tea": 5, "coffee": 2}, "bob": {"coffee": 4, "water": 1}, "carol": {"tea": 3, "water": 5}},
        {"options": ["coffee", "tea", "water"]},
    )

    most: Annotated[int, Field(strict=True, ge=1, le=1000)] = 5

    def scale(self) -> ScoresOf:
        """Return scores from 0 to ``most``."""
        return ScoresOf(self.options, 0, self.most)

    def decide(self, reports: Profile[Scores], context: Context) -> Decision[Election]:
        """Add up scores, then compare the two highest."""
        if not reports:
            return self.nobody()
        scores = self.totals(reports, context)
        if len(self.options) == 1:
            return self.elect(self.options, context, "the run-off", (), scores)
        sums = sorted(set(scores.values()), reverse=True)
        first = [option for option in self.options if scores[option] == sums[0]]
        second = first if len(first) > 1 else [option for option in self.options if scores[option] == sums[1]]
        ties: tuple[Tie, ...] = ()
        if len(first) > 1:
            order, ties = context.rank(first, "the highest sum of scores") if len(first) > 2 else (tuple(first), ())
            finalists = order[:2]
        else:
            runner_up, ties = context.pick(second, "the second highest sum of scores")
            finalists = (first[0], runner_up)
        pairs = [(one, other) for one in first for other in second if one != other]
        winners = {name for one, other in pairs for name in self._ahead(reports, one, other)}
        winner, more = context.pick(self._ahead(reports, *finalists), "the run-off")
        loser = finalists[finalists[0] == winner]
        votes = self._votes(reports, winner, loser), self._votes(reports, loser, winner)
        shown = " and ".join(f"{name} ({scores[name]})" for name in finalists)
        text = f"run-off between {shown}: {winner} preferred by {votes[0]} ballots to {votes[1]}"
        why = Reason(text, {"finalists": tuple(finalists), "votes": votes})
        tied = tuple(option for option in self.options if option in winners)
        return Decision(Election(winner=winner, tied=tied, scores=scores), (why,), (*ties, *more))

    def _ahead(self, reports: Profile[Scores], one: str, other: str) -> Sequence[str]:
        """Return the winner of a run-off, or both, in parameter order."""
        margin = self._votes(reports, one, other) - self._votes(reports, other, one)
        if margin:
            return (one,) if margin > 0 else (other,)
        return tuple(option for option in self.options if option in (one, other))

    def _votes(self, reports: Profile[Scores], one: str, other: str) -> int:
        """Return how many ballots score one option higher than another."""
        return sum(weight_of(player, self.weights) for player, ballot in reports.items() if ballot[one] > ballot[other])
