"""Myerson's optimal auction."""

from collections.abc import Mapping
from fractions import Fraction

from pydantic import Field

from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.auction.one_item import OneItem, Sale
from mechdesign.mechanisms.auction.priors import Discrete, Prior, Virtual, virtual_of
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.ties import Tie

__all__ = ["Myerson"]

_UNIFORM = {"points": [0, 4], "masses": [1]}


class Myerson(OneItem):
    """Sealed-bid auction of one item that earns the seller the most it can expect, given what it believes of values.

    Each bid counts as its virtual value under the prior of its bidder (``priors`` by name, otherwise ``prior``),
    ironed where the prior is irregular. The highest virtual value wins if it is at least the seller's own value. The
    winner pays the least bid with which it would still have won. Priors are discrete (a bid counts as the greatest
    value of the prior that it reaches, and a bid below all of them cannot win) or uniform on pieces; ironing of the
    latter takes place on payable amounts. With equal regular priors this is the second-price auction with a reserve.
    Who is absent does not take part.

    **Source**: R. Myerson, Optimal auction design, Mathematics of Operations Research 6 (1981).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> document = {"parameters": {"prior": {"points": [0, 30], "masses": [1]}}, "reports": {"A": 12, "B": 24, "C": 14}}
    >>> str(decide(Myerson, document).result.outcome)
    'B wins, pays 15'
    """

    name, version = "auction.myerson", 1
    accounts = (Account.SELLER,)
    prior: Prior
    priors: dict[Player, Prior] = Field(default_factory=dict)
    seller_value: Amount = Fraction(0)
    claims = Claims(
        dsic=Holds("Myerson 1981, section 6: the winner pays its critical value"),
        bic=Holds("Myerson 1981, lemma 2"),
        individually_rational=Holds("Myerson 1981: the price is at most the winner's own bid", "ex post"),
        no_deficit=Holds("one payment, from the winner to the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Fails(
            Witness(types={"alice": 1}, parameters={"prior": _UNIFORM}, outcome={"winner": "alice", "price": 0}),
            "Myerson 1981, section 7: the seller keeps the item although a bidder values it more",
        ),
        anonymous=Unknown("with one prior for all, up to ties; with a prior for each player names matter"),
        group_strategyproof=Fails(
            Witness(types={"alice": 4, "bob": 3}, deviations={"alice": 4, "bob": 0}, parameters={"prior": _UNIFORM}),
            "a losing bidder lowers its bid as a favour to the winner",
        ),
    )
    example = Example(
        {"alice": 3, "bob": 7, "carol": 6},
        {"prior": {"points": [0, 10], "masses": [1]}, "priors": {"alice": {"values": [1, 3, 9], "weights": [6, 1, 3]}}},
    )

    def type_grid(self) -> list[Fraction]:
        """Return values of the prior."""
        if isinstance(self.prior, Discrete):
            return [Fraction(0), *self.prior.values[:5]]
        low, high = self.prior.points[0], self.prior.points[-1]
        return [low + (high - low) * part / 4 for part in range(5)]

    def resource_cost(self, outcome: Sale) -> Fraction:
        """Return the seller's own value of an item that is sold."""
        return self.seller_value if outcome.winner else Fraction(0)

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        """Sell to the highest virtual value at the critical value."""
        known: dict[Prior, Virtual] = {}
        virtuals: dict[Player, Virtual] = {}
        for player in reports:
            prior = self.priors.get(player, self.prior)
            if prior not in known:
                known[prior] = virtual_of(prior, context.currency)
            virtuals[player] = known[prior]
        levels = {player: virtuals[player].of(bid) for player, bid in reports.items()}
        serious = {
            player: level for player, level in levels.items() if level is not None and level >= self.seller_value
        }
        shown = Reason("virtual values", {"virtual_values": levels})
        if not serious:
            text = "no virtual value reaches the seller's own value" if reports else "no bids"
            return Result(Sale(), why=(Reason(text), shown) if reports else (Reason(text),))
        winner, ties = self._winner(serious, context)
        price, reason, more = self._critical(winner, serious, virtuals, context)
        ties += tuple(tie for tie in more if tie not in ties)
        return Result(
            Sale(winner=winner, price=price), pay(winner, Account.SELLER, price, "price"), (reason, shown), ties
        )

    def _winner(self, serious: Mapping[Player, Fraction], context: Context) -> tuple[Player, tuple[Tie, ...]]:
        top = max(serious.values())
        return context.pick([player for player in serious if serious[player] == top], "the highest virtual value")

    def _critical(
        self,
        winner: Player,
        serious: Mapping[Player, Fraction],
        virtuals: Mapping[Player, Virtual],
        context: Context,
    ) -> tuple[Fraction, Reason, tuple[Tie, ...]]:
        """Return the least bid with which the winner still wins, why, and the tie that it would have had to win."""
        virtual = virtuals[winner]
        others = {player: level for player, level in serious.items() if player != winner}
        rival = max(others.values(), default=self.seller_value)
        rivals = [player for player, level in others.items() if level == rival]
        above, ties = False, ()  # type: bool, tuple[Tie, ...]
        if rivals and virtual.flat and self._can_equal(virtual, rival):
            matched = [player for player in serious if player == winner or player in rivals]
            first, ties = context.pick(matched, "the highest virtual value")
            above = first != winner
        price = virtual.least(rival, above)
        of = f"virtual value of {rivals[0]}" if rivals else "seller's own value"
        return price, Reason(f"the least bid that beats the {of}", {"level": rival, "price": price}), ties

    def _can_equal(self, virtual: Virtual, level: Fraction) -> bool:
        return virtual.of(virtual.least(level, above=False)) == level
