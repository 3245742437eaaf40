"""What exchanges have in common: bids and asks for one unit each, and who trades at which prices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, model_validator

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result
from mechdesign.mechanisms.ties import Tie

__all__ = ["Book", "Exchange", "Offer", "Trades"]


class Offer(BaseModel):
    """An offer to buy one unit (``bid``) or to sell one (``ask``).

    Attributes:
        bid: the most that a buyer pays.
        ask: the least that a seller takes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bid: Amount | None = None
    ask: Amount | None = None

    @model_validator(mode="after")
    def _one_side(self) -> "Offer":
        if (self.bid is None) == (self.ask is None):
            raise ValueError('an offer is either {"bid": 9} or {"ask": 2}')
        return self


class Trades(Outcome):
    """Who buys and who sells, and the prices.

    Attributes:
        buyers: who gets a unit, in roster order.
        sellers: who gives one, in roster order.
        buyer_price: what each buyer pays; 0 where nothing is traded.
        seller_price: what each seller gets; 0 where nothing is traded.
    """

    buyers: tuple[Player, ...] = ()
    sellers: tuple[Player, ...] = ()
    buyer_price: Amount = Fraction(0)
    seller_price: Amount = Fraction(0)

    def __str__(self) -> str:
        if not self.buyers:
            return "no trade"
        names = f"{', '.join(self.buyers)} buy from {', '.join(self.sellers)}"
        if self.buyer_price == self.seller_price:
            return f"{names} at {format_exact(self.buyer_price)}"
        return f"{names}; buyers pay {format_exact(self.buyer_price)}, sellers get {format_exact(self.seller_price)}"


Side: TypeAlias = Mapping[Player, Fraction]


@dataclass(frozen=True, slots=True)
class Book:
    """All offers, sorted.

    Attributes:
        bids: of the buyers, in roster order.
        asks: of the sellers, in roster order.
        falling: the bids, the highest first.
        rising: the asks, the lowest first.
        count: how many trades are efficient: the highest bids that are at least the lowest asks.
    """

    bids: Side
    asks: Side
    falling: tuple[Fraction, ...]
    rising: tuple[Fraction, ...]
    count: int

    @classmethod
    def of(cls, offers: Profile[Offer]) -> "Book":
        """Sort offers."""
        bids = {player: offer.bid for player, offer in offers.items() if offer.bid is not None}
        asks = {player: offer.ask for player, offer in offers.items() if offer.ask is not None}
        falling, rising = sorted(bids.values(), reverse=True), sorted(asks.values())
        count = sum(bid >= ask for bid, ask in zip(falling, rising, strict=False))
        return cls(bids, asks, tuple(falling), tuple(rising), count)

    def bid(self, place: int) -> Fraction | None:
        """Return the bid of a place counted from 1, or None past the last."""
        return self.falling[place - 1] if place <= len(self.falling) else None

    def ask(self, place: int) -> Fraction | None:
        """Return the ask of a place counted from 1, or None past the last."""
        return self.rising[place - 1] if place <= len(self.rising) else None

    def clearing(self) -> tuple[Fraction, Fraction]:
        """Return the lowest and the highest price at which as many want to buy as to sell; needs a trade."""
        lows = (self.ask(self.count), self.bid(self.count + 1))
        highs = (self.bid(self.count), self.ask(self.count + 1))
        return max(one for one in lows if one is not None), min(one for one in highs if one is not None)


class Exchange(Mechanism[Offer, Offer, Trades]):
    """An exchange of one kind of thing in which each player offers to buy or to sell one unit."""

    def valuation(self, player: Player, value: Offer, outcome: Trades) -> Fraction:
        """Return what a unit is worth to its buyer, or what it costs its seller."""
        if player in outcome.buyers:
            return value.bid or Fraction(0)  # a seller that was sold a unit has no use for it
        if player in outcome.sellers:
            return -value.ask if value.ask is not None else Fraction(-(10**9))  # a buyer has no unit to give
        return Fraction(0)

    def type_grid(self) -> Sequence[Offer]:
        """Return bids and asks up to six."""
        bids = [Offer(bid=Fraction(price)) for price in (1, 4, 6)]
        return [*bids, *(Offer(ask=Fraction(price)) for price in (0, 3, 5))]

    def outcomes(self, reports: Profile[Offer], context: Context) -> Iterator[Trades]:
        """Yield every choice of as many buyers as sellers."""
        buyers = [player for player, offer in reports.items() if offer.bid is not None]
        sellers = [player for player, offer in reports.items() if offer.ask is not None]
        for count in range(min(len(buyers), len(sellers)) + 1):
            for buying in combinations(buyers, count):
                for selling in combinations(sellers, count):
                    yield Trades(buyers=buying, sellers=selling)

    def traded(
        self,
        book: Book,
        count: int,
        prices: tuple[Fraction, Fraction],
        why: Sequence[Reason],
        context: Context,
    ) -> Result[Trades]:
        """Return the result in which the best offers trade at the price of buyers and the price of sellers.

        Equal offers of which not all trade are ordered by the tie rule. The first buyer pays the first seller, and so
        on; what a buyer pays more goes to SINK, what a seller gets more comes from FUNDER.
        """
        if count == 0:
            return Result(Trades(), why=tuple(why) or (Reason("no bid reaches an ask"),))
        buyers, ties = _best({player: -bid for player, bid in book.bids.items()}, count, "the last bid", context)
        sellers, more = _best(book.asks, count, "the last ask", context)
        paid, got = prices
        flows: list[Flow] = []
        for buyer, seller in zip(buyers, sellers, strict=True):
            flows += pay(buyer, seller, min(paid, got), "price")
            if paid > got:
                flows += pay(buyer, Account.SINK, paid - got, "spread")
            else:
                flows += pay(Account.FUNDER, seller, got - paid, "spread")
        trades = Trades(buyers=tuple(buyers), sellers=tuple(sellers), buyer_price=paid, seller_price=got)
        return Result(trades, tuple(flows), tuple(why), (*ties, *more))


def _best(side: Side, count: int, about: str, context: Context) -> tuple[list[Player], tuple[Tie, ...]]:
    """Return the players with the lowest numbers, in roster order, and the tie for the last place."""
    last = sorted(side.values())[count - 1]
    better = [player for player, number in side.items() if number < last]
    equal = [player for player, number in side.items() if number == last]
    ties: tuple[Tie, ...] = ()
    if len(better) + len(equal) > count:
        order, ties = context.rank(equal, f"{about} that trades")
        equal = list(order[: count - len(better)])
    chosen = set(chain(better, equal))
    return [player for player in side if player in chosen], ties
