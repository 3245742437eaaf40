"""The uniform-price auction of identical units."""

from fractions import Fraction
from typing import Literal

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.auction.units import Lots, Margins, UnitAuction, ranked_bids, share_out
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["UniformPrice"]

_WITNESS = Witness(types={"alice": [3, 3], "bob": [2]}, deviations={"alice": [3, 0]}, parameters={"units": 2})


class UniformPrice(UnitAuction):
    """Sealed-bid auction of identical units; the highest bids win, and every unit costs the same.

    The price is the highest losing bid, or with ``price = "lowest-winning"`` the lowest winning one; 0 where nobody
    loses. A report is a bid for each unit, non-increasing. Bids of nothing win nothing. Who is absent does not take
    part. Among equal bids for the last units the tie rule orders the bidders, and each in turn has all that it bids
    for.

    **Source**: V. Krishna, Auction theory, 2nd edition (2010), section 12.1; L. Ausubel et al., Demand reduction and
    inefficiency in multi-unit auctions, Review of Economic Studies 81 (2014).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> bids = {"A": [50, 47, 40, 32, 15, 5], "B": [42, 28, 20, 12, 7, 3], "C": [45, 35, 24, 14, 9, 6]}
    >>> str(decide(UniformPrice, {"parameters": {"units": 6}, "reports": bids}).result.outcome)
    'A wins 3 units, pays 96; B wins 1 unit, pays 32; C wins 2 units, pays 64'
    """

    name, version = "auction.uniform-price", 1
    price: Literal["highest-losing", "lowest-winning"] = "highest-losing"
    claims = Claims(
        dsic=Fails(_WITNESS, "Ausubel et al. 2014: a bidder for several units lowers its later bids"),
        nash=Unknown("equilibrium bids depend on what the others are believed to bid"),
        individually_rational=Holds("the price is at most each winning bid", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("the highest bids win", "for truthful bids, which are no equilibrium"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(_WITNESS, "not even strategyproof"),
    )
    example = Example({"alice": [50, 47, 40], "bob": [42, 28, 20], "carol": [45, 35, 24]}, {"units": 4})

    def settle(self, reports: Profile[Margins], context: Context) -> Result[Lots]:
        """Sell to the highest bids at one price."""
        won, ties = share_out(reports, self.units, context)
        ranked = ranked_bids(reports)
        place = self.units if self.price == "highest-losing" else self.units - 1
        price = ranked[place] if place < len(ranked) else Fraction(0)
        outcome, flows = self.sold(won, {player: count * price for player, count in won.items()})
        which = "the highest losing bid" if self.price == "highest-losing" else "the lowest winning bid"
        text = (
            f"a unit costs {format_exact(price)}, {which}" if price else "a unit costs 0: no unit is wanted too often"
        )
        return Result(outcome, flows, (Reason(text, {"price": price}),), ties)
