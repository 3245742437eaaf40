"""Plurality voting."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.voting.ballots import Order, OrderOf, RankedByScore

__all__ = ["Plurality"]

_SPLIT = Witness(
    types={
        "alice": ["x", "y", "z"],
        "bob": ["x", "y", "z"],
        "carol": ["y", "z", "x"],
        "dave": ["y", "z", "x"],
        "erin": ["z", "y", "x"],
    },
    deviations={"erin": ["y", "z", "x"]},
    parameters={"options": ["x", "y", "z"]},
)


class Plurality(RankedByScore):
    """The option that most ballots put first is elected.

    A ballot is the name of one option, or an order of options, of which the first counts. The options are a parameter;
    their order decides ties. Who is absent abstains; without a ballot nobody is elected.

    **Source**: F. Brandt, V. Conitzer, U. Endriss, J. Lang, A. Procaccia (editors), Handbook of Computational Social
    Choice, Cambridge 2016, chapter 2.

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Plurality(options=("M", "N"))
    >>> str(run_pure(vote, Context(("A", "B", "C")), {"A": "N", "B": ["M", "N"], "C": "N"}).outcome)
    'N wins with 2'
    """

    name, version = "voting.plurality", 1
    claims = Claims(
        dsic=Fails(_SPLIT, "Gibbard 1973, Satterthwaite 1975: who wants z elects y against x by naming y"),
        group_strategyproof=Fails(_SPLIT, "not even strategyproof"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        anonymous=Holds("ballots are counted"),
        neutral=Holds("options are counted alike", "up to ties"),
        monotone=Holds("a ballot that moves the winner up gives it a point or changes nothing"),
    )
    example = Example({"alice": "tea", "bob": "coffee", "carol": "tea"}, {"options": ["coffee", "tea", "water"]})

    def report_schema(self) -> Any:
        """Return the type of a ballot: one option, or an order of some."""
        return Annotated[Order, OrderOf(self.options, complete=False)]

    def scores(self, ballots: Mapping[Order, int]) -> dict[str, Fraction]:
        """Count first places."""
        counts = dict.fromkeys(self.options, Fraction(0))
        for ballot, votes in ballots.items():
            counts[ballot[0]] += votes
        return counts
