"""The k-double auction."""

from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.exchange.two_sides import Book, Exchange, Offer, Trades
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["KDouble"]

_WITNESS = Witness(types={"alice": {"bid": 5}, "bob": {"ask": 1}}, deviations={"alice": {"bid": 3}})


def _share(k: Fraction) -> Fraction:
    if k > 1:
        raise ValueError("k must lie between 0 and 1")
    return k


class KDouble(Exchange):
    """Double auction; all efficient trades take place at one price, ``k`` of the way up those that clear the market.

    With ``k = 1/2`` one buyer and one seller split the difference. A report is one bid or one ask for one unit. Who is
    absent does not take part. Equal offers of which not all trade are ordered by the tie rule.

    **Source**: K. Chatterjee, W. Samuelson, Bargaining under incomplete information, Operations Research 31 (1983); M.
    Satterthwaite, S. Williams, Bilateral trade with the sealed bid k-double auction, Journal of Economic Theory 48
    (1989).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> offers = {f"b{bid}": {"bid": bid} for bid in (9, 8, 7, 4)} | {f"s{ask}": {"ask": ask} for ask in (2, 3, 4, 5)}
    >>> str(decide(KDouble, {"reports": offers}).result.outcome)
    'b9, b8, b7 buy from s2, s3, s4 at 9/2'
    """

    name, version = "exchange.k-double", 1
    k: Annotated[Amount, AfterValidator(_share)] = Fraction(1, 2)
    claims = Claims(
        dsic=Fails(_WITNESS, "Chatterjee and Samuelson 1983: both sides shade their offers"),
        nash=Unknown("equilibria depend on what the traders believe of one another"),
        individually_rational=Holds("nobody trades at a price worse than its offer", "ex post"),
        no_deficit=Holds("sellers get what buyers pay"),
        budget_balanced=Holds("sellers get what buyers pay"),
        efficient=Holds("all efficient trades take place", "for truthful offers, which are no equilibrium"),
        anonymous=Holds("an offer counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(_WITNESS, "not even strategyproof"),
    )
    example = Example({"ann": {"bid": 9}, "ben": {"bid": 5}, "cai": {"ask": 3}, "dee": {"ask": 6}})

    def settle(self, reports: Profile[Offer], context: Context) -> Result[Trades]:
        """Let all efficient trades take place at one price."""
        book = Book.of(reports)
        if book.count == 0:
            return self.traded(book, 0, (Fraction(0), Fraction(0)), (), context)
        low, high = book.clearing()
        price = low + self.k * (high - low)
        text = f"prices from {format_exact(low)} to {format_exact(high)} clear the market"
        why = Reason(text, {"low": low, "high": high, "price": price})
        return self.traded(book, book.count, (price, price), (why,), context)
