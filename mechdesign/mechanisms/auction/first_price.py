"""The first-price auction."""

from fractions import Fraction

from mechdesign.mechanisms.auction.one_item import OneItemWithReserve, Sale, highest
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, pay
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["FirstPrice"]


class FirstPrice(OneItemWithReserve):
    """Sealed-bid auction of one item; the highest bidder wins and pays its own bid.

    With a reserve, bids below it do not count. Without a bid the item is not sold. Who is absent does not take part.

    **Source**: W. Vickrey, Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance 16 (1961),
    section III and appendix.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> str(run_pure(FirstPrice(), Context(("A", "B", "C")), {"A": 18, "B": 24, "C": 21}).outcome)
    'B wins, pays 24'
    """

    name, version = "auction.first-price", 1
    claims = Claims(
        dsic=Fails(Witness(types={"alice": 2, "bob": 4}, deviations={"bob": 3}), "the winner gains by bidding less"),
        nash=Unknown("equilibrium bids depend on what the others are believed to bid"),
        individually_rational=Holds("the price is the winner's own bid", "ex post"),
        no_deficit=Holds("one payment, from the winner to the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds(
            "the highest bid wins", "for truthful bids, which are no equilibrium; the reserve is the seller's value"
        ),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(
            Witness(types={"alice": 2, "bob": 4}, deviations={"bob": 3}), "not even strategyproof"
        ),
    )
    example = Example({"alice": 18, "bob": 24, "carol": 21}, {"reserve": 5})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        """Sell to the highest bidder at its own bid."""
        bids = {player: bid for player, bid in reports.items() if bid >= self.reserve}
        if not bids:
            return Result(Sale(), why=(Reason("no bid reaches the reserve" if reports else "no bids"),))
        winner, ties = highest(bids, context)
        price = bids[winner]
        why = Reason("the highest bid, its own", {"bid": price})
        return Result(Sale(winner=winner, price=price), pay(winner, Account.SELLER, price, "price"), (why,), ties)
