"""The English auction: open bids that rise."""

from fractions import Fraction

from mechdesign.kernel.money import Amount, format_exact, parse_exact
from mechdesign.mechanisms.auction.clock import Step, pick_between_rounds, refuse_off_grid
from mechdesign.mechanisms.auction.one_item import OneItemWithReserve, Sale
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.play import PASS, Ask, Play, ask
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.ties import Tie

__all__ = ["English"]


class English(OneItemWithReserve):
    """Open auction of one item; bids are raised until nobody outbids the standing one, whose bidder pays it.

    The first bid must reach the reserve, every later one the standing bid plus the step. In each round all but the
    standing bidder may bid, each seeing the bids before it; the highest bid stands, the tie rule picks among equal
    ones. Who bids too little, or does not answer, is out for good. A truthful bidder bids the least that is allowed,
    as long as that is at most its value; then the price is within a step of the second-highest value.

    **Source**: W. Vickrey, Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance 16 (1961),
    section II.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> str(decide(English, {"reports": {"A": 18, "B": 24, "C": 21}}).result.outcome)
    'B wins, pays 21'
    """

    name, version = "auction.english", 1
    step: Step = Fraction(1)
    claims = Claims(
        dsic=Unknown("who bids when among equals can be worth one step"),
        nash=Unknown("bidding the least is an equilibrium up to one step"),
        individually_rational=Holds("nobody need bid more than its value", "ex post"),
        no_deficit=Holds("one payment, from the winner to the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds(
            "Vickrey 1961, section II: who values the item most bids last",
            "on multiples of the step; the reserve counts as the seller's own value",
        ),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(
            Witness(types={"alice": 4, "bob": 3}, deviations={"alice": 4, "bob": 0}),
            "the other bidder stops early as a favour to the winner",
        ),
    )
    example = Example({"alice": 18, "bob": 24, "carol": 21}, {"reserve": 5, "step": "0.50"})

    def type_grid(self) -> list[Fraction]:
        """Return a value below the reserve, then multiples of the step from it."""
        lower = [Fraction(0)] if self.reserve else []
        return [*lower, *(self.reserve + self.step * count for count in range(5 - len(lower)))]

    def truthful(self, value: Fraction, ask: Ask[Fraction]) -> object:
        """Bid the least that is allowed, as long as that is at most the value."""
        least = parse_exact(ask.info["least"])
        return least if least <= value else PASS

    def play(self, context: Context) -> Play[Sale]:
        """Take higher bids until there are none."""
        refuse_off_grid(context, reserve=self.reserve, step=self.step)
        standing: Player | None = None
        price = Fraction(0)
        active: tuple[Player, ...] = context.players
        ties: list[Tie] = []
        raised: list[Reason] = []
        while True:
            least = self.reserve if standing is None else price + self.step
            rivals = tuple(player for player in active if player != standing)
            shown = {"least": format_exact(least), "standing": standing, "price": format_exact(price)}
            bids = yield from ask(Amount, of=rivals, sealed=False, show=shown)
            valid = {player: context.currency.round_down(bid) for player, bid in bids.items()}
            valid = {player: bid for player, bid in valid.items() if bid >= least}
            if not valid:
                break
            active = tuple(player for player in active if player in valid or player == standing)
            price = max(valid.values())
            top = [player for player in rivals if valid.get(player) == price]
            standing, tie = yield from pick_between_rounds(top, f"the standing bid of {format_exact(price)}", context)
            ties += tie
            raised.append(Reason(f"{standing} bids {format_exact(price)}", {"player": standing, "bid": price}))
        if standing is None:
            return Result(Sale(), why=(Reason("no bid reaches the reserve" if context.players else "no bids"),))
        why = Reason("nobody bids more", {"bid": price})
        sale = Sale(winner=standing, price=price)
        return Result(sale, pay(standing, Account.SELLER, price, "price"), (why, *reversed(raised)), tuple(ties))
