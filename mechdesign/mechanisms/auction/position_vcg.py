"""The Vickrey-Clarke-Groves auction of positions."""

from fractions import Fraction

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.auction.positions import PositionAuction, Positions, ranking
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["PositionVickrey"]


class PositionVickrey(PositionAuction):
    """Sealed-bid auction of positions; the highest bids get the best positions and pay for the clicks others lose.

    A report is a bid for one click. Without a winner, everybody below it would stand one position higher; it pays what
    the clicks that they would gain are worth to them. Positions beyond the number of bidders stay empty. Who is absent
    does not take part. Equal bids are ordered by the tie rule.

    **Source**: B. Edelman, M. Ostrovsky, M. Schwarz, Internet advertising and the generalized second-price auction,
    American Economic Review 97 (2007), section III; the example is theirs.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> document = {"parameters": {"clicks": [200, 100]}, "reports": {"A": 10, "B": 4, "C": 2}}
    >>> str(decide(PositionVickrey, document).result.outcome)
    'A gets position 1, pays 600; B gets position 2, pays 200'
    """

    name, version = "auction.position-vcg", 1
    claims = Claims(
        dsic=Holds("Edelman, Ostrovsky and Schwarz 2007: it is VCG"),
        individually_rational=Holds("VCG: the clicks taken are worth less to the others", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("the highest values get most clicks"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        core=Holds("Shapley and Shubik 1971: it is an assignment, whose lowest equilibrium prices are those of VCG"),
        group_strategyproof=Fails(
            Witness(types={"alice": 4, "bob": 3}, deviations={"alice": 4, "bob": 0}, parameters={"clicks": [2, 1]}),
            "a lower bidder lowers its bid as a favour to a higher one",
        ),
    )
    example = Example({"alice": 10, "bob": 4, "carol": 2}, {"clicks": [200, 100]})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Positions]:
        """Rank the bids and charge each the others' loss."""
        order, ties = ranking(reports, len(self.clicks), context)
        count = len(self.clicks)
        clicks = [*self.clicks, Fraction(0)]
        bids = [reports[player] for player in order] + [Fraction(0)] * (count + 1)
        payments: dict[str, Fraction] = {}
        why = []
        for place, player in enumerate(order[:count]):
            losses = [(clicks[one] - clicks[one + 1]) * bids[one + 1] for one in range(place, count)]
            payments[player] = sum(losses, Fraction(0))
            text = f"{player} costs those below it {format_exact(payments[player])}"
            why.append(Reason(text, {"player": player, "losses": losses}))
        outcome, flows = self.sold(order[:count], payments)
        return Result(outcome, flows, tuple(why) or (Reason("no bids"),), ties)
