"""The all-pay auction."""

from fractions import Fraction

from mechdesign.mechanisms.auction.one_item import OneItem, Sale, highest
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, pay
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["AllPay"]


class AllPay(OneItem):
    """Sealed-bid auction of one item; the highest bidder wins, and everybody pays its own bid.

    A model of contests in which effort is lost. Without a bid the item is not sold. Who is absent does not take part.

    **Source**: M. Baye, D. Kovenock, C. de Vries, The all-pay auction with complete information, Economic Theory 8
    (1996).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> result = run_pure(AllPay(), Context(("A", "B", "C")), {"A": 18, "B": 24, "C": 21})
    >>> str(result.outcome), str(result.net("SELLER"))
    ('B wins, pays 24', '63')
    """

    name, version = "auction.all-pay", 1
    accounts = (Account.SELLER,)
    claims = Claims(
        dsic=Fails(
            Witness(types={"alice": 1}, deviations={"alice": 0}), "Baye, Kovenock and de Vries 1996: bids are shaded"
        ),
        nash=Unknown("equilibria are mixed, and depend on what the others are believed to value"),
        individually_rational=Fails(Witness(types={"alice": 2, "bob": 1}), "a loser pays too"),
        no_deficit=Holds("everybody pays, nobody receives"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("the highest bid wins", "for truthful bids, which are no equilibrium"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(Witness(types={"alice": 1}, deviations={"alice": 0}), "not even strategyproof"),
    )
    example = Example({"alice": 18, "bob": 24, "carol": 21})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        """Sell to the highest bidder and charge all."""
        if not reports:
            return Result(Sale(), why=(Reason("no bids"),))
        winner, ties = highest(reports, context)
        flows: list[Flow] = []
        for player, bid in reports.items():
            flows += pay(player, Account.SELLER, bid, "bid")
        why = Reason("the highest bid; every bid is paid", {"bids": dict(reports)})
        return Result(Sale(winner=winner, price=reports[winner]), tuple(flows), (why,), ties)
