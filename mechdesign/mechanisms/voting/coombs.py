"""Coombs' method."""

from collections.abc import Mapping

from mechdesign.mechanisms.claims import Fails
from mechdesign.mechanisms.shared.options import Order
from mechdesign.mechanisms.voting.ballots import Ranked
from mechdesign.mechanisms.voting.common import COMPLETE, misreport, vote_claims
from mechdesign.mechanisms.voting.elimination import ByElimination, Round

__all__ = ["Coombs"]

_LIE = misreport({"alice": "zyx", "bob": "yzx"}, alice="zxy")
_HARM = misreport({"alice": "yzx", "bob": "xzy", "carol": "zyx", "dave": "xyz"})


class Coombs(ByElimination[Order], Ranked):
    """The option with the most last places is eliminated, until one has more than half of the first places.

    A ballot orders all options. Among several with the most last places, the last by the tie rule goes. Who is absent
    abstains; without a ballot nobody is elected.

    **Source**: C. H. Coombs, A Theory of Data, New York 1964; B. Grofman, S. L. Feld, If you like the alternative vote,
    then you ought to know about the Coombs rule, Electoral Studies 23 (2004).

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Coombs(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins'
    """

    name, version = "voting.coombs", 1
    claims = vote_claims(_LIE, monotone=Fails(_HARM, "raising the winner changes who is eliminated first"))
    example = COMPLETE

    def round(self, ballots: Mapping[Order, int], remaining: Order) -> Round:
        """Count first and last places."""
        first = dict.fromkeys(remaining, 0)
        last = dict.fromkeys(remaining, 0)
        for ballot, votes in ballots.items():
            left = [option for option in ballot if option in first]
            first[left[0]] += votes
            last[left[-1]] += votes
        total = sum(first.values())
        ahead = tuple(option for option in remaining if 2 * first[option] > total)
        if ahead or len(remaining) == 1:
            return Round(first, elected=ahead or remaining, data={"last_places": last})
        most = max(last.values())
        out = tuple(option for option in remaining if last[option] == most)
        return Round(first, out=out, what="the most last places", data={"last_places": last})
