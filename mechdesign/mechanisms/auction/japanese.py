"""The Japanese auction: an ascending clock."""

from fractions import Fraction

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.auction.clock import Step, pick_between_rounds, refuse_off_grid, shown_price
from mechdesign.mechanisms.auction.one_item import OneItemWithReserve, Sale
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.play import Ask, Play, ask
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["Japanese"]


class Japanese(OneItemWithReserve):
    """Clock auction of one item; the price rises step by step until at most one bidder wants to stay.

    In every round all that are still in say, sealed, whether they would buy at the price of the clock, which starts at
    the reserve. Who does not, or does not answer, is out for good. The last one pays the last price at which somebody
    else was in as well (the reserve, if nobody ever was); if the last ones leave together, the tie rule picks one of
    them, and it pays the last price at which they were all in. A truthful bidder stays while the price is at most its
    value. On values that are multiples of the step this is the second-price auction.

    **Source**: P. Milgrom, R. Weber, A theory of auctions and competitive bidding, Econometrica 50 (1982), section 5;
    S. Li, Obviously strategy-proof mechanisms, American Economic Review 107 (2017).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> str(decide(Japanese, {"reports": {"A": 18, "B": 24, "C": 21}}).result.outcome)
    'B wins, pays 21'
    """

    name, version = "auction.japanese", 1
    step: Step = Fraction(1)
    claims = Claims(
        dsic=Holds(
            "Milgrom and Weber 1982: with private values one stays up to one's value", "on multiples of the step"
        ),
        individually_rational=Holds("nobody wins above a price at which it was in", "ex post"),
        no_deficit=Holds("one payment, from the winner to the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds(
            "who stays longest wins", "on multiples of the step; the reserve counts as the seller's own value"
        ),
        anonymous=Holds("an answer counts whoever gives it", "up to ties"),
        group_strategyproof=Fails(
            Witness(types={"alice": 4, "bob": 3}, deviations={"alice": 4, "bob": 0}),
            "the other bidder leaves early as a favour to the winner",
        ),
    )
    example = Example({"alice": 18, "bob": 24, "carol": 21}, {"reserve": 5, "step": "0.50"})

    def type_grid(self) -> list[Fraction]:
        """Return a value below the reserve, then multiples of the step from it."""
        lower = [Fraction(0)] if self.reserve else []
        return [*lower, *(self.reserve + self.step * count for count in range(5 - len(lower)))]

    def truthful(self, value: Fraction, ask: Ask[bool]) -> bool:
        """Stay while the price is at most the value."""
        return shown_price(ask) <= value

    def play(self, context: Context) -> Play[Sale]:
        """Raise the price until at most one is left."""
        refuse_off_grid(context, reserve=self.reserve, step=self.step)
        price, before = self.reserve, None
        active: tuple[Player, ...] = context.players
        left: list[Reason] = []
        while True:
            stays = yield from ask(bool, of=active, price=format_exact(price), active=list(active))
            staying = tuple(player for player in active if stays.get(player))
            gone = [player for player in active if player not in staying]
            if gone:
                data = {"price": price, "players": gone}
                left.append(Reason(f"at {format_exact(price)}: {', '.join(gone)} left", data))
            if len(staying) < 2:
                break
            active, before, price = staying, price, price + self.step
        if before is None and not staying:
            return Result(Sale(), why=(Reason("nobody would buy at the reserve" if context.players else "no bids"),))
        paid = self.reserve if before is None else before
        winner, ties = yield from pick_between_rounds(staying or active, "the last to stay", context)
        why = Reason(
            "the last price at which somebody else was in" if before is not None else "the reserve", {"price": paid}
        )
        return Result(Sale(winner=winner, price=paid), pay(winner, Account.SELLER, paid, "price"), (why, *left), ties)
