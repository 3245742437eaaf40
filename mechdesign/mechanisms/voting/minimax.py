"""The minimax method of Simpson and Kramer."""

from fractions import Fraction

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.margins import Margins, PairwiseByStrength, Verdict

__all__ = ["Minimax"]

_LIE = misreport({"alice": "yxz", "bob": "zxy"}, alice="yzx")


class Minimax(PairwiseByStrength):
    """The option whose worst pairwise defeat is the least is elected.

    Ballots may leave options tied or unranked; what is left out stands equal below what is named. Who is absent
    abstains; without a ballot nobody is elected. The score of an option is the strength of its worst defeat, with a
    minus sign.

    **Source**: P. B. Simpson, On defining areas of voter choice, Quarterly Journal of Economics 83 (1969); G. H.
    Kramer, A dynamical model of political equilibrium, Journal of Economic Theory 16 (1977).

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Minimax(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins with 0'
    """

    name, version = "voting.minimax", 1
    claims = vote_claims(
        _LIE,
        "Gibbard 1973, Satterthwaite 1975",
        monotone=Holds("raising the winner makes its defeats weaker and no other option's"),
    )
    example = WEAK

    def judge(self, margins: Margins) -> Verdict:
        """Compare the worst defeats."""
        strength = margins.strength(self.strength)
        size = range(len(margins.options))
        worst = [max((strength[other][one] for other in size), default=0) for one in size]
        least = min(worst)
        winners = [place for place in size if worst[place] == least]
        return Verdict(winners, "the least worst defeat", scores=[Fraction(-defeat) for defeat in worst])
