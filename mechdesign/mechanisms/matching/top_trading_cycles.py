"""Top trading cycles."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import permutations

from pydantic import Field

from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Holds, Unknown
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Outcome, Reason, Result
from mechdesign.mechanisms.shared.options import Order
from mechdesign.mechanisms.shared.orders import Names, rank_worth

__all__ = ["TopTradingCycles", "Trades"]


class Trades(Outcome):
    """Who ends with whose item.

    Attributes:
        owner: for each player that took part, the player whose item it ends with.
    """

    owner: dict[Player, Player] = Field(default_factory=dict)

    def __str__(self) -> str:
        moved = [f"{player} gets {owner}'s" for player, owner in self.owner.items() if player != owner]
        return ", ".join(moved) or "nothing is exchanged"


class TopTradingCycles(Mechanism[Names, Names, Trades]):
    """Everybody brings one item; players point at whose item they like best, and cycles exchange, again and again.

    A report orders players, the owners of the items, the one whose item is best first. The own name says where the own
    item stands; where it is left out it comes last, and names left out are worse than keeping one's own item. Each
    round, everybody still there points at the owner, still there, of the item that it likes best; all cycles exchange
    and leave. Names of nobody who takes part are passed over. Who is absent keeps its item.

    **Source**: L. Shapley, H. Scarf, On cores and indivisibility, Journal of Mathematical Economics 1 (1974), section 6
    (D. Gale's procedure).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> orders = {"A": ["C", "B"], "B": ["A"], "C": ["B", "A"], "D": ["A", "D"]}
    >>> result = run_pure(TopTradingCycles(), Context(("A", "B", "C", "D")), orders)
    >>> str(result.outcome), [reason.text for reason in result.why]
    ("A gets C's, B gets A's, C gets B's", ['round 1: A → C → B → A', 'round 2: D keeps its own'])
    """

    name, version = "matching.top-trading-cycles", 1
    claims = Claims(
        dsic=Holds("Roth 1982: no player gains by misreporting its order"),
        group_strategyproof=Holds("Bird 1984: with strict orders no coalition gains"),
        individually_rational=Holds("Shapley and Scarf 1974: nobody ends with less than its own item", "ex post"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        core=Holds("Roth and Postlewaite 1977: the only allocation in the core", "no money moves"),
        anonymous=Unknown("items go by their owners' names, so that renaming players renames what reports speak of"),
    )
    example = Example({"alice": ["carol", "bob"], "bob": ["alice"], "carol": ["bob", "alice"], "dave": ["alice"]})

    def settle(self, reports: Profile[Order], context: Context) -> Result[Trades]:
        """Let cycles exchange until everybody has left."""
        left = list(reports)
        owner: dict[Player, Player] = {}
        why: list[Reason] = []
        number = 0
        while left:
            number += 1
            here = set(left)
            points = {player: next((one for one in reports[player] if one in here), player) for player in left}
            for cycle in _cycles(points):
                for player in cycle:
                    owner[player] = points[player]
                path = " → ".join([*cycle, cycle[0]]) if len(cycle) > 1 else f"{cycle[0]} keeps its own"
                why.append(Reason(f"round {number}: {path}", {"round": number, "cycle": cycle}))
            left = [player for player in left if player not in owner]
        return Result(Trades(owner={player: owner[player] for player in reports}), (), tuple(why))

    def valuation(self, player: Player, value: Order, outcome: Trades) -> Fraction:
        """Return a number that grows with preference; 0 for the own item, -1 for what is worse."""
        better = value[: value.index(player)] if player in value else value
        owner = outcome.owner.get(player, player)
        return rank_worth(better, [] if owner == player else [owner])

    def blocking(self, types: Mapping[Player, Order], outcome: Trades) -> Iterator[tuple[Player, ...]]:
        """Yield coalitions that by exchanging their own items could make a member better off and none worse off."""
        owner = {player: outcome.owner.get(player, player) for player in types}
        better = {player: _better(player, order, owner[player]) for player, order in types.items()}
        for start, wanted in better.items():
            for first in wanted:
                if first not in types:
                    continue
                # A cycle through what somebody wants more, in which the others get as much as they have at least.
                came = {first: start}
                waiting = [first]
                for player in waiting:
                    for item in (owner[player], *better[player]):
                        if item in types and item not in came:
                            came[item] = player
                            waiting.append(item)
                if start in came:
                    coalition = [start]
                    while came[coalition[-1]] != start:
                        coalition.append(came[coalition[-1]])
                    yield tuple(player for player in types if player in coalition)

    def type_grid(self) -> Sequence[Order]:
        """Return the orders of the first three players of the example."""
        assert self.example is not None
        return list(permutations(tuple(self.example.reports)[:3]))


def _better(player: Player, order: Order, owner: Player) -> Order:
    """Return the owners of the items that a player likes more than the one of this owner, its own item included."""
    ranked = order if player in order else (*order, player)
    return ranked[: ranked.index(owner)] if owner in ranked else ranked


def _cycles(points: dict[Player, Player]) -> list[tuple[Player, ...]]:
    """Return the cycles of a graph in which everybody points at one; each starts at its first member."""
    found: list[tuple[Player, ...]] = []
    walked: dict[Player, Player] = {}  # where the walk that came by had started
    for start in points:
        player = start
        while player not in walked:
            walked[player] = start
            player = points[player]
        if walked[player] != start:
            continue
        cycle = [player]
        while points[cycle[-1]] != player:
            cycle.append(points[cycle[-1]])
        order = list(points)
        head = cycle.index(min(cycle, key=order.index))
        found.append((*cycle[head:], *cycle[:head]))
    return found
