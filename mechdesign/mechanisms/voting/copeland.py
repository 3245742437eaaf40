"""Copeland's method."""

from fractions import Fraction

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.margins import Margins, Pairwise, Verdict

__all__ = ["Copeland"]

_LIE = misreport({"alice": "yxz", "bob": "xyz"}, alice="yzx")


class Copeland(Pairwise):
    """The option with the most pairwise victories is elected; a pairwise tie counts one half.

    Ballots may leave options tied or unranked; what is left out stands equal below what is named. Who is absent
    abstains; without a ballot nobody is elected.

    **Source**: A. H. Copeland, A reasonable social welfare function, University of Michigan seminar 1951; Handbook of
    Computational Social Choice, Cambridge 2016, chapter 3.

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Copeland(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins with 3'
    """

    name, version = "voting.copeland", 1
    claims = vote_claims(
        _LIE,
        "Gibbard 1973, Satterthwaite 1975",
        monotone=Holds("Handbook of Computational Social Choice, chapter 3: a victory more, none less"),
    )
    example = WEAK

    def judge(self, margins: Margins) -> Verdict:
        """Count victories."""
        size = range(len(margins.options))
        doubled = [sum(_points(margins.margin[i][j]) for j in size if j != i) for i in size]
        top = max(doubled)
        winners = [place for place in size if doubled[place] == top]
        return Verdict(winners, "the most pairwise victories", scores=[Fraction(points, 2) for points in doubled])


def _points(margin: int) -> int:
    return (margin >= 0) + (margin > 0)
