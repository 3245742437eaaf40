"""Borda voting."""

from collections.abc import Mapping
from fractions import Fraction

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.voting.ballots import Order, RankedByScore

__all__ = ["Borda"]

_CLOSE = Witness(
    types={"alice": ["x", "y", "z", "w"], "bob": ["y", "x", "z", "w"], "carol": ["y", "x", "z", "w"]},
    deviations={"alice": ["x", "z", "w", "y"]},
    parameters={"options": ["x", "y", "z", "w"]},
)


class Borda(RankedByScore):
    """Each ballot gives an option one point for every option it puts below; the most points are elected.

    A ballot orders all options, the best first; with m options the first gets m-1 points, the last none. The options
    are a parameter; their order decides ties. Who is absent abstains; without a ballot nobody is elected.

    **Source**: J.-C. de Borda, Mémoire sur les élections au scrutin, Histoire de l'Académie royale des sciences 1781;
    Handbook of Computational Social Choice, Cambridge 2016, chapter 2.

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Borda(options=("M", "N", "C"))
    >>> str(run_pure(vote, Context(("A", "B", "C")), {"A": ["M", "N", "C"], "B": ["N", "C", "M"]}).outcome)
    'N wins with 3'
    """

    name, version = "voting.borda", 1
    claims = Claims(
        dsic=Fails(_CLOSE, "Gibbard 1973, Satterthwaite 1975: burying the rival below options that cannot win"),
        group_strategyproof=Fails(_CLOSE, "not even strategyproof"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        anonymous=Holds("points are added up"),
        neutral=Holds("options are treated alike", "up to ties"),
        monotone=Holds("a ballot that moves the winner up gives it points and nobody else any"),
    )
    example = Example(
        {"alice": ["tea", "coffee", "water"], "bob": ["coffee", "tea", "water"], "carol": ["tea", "water", "coffee"]},
        {"options": ["coffee", "tea", "water"]},
    )

    def scores(self, ballots: Mapping[Order, int]) -> dict[str, Fraction]:
        """Add up the points."""
        points = dict.fromkeys(self.options, Fraction(0))
        for ballot, votes in ballots.items():
            for place, option in enumerate(ballot):
                points[option] += votes * (len(self.options) - 1 - place)
        return points
