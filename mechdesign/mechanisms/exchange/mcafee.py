"""McAfee's double auction."""

from fractions import Fraction

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.exchange.two_sides import Book, Exchange, Offer, Trades
from mechdesign.mechanisms.flow import Account
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["McAfee"]


class McAfee(Exchange):
    """Double auction; all efficient trades take place if the next bid and ask give a price for them, else one fewer.

    Let k trades be efficient. If the mean of bid and ask number k + 1 lies between ask k and bid k, all k trade at
    this mean. Otherwise (also where bid or ask k + 1 is missing) the first k - 1 trade, buyers paying bid k and
    sellers getting ask k; the difference is burnt. A report is one bid or one ask for one unit. Who is absent does
    not take part. Equal offers of which not all trade are ordered by the tie rule.

    **Source**: R. P. McAfee, A dominant strategy double auction, Journal of Economic Theory 56 (1992).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> offers = {f"b{bid}": {"bid": bid} for bid in (9, 8, 7, 4)} | {f"s{ask}": {"ask": ask} for ask in (2, 3, 4, 5)}
    >>> str(decide(McAfee, {"reports": offers}).result.outcome)
    'b9, b8, b7 buy from s2, s3, s4 at 9/2'
    """

    name, version = "exchange.mcafee", 1
    accounts = (Account.SINK,)
    claims = Claims(
        dsic=Holds("McAfee 1992, theorem 1"),
        individually_rational=Holds("McAfee 1992: nobody trades at a price worse than its offer", "ex post"),
        no_deficit=Holds("McAfee 1992: buyers pay at least what sellers get"),
        budget_balanced=Fails(
            Witness(types={"alice": {"bid": 5}, "bob": {"bid": 4}, "carol": {"ask": 1}, "dave": {"ask": 2}}),
            "McAfee 1992: the spread is lost where one trade fewer takes place",
        ),
        efficient=Fails(
            Witness(
                types={"alice": {"bid": 5}, "bob": {"ask": 1}},
                outcome={"buyers": ["alice"], "sellers": ["bob"]},
            ),
            "McAfee 1992: the least valuable trade may be lost",
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
    example = Example({"ann": {"bid": 9}, "ben": {"bid": 5}, "cai": {"ask": 3}, "dee": {"ask": 6}})

    def settle(self, reports: Profile[Offer], context: Context) -> Result[Trades]:
        """Trade at the mean of the next offers, or one trade fewer."""
        book = Book.of(reports)
        count = book.count
        if count == 0:
            return self.traded(book, 0, (Fraction(0), Fraction(0)), (), context)
        bid, ask = book.falling[count - 1], book.rising[count - 1]
        next_bid, next_ask = book.bid(count + 1), book.ask(count + 1)
        if next_bid is not None and next_ask is not None and ask <= (mean := (next_bid + next_ask) / 2) <= bid:
            text = f"the mean {format_exact(mean)} of the next bid and ask suits all {count}"
            why = Reason(text, {"price": mean, "trades": count})
            return self.traded(book, count, (mean, mean), (why,), context)
        why = Reason(f"trade number {count} is given up, its bid and ask are the prices", {"bid": bid, "ask": ask})
        return self.traded(book, count - 1, (bid, ask), (why,), context)
