"""Serial cost sharing."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Holds, Unknown
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result

__all__ = ["Production", "Serial"]


class Production(Outcome):
    """How much is produced, and who bears what of the cost.

    Attributes:
        quantity: the sum of the demands.
        cost: what producing it costs.
        shares: what each player that reported bears.
    """

    quantity: Amount = Fraction(0)
    cost: Amount = Fraction(0)
    shares: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        return f"{format_exact(self.quantity)} units are produced for {format_exact(self.cost)}"


class Serial(Mechanism[Amount, Amount, Production]):
    """Everybody gets the quantity that it demands; a player's share of the cost depends on no demand above its own.

    A report is a demand. All pay equally for what would be produced if everybody demanded as little as the smallest;
    the others pay equally for what is added if they demanded as little as the second-smallest, and so on. The cost of q
    units is the parameter ``coefficients``: c1·q + c2·q² + …; none is negative, so each further unit costs at least as
    much as the one before. Who is absent demands nothing and bears nothing.

    **Source**: H. Moulin, S. Shenker, Serial cost sharing, Econometrica 60 (1992).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> squares = Serial(coefficients=(0, 1))
    >>> result = run_pure(squares, Context(("A", "B", "C")), {"A": 1, "B": 2, "C": 3})
    >>> str(result.outcome), [str(share) for share in result.outcome.shares.values()]
    ('6 units are produced for 36', ['3', '11', '22'])
    """

    name, version = "cost.serial", 1
    accounts = (Account.PROVIDER,)
    claims = Claims(
        dsic=Unknown("a demand is chosen, not a fact; which one is best depends on the smaller demands of others"),
        nash=Unknown("Moulin and Shenker 1992: one equilibrium, found by eliminating dominated demands"),
        no_deficit=Holds("Moulin and Shenker 1992: the shares cover the cost exactly", "after cost"),
        budget_balanced=Holds("Moulin and Shenker 1992: the shares cover the cost exactly"),
        anonymous=Holds("a demand counts whoever makes it"),
    )
    example = Example({"alice": 1, "bob": 2, "carol": 3}, {"coefficients": [0, 1]})

    coefficients: Annotated[tuple[Amount, ...], Field(min_length=1, max_length=20)]

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Production]:
        """Charge each step of demand equally to those that demand it."""
        shares = dict.fromkeys(reports, Fraction(0))
        why: list[Reason] = []
        covered, spent = Fraction(0), Fraction(0)  # by the steps so far
        lower = Fraction(0)
        for demand in sorted(set(reports.values())):
            users = [player for player in reports if reports[player] >= demand]
            covered += (demand - lower) * len(users)
            step = self.cost(covered) - spent
            if step:
                each = step / len(users)
                for player in users:
                    shares[player] += each
                text = f"up to {format_exact(demand)} a player: {', '.join(users)} bear {format_exact(each)} each"
                why.append(Reason(text, {"demand": demand, "users": users, "each": each}))
            spent += step
            lower = demand
        flows = [
            flow
            for player, share in shares.items()
            for flow in pay(player, Account.PROVIDER, share, "share of the cost")
        ]
        return Result(Production(quantity=covered, cost=spent, shares=shares), tuple(flows), tuple(why))

    def cost(self, quantity: Fraction) -> Fraction:
        """Return the cost of a quantity."""
        total = Fraction(0)
        for coefficient in reversed(self.coefficients):
            total = (total + coefficient) * quantity
        return total

    def resource_cost(self, outcome: Production) -> Fraction:
        """Return the cost of what is produced."""
        return outcome.cost

    def type_grid(self) -> Sequence[Fraction]:
        """Return demands from nothing to four units."""
        return [Fraction(value) for value in range(5)]
