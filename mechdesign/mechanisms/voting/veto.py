"""Veto voting."""

from collections.abc import Mapping
from fractions import Fraction

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.shared.options import Order
from mechdesign.mechanisms.voting.ballots import RankedByScore
from mechdesign.mechanisms.voting.common import COMPLETE, misreport, vote_claims

__all__ = ["Veto"]

_LIE = misreport({"alice": "yxz", "bob": "xyz"}, alice="yzx")


class Veto(RankedByScore):
    """The option that the fewest ballots put last is elected (anti-plurality).

    A ballot orders all options, the best first; only its last place counts. The score of an option is the number of
    ballots that put it last, with a minus sign. Who is absent abstains; without a ballot nobody is elected.

    **Source**: Handbook of Computational Social Choice, Cambridge 2016, chapter 2.

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Veto(options=("M", "N", "C"))
    >>> ballots = {"A": ["M", "N", "C"], "B": ["C", "N", "M"], "D": ["C", "N", "M"]}
    >>> str(run_pure(vote, Context(("A", "B", "D")), ballots).outcome)
    'N wins with 0'
    """

    name, version = "voting.veto", 1
    claims = vote_claims(_LIE, monotone=Holds("a ballot that moves the winner up never puts it last"))
    example = COMPLETE

    def scores(self, ballots: Mapping[Order, int]) -> dict[str, Fraction]:
        """Count last places."""
        counts = dict.fromkeys(self.options, Fraction(0))
        for ballot, votes in ballots.items():
            counts[ballot[-1]] -= votes
        return counts
