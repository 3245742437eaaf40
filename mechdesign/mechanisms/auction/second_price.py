"""The second-price auction."""

from fractions import Fraction

from mechdesign.mechanisms.auction.one_item import OneItemWithReserve, Sale, highest, second_highest
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, pay
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["SecondPrice"]


class SecondPrice(OneItemWithReserve):
    """Sealed-bid auction of one item; the highest bidder wins and pays the second-highest bid.

    With a reserve, bids below it do not count, and the winner pays at least the reserve. A single bidder pays the
    reserve; without a bid the item is not sold. Who is absent does not take part.

    **Source**: W. Vickrey, Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance 16 (1961).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> result = run_pure(SecondPrice(), Context(("A", "B", "C")), {"A": 18, "B": 24, "C": 21})
    >>> str(result.outcome)
    'B wins, pays 21'
    """

    name, version = "auction.second-price", 1
    claims = Claims(
        dsic=Holds("Vickrey 1961, section IV: a bid decides whether one wins, never what one pays"),
        individually_rational=Holds("Vickrey 1961: the price is at most the winner's own bid", "ex post"),
        no_deficit=Holds("one payment, from the winner to the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("Vickrey 1961", "the reserve counts as the seller's own value"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(
            Witness(types={"alice": 4, "bob": 3}, deviations={"alice": 4, "bob": 0}),
            "a losing bidder lowers its bid as a favour to the winner",
        ),
    )
    example = Example({"alice": 18, "bob": 24, "carol": 21}, {"reserve": 5})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        """Sell to the highest bidder at the second-highest bid."""
        bids = {player: bid for player, bid in reports.items() if bid >= self.reserve}
        if not bids:
            return Result(Sale(), why=(Reason("no bid reaches the reserve" if reports else "no bids"),))
        winner, ties = highest(bids, context)
        runner_up, second = second_highest(bids, winner)
        price = max(second, self.reserve)
        if runner_up is None:
            why = Reason("the reserve: nobody else bid as much", {"reserve": self.reserve})
        else:
            why = Reason(f"second-highest bid: {runner_up}", {"runner_up": runner_up, "bid": second})
        return Result(Sale(winner=winner, price=price), pay(winner, Account.SELLER, price, "price"), (why,), ties)
