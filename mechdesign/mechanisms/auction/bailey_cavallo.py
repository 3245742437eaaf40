"""The Vickrey auction with redistribution of Bailey and Cavallo."""

from fractions import Fraction

from mechdesign.mechanisms.auction.one_item import OneItem, Sale, highest, second_highest
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, pay
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["BaileyCavallo"]

_REBATES_FROM = 3


class BaileyCavallo(OneItem):
    """Second-price auction among the owners of an item, most of whose price goes back to them.

    The highest bidder wins and pays the second-highest bid. Each of the n bidders then gets back one n-th of the
    second-highest bid among the *others*, which its own bid cannot change; what is left over is burnt. The rebates need
    at least three bidders: with two there is no second-highest bid among the others, so the whole price is burnt; a
    single bidder pays nothing.

    **Source**: M. Bailey, The demand revealing process: to distribute the surplus, Public Choice 91 (1997); R. Cavallo,
    Optimal decision-making with minimal waste, AAMAS 2006.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> result = run_pure(BaileyCavallo(), Context(("A", "B", "C")), {"A": 18, "B": 24, "C": 21})
    >>> [str(result.net(party)) for party in ("A", "B", "C", "SINK")]
    ['7', '-15', '6', '2']
    """

    name, version = "auction.bailey-cavallo", 1
    accounts = (Account.SINK,)
    claims = Claims(
        dsic=Holds("Cavallo 2006, theorem 1: a rebate does not depend on one's own bid"),
        individually_rational=Holds(
            "Cavallo 2006: the second-price auction plus a rebate that is not negative", "ex post"
        ),
        no_deficit=Holds("Cavallo 2006, theorem 2: every rebate is at most one n-th of the price"),
        budget_balanced=Fails(Witness(types={"alice": 1, "bob": 3, "carol": 2}), "a third of the lost bids is burnt"),
        efficient=Holds("the highest bid wins"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(
            Witness(types={"alice": 1, "bob": 4, "carol": 3}, deviations={"bob": 4, "carol": 2}),
            "the second-highest bidder lowers the winner's price, and its own rebate stays",
        ),
    )
    example = Example({"alice": 18, "bob": 24, "carol": 21})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        """Give the item to the highest bidder at the second-highest bid, and redistribute."""
        if not reports:
            return Result(Sale(), why=(Reason("no bids"),))
        winner, ties = highest(reports, context)
        runner_up, price = second_highest(reports, winner)
        flows: list[Flow] = [*pay(winner, Account.SINK, price, "price")]
        rebates: dict[str, Fraction] = {}
        if len(reports) >= _REBATES_FROM:
            for player in reports:
                others = sorted((bid for other, bid in reports.items() if other != player), reverse=True)
                rebates[player] = others[1] / len(reports)
                flows += pay(Account.SINK, player, rebates[player], "rebate")
        named = f"second-highest bid: {runner_up}" if runner_up else "the only bidder"
        why = (
            Reason(named, {"runner_up": runner_up, "bid": price}),
            Reason("rebates: one n-th of the second-highest bid among the others", {"rebates": rebates}),
        )
        return Result(Sale(winner=winner, price=price), tuple(flows), why if rebates else why[:1], ties)
