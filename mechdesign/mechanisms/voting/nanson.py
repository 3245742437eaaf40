"""Nanson's method."""

from typing import Literal

from mechdesign.mechanisms.claims import Fails
from mechdesign.mechanisms.result import Reason
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.margins import Margins, Pairwise, Verdict

__all__ = ["Nanson"]

_LIE = misreport({"alice": "xyz", "bob": "yzx", "carol": "yzx", "dave": "zxy", "erin": "zxy"}, alice="yxz")
_HARM = misreport(
    {
        "alice": "zwyx",
        "bob": "zywx",
        "carol": "ywxz",
        "dave": "ywzx",
        "erin": "zxyw",
        "frank": "ywxz",
        "grace": "xwzy",
    }
)


class Nanson(Pairwise):
    """Again and again, the options with at most the average Borda score are eliminated; who is left is elected.

    Ballots may leave options tied or unranked; what is left out stands equal below what is named. Who is absent
    abstains; without a ballot nobody is elected. Borda points are sums of pairwise margins, so that the average is 0.
    Where all that are left have the average, the tie rule chooses among them. With ``average`` set to ``kept`` only
    options below the average are eliminated.

    **Source**: E. J. Nanson, Methods of election, Transactions and Proceedings of the Royal Society of Victoria 19
    (1882); for the variant, T. Schwartz, The Logic of Collective Choice, New York 1986.

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Nanson(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins'
    """

    name, version = "voting.nanson", 1
    claims = vote_claims(
        _LIE,
        "Gibbard 1973, Satterthwaite 1975",
        monotone=Fails(_HARM, "raising the winner changes who is eliminated first"),
    )
    example = WEAK

    average: Literal["eliminated", "kept"] = "eliminated"

    def judge(self, margins: Margins) -> Verdict:
        """Eliminate in rounds."""
        names = margins.options
        remaining = list(range(len(names)))
        why: list[Reason] = []
        while len(remaining) > 1:
            points = margins.borda(remaining)
            if not any(points.values()):
                break
            out = [place for place in remaining if points[place] < 0 or (points[place] == 0 and self._drops_average)]
            remaining = [place for place in remaining if place not in out]
            text = f"round {len(why) + 1}: {', '.join(names[i] for i in out)} eliminated"
            why.append(Reason(text, {"points": {names[i]: points[i] for i in points}}))
        return Verdict(remaining, "the average Borda score, all that are left", tuple(why))

    @property
    def _drops_average(self) -> bool:
        return self.average == "eliminated"
