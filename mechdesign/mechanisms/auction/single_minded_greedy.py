"""The greedy auction of bundles for single-minded bidders."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from math import isqrt
from typing import Literal

from mechdesign.kernel.money import Currency, format_exact
from mechdesign.mechanisms.auction.bundles import Allocation, Bids, BidsOn, BundleAuction, sold
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.ties import Tie

__all__ = ["SingleMindedGreedy"]


class SingleMindedGreedy(BundleAuction):
    """Sealed-bid auction of different items; bids for one bundle each win in the order of value per root of its size.

    A report is one bid for one bundle (or an empty list). Bids are taken in the order of their value divided by the
    square root of the number of items, each if its items are still there. A winner pays its critical value: below it,
    the first bid that it keeps from winning would come before it; nothing, if there is no such bid. Critical values are
    irrational in general, so bids count in whole minor units of the currency, rounded down, and a critical value is the
    least such amount that is not below it. Bids of nothing win nothing; who is absent does not take part. The worth is
    within the square root of the number of items of the greatest possible.

    **Source**: D. Lehmann, L. O'Callaghan, Y. Shoham, Truth revelation in approximately efficient combinatorial
    auctions, Journal of the ACM 49 (2002), sections 5 and 6.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> bids = {
    ...     name: [{"items": list(items), "value": value}]
    ...     for name, items, value in (("A", "a", 10), ("B", "ab", 19), ("C", "b", 8))
    ... }
    >>> document = {"parameters": {"items": ["a", "b"], "decimals": 0}, "reports": bids}
    >>> str(decide(SingleMindedGreedy, document).result.outcome)
    'B wins a + b, pays 15'
    """

    name, version = "auction.single-minded-greedy", 1
    bids_max: Literal[1] = 1
    claims = Claims(
        dsic=Holds("Lehmann, O'Callaghan and Shoham 2002, theorem 6", "single-minded bidders; values that can be paid"),
        individually_rational=Holds("a critical value is at most the winning bid", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Fails(
            Witness(
                types={
                    "alice": [{"items": ["a", "b"], "value": 3}],
                    "bob": [{"items": ["a"], "value": 2}],
                    "carol": [{"items": ["b", "c"], "value": 2}],
                },
                parameters={"items": ["a", "b", "c"]},
                outcome={"bundles": {"bob": ["a"], "carol": ["b", "c"]}, "payments": {}},
            ),
            "Lehmann, O'Callaghan and Shoham 2002: only within the root of the number of items",
        ),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        group_strategyproof=Fails(
            Witness(
                types={"alice": [{"items": ["a"], "value": 4}], "bob": [{"items": ["a"], "value": 3}]},
                deviations={"alice": [{"items": ["a"], "value": 4}], "bob": []},
                parameters={"items": ["a"]},
            ),
            "a losing bidder lowers its bid as a favour to the winner",
        ),
    )
    example = Example(
        {
            "alice": [{"items": ["north"], "value": 10}],
            "bob": [{"items": ["north", "south"], "value": 19}],
            "carol": [{"items": ["south"], "value": 8}],
        },
        {"items": ["north", "south"]},
    )

    def type_grid(self) -> Sequence[Bids]:
        """Return single bids for the first item, the first two, and the last."""
        read = BidsOn(self.items, 1).read
        return [
            *super().type_grid(),
            read([{"items": self.items[:2], "value": 3}]),
            read([{"items": self.items[:1], "value": 3}]),
        ]

    def settle(self, reports: Profile[Bids], context: Context) -> Result[Allocation]:
        """Take bids greedily and charge critical values."""
        single = {player: bids[0] for player, bids in reports.items() if bids}
        units = {
            player: int(context.currency.to_minor(context.currency.round_down(bid.value)))
            for player, bid in single.items()
        }
        rank = {player: Fraction(units[player] ** 2, len(bid.items)) for player, bid in single.items() if units[player]}
        items = {player: frozenset(single[player].items) for player in rank}
        order, ties = _ordered(rank, items, context)
        winners = _greedy(order, items)
        payments: dict[Player, Fraction] = {}
        why = []
        for player in winners:
            others = [other for other in order if other != player]
            rival = next((one for one in _greedy(others, items) if items[one] & items[player]), None)
            payments[player] = Fraction(0)
            if rival is not None:
                payments[player] = _critical(rank[rival] * len(items[player]), context.currency)
                text = f"{player} keeps {rival} from winning: critical value {format_exact(payments[player])}"
                why.append(Reason(text, {"player": player, "rival": rival, "critical": payments[player]}))
        names = [player for player in reports if player in winners]
        outcome, flows = sold({player: single[player] for player in names}, payments)
        ranking = Reason(
            "bids in the order of value per root of size: " + (", ".join(order) or "none"), {"order": order}
        )
        return Result(outcome, flows, (ranking, *why), ties)


def _ordered(
    rank: dict[Player, Fraction], items: dict[Player, frozenset[str]], context: Context
) -> tuple[list[Player], tuple[Tie, ...]]:
    """Return the players in the order in which their bids are taken, and ties between bids that conflict."""
    order: list[Player] = []
    ties: tuple[Tie, ...] = ()
    by_rank = sorted(rank, key=lambda player: -rank[player])  # stable: roster order among equals
    for _, group in groupby(by_rank, key=lambda player: rank[player]):
        equal = tuple(group)
        if len(frozenset().union(*(items[player] for player in equal))) < sum(len(items[player]) for player in equal):
            equal, more = context.rank(equal, "the value per root of size")
            ties += more
        order += equal
    return order, ties


def _greedy(order: Sequence[Player], items: dict[Player, frozenset[str]]) -> list[Player]:
    taken: set[str] = set()
    winners = []
    for player in order:
        if not taken & items[player]:
            winners.append(player)
            taken |= items[player]
    return winners


def _critical(square: Fraction, currency: Currency) -> Fraction:
    """Return the least payable amount whose square in minor units is at least ``square``."""
    root = isqrt(square.numerator // square.denominator)
    return currency.from_minor(root if root * root >= square else root + 1)
