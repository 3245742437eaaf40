"""Black's method."""

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.result import Reason
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.margins import Margins, Pairwise, Verdict

__all__ = ["Black"]

_LIE = misreport({"alice": "xyz", "bob": "yzx", "carol": "yzx", "dave": "zxy", "erin": "zxy"}, alice="yxz")


class Black(Pairwise):
    """The option that beats every other one is elected, and without such an option the Borda winner.

    Ballots may leave options tied or unranked; what is left out stands equal below what is named. Who is absent
    abstains; without a ballot nobody is elected. The Borda points of an option are the sum of its pairwise margins,
    which with complete ballots orders the options as the usual points do.

    **Source**: D. Black, The Theory of Committees and Elections, Cambridge 1958, chapter 9.

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Black(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins'
    """

    name, version = "voting.black", 1
    claims = vote_claims(
        _LIE,
        "Gibbard 1973, Satterthwaite 1975",
        monotone=Holds("Fishburn 1982: both parts are monotone, and raising a Condorcet winner keeps it one"),
    )
    example = WEAK

    def judge(self, margins: Margins) -> Verdict:
        """Look for a Condorcet winner, else count Borda points."""
        best = margins.condorcet_winner()
        if best is not None:
            return Verdict([best], "beats every other one")
        size = range(len(margins.options))
        points = margins.borda(size)
        top = max(points.values())
        names = margins.options
        why = Reason("no option beats every other one: Borda points", {"points": {names[i]: points[i] for i in size}})
        return Verdict([place for place in size if points[place] == top], "the most Borda points", (why,))
