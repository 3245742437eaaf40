"""Baldwin's method."""

from collections.abc import Mapping

from mechdesign.mechanisms.claims import Fails
from mechdesign.mechanisms.shared.options import Order
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.elimination import ByElimination, Round, lowest
from mechdesign.mechanisms.voting.margins import Margins
from mechdesign.mechanisms.voting.weak_orders import WeaklyRanked, WeakOrder

__all__ = ["Baldwin"]

_LIE = misreport({"alice": "zxy", "bob": "zxy", "carol": "xyz", "dave": "yzx", "erin": "yzx"}, alice="xyz")
_HARM = misreport({"alice": "zxy", "bob": "xyz", "carol": "xyz", "dave": "zyx", "erin": "yzx"})


class Baldwin(ByElimination[WeakOrder], WeaklyRanked):
    """The option with the lowest Borda score is eliminated, again and again; who is left is elected.

    The points of an option are the sum of its pairwise margins over those that remain, which with complete ballots
    orders options as the usual points do. Among several with the lowest, the last by the tie rule goes. Ballots may
    leave options tied or unranked; what is left out stands equal below what is named. Who is absent abstains; without a
    ballot nobody is elected.

    **Source**: J. M. Baldwin, The technique of the Nanson preferential majority system of election, Proceedings of the
    Royal Society of Victoria 39 (1926).

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Baldwin(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins'
    """

    name, version = "voting.baldwin", 1
    claims = vote_claims(_LIE, monotone=Fails(_HARM, "raising the winner changes who is eliminated first"))
    example = WEAK

    def prepare(self, ballots: Mapping[WeakOrder, int]) -> Margins:
        """Count the pairwise comparisons once."""
        return Margins.of(self.options, ballots)

    def round(self, ballots: Margins, remaining: Order) -> Round:
        """Count Borda points among the remaining."""
        places = [ballots.options.index(option) for option in remaining]
        points = ballots.borda(places)
        counts = {ballots.options[place]: points[place] for place in places}
        if len(remaining) == 1:
            return Round(counts, elected=remaining)
        return Round(counts, out=lowest(counts), what="the lowest Borda score")
