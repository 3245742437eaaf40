"""Proportional approval voting."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Annotated, Final

from pydantic import Field

from mechdesign.kernel.errors import MechanismError
from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Witness
from mechdesign.mechanisms.committee.approvals import ApprovalVote, Committee, committee_claims
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Approvals
from mechdesign.mechanisms.ties import Tie

__all__ = ["ProportionalApproval"]

_NODES_MAX: Final = 300_000
_LISTED_MAX: Final = 1_000

_LIE = Witness(
    types={"alice": ["x", "y"], "bob": ["x"], "carol": ["z"]},
    deviations={"alice": ["y"]},
    parameters={"options": ["x", "y", "z"], "seats": 2},
)


class ProportionalApproval(ApprovalVote):
    """The committee of a given size with the highest score is elected; a second approved member counts a half.

    A ballot is the list of approved options. The score of a committee is the sum over voters of 1 + 1/2 + … + 1/j,
    where j is how many members a voter approves. The best committee is found exactly, by branch and bound in whole
    numbers. Among several best, that which is lexicographically first in the order of the tie rule is elected. Who is
    absent abstains; without a ballot nothing is elected.

    **Source**: T. N. Thiele, Om flerfoldsvalg, Oversigt over det Kongelige Danske Videnskabernes Selskabs Forhandlinger
    (1895); M. Lackner, P. Skowron, Multi-Winner Voting with Approval Preferences, Springer 2023.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = ProportionalApproval(options=("x", "y", "z"), seats=2)
    >>> ballots = {"A": ["x", "y"], "B": ["x", "y"], "C": ["x", "y"], "D": ["z"], "E": ["z"]}
    >>> result = run_pure(vote, Context(tuple(ballots)), ballots)
    >>> str(result.outcome), result.why[0].text
    ('elected: x, z', 'score 5')
    """

    name, version = "committee.proportional-approval", 1
    claims = committee_claims(
        _LIE, "Lackner and Skowron 2023: who hides an option that is elected anyway", neutral=True
    )
    example = Example(
        {"alice": ["park", "road"], "bob": ["park", "bench"], "carol": ["park", "road"], "dave": ["pool"]},
        {"options": ["park", "road", "bench", "pool"], "seats": 2},
    )

    seats: Annotated[int, Field(strict=True, ge=1, le=50)]

    def choose(self, ballots: Mapping[Approvals, int], context: Context) -> Decision[Committee]:
        """Find the best committees, and of these the canonical one."""
        search = _Search(self.options, ballots, min(self.seats, len(self.options)))
        best = search.best()
        found, complete = search.listed(range(len(self.options)), best, _LISTED_MAX)
        committees = [tuple(self.options[place] for place in sorted(places)) for places in found]
        elected = committees[0]
        score = Fraction(best, search.unit)
        why = [Reason(f"score {format_exact(score)}", {"score": score})]
        if len(committees) == 1 and complete:
            return self._decision(elected, committees, why, ())
        doubt = [option for option in self.options if 0 < sum(option in one for one in committees) < len(committees)]
        if not complete:
            why.append(Reason("there are more best committees than are listed"))
            doubt = list(self.options)
        order, ties = context.rank(doubt, f"the best score, {format_exact(score)}")
        if complete:
            elected = max(committees, key=lambda one: [option in one for option in order])
        else:
            first, _ = search.listed([self.options.index(option) for option in order], best, 1)
            elected = tuple(self.options[place] for place in sorted(first[0]))
        return self._decision(elected, committees, why, ties)

    def _decision(
        self,
        elected: tuple[str, ...],
        committees: Sequence[tuple[str, ...]],
        why: Sequence[Reason],
        ties: tuple[Tie, ...],
    ) -> Decision[Committee]:
        outcome = Committee(elected=elected, cost=Fraction(len(elected)), tied=self.committees([*committees, elected]))
        return Decision(outcome, tuple(why), ties)


class _Search:
    """Branch and bound over committees; scores are whole numbers of ``unit``."""

    def __init__(self, options: Sequence[str], ballots: Mapping[Approvals, int], seats: int) -> None:
        self.seats = seats
        self.unit = lcm(*range(1, seats + 1))
        self.shares = [self.unit // (number + 1) for number in range(seats)] + [0]
        self.votes = list(ballots.values())
        places = {option: place for place, option in enumerate(options)}
        self.supporters: list[list[int]] = [[] for _ in options]
        for number, ballot in enumerate(ballots):
            for option in ballot:
                self.supporters[places[option]].append(number)
        self.nodes = 0

    def gain(self, option: int, have: Sequence[int]) -> int:
        """Return what an option adds to the score where ballots have so many members already."""
        votes, shares = self.votes, self.shares
        return sum(votes[one] * shares[have[one]] for one in self.supporters[option])

    def best(self) -> int:
        """Return the score of the best committee."""
        best = -1

        def search(left: list[int], have: list[int], chosen: int, score: int) -> None:
            nonlocal best
            need = self.seats - chosen
            if need == 0:
                best = max(best, score)
                return
            self._visit()
            gains = sorted(((self.gain(option, have), -option) for option in left), reverse=True)
            # Gains only shrink while members are added, so that the sum of the greatest bounds what can be reached.
            while len(gains) >= need and score + sum(gain for gain, _ in gains[:need]) > best:
                gain, minus = gains.pop(0)
                rest = [-other for _, other in gains]
                search(rest, self._with(have, -minus), chosen + 1, score + gain)

        search(list(range(len(self.supporters))), [0] * len(self.votes), 0, 0)
        return best

    def listed(self, order: Sequence[int], target: int, listed_max: int) -> tuple[list[tuple[int, ...]], bool]:
        """Return committees that reach a score, lexicographically sorted by an order, and whether these are all."""
        found: list[tuple[int, ...]] = []
        for committee in self._reaching(list(order), target, [0] * len(self.votes), (), 0):
            if len(found) == listed_max:
                return found, False
            found.append(committee)
        return found, True

    def _reaching(
        self, left: list[int], target: int, have: list[int], chosen: tuple[int, ...], score: int
    ) -> Iterator[tuple[int, ...]]:
        need = self.seats - len(chosen)
        if need == 0:
            if score >= target:
                yield chosen
            return
        self._visit()
        gains = [self.gain(option, have) for option in left]
        for start, option in enumerate(left):
            if len(left) - start < need or score + sum(sorted(gains[start:], reverse=True)[:need]) < target:
                return
            after = self._with(have, option)
            yield from self._reaching(left[start + 1 :], target, after, (*chosen, option), score + gains[start])

    def _with(self, have: Sequence[int], option: int) -> list[int]:
        after = list(have)
        for one in self.supporters[option]:
            after[one] += 1
        return after

    def _visit(self) -> None:
        self.nodes += 1
        if self.nodes > _NODES_MAX:
            raise MechanismError(f"the best committee is not found within {_NODES_MAX} steps: vote on fewer options")
