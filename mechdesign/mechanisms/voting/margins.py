"""The pairwise comparisons of a profile of ballots, and votes that look at nothing else."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal, TypeAlias

from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Order, counted
from mechdesign.mechanisms.voting.ballots import Election
from mechdesign.mechanisms.voting.weak_orders import WeaklyRanked, WeakOrder, levels

__all__ = ["Margins", "Pairwise", "PairwiseByStrength", "Strength", "Verdict", "widest_paths"]

Strength: TypeAlias = Literal["margins", "winning-votes"]
"""How strong a pairwise victory is: by the difference of both sides, or by the votes of the winning side."""

Table: TypeAlias = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Margins:
    """How many ballots put each option above each other one.

    Attributes:
        options: in parameter order; rows and columns of tables follow it.
        support: ``support[i][j]`` ballots put option i above option j.
    """

    options: Order
    support: Table

    @classmethod
    def of(cls, options: Order, ballots: Mapping[WeakOrder, int]) -> "Margins":
        """Count ballots; options that a ballot leaves out stand equal below those it names."""
        count = len(options)
        support = [[0] * count for _ in range(count)]
        for ballot, votes in ballots.items():
            found = levels(ballot, options)
            places = [found[option] for option in options]
            for one, row in enumerate(support):
                place = places[one]
                for other in range(count):
                    if place < places[other]:
                        row[other] += votes
        return cls(options, tuple(map(tuple, support)))

    @cached_property
    def margin(self) -> Table:
        """``margin[i][j]`` more ballots put option i above option j than the other way round."""
        size = range(len(self.options))
        return tuple(tuple(self.support[i][j] - self.support[j][i] for j in size) for i in size)

    def strength(self, kind: Strength) -> Table:
        """Return how strongly each option beats each other one, 0 where it does not."""
        size = range(len(self.options))
        if kind == "margins":
            return tuple(tuple(max(self.margin[i][j], 0) for j in size) for i in size)
        return tuple(tuple(self.support[i][j] if self.margin[i][j] > 0 else 0 for j in size) for i in size)

    def borda(self, among: Sequence[int]) -> dict[int, int]:
        """Return the sum of each option's margins over the others among some: its Borda points, centred at 0.

        With complete strict ballots the Borda points are half of (this + ballots times opponents).
        """
        return {one: sum(self.margin[one][other] for other in among) for one in among}

    def condorcet_winner(self) -> int | None:
        """Return the option that beats every other one, if there is such."""
        size = range(len(self.options))
        return next((i for i in size if all(self.margin[i][j] > 0 for j in size if j != i)), None)

    def beaten(self, option: int) -> list[str]:
        """Return the options that an option beats, each with both sides' votes."""
        return [
            f"{self.options[other]} {self.support[option][other]}-{self.support[other][option]}"
            for other in range(len(self.options))
            if self.margin[option][other] > 0
        ]


def widest_paths(strength: Table) -> list[list[int]]:
    """Return the strength of the strongest path between each two options: that of its weakest link, at its best.

    Cubic in the number of options.

    **Source**: M. Schulze, A new monotonic, clone-independent, reversal symmetric, and Condorcet-consistent
    single-winner election method, Social Choice and Welfare 36 (2011), section 2.3.
    """
    size = range(len(strength))
    path = [list(row) for row in strength]
    for via in size:
        for one in size:
            first = path[one][via]
            if one != via and first:
                row, onward = path[one], path[via]
                for other in size:
                    link = min(first, onward[other])
                    if other != one and link > row[other]:
                        row[other] = link
    return path


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule makes of margins.

    Attributes:
        winners: places of the options that are equally good, at least one.
        about: what they are equal in.
        why: reasons beside the winner's comparisons.
        scores: the score of every option, in parameter order, where the rule has scores.
    """

    winners: Sequence[int]
    about: str
    why: tuple[Reason, ...] = ()
    scores: Sequence[Fraction] = ()


class Pairwise(WeaklyRanked):
    """Base of votes that depend on the pairwise margins alone."""

    @abstractmethod
    def judge(self, margins: Margins) -> Verdict:
        """Return the options that are elected before the tie rule is applied."""

    def decide(self, reports: Profile[WeakOrder], context: Context) -> Decision[Election]:
        """Count the comparisons and elect by them; nobody without a ballot."""
        ballots = counted(reports, self.weights, context)
        if not ballots:
            return self.nobody()
        margins = Margins.of(self.options, ballots)
        verdict = self.judge(margins)
        tied = [self.options[place] for place in verdict.winners]
        scores = dict(zip(self.options, verdict.scores, strict=False))
        decision = self.elect(tied, context, verdict.about, (), scores)
        winner = decision.outcome.winner
        assert winner is not None
        why = (*verdict.why, _comparisons(margins, self.options.index(winner)))
        return Decision(decision.outcome, why, decision.ties)


class PairwiseByStrength(Pairwise):
    """Base of votes that compare how strong pairwise victories are.

    Attributes:
        strength: ``margins``, or ``winning-votes``; they differ only where ballots leave options tied or unranked.
    """

    strength: Strength = "margins"


def _comparisons(margins: Margins, winner: int) -> Reason:
    name = margins.options[winner]
    beaten = margins.beaten(winner)
    if winner == margins.condorcet_winner():
        text = f"{name} is the Condorcet winner: it beats " + (", ".join(beaten) or "nobody, being alone")
    else:
        text = f"{name} beats {', '.join(beaten) or 'nobody'}; no option beats every other one"
        if margins.condorcet_winner() is not None:
            text = f"{name} beats {', '.join(beaten) or 'nobody'}"
    return Reason(text, {"support": {one: dict(zip(margins.options, row, strict=True)) for one, row in _rows(margins)}})


def _rows(margins: Margins) -> list[tuple[str, tuple[int, ...]]]:
    return list(zip(margins.options, margins.support, strict=True))
