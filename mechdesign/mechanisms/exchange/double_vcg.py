"""The Vickrey-Clarke-Groves double auction."""

from fractions import Fraction

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.exchange.two_sides import Book, Exchange, Offer, Trades
from mechdesign.mechanisms.flow import Account
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["DoubleVickrey"]

_PAIR = {"alice": {"bid": 5}, "bob": {"ask": 1}}


class DoubleVickrey(Exchange):
    """Double auction; all efficient trades take place, each trader at its critical value; a funder pays the deficit.

    Buyers pay the lowest and sellers get the highest price at which as many want to buy as to sell. A report is one
    bid or one ask for one unit. Who is absent does not take part. Equal offers of which not all trade are ordered by
    the tie rule.

    **Source**: W. Vickrey, Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance 16 (1961),
    section I; R. Myerson, M. Satterthwaite, Efficient mechanisms for bilateral trading, Journal of Economic Theory 29
    (1983), for the deficit.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> offers = {f"b{bid}": {"bid": bid} for bid in (9, 8, 7, 4)} | {f"s{ask}": {"ask": ask} for ask in (2, 3, 4, 5)}
    >>> result = decide(DoubleVickrey, {"reports": offers}).result
    >>> str(result.outcome), str(result.net("FUNDER"))
    ('b9, b8, b7 buy from s2, s3, s4; buyers pay 4, sellers get 5', '-3')
    """

    name, version = "exchange.double-vcg", 1
    accounts = (Account.FUNDER,)
    claims = Claims(
        dsic=Holds("Vickrey 1961, section I: everybody trades at its critical value"),
        individually_rational=Holds("nobody trades at a price worse than its offer", "ex post"),
        no_deficit=Fails(Witness(types=_PAIR), "Myerson and Satterthwaite 1983"),
        budget_balanced=Fails(Witness(types=_PAIR), "Myerson and Satterthwaite 1983"),
        efficient=Holds("Vickrey 1961, section I: all efficient trades take place"),
        anonymous=Holds("an offer counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(
            Witness(types=_PAIR, deviations={"alice": {"bid": 6}, "bob": {"ask": 1}}),
            "the buyer raises its bid as a favour to the seller",
        ),
    )
    example = Example({"ann": {"bid": 9}, "ben": {"bid": 5}, "cai": {"ask": 3}, "dee": {"ask": 6}})

    def settle(self, reports: Profile[Offer], context: Context) -> Result[Trades]:
        """Let all efficient trades take place at critical values."""
        book = Book.of(reports)
        if book.count == 0:
            return self.traded(book, 0, (Fraction(0), Fraction(0)), (), context)
        low, high = book.clearing()
        text = f"prices from {format_exact(low)} to {format_exact(high)} clear the market"
        why = Reason(text, {"low": low, "high": high, "trades": book.count})
        return self.traded(book, book.count, (low, high), (why,), context)
