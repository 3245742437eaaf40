"""The Split Cycle method."""

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.result import Reason
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.margins import Margins, PairwiseByStrength, Verdict, widest_paths

__all__ = ["SplitCycle"]

_LIE = misreport({"alice": "yxz", "bob": "zxy"}, alice="yzx")


class SplitCycle(PairwiseByStrength):
    """In every cycle of pairwise victories the weakest are dropped; of the options then unbeaten one is elected.

    A victory stands if it is stronger than every chain of victories back. The unbeaten options are often several: the
    tie rule chooses among them. Ballots may leave options tied or unranked;
    what is left out stands equal below what is named. Who is absent
    abstains; without a ballot nobody is elected.

    **Source**: W. H. Holliday, E. Pacuit, Split Cycle: a new Condorcet-consistent voting method independent of clones
    and immune to spoilers, Public Choice 197 (2023).

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = SplitCycle(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins'
    """

    name, version = "voting.split-cycle", 1
    claims = vote_claims(
        _LIE, "Gibbard 1973, Satterthwaite 1975", monotone=Holds("Holliday and Pacuit 2023, section 4")
    )
    example = WEAK

    def judge(self, margins: Margins) -> Verdict:
        """Find the options that no standing victory beats."""
        strength = margins.strength(self.strength)
        path = widest_paths(strength)
        size = range(len(margins.options))
        standing = [(i, j) for i in size for j in size if strength[i][j] > path[j][i]]
        beaten = {loser for _, loser in standing}
        winners = [place for place in size if place not in beaten]
        defeats = [[margins.options[one], margins.options[other]] for one, other in standing]
        why = Reason(f"of the victories {len(defeats)} stand after cycles are split", {"defeats": defeats})
        return Verdict(winners, "beaten by no standing victory", (why,))
