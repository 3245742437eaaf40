"""Maximum Nash welfare."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm
from typing import Annotated, Final

from pydantic import AfterValidator

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.division.goods import Bundles, Goods
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.shared.options import Options, Order
from mechdesign.mechanisms.shared.valuations import Valuation
from mechdesign.mechanisms.ties import Tie

__all__ = ["MaximumNashWelfare"]

ITEMS_MAX: Final = 12
"""At most so many items are divided: the exact search looks at every set of them and each of its parts."""


def _few(items: Order) -> Order:
    if len(items) > ITEMS_MAX:
        raise ValueError(f"at most {ITEMS_MAX} items can be divided, not {len(items)}")
    return items


_GREATEST = "the greatest product"
_LIE = Witness(
    types={"alice": {"x": 3, "y": 2}, "bob": {"x": 3, "y": 1}},
    deviations={"alice": {"x": 3}},
    parameters={"options": ["x", "y"]},
)


class MaximumNashWelfare(Goods[Bundles]):
    """The items are divided so that the product of what the bundles are worth to their owners is greatest.

    A report gives each of at most 12 items (options) a value; one that is left out has the value 0. Where some player
    must end with nothing of worth, as many as can be get something, and the product of what these get is greatest. The
    optimum is exact, over whole numbers. Of several, the first player in the order of the tie rule gets the bundle, of
    those that it has in any of them, that is first in the tie rule's order of items (with the first item if in any,
    then with the second …), then the next player. An item that nobody values goes to nobody. Who is absent gets
    nothing.

    **Source**: I. Caragiannis, D. Kurokawa, H. Moulin, A. Procaccia, N. Shah, J. Wang, The unreasonable fairness of
    maximum Nash welfare, ACM Transactions on Economics and Computation 7 (2019).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> values = {"A": {"x": 5, "y": 4, "z": 1}, "B": {"x": 6, "y": 3, "z": 2}}
    >>> result = run_pure(MaximumNashWelfare(options=("x", "y", "z")), Context(("A", "B")), values)
    >>> str(result.outcome), result.why[0].text
    ('A gets y; B gets x, z', 'the product 32 of 4 (A) and 8 (B) is the greatest')
    """

    name, version = "division.maximum-nash-welfare", 1
    claims = Claims(
        dsic=Fails(_LIE, "who hides what it gets anyway gets more besides"),
        group_strategyproof=Fails(_LIE, "not even strategyproof"),
        individually_rational=Holds("nobody pays, and values are not negative"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        efficient=Fails(
            Witness(
                types={"alice": {"x": 9, "y": 9}, "bob": {"y": 1}},
                parameters={"options": ["x", "y"]},
                outcome={"bundles": {"alice": ["x", "y"], "bob": []}},
            ),
            "no other division is better for all, but the sum of values may be greater",
        ),
        anonymous=Holds("a value counts whoever reports it", "up to ties"),
        neutral=Holds("items are treated alike", "up to ties"),
        false_name_proof=Fails(
            Witness(
                types={"alice": {"x": 1, "y": 2, "z": 3}, "bob": {"x": 1}},
                deviations={"alice": {"x": 1}, "carol": {"x": 1, "y": 2, "z": 3}},
                parameters={"options": ["x", "y", "z"]},
            ),
            "every name is to get something",
        ),
        envy_free=Fails(
            Witness(types={"alice": {"x": 2}, "bob": {"x": 1}}, parameters={"options": ["x"]}),
            "one item cannot be divided; up to one good it holds (Caragiannis et al. 2019, theorem 3.2)",
        ),
    )
    example = Example(
        {"alice": {"x": 5, "y": 4, "z": 1}, "bob": {"x": 6, "y": 3, "z": 2}}, {"options": ["x", "y", "z"]}
    )

    options: Annotated[Options, AfterValidator(_few)]

    def settle(self, reports: Profile[Valuation], context: Context) -> Result[Bundles]:
        """Find the best division, and of several the canonical one."""
        items = [item for item in self.options if any(values[item] for values in reports.values())]
        players = tuple(player for player in reports if any(reports[player].values()))
        search = _Search(reports, players, items)
        ties: tuple[Tie, ...] = ()
        if search.ways > 1:
            order, ties = context.rank(players, _GREATEST)
            search = _Search(reports, order, items)
        taken, more = search.first(context)
        ties += more
        bundles = {player: taken.get(player, ()) for player in reports}
        worth = {player: sum((reports[player][item] for item in taken[player]), Fraction(0)) for player in players}
        product = Fraction(1)
        for value in worth.values():
            product *= value or 1
        served = [player for player in players if worth[player]]
        parts = " and ".join(f"{format_exact(worth[player])} ({player})" for player in served)
        text = f"the product {format_exact(product)} of {parts} is the greatest" if served else "nobody values anything"
        why = [Reason(text, {"product": product, "worth": worth})]
        if len(served) < len(players):
            why.append(Reason(f"no more than {len(served)} players can get anything", {"served": served}))
        if search.ways > 1:
            why.append(Reason(f"{search.ways} divisions have this product", {"divisions": search.ways}))
        return Result(Bundles(bundles=bundles), (), tuple(why), ties)

    def outcomes(self, reports: Profile[Valuation], context: Context) -> list[Bundles]:
        """Return the division in which each item goes to whom it is worth most."""
        owner = {item: max(reports, key=lambda player: reports[player][item]) for item in self.options if reports}
        return [Bundles(bundles={one: tuple(item for item in owner if owner[item] == one) for one in reports})]


class _Search:
    """The best division of every set of items among the players from each place on.

    A set is a number whose binary digits stand for items, the first item for the highest. How good a division is: how
    many players get something of worth, then the product of what these get.
    """

    def __init__(self, reports: Profile[Valuation], players: Sequence[Player], items: Sequence[str]) -> None:
        self._players, self._items = players, items
        size = 1 << len(items)
        self._worths: list[list[int]] = []
        for player in players:
            values = [reports[player][item] for item in items]
            scale = lcm(*(value.denominator for value in values))  # a player's own unit changes no comparison
            whole = [int(value * scale) for value in reversed(values)]
            worths = [0] * size
            for one in range(1, size):
                low = one & -one
                worths[one] = worths[one ^ low] + whole[low.bit_length() - 1]
            self._worths.append(worths)
        # For each place and set: (players served, product), and in how many ways.
        nothing = [((0, 1), 1)] + [((-1, 1), 0)] * (size - 1)
        self._best: list[list[tuple[tuple[int, int], int]]] = [nothing]
        for place in reversed(range(len(players))):
            last = place == len(players) - 1
            self._best.append([self._step(place, one, last) for one in range(size)])
        self._best.reverse()
        self.ways = self._best[0][size - 1][1]

    def _step(self, place: int, available: int, last: bool) -> tuple[tuple[int, int], int]:
        """Return how well, and in how many ways, players from a place on can divide a set among them."""
        worths, following = self._worths[place], self._best[-1]
        best, ways = (-1, 1), 0
        bundle = available
        while True:
            worth = worths[bundle]
            (served, product), count = following[available ^ bundle]
            if served >= 0:
                good = (served + 1, product * worth) if worth else (served, product)
                if good > best:
                    best, ways = good, count
                elif good == best:
                    ways += count
            if not bundle or last:  # the last player takes what is left
                return best, ways
            bundle = (bundle - 1) & available

    def first(self, context: Context) -> tuple[dict[Player, tuple[str, ...]], tuple[Tie, ...]]:
        """Return the best division in which earlier players have the bundles that come first, and ties of items."""
        taken: dict[Player, tuple[str, ...]] = {}
        ties: list[Tie] = []
        available = (1 << len(self._items)) - 1
        for place, player in enumerate(self._players):
            possible = list(self._possible(place, available))
            several = [self._named(bundle) for bundle in possible]
            doubt = [item for item in self._items if 0 < sum(item in one for one in several) < len(several)]
            order, found = context.rank(doubt, f"{_GREATEST}, for {player}")
            ties += found
            taken[player], bundle = max(
                zip(several, possible, strict=True), key=lambda one: [item in one[0] for item in order]
            )
            available ^= bundle
        return taken, tuple(ties)

    def _possible(self, place: int, available: int) -> Iterator[int]:
        """Yield the bundles that a player has in best divisions of a set among the players from its place on."""
        target = self._best[place][available][0]
        bundle = available
        while True:
            if self._with(place, available, bundle) == target:
                yield bundle
            if not bundle:
                return
            bundle = (bundle - 1) & available

    def _named(self, bundle: int) -> tuple[str, ...]:
        top = len(self._items) - 1
        return tuple(item for number, item in enumerate(self._items) if bundle >> (top - number) & 1)

    def _with(self, place: int, available: int, bundle: int) -> tuple[int, int]:
        served, product = self._best[place + 1][available ^ bundle][0]
        worth = self._worths[place][bundle]
        if served < 0:
            return -1, 1
        return (served + 1, product * worth) if worth else (served, product)
