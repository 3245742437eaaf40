"""The reverse second-price auction."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result

__all__ = ["Purchase", "ReverseSecondPrice"]


class Purchase(Outcome):
    """Who sells, and the price.

    Attributes:
        seller: who sells, or null where nothing is bought.
        price: what the seller is paid; 0 where nothing is bought.
    """

    seller: Player | None = None
    price: Amount = Fraction(0)

    def __str__(self) -> str:
        return f"{self.seller} sells, is paid {format_exact(self.price)}" if self.seller else "nothing is bought"


class ReverseSecondPrice(Mechanism[Amount, Amount, Purchase]):
    """Sealed tender for one job; the lowest offer gets it and is paid the second-lowest, or the ceiling if less.

    Offers above the ceiling, which is what the job is worth to the buyer, do not count. A report is the cost of the
    job; without an offer nothing is bought. Who is absent does not take part. Equal lowest offers are ordered by the
    tie rule.

    **Source**: W. Vickrey, Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance 16 (1961).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> document = {"parameters": {"ceiling": 30}, "reports": {"A": 18, "B": 24, "C": 21}}
    >>> str(decide(ReverseSecondPrice, document).result.outcome)
    'A sells, is paid 21'
    """

    name, version = "procurement.reverse-second-price", 1
    accounts = (Account.BUYER,)
    ceiling: Amount
    claims = Claims(
        dsic=Holds("Vickrey 1961: an offer decides whether one sells, never what one is paid"),
        individually_rational=Holds("Vickrey 1961: the price is at least the seller's own offer", "ex post"),
        no_deficit=Holds("the buyer pays at most its ceiling"),
        budget_balanced=Holds("the seller gets all that the buyer pays"),
        efficient=Holds("Vickrey 1961: the lowest cost sells", "the ceiling is what the job is worth to the buyer"),
        anonymous=Holds("an offer counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(
            Witness(types={"alice": 1, "bob": 2}, deviations={"alice": 1, "bob": 3}, parameters={"ceiling": 4}),
            "a losing seller raises its offer as a favour to the winner",
        ),
    )
    example = Example({"alice": 18, "bob": 24, "carol": 21}, {"ceiling": 30})

    def valuation(self, player: Player, value: Fraction, outcome: Purchase) -> Fraction:
        """Return what the job costs the player that does it, below zero."""
        return -value if outcome.seller == player else Fraction(0)

    def resource_cost(self, outcome: Purchase) -> Fraction:
        """Return what the job is worth to the buyer, as a cost below zero."""
        return -self.ceiling if outcome.seller else Fraction(0)

    def type_grid(self) -> Sequence[Fraction]:
        """Return costs from nothing to above the ceiling."""
        return [self.ceiling * part / 4 for part in range(6)]

    def outcomes(self, reports: Profile[Fraction], context: Context) -> Iterator[Purchase]:
        """Yield the purchase from nobody, and from each seller."""
        yield Purchase()
        for player in reports:
            yield Purchase(seller=player)

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Purchase]:
        """Buy from the lowest offer at the second-lowest."""
        offers = {player: cost for player, cost in reports.items() if cost <= self.ceiling}
        if not offers:
            return Result(Purchase(), why=(Reason("every offer is above the ceiling" if reports else "no offers"),))
        low = min(offers.values())
        seller, ties = context.pick([player for player in offers if offers[player] == low], "the lowest offer")
        others = {player: cost for player, cost in offers.items() if player != seller}
        price = min(others.values(), default=self.ceiling)
        why = Reason("the ceiling: nobody else offers as little", {"ceiling": self.ceiling})
        if others:
            runner_up = next(player for player in others if others[player] == price)
            why = Reason(f"second-lowest offer: {runner_up}", {"runner_up": runner_up, "offer": price})
        return Result(Purchase(seller=seller, price=price), pay(Account.BUYER, seller, price, "price"), (why,), ties)
