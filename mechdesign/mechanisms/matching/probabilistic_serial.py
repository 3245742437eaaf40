"""Probabilistic serial: everybody eats its favourite items at the same speed."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from pydantic import Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.matching.assigned import Assigned, ItemsByOrder
from mechdesign.mechanisms.matching.lottery import decompose, drawn
from mechdesign.mechanisms.play import Play, ask, toss
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.shared.options import Order

__all__ = ["DrawnAssignment", "ProbabilisticSerial", "eaten"]

_LIE = Witness(
    types={
        "alice": ["w", "y", "z", "x"],
        "bob": ["z", "x", "y", "w"],
        "carol": ["y", "z", "w", "x"],
        "dave": ["y", "x", "w", "z"],
    },
    deviations={"alice": ["y", "w", "x", "z"]},
    parameters={"options": ["w", "x", "y", "z"]},
)


class DrawnAssignment(Assigned):
    """Who got which item, and the lottery it was drawn from.

    Attributes:
        items: the item of each player that gets one, in roster order.
        lottery: the chance of each player to get each item, of those above 0.
    """

    lottery: dict[Player, dict[str, Amount]] = Field(default_factory=dict)


class ProbabilisticSerial(ItemsByOrder[DrawnAssignment]):
    """All eat, at the same speed, from the item that each likes best of those not eaten up; what one ate is its chance.

    A report orders the acceptable items (options), the best first. Everybody eats one unit an hour, for one hour or
    until nothing that it accepts is left; there is one unit of each item. The part of an item that a player ate is its
    chance to get it. The table of chances is written as a lottery over definite assignments (Birkhoff), in the
    canonical way of ``lottery.decompose``, and the shared coin draws one. Who is
    absent eats nothing.

    For the checks, a player wants the greatest average place of what it may get.

    **Source**: A. Bogomolnaia, H. Moulin, A new solution to the random assignment problem, Journal of Economic Theory
    100 (2001).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> orders = {"A": "1234", "B": "1234", "C": "2143", "D": "2143"}
    >>> serial = ProbabilisticSerial(options=("1", "2", "3", "4"))
    >>> result = run_pure(serial, Context(tuple(orders)), {player: list(order) for player, order in orders.items()})
    >>> [{item: str(chance) for item, chance in row.items()} for row in result.outcome.lottery.values()]
    [{'1': '1/2', '3': '1/2'}, {'1': '1/2', '3': '1/2'}, {'2': '1/2', '4': '1/2'}, {'2': '1/2', '4': '1/2'}]
    >>> [reason.text for reason in result.why if "chance" in reason.data]
    ['with chance 1/2: A 1, B 3, C 2, D 4', 'with chance 1/2: A 3, B 1, C 4, D 2']
    """

    name, version = "matching.probabilistic-serial", 1
    order_rule = "the lottery is decomposed in roster and parameter order; no player's chances hang on it"
    claims = Claims(
        dsic=Fails(
            _LIE,
            "Bogomolnaia and Moulin 2001, proposition 1: one may gain on average",
        ),
        group_strategyproof=Fails(_LIE, "not even strategyproof"),
        individually_rational=Holds("nobody gets what it does not accept", "ex post"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        anonymous=Unknown("the lottery is anonymous, what is drawn from it is not"),
        neutral=Unknown("the lottery is neutral, what is drawn from it is not"),
        envy_free=Holds("Bogomolnaia and Moulin 2001, proposition 1: nobody prefers another's chances"),
    )
    example = Example(
        {"alice": ["x", "y", "z"], "bob": ["x", "z", "y"], "carol": ["y", "x", "z"]}, {"options": ["x", "y", "z"]}
    )

    def play(self, context: Context) -> Play[DrawnAssignment]:
        """Ask everybody once, let all eat, and draw."""
        reports: Profile[Order] = yield from ask(self.report_schema(), of=context.players)
        table, why = eaten(reports, self.options)
        players = tuple(reports)
        parts = decompose([[table[player][option] for option in self.options] for player in players])
        vector = parts[0][1]
        if len(parts) > 1:
            seed = yield from toss("the lottery")
            vector = drawn(parts, seed, "the lottery")
        named = [
            {player: self.options[item] for player, item in zip(players, one, strict=True) if item is not None}
            for _, one in parts
        ]
        for (chance, _), items in zip(parts, named, strict=True):
            text = ", ".join(f"{player} {item}" for player, item in items.items()) or "nobody gets anything"
            why.append(Reason(f"with chance {format_exact(chance)}: {text}", {"chance": chance, "items": items}))
        taken = named[[one for _, one in parts].index(vector)]
        lottery = {player: {item: chance for item, chance in row.items() if chance} for player, row in table.items()}
        return Result(DrawnAssignment(items=taken, lottery=lottery), (), tuple(why))

    def valuation(self, player: Player, value: Order, outcome: DrawnAssignment) -> Fraction:
        """Return the average of numbers that grow with the place of an item in the order."""
        worth = {item: len(value) - place for place, item in enumerate(value)}
        row = outcome.lottery.get(player, {})
        return sum((chance * worth.get(item, -1) for item, chance in row.items()), Fraction(0))


def eaten(
    orders: Mapping[Player, Order], items: Sequence[str]
) -> tuple[dict[Player, dict[str, Fraction]], list[Reason]]:
    """Return how much of each item each player eats within the hour, and when items are eaten up."""
    table = {player: dict.fromkeys(items, Fraction(0)) for player in orders}
    left = dict.fromkeys(items, Fraction(1))
    clock = Fraction(0)
    why: list[Reason] = []
    while clock < 1:
        eating: dict[str, list[Player]] = {}
        for player, order in orders.items():
            item = next((item for item in order if left[item]), None)
            if item is not None:
                eating.setdefault(item, []).append(player)
        if not eating:
            break
        step = min(1 - clock, *(left[item] / len(players) for item, players in eating.items()))
        clock += step
        for item, players in eating.items():
            left[item] -= step * len(players)
            for player in players:
                table[player][item] += step
            if not left[item]:
                data = {"item": item, "time": clock, "by": players}
                why.append(Reason(f"{item} is eaten up at {format_exact(clock)} by {', '.join(players)}", data))
    return table, why
