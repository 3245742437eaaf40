"""Bucklin voting."""

from fractions import Fraction

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Order, counted
from mechdesign.mechanisms.voting.ballots import Election
from mechdesign.mechanisms.voting.common import PARTIAL, misreport, vote_claims
from mechdesign.mechanisms.voting.partial import PartlyRanked

__all__ = ["Bucklin"]

_LIE = misreport({"alice": "xyz", "bob": "yzx", "carol": "yzx", "dave": "zxy", "erin": "zxy"}, alice="yxz")


class Bucklin(PartlyRanked):
    """First places are counted, then second places too, and so on, until an option has more than half the ballots.

    Among several that pass half in the same round, the one with the most places so far is elected. A ballot orders some
    or all options; where no option ever passes half, the one named most often is elected. Who is absent abstains;
    without a ballot nobody is elected. The score is the number of places counted for an option.

    **Source**: C. G. Hoag, G. H. Hallett, Proportional Representation, New York 1926, section 171; Handbook of
    Computational Social Choice, Cambridge 2016, chapter 2.

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Bucklin(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins with 68'
    """

    name, version = "voting.bucklin", 1
    claims = vote_claims(_LIE, monotone=Holds("raising the winner counts it earlier and no other option earlier"))
    example = PARTIAL

    def decide(self, reports: Profile[Order], context: Context) -> Decision[Election]:
        """Count places round by round."""
        ballots = counted(reports, self.weights, context)
        if not ballots:
            return self.nobody()
        total = sum(ballots.values())
        counts = dict.fromkeys(self.options, 0)
        why: list[Reason] = []
        for place in range(max(1, *(len(ballot) for ballot in ballots))):
            for ballot, votes in ballots.items():
                if place < len(ballot):
                    counts[ballot[place]] += votes
            shown = ", ".join(f"{option} {count}" for option, count in counts.items())
            why.append(Reason(f"round {place + 1}: {shown} of {total}", {"counts": dict(counts), "ballots": total}))
            if 2 * max(counts.values()) > total:
                break
        top = max(counts.values())
        tied = [option for option in self.options if counts[option] == top]
        scores = {option: Fraction(count) for option, count in counts.items()}
        return self.elect(tied, context, f"the most places in round {len(why)}", why, scores)
