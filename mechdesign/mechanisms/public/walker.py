"""Walker's mechanism: Lindahl allocations as Nash equilibria."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from pydantic import Field

from mechdesign.kernel.errors import InputError
from mechdesign.kernel.money import Amount, SignedAmount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result

__all__ = ["Level", "Walker", "lindahl_messages"]

_RING: Final = 3


class Level(Outcome):
    """How much of the public good is produced.

    Attributes:
        level: the quantity.
        prices: what each player that took part pays for one unit; may be negative.
    """

    level: Amount = Fraction(0)
    prices: dict[Player, SignedAmount] = Field(default_factory=dict)

    def __str__(self) -> str:
        return f"{format_exact(self.level)} units are produced"


class Walker(Mechanism[SignedAmount, SignedAmount, Level]):
    """A public good in any quantity: the sum of the messages is produced, and neighbours in the ring set one's price.

    A report is a message, a number of either sign: by how much the player changes the quantity. The player at place i
    pays c/n + m(i+1) - m(i+2) for each unit, where c is the parameter ``unit_cost``, n the number of players and places
    are counted around the roster; so it cannot change its own price, and the prices always sum to c. In a Nash
    equilibrium the quantity is efficient and everybody pays its marginal value (a Lindahl allocation). Who is absent
    is left out of the ring. With fewer than three messages, or messages that sum to less than 0, nothing is produced.

    A private type is the marginal value a of the first unit of a player to whom y units are worth a·y - y²/2; a
    truthful player sends its message; the function ``lindahl_messages`` gives the equilibrium of such players.

    **Source**: M. Walker, A simple incentive compatible scheme for attaining Lindahl allocations, Econometrica 49
    (1981).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> messages = lindahl_messages({"A": Fraction(6), "B": Fraction(5), "C": Fraction(4)}, Fraction(3))
    >>> [str(message) for message in messages.values()]
    ['1', '2', '1']
    >>> result = run_pure(Walker(unit_cost=Fraction(3)), Context(("A", "B", "C")), messages)
    >>> str(result.outcome), [str(result.net(party)) for party in ("A", "B", "C", "PROVIDER")]
    ('4 units are produced', ['-8', '-4', '0', '12'])
    """

    name, version = "public.walker", 1
    accounts = (Account.PROVIDER,)
    order_rule = "the two neighbours after a player in roster order set its price"
    claims = Claims(
        dsic=Fails(
            Witness(types={"alice": 3, "bob": 3, "carol": 3}, deviations={"alice": -5}, parameters={"unit_cost": 3}),
            "a message is no value: it is chosen against those of the others",
        ),
        nash=Holds("Walker 1981: the equilibria are exactly the Lindahl allocations"),
        individually_rational=Fails(
            Witness(types={"alice": 0, "bob": 0, "carol": 1}, parameters={"unit_cost": 3}),
            "in equilibrium nobody loses (a Lindahl allocation), out of it one may",
        ),
        no_deficit=Holds("Walker 1981: the prices sum to the unit cost whatever the messages"),
        budget_balanced=Holds("Walker 1981: balanced everywhere, not only in equilibrium"),
        anonymous=Fails(
            Witness(types={"alice": 0, "bob": 1, "carol": 5}, parameters={"unit_cost": 3}),
            "who sits next to whom in the ring sets the prices",
        ),
    )
    example = Example({"alice": 1, "bob": 2, "carol": 1}, {"unit_cost": 3})

    unit_cost: Amount

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Level]:
        """Add up the messages and charge everybody its own price."""
        messages, count = list(reports.values()), len(reports)
        if count < _RING:
            return Result(Level(), why=(Reason("fewer than three messages: no neighbours set the prices"),))
        level = sum(messages, Fraction(0))
        each = self.unit_cost / count
        prices = {
            player: each + messages[(place + 1) % count] - messages[(place + 2) % count]
            for place, player in enumerate(reports)
        }
        if level < 0:
            why = Reason(f"the messages sum to {format_exact(level)}, so nothing is produced", {"sum": level})
            return Result(Level(prices=prices), why=(why,))
        flows = [
            flow
            for player, price in prices.items()
            for flow in pay(player, Account.PROVIDER, price * level, "own price times the quantity")
        ]
        whys = [Reason(f"the messages sum to {format_exact(level)}", {"sum": level})]
        names = list(reports)
        for place, player in enumerate(names):
            after, next_after = names[(place + 1) % count], names[(place + 2) % count]
            text = f"{player}'s price is {format_exact(prices[player])}, set by {after} and {next_after}"
            whys.append(Reason(text, {"player": player, "price": prices[player], "neighbours": [after, next_after]}))
        return Result(Level(level=level, prices=prices), tuple(flows), tuple(whys))

    def valuation(self, player: Player, value: Fraction, outcome: Level) -> Fraction:
        """Return a·y - y²/2 for the quantity y."""
        return value * outcome.level - outcome.level * outcome.level / 2

    def resource_cost(self, outcome: Level) -> Fraction:
        """Return the cost of the quantity."""
        return self.unit_cost * outcome.level

    def equilibrium(self, types: Mapping[Player, Fraction], context: Context) -> dict[Player, Fraction]:
        """Return the messages of the Nash equilibrium; nothing where there are too few players or nothing is wanted."""
        if len(types) < _RING or sum(types.values()) < self.unit_cost:
            return {}
        return lindahl_messages(types, self.unit_cost)

    def type_grid(self) -> Sequence[Fraction]:
        """Return numbers of both signs."""
        return [Fraction(value) for value in (0, 1, 2, 4, -1)]


def lindahl_messages(values: Mapping[Player, Fraction], unit_cost: Fraction) -> dict[Player, Fraction]:
    """Return the messages of the Nash equilibrium of players to whom y units are worth a·y - y²/2.

    In equilibrium everybody's marginal value a - y is its price, and prices sum to the unit cost.

    Args:
        values: a for each player that takes part, in roster order.
        unit_cost: what a unit costs.

    Raises:
        InputError: for fewer than three players, or if nothing would be produced.
    """
    count = len(values)
    if count < _RING:
        raise InputError(f"the ring needs three players at least, not {count}")
    level = (sum(values.values(), Fraction(0)) - unit_cost) / count
    if level < 0:
        raise InputError("the marginal values sum to less than the unit cost: nothing would be produced")
    # The price of the player at place i says by how much the message at place i+1 exceeds the one after it.
    steps = [value - level - unit_cost / count for value in values.values()]
    relative = [Fraction(0)]  # messages from place 1 on, up to a constant
    for place in range(count - 1):
        relative.append(relative[-1] - steps[place])
    shift = (level - sum(relative, Fraction(0))) / count
    messages = [one + shift for one in relative]
    return {player: messages[(place - 1) % count] for place, player in enumerate(values)}
