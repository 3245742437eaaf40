"""Singer's budget-feasible mechanism."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Annotated

from pydantic import AfterValidator, Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result
from mechdesign.mechanisms.ties import Tie

__all__ = ["BudgetFeasible", "Hired"]


def _positive(values: dict[Player, Fraction]) -> dict[Player, Fraction]:
    if any(value <= 0 for value in values.values()):
        raise ValueError("what a seller is worth must be more than 0")
    return values


class Hired(Outcome):
    """Who is bought from, and what each is paid.

    Attributes:
        payments: of each seller, in roster order.
    """

    payments: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{player} is paid {format_exact(paid)}" for player, paid in self.payments.items()]
        return "; ".join(parts) or "nothing is bought"


class BudgetFeasible(Mechanism[Amount, Amount, Hired]):
    """Sealed tender under a budget; the cheapest sellers are hired as long as each asks for at most its share of it.

    Sellers are taken in the order of cost for each unit of worth (``values`` by name, 1 for whoever is not named), as
    long as a cost is at most the budget times the seller's part of all that is taken up to it. Each is paid its
    critical value: the highest cost with which it would still be hired. For equal values this is the least of the
    budget divided by the number hired and the next cost; the payments never exceed the budget, and at least half as
    many are hired as could be if costs were known. A report is a cost; who is absent does not take part. Equal costs
    are ordered by the tie rule.

    **Source**: Y. Singer, Budget feasible mechanisms, FOCS 2010, section 3.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> document = {"parameters": {"budget": 12}, "reports": {"A": 2, "B": 3, "C": 4, "D": 5}}
    >>> str(decide(BudgetFeasible, document).result.outcome)
    'A is paid 4; B is paid 4; C is paid 4'
    """

    name, version = "procurement.budget-feasible", 1
    accounts = (Account.BUYER,)
    budget: Amount
    values: Annotated[dict[Player, Amount], AfterValidator(_positive)] = Field(default_factory=dict)
    claims = Claims(
        dsic=Holds("Singer 2010, section 3: hiring is monotone and critical values are paid"),
        individually_rational=Holds("Singer 2010: a critical value is at least the cost", "ex post"),
        no_deficit=Holds("Singer 2010: the payments sum to at most the budget"),
        budget_balanced=Holds("the sellers get all that the buyer pays"),
        group_strategyproof=Fails(
            Witness(types={"alice": 1, "bob": 3}, deviations={"alice": 1, "bob": 4}, parameters={"budget": 5}),
            "a seller that is not hired raises its cost as a favour",
        ),
    )
    example = Example({"alice": 2, "bob": 3, "carol": 4, "dave": 5}, {"budget": 12})

    def valuation(self, player: Player, value: Fraction, outcome: Hired) -> Fraction:
        """Return what being hired costs a player, below zero."""
        return -value if player in outcome.payments else Fraction(0)

    def type_grid(self) -> Sequence[Fraction]:
        """Return costs from nothing to above the budget."""
        return [self.budget * part / 4 for part in range(6)]

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Hired]:
        """Hire greedily and pay critical values."""
        worth = {player: self.values.get(player, Fraction(1)) for player in reports}
        hired, ties = self._hired(reports, worth, context)
        payments: dict[Player, Fraction] = {}
        why = []
        for player in reports:
            if player in hired:
                payments[player] = self._critical(player, reports, worth)
                text = f"{player} would be hired up to a cost of {format_exact(payments[player])}"
                why.append(Reason(text, {"player": player, "critical": payments[player]}))
        flows = [flow for player, paid in payments.items() for flow in pay(Account.BUYER, player, paid, "payment")]
        return Result(Hired(payments=payments), tuple(flows), tuple(why) or (Reason("nobody is hired"),), ties)

    def _hired(
        self, costs: Profile[Fraction], worth: Mapping[Player, Fraction], context: Context
    ) -> tuple[list[Player], tuple[Tie, ...]]:
        """Return who is hired, and the tie that decided about it."""
        rate = {player: cost / worth[player] for player, cost in costs.items()}
        hired: list[Player] = []
        total = Fraction(0)
        for at, group in groupby(sorted(rate, key=lambda player: rate[player]), key=lambda player: rate[player]):
            equal: Sequence[Player] = tuple(group)
            ties: tuple[Tie, ...] = ()
            if at * (total + sum(worth[player] for player in equal)) > self.budget:
                equal, ties = context.rank(equal, f"the cost of {format_exact(at)} for each unit of worth")
            for player in equal:
                if at * (total + worth[player]) > self.budget:
                    return hired, ties
                hired.append(player)
                total += worth[player]
        return hired, ()

    def _critical(self, player: Player, costs: Profile[Fraction], worth: Mapping[Player, Fraction]) -> Fraction:
        """Return the highest cost with which a player is hired, the others' costs being what they are.

        After the first few others, it is hired up to the rate of the next one, as long as its own part of the budget
        allows; the best such place counts.
        """
        others = sorted((cost / worth[other], worth[other]) for other, cost in costs.items() if other != player)
        best = total = Fraction(0)
        for rate, value in others:
            best = max(best, min(rate, self.budget / (total + worth[player])))
            if rate * (total + value) > self.budget:
                return best * worth[player]
            total += value
        return max(best, self.budget / (total + worth[player])) * worth[player]
