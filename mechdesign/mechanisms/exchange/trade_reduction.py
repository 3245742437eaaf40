"""The trade-reduction double auction."""

from fractions import Fraction

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.exchange.two_sides import Book, Exchange, Offer, Trades
from mechdesign.mechanisms.flow import Account
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["TradeReduction"]


class TradeReduction(Exchange):
    """Double auction; the least valuable efficient trade is given up, and its bid and ask are the others' prices.

    Buyers pay the bid and sellers get the ask of the trade that is given up; the difference is burnt. A report is one
    bid or one ask for one unit. Who is absent does not take part. Equal offers of which not all trade are ordered by
    the tie rule.

    **Source**: R. P. McAfee, A dominant strategy double auction, Journal of Economic Theory 56 (1992); M. Babaioff, N.
    Nisan, Concurrent auctions across the supply chain, Journal of Artificial Intelligence Research 21 (2004).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> offers = {f"b{bid}": {"bid": bid} for bid in (9, 8, 7, 4)} | {f"s{ask}": {"ask": ask} for ask in (2, 3, 4, 5)}
    >>> str(decide(TradeReduction, {"reports": offers}).result.outcome)
    'b9, b8 buy from s2, s3; buyers pay 7, sellers get 4'
    """

    name, version = "exchange.trade-reduction", 1
    accounts = (Account.SINK,)
    claims = Claims(
        dsic=Holds("Babaioff and Nisan 2004: traders are paid critical values"),
        individually_rational=Holds("nobody trades at a price worse than its offer", "ex post"),
        no_deficit=Holds("a bid that could trade is at least its ask"),
        budget_balanced=Fails(
            Witness(types={"alice": {"bid": 5}, "bob": {"bid": 4}, "carol": {"ask": 1}, "dave": {"ask": 2}}),
            "the spread is burnt",
        ),
        efficient=Fails(
            Witness(
                types={"alice": {"bid": 5}, "bob": {"ask": 1}},
                outcome={"buyers": ["alice"], "sellers": ["bob"]},
            ),
            "the least valuable trade is lost",
        ),
        anonymous=Holds("an offer counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(
            Witness(
                types={"alice": {"bid": 5}, "bob": {"bid": 4}, "carol": {"ask": 1}, "dave": {"ask": 2}},
                deviations={"alice": {"bid": 5}, "bob": {"bid": 3}},
            ),
            "the bidder that does not trade lowers its bid as a favour",
        ),
    )
    example = Example({"ann": {"bid": 9}, "ben": {"bid": 7}, "cai": {"ask": 3}, "dee": {"ask": 6}})

    def settle(self, reports: Profile[Offer], context: Context) -> Result[Trades]:
        """Give the last trade up and let the others trade at its offers."""
        book = Book.of(reports)
        if book.count == 0:
            return self.traded(book, 0, (Fraction(0), Fraction(0)), (), context)
        bid, ask = book.falling[book.count - 1], book.rising[book.count - 1]
        why = Reason(f"trade number {book.count} is given up, its bid and ask are the prices", {"bid": bid, "ask": ask})
        return self.traded(book, book.count - 1, (bid, ask), (why,), context)
