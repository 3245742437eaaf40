"""The generalised second-price auction."""

from fractions import Fraction

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.auction.positions import PositionAuction, Positions, ranking
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["GeneralisedSecondPrice"]

_WITNESS = Witness(
    types={"alice": 10, "bob": 9, "carol": 1}, deviations={"alice": 2}, parameters={"clicks": [200, 199]}
)


class GeneralisedSecondPrice(PositionAuction):
    """Sealed-bid auction of positions; the highest bids get the best positions, each paying the next bid for a click.

    A report is a bid for one click. Positions beyond the number of bidders stay empty, and whoever has no bid below
    pays nothing. Who is absent does not take part. Equal bids are ordered by the tie rule.

    **Source**: B. Edelman, M. Ostrovsky, M. Schwarz, Internet advertising and the generalized second-price auction,
    American Economic Review 97 (2007), section III; the example is theirs.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> document = {"parameters": {"clicks": [200, 100]}, "reports": {"A": 10, "B": 4, "C": 2}}
    >>> str(decide(GeneralisedSecondPrice, document).result.outcome)
    'A gets position 1, pays 800; B gets position 2, pays 200'
    """

    name, version = "auction.gsp", 1
    claims = Claims(
        dsic=Fails(_WITNESS, "Edelman, Ostrovsky and Schwarz 2007, remark 3"),
        nash=Unknown("envy-free equilibria exist (Edelman, Ostrovsky and Schwarz 2007); truth is none in general"),
        individually_rational=Holds("the next bid is at most one's own", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("the highest bids get most clicks", "for truthful bids, which are no equilibrium"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(_WITNESS, "not even strategyproof"),
    )
    example = Example({"alice": 10, "bob": 4, "carol": 2}, {"clicks": [200, 100]})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Positions]:
        """Rank the bids and charge each the next one."""
        order, ties = ranking(reports, len(self.clicks), context)
        bids = [*(reports[player] for player in order), Fraction(0)]
        prices = {player: bids[place + 1] for place, player in enumerate(order[: len(self.clicks)])}
        payments = {player: clicks * prices[player] for player, clicks in zip(order, self.clicks, strict=False)}
        outcome, flows = self.sold(order[: len(self.clicks)], payments)
        why = tuple(
            Reason(f"{player} pays {format_exact(price)} a click, the next bid", {"player": player, "price": price})
            for player, price in prices.items()
        )
        return Result(outcome, flows, why or (Reason("no bids"),), ties)
