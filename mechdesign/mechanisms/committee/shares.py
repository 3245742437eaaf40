"""Buying options with equal shares of a budget.

Money is counted in whole numbers over one common denominator a state, which a purchase may multiply. That is exact and
many times faster than a fraction for each voter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from mechdesign.mechanisms.committee.approvals import Budgeted
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.shared.options import Approvals
from mechdesign.mechanisms.ties import Tie

__all__ = ["Purchase", "Shares", "State"]

State = tuple[int, int, tuple[int, ...]]
"""The options bought, as bits; the denominator of all money; what each voter of each distinct ballot has left."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """An option that was bought.

    Attributes:
        option: its name.
        voters: how many supporters it has.
        most: what those pay that pay most.
        price: the same for a unit of satisfaction.
    """

    option: str
    voters: int
    most: Fraction
    price: Fraction


class Shares:
    """The rules of purchase for given ballots."""

    def __init__(self, vote: Budgeted, ballots: Mapping[Approvals, int], *, per_cost: bool) -> None:
        """Take the vote's options and costs, the ballots with how often each was cast, and how satisfaction is counted.

        Args:
            vote: options and costs.
            ballots: how often each ballot was cast.
            per_cost: whether an option's satisfaction is its cost, otherwise 1.
        """
        self.options = vote.options
        self.per_cost = per_cost
        self.costs = [vote.cost(option) for option in vote.options]
        self.size = len(ballots)
        places = {option: place for place, option in enumerate(vote.options)}
        self.supporters: list[list[tuple[int, int]]] = [[] for _ in vote.options]
        for number, (ballot, votes) in enumerate(ballots.items()):
            for option in ballot:
                self.supporters[places[option]].append((number, votes))

    def start(self, share: Fraction) -> State:
        """Return the state in which every voter has its share."""
        return (0, share.denominator, (share.numerator,) * self.size)

    def mask(self, options: Iterable[str]) -> int:
        """Return a set of options as bits."""
        return sum(1 << self.options.index(option) for option in options)

    def buy(self, share: Fraction, context: Context) -> tuple[list[Purchase], tuple[Tie, ...]]:
        """Buy until nothing can be bought, by the tie rule."""
        state = self.start(share)
        # Money only shrinks, so that the price of an option never falls: an old price bounds the new one from below.
        bounds = [Fraction(0)] * len(self.options)
        purchases: list[Purchase] = []
        ties: list[Tie] = []
        while cheapest := self._cheapest(state, bounds):
            names = [self.options[place] for place, _, _ in cheapest]
            chosen, found = context.pick(names, f"the price of option {len(purchases) + 1}")
            ties.extend(found)
            place, most, price = cheapest[names.index(chosen)]
            voters = sum(votes for _, votes in self.supporters[place])
            purchases.append(Purchase(chosen, voters, most, price))
            state = self._bought(state, place, most)
        return purchases, tuple(ties)

    def following(self, state: State) -> Sequence[tuple[str, State]]:
        """Return the options that may be bought next: those of the lowest price."""
        cheapest = self._cheapest(state, [Fraction(0)] * len(self.options))
        return [(self.options[place], _reduced(self._bought(state, place, most))) for place, most, _ in cheapest]

    def _cheapest(self, state: State, bounds: list[Fraction]) -> list[tuple[int, Fraction, Fraction]]:
        """Return the options of the lowest price: place, most that a voter pays, price; raise their bounds."""
        mask = state[0]
        found: list[tuple[int, Fraction, Fraction]] = []
        lowest: Fraction | None = None
        waiting = [place for place in range(len(self.options)) if not mask >> place & 1 and bounds[place] >= 0]
        for place in sorted(waiting, key=lambda place: bounds[place]):
            if lowest is not None and bounds[place] > lowest:
                break
            most = self._most(state, place)
            if most is None:
                bounds[place] = Fraction(-1)  # never affordable again
                continue
            cost = self.costs[place]
            price = most if not self.per_cost else most / cost if cost else Fraction(0)
            bounds[place] = price
            if lowest is None or price < lowest:
                lowest, found = price, []
            if price == lowest:
                found.append((place, most, price))
        return sorted(found)

    def _most(self, state: State, place: int) -> Fraction | None:
        """Return the least payment per voter, capped by what a voter has, that covers the cost; None if none does."""
        _, unit, money = state
        cost = self.costs[place]
        groups: dict[int, int] = {}
        voters = 0
        for number, votes in self.supporters[place]:
            has = money[number]
            groups[has] = groups.get(has, 0) + votes
            voters += votes
        # Everything is multiplied by the cost's denominator, so that it stays whole.
        factor = cost.denominator
        missing = cost.numerator * unit
        if not voters or sum(has * votes for has, votes in groups.items()) * factor < missing:
            return None
        for has in sorted(groups):
            if has * factor * voters >= missing:
                break
            missing -= has * factor * groups[has]
            voters -= groups[has]
        return Fraction(missing, voters * factor * unit)

    def _bought(self, state: State, place: int, most: Fraction) -> State:
        mask, unit, money = state
        factor = most.denominator // gcd(most.denominator, unit)
        after = [has * factor for has in money] if factor > 1 else list(money)
        unit *= factor
        paid = most.numerator * (unit // most.denominator)
        for number, _ in self.supporters[place]:
            after[number] = after[number] - paid if after[number] > paid else 0
        return (mask | 1 << place, unit, tuple(after))


def _reduced(state: State) -> State:
    """Return the one form of a state, so that states reached in different ways are recognised as equal."""
    mask, unit, money = state
    common = gcd(unit, *money)
    return (mask, unit // common, tuple(has // common for has in money))
