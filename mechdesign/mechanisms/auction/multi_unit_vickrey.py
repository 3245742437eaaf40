"""The Vickrey auction of identical units."""

from fractions import Fraction

from mechdesign.mechanisms.auction.units import Lots, Margins, UnitAuction, ranked_bids, share_out
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["MultiUnitVickrey"]


class MultiUnitVickrey(UnitAuction):
    """Sealed-bid auction of identical units; the highest bids win, and a winner pays the bids that it displaces.

    Who wins k units pays the k highest bids of others that lose and would win without it. A report is a bid for each
    unit, non-increasing. Bids of nothing win nothing. Who is absent does not take part. Among equal bids for the last
    units the tie rule orders the bidders, and each in turn has all that it bids for.

    **Source**: W. Vickrey, Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance 16 (1961);
    V. Krishna, Auction theory, 2nd edition (2010), section 12.1.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> bids = {"A": [50, 47, 40, 32, 15, 5], "B": [42, 28, 20, 12, 7, 3], "C": [45, 35, 24, 14, 9, 6]}
    >>> str(decide(MultiUnitVickrey, {"parameters": {"units": 6}, "reports": bids}).result.outcome)
    'A wins 3 units, pays 72; B wins 1 unit, pays 32; C wins 2 units, pays 60'
    """

    name, version = "auction.multi-unit-vickrey", 1
    claims = Claims(
        dsic=Holds("Vickrey 1961: a bid decides how many units one wins, never what they cost"),
        individually_rational=Holds("Krishna 2010: a displaced bid is at most the bid that displaces it", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("Vickrey 1961: the highest marginal values win"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        core=Holds("Ausubel and Milgrom 2006, theorem 8: units with falling marginal values are substitutes"),
        group_strategyproof=Fails(
            Witness(
                types={"alice": [4], "bob": [3]},
                deviations={"alice": [4], "bob": [0]},
                parameters={"units": 1},
            ),
            "a losing bidder lowers its bid as a favour to the winner",
        ),
    )
    example = Example({"alice": [50, 47, 40], "bob": [42, 28, 20], "carol": [45, 35, 24]}, {"units": 4})

    def settle(self, reports: Profile[Margins], context: Context) -> Result[Lots]:
        """Sell to the highest bids at the bids that they displace."""
        won, ties = share_out(reports, self.units, context)
        payments: dict[str, Fraction] = {}
        why = []
        for player, count in won.items():
            others = ranked_bids(reports, without=player)
            displaced = others[self.units - count : self.units] if count else []
            payments[player] = sum(displaced, Fraction(0))
            if displaced:
                bids = ", ".join(map(str, displaced))
                why.append(Reason(f"{player} displaces bids of {bids}", {"player": player, "displaced": displaced}))
        outcome, flows = self.sold(won, payments)
        return Result(outcome, flows, tuple(why) or (Reason("nobody displaces a bid"),), ties)
