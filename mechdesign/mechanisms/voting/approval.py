"""Approval voting."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Annotated, Any, Final

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.play import Ask
from mechdesign.mechanisms.result import Decision, Reason, Result
from mechdesign.mechanisms.shared.options import Approvals, ApprovalsOf, Scores, ScoresOf, counted
from mechdesign.mechanisms.voting.ballots import Election, Vote
from mechdesign.mechanisms.voting.common import misreport, vote_claims

__all__ = ["Approval"]

_WORTH_MAX: Final = 10**9

_LIE = misreport({"alice": {"x": 2, "y": 1}, "bob": {"y": 1}}, alice={"x": 2})


class Approval(Vote[Scores, Approvals]):
    """The option that most ballots approve is elected.

    A ballot is the list of approved options; it may be empty. A voter's private type is what each option is worth to
    it, and the truth is to approve all that are worth more than 0. Who is absent abstains; without a ballot nobody is
    elected.

    **Source**: S. J. Brams, P. C. Fishburn, Approval voting, American Political Science Review 72 (1978), who prove
    that truth is dominant for voters to whom all that they approve is worth the same.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Approval(options=("M", "N", "C"))
    >>> str(run_pure(vote, Context(("A", "B", "D")), {"A": ["M", "N"], "B": ["N", "C"], "D": ["M", "N"]}).outcome)
    'N wins with 3'
    """

    name, version = "voting.approval", 1
    claims = vote_claims(
        _LIE,
        "Brams and Fishburn 1978: who approves two options may elect the worse of them",
        monotone=Holds("one approval more changes one count only"),
    )
    example = Example(
        {"alice": ["tea", "water"], "bob": ["coffee"], "carol": ["water"]}, {"options": ["coffee", "tea", "water"]}
    )

    def type_schema(self) -> Any:
        """Return the type of what options are worth to a voter."""
        return Annotated[Scores, ScoresOf(self.options, 0, _WORTH_MAX)]

    def report_schema(self) -> Any:
        """Return the type of a ballot: the approved options."""
        return Annotated[Approvals, ApprovalsOf(self.options)]

    def truthful(self, value: Scores, ask: Ask[Any]) -> Approvals:
        """Approve all options that are worth something."""
        return tuple(option for option in self.options if value.get(option, 0) > 0)

    def decide(self, reports: Profile[Approvals], context: Context) -> Decision[Election]:
        """Count approvals."""
        ballots = counted(reports, self.weights, context)
        if not ballots:
            return self.nobody()
        counts = dict.fromkeys(self.options, 0)
        for ballot, votes in ballots.items():
            for option in ballot:
                counts[option] += votes
        top = max(counts.values())
        tied = [option for option in self.options if counts[option] == top]
        why = Reason(f"approved by {top} of {sum(ballots.values())} ballots", {"approvals": counts})
        scores = {option: Fraction(count) for option, count in counts.items()}
        return self.elect(tied, context, "the most approvals", (why,), scores)

    def valuation(self, player: Player, value: Scores, outcome: Election) -> Fraction:
        """Return what the winner is worth to a voter."""
        return Fraction(value.get(outcome.winner or "", 0))

    def prefers(self, player: Player, value: Scores, one: Result[Election], other: Result[Election]) -> bool:
        """Say whether the winner of one result is worth more to a voter than that of the other."""
        return self.valuation(player, value, one.outcome) > self.valuation(player, value, other.outcome)

    def type_grid(self) -> Sequence[Scores]:
        """Return types to which each option is worth 0, 1 or 2."""
        return [dict(zip(self.options, worth, strict=True)) for worth in product((0, 1, 2), repeat=len(self.options))]

    def strengthen(self, report: Scores, outcome: Election) -> Iterator[Scores]:
        """Yield the type that approves the winner too."""
        if outcome.winner is not None and report.get(outcome.winner, 0) == 0:
            yield {**report, outcome.winner: 1}
