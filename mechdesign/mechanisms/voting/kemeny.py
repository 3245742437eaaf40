"""Kemeny's method."""

from typing import Annotated, Final

from pydantic import Field

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Options, counted
from mechdesign.mechanisms.ties import Tie
from mechdesign.mechanisms.voting.ballots import Election
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.margins import Margins
from mechdesign.mechanisms.voting.weak_orders import WeaklyRanked, WeakOrder

__all__ = ["OPTIONS_MAX", "Kemeny"]

OPTIONS_MAX: Final = 16
"""More options are refused: the exact search visits every subset of them."""

_LIE = misreport({"alice": "yxz", "bob": "zxy"}, alice="yzx")


class Kemeny(WeaklyRanked):
    """The ranking that contradicts the ballots least is taken, and its first option elected.

    A ranking contradicts a ballot once for each two options that it orders the other way round. Tied are the first
    options of all best rankings; among best rankings the tie rule decides place by place, from the first. Ballots may
    leave options tied or unranked; what is left out stands equal below what is named. Who is absent abstains; without a
    ballot nobody is elected. The search is exact and takes time 2^m for m options, of which there may be 16.

    **Source**: J. G. Kemeny, Mathematics without numbers, Daedalus 88 (1959); H. P. Young, Condorcet's theory of
    voting, American Political Science Review 82 (1988).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Kemeny(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> result = run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()})
    >>> str(result.outcome), result.why[0].text
    ('N wins', 'the ranking N, C, K, M contradicts the ballots 207 times')
    """

    name, version = "voting.kemeny", 1
    claims = vote_claims(_LIE, monotone=Holds("Handbook of Computational Social Choice 2016, chapter 4"))
    example = WEAK

    options: Annotated[Options, Field(max_length=OPTIONS_MAX)]

    def decide(self, reports: Profile[WeakOrder], context: Context) -> Decision[Election]:
        """Find the best rankings, and of these the canonical one."""
        ballots = counted(reports, self.weights, context)
        if not ballots:
            return self.nobody()
        support = Margins.of(self.options, ballots).support
        costs = _costs(support)
        left = len(costs) - 1
        ranking: list[str] = []
        tied: tuple[str, ...] = ()
        ties: list[Tie] = []
        while left:
            best = tuple(self.options[first] for first in _best_first(support, costs, left))
            tied = tied or best
            chosen, found = context.pick(best, f"place {len(ranking) + 1} of the best rankings")
            ties.extend(found)
            ranking.append(chosen)
            left &= ~(1 << self.options.index(chosen))
        text = f"the ranking {', '.join(ranking)} contradicts the ballots {costs[-1]} times"
        why = Reason(text, {"ranking": tuple(ranking), "contradictions": costs[-1]})
        return Decision(Election(winner=ranking[0], tied=tied), (why,), tuple(ties))


def _costs(support: tuple[tuple[int, ...], ...]) -> list[int]:
    """Return for every subset of options how often its best ranking contradicts ballots (dynamic programming).

    **Source**: M. Held, R. Karp, A dynamic programming approach to sequencing problems, Journal of the SIAM 10 (1962).
    """
    size = len(support)
    # against[i][s]: ballots that put an option of subset s above option i; built by adding the lowest option.
    against: list[list[int]] = []
    for one in range(size):
        sums = [0] * (1 << size)
        for subset in range(1, 1 << size):
            low = subset & -subset
            sums[subset] = sums[subset ^ low] + support[low.bit_length() - 1][one]
        against.append(sums)
    costs = [0] * (1 << size)
    for subset in range(1, 1 << size):
        best = -1
        rest = subset
        while rest:
            low = rest & -rest
            others = subset ^ low
            cost = against[low.bit_length() - 1][others] + costs[others]
            if best < 0 or cost < best:
                best = cost
            rest ^= low
        costs[subset] = best
    return costs


def _best_first(support: tuple[tuple[int, ...], ...], costs: list[int], left: int) -> list[int]:
    """Return the options that stand first in some best ranking of those left."""
    members = [place for place in range(len(support)) if left >> place & 1]
    found = []
    for first in members:
        against = sum(support[other][first] for other in members)
        if against + costs[left & ~(1 << first)] == costs[left]:
            found.append(first)
    return found
