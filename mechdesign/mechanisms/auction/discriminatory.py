"""The discriminatory auction of identical units."""

from fractions import Fraction

from mechdesign.mechanisms.auction.units import Lots, Margins, UnitAuction, share_out
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["Discriminatory"]

_WITNESS = Witness(types={"alice": [3], "bob": [1]}, deviations={"alice": [1]}, parameters={"units": 1})


class Discriminatory(UnitAuction):
    """Sealed-bid auction of identical units; the highest bids win, and each winning bid is paid.

    A report is a bid for each unit, non-increasing. Bids of nothing win nothing. Who is absent does not take part.
    Among equal bids for the last units the tie rule orders the bidders, and each in turn has all that it bids for.

    **Source**: V. Krishna, Auction theory, 2nd edition (2010), section 12.1.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> bids = {"A": [50, 47, 40, 32, 15, 5], "B": [42, 28, 20, 12, 7, 3], "C": [45, 35, 24, 14, 9, 6]}
    >>> str(decide(Discriminatory, {"parameters": {"units": 6}, "reports": bids}).result.outcome)
    'A wins 3 units, pays 137; B wins 1 unit, pays 42; C wins 2 units, pays 80'
    """

    name, version = "auction.discriminatory", 1
    claims = Claims(
        dsic=Fails(_WITNESS, "a winner pays its own bids and gains by lowering them"),
        nash=Unknown("equilibrium bids depend on what the others are believed to bid"),
        individually_rational=Holds("each unit costs what was bid for it", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("the highest bids win", "for truthful bids, which are no equilibrium"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(_WITNESS, "not even strategyproof"),
    )
    example = Example({"alice": [50, 47, 40], "bob": [42, 28, 20], "carol": [45, 35, 24]}, {"units": 4})

    def settle(self, reports: Profile[Margins], context: Context) -> Result[Lots]:
        """Sell to the highest bids at these bids."""
        won, ties = share_out(reports, self.units, context)
        payments = {player: sum(reports[player][:count], Fraction(0)) for player, count in won.items()}
        outcome, flows = self.sold(won, payments)
        winning = {player: reports[player][:count] for player, count in outcome.units.items()}
        return Result(outcome, flows, (Reason("each winning bid is paid", {"winning_bids": winning}),), ties)
