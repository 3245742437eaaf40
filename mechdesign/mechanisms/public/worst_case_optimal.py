"""Identical items among their joint owners, with the most possible of the payments given back."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import Annotated

from pydantic import Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result

__all__ = ["Shared", "WorstCaseOptimal", "coefficients", "guaranteed"]


class Shared(Outcome):
    """Who gets an item.

    Attributes:
        winners: the players that get one item each, in roster order.
        price: what each of them pays, rebates aside.
        rebates: what each player that reported gets back.
    """

    winners: tuple[Player, ...] = ()
    price: Amount = Fraction(0)
    rebates: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        if not self.winners:
            return "nobody gets an item"
        verb = "get an item each" if len(self.winners) > 1 else "gets an item"
        return f"{', '.join(self.winners)} {verb} for {format_exact(self.price)}"


class WorstCaseOptimal(Mechanism[Amount, Amount, Shared]):
    """Some identical items go to those that value them most, who pay the highest losing value; most of it is given
    back.

    The items belong to all players together: nobody is to be paid for them, so payments are given back as far as this
    leaves truth the best report. A report is the value of one item; nobody wants a second. With m items (a parameter)
    and n reports, a player's rebate is a fixed combination of the (m+1)-th, (m+2)-th … highest values among the others.
    Its coefficients guarantee the greatest part of the payments, in the worst case, that any rule of this kind
    can: 1 - C(n-1, m) / (C(n-1, m) + … + C(n-1, n-1)). What remains is burnt. Who is absent does not take part.

    **Source**: M. Guo, V. Conitzer, Worst-case optimal redistribution of VCG payments in multi-unit auctions, Games and
    Economic Behavior 67 (2009), theorem 1; H. Moulin, Almost budget-balanced VCG mechanisms to assign multiple
    objects, Journal of Economic Theory 144 (2009).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> [str(part) for part in coefficients(4, 1)], str(guaranteed(4, 1))
    (['2/7', '-1/7'], '4/7')
    >>> result = run_pure(WorstCaseOptimal(items=1), Context(("A", "B", "C", "D")), {"A": 20, "B": 14, "C": 7, "D": 0})
    >>> str(result.outcome), [str(result.net(party)) for party in ("A", "B", "C", "D", "SINK")]
    ('A gets an item for 14', ['-12', '2', '4', '3', '3'])
    """

    name, version = "public.worst-case-optimal", 1
    accounts = (Account.SINK,)
    claims = Claims(
        dsic=Holds("Guo and Conitzer 2009: a rebate does not depend on the own report, so it is a Groves mechanism"),
        individually_rational=Holds("Guo and Conitzer 2009: no rebate is negative", "ex post"),
        no_deficit=Holds("Guo and Conitzer 2009, theorem 1: rebates never exceed the payments"),
        budget_balanced=Fails(Witness(types={"alice": 3, "bob": 2, "carol": 1}), "the rest is burnt"),
        efficient=Holds("the highest values get the items"),
        anonymous=Holds("a value counts whoever reports it", "up to ties"),
        false_name_proof=Fails(
            Witness(types={"alice": 0, "bob": 1}, deviations={"alice": 0, "carol": 1}, parameters={}),
            "a second name gets a rebate of its own",
        ),
        group_strategyproof=Fails(
            Witness(types={"alice": 4, "bob": 3}, deviations={"alice": 4, "bob": 0}),
            "a losing bidder lowers its report as a favour to the winner",
        ),
    )
    example = Example({"alice": 20, "bob": 14, "carol": 7, "dave": 0}, {"items": 1})

    items: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Shared]:
        """Give the items to the highest values, charge the highest losing value, give back rebates."""
        count, items = len(reports), self.items
        ranked = sorted(reports, key=lambda player: -reports[player])
        price = reports[ranked[items]] if count > items else Fraction(0)
        sure = [player for player in reports if count <= items or reports[player] > price]
        level = [player for player in reports if count > items and reports[player] == price]
        lucky, ties = (
            context.rank(level, "the last items") if 0 < items - len(sure) < len(level) else (tuple(level), ())
        )
        won = {*sure, *lucky[: items - len(sure)]}
        winners = tuple(player for player in reports if player in won)
        parts = coefficients(count, items)
        rebates = {}
        for player in reports:
            others = sorted((reports[other] for other in reports if other != player), reverse=True)
            terms = (part * value for part, value in zip(parts, others[items:], strict=True))
            rebates[player] = sum(terms, Fraction(0)) if parts else Fraction(0)
        flows = [flow for player in winners for flow in pay(player, Account.SINK, price, "price")]
        for player, rebate in rebates.items():
            flows += pay(Account.SINK, player, rebate, "rebate")
        paid = price * len(winners)
        why = [Reason(f"price {format_exact(price)}: the highest value that gets no item", {"price": price})]
        if paid:
            back = sum(rebates.values(), Fraction(0))
            text = (
                f"{format_exact(back)} of {format_exact(paid)} is given back, at least {guaranteed(count, items)} of it"
            )
            why.append(Reason(text, {"paid": paid, "given_back": back, "guaranteed": guaranteed(count, items)}))
        return Result(Shared(winners=winners, price=price, rebates=rebates), tuple(flows), tuple(why), ties)

    def valuation(self, player: Player, value: Fraction, outcome: Shared) -> Fraction:
        """Return the value of an item to a player that got one."""
        return value if player in outcome.winners else Fraction(0)

    def type_grid(self) -> Sequence[Fraction]:
        """Return values from nothing to four units."""
        return [Fraction(value) for value in range(5)]

    def outcomes(self, reports: Profile[Fraction], context: Context) -> Iterator[Shared]:
        """Yield every set of winners."""
        for size in range(min(self.items, len(reports)) + 1):
            for winners in combinations(reports, size):
                yield Shared(winners=winners)


def coefficients(players: int, items: int) -> tuple[Fraction, ...]:
    """Return what the (m+1)-th, (m+2)-th … highest value among the others adds to a rebate, m being the items."""
    if players <= items + 1:
        return ()
    rest = players - 1
    tail = [0] * (players + 1)
    for size in range(rest, items - 1, -1):
        tail[size] = tail[size + 1] + comb(rest, size)
    return tuple(
        Fraction(
            (-1) ** (place + items - 1) * (players - items) * comb(rest, items - 1) * tail[place],
            place * tail[items] * comb(rest, place),
        )
        for place in range(items + 1, rest + 1)
    )


def guaranteed(players: int, items: int) -> Fraction:
    """Return the part of the payments that is given back in the worst case."""
    if players <= items:
        return Fraction(0)
    rest = players - 1
    return 1 - Fraction(comb(rest, items), sum(comb(rest, size) for size in range(items, players)))
