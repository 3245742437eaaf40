"""Instant run-off voting."""

from collections.abc import Mapping

from mechdesign.mechanisms.claims import Fails
from mechdesign.mechanisms.shared.options import Order
from mechdesign.mechanisms.voting.common import PARTIAL, misreport, vote_claims
from mechdesign.mechanisms.voting.elimination import ByElimination, Round, lowest
from mechdesign.mechanisms.voting.partial import PartlyRanked

__all__ = ["InstantRunoff"]

_LIE = misreport({"alice": "zxy", "bob": "xyz", "carol": "yxz", "dave": "zxy", "erin": "yzx"}, alice="xyz")
_HARM = misreport(
    {
        "alice": "zyx",
        "bob": "yxz",
        "carol": "zyx",
        "dave": "zxy",
        "erin": "yxz",
        "frank": "xzy",
        "grace": "xyz",
    }
)


class InstantRunoff(ByElimination[Order], PartlyRanked):
    """The option with the fewest first places is eliminated, again and again, until one has more than half of them.

    A ballot orders some or all options and counts for the first of them that is not eliminated; a ballot that has none
    left is exhausted and counts no more. Half means half of the ballots that are not exhausted. Options without any
    first place are eliminated together. Among several with the fewest first places, the last by the tie rule goes. Who
    is absent abstains; without a ballot nobody is elected.

    **Source**: T. Hare, Treatise on the Election of Representatives, London 1859; Handbook of Computational Social
    Choice, Cambridge 2016, chapter 2 (there as single transferable vote).

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = InstantRunoff(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> result = run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()})
    >>> str(result.outcome), result.why[-1].text
    ('K wins', 'round 3: K 58, M 42; K left or elected')
    """

    name, version = "voting.irv", 1
    claims = vote_claims(_LIE, monotone=Fails(_HARM, "raising the winner changes who is eliminated first"))
    example = PARTIAL

    def round(self, ballots: Mapping[Order, int], remaining: Order) -> Round:
        """Count first places."""
        counts = dict.fromkeys(remaining, 0)
        exhausted = 0
        for ballot, votes in ballots.items():
            for option in ballot:
                if option in counts:
                    counts[option] += votes
                    break
            else:
                exhausted += votes
        active = sum(counts.values())
        ahead = tuple(option for option in remaining if 2 * counts[option] > active)
        if ahead or not active or len(remaining) == 1:
            return Round(counts, elected=ahead or remaining, exhausted=exhausted)
        out = lowest(counts)
        return Round(counts, out=out, together=counts[out[0]] == 0, what="the fewest first places", exhausted=exhausted)
