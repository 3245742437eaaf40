"""The Schulze method."""

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.result import Reason
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.margins import Margins, PairwiseByStrength, Verdict, widest_paths

__all__ = ["Schulze"]

_LIE = misreport({"alice": "yxz", "bob": "zxy"}, alice="yzx")


class Schulze(PairwiseByStrength):
    """Options are compared by their strongest chains of pairwise victories; who is beaten by no chain is elected.

    A chain is as strong as its weakest victory; an option is elected if no other has a stronger chain to it than it has
    back. Ballots
    may leave options tied or unranked; what is left out stands equal below what is named. Who is absent abstains;
    without a ballot nobody is elected.

    **Source**: M. Schulze, A new monotonic, clone-independent, reversal symmetric, and Condorcet-consistent
    single-winner election method, Social Choice and Welfare 36 (2011).

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Schulze(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins'
    """

    name, version = "voting.schulze", 1
    claims = vote_claims(_LIE, "Gibbard 1973, Satterthwaite 1975", monotone=Holds("Schulze 2011, section 4.5"))
    example = WEAK

    def judge(self, margins: Margins) -> Verdict:
        """Compare the strongest chains both ways."""
        path = widest_paths(margins.strength(self.strength))
        size = range(len(margins.options))
        winners = [one for one in size if all(path[one][other] >= path[other][one] for other in size)]
        names = margins.options
        chains = {names[i]: {names[j]: path[i][j] for j in size if j != i} for i in size}
        why = Reason("no option has a stronger chain of victories to it than it has back", {"chains": chains})
        return Verdict(winners, "beaten by no chain of victories", (why,))
