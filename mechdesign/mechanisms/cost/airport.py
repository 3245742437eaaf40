"""Sharing the cost of a runway."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from pydantic import Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result

__all__ = ["Airport", "Runway"]


class Runway(Outcome):
    """The runway that is built, and who bears what of it.

    Attributes:
        cost: the cost of the runway, which serves every need up to that cost.
        shares: what each player that reported bears.
    """

    cost: Amount = Fraction(0)
    shares: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        return f"a runway that costs {format_exact(self.cost)}"


class Airport(Mechanism[Amount, Amount, Runway]):
    """One facility large enough for everybody; each part of its cost is shared equally by all who need that part.

    A report is the cost of a runway that is just long enough for the player alone. The longest need is built. The first
    stretch, which all need, is shared by all, the next by those who need more than the smallest, and so on: the Shapley
    value of the game. Who is absent needs nothing and bears nothing.

    **Source**: S. Littlechild, G. Owen, A simple expression for the Shapley value in a special case, Management
    Science 20 (1973).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> result = run_pure(Airport(), Context(("A", "B", "C")), {"A": 12, "B": 20, "C": 33})
    >>> [str(share) for share in result.outcome.shares.values()]
    ['4', '8', '21']
    """

    name, version = "cost.airport", 1
    accounts = (Account.PROVIDER,)
    claims = Claims(
        dsic=Fails(
            Witness(types={"alice": 12, "bob": 20, "carol": 33}, deviations={"alice": 0}),
            "who understates its need lands on the runway that others pay for; needs should be facts, not claims",
        ),
        individually_rational=Holds(
            "no share exceeds the cost of the player's own need", "a need is worth its own cost"
        ),
        no_deficit=Holds("Littlechild and Owen 1973: the shares cover the cost exactly", "after cost"),
        budget_balanced=Holds("Littlechild and Owen 1973: the shares cover the cost exactly"),
        anonymous=Holds("the Shapley value is symmetric"),
        core=Holds("the game is concave, so its Shapley value is in the core (Shapley 1971)"),
        false_name_proof=Fails(
            Witness(types={"alice": 1, "bob": 1}, deviations={"alice": 0, "carol": 0}), "not even strategyproof"
        ),
        group_strategyproof=Fails(
            Witness(types={"alice": 12, "bob": 20, "carol": 33}, deviations={"alice": 0}), "not even strategyproof"
        ),
    )
    example = Example({"alice": 12, "bob": 20, "carol": 33})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Runway]:
        """Share each stretch among those that need it."""
        shares = dict.fromkeys(reports, Fraction(0))
        why = []
        built = Fraction(0)
        for need in sorted(set(reports.values())):
            users = [player for player in reports if reports[player] >= need]
            if need > built:
                part = (need - built) / len(users)
                for player in users:
                    shares[player] += part
                stretch = f"from {format_exact(built)} to {format_exact(need)}"
                text = f"{stretch}: {', '.join(users)} bear {format_exact(part)} each"
                why.append(Reason(text, {"stretch": need - built, "users": users, "each": part}))
            built = need
        flows = [
            flow
            for player, share in shares.items()
            for flow in pay(player, Account.PROVIDER, share, "share of the cost")
        ]
        return Result(Runway(cost=built, shares=shares), tuple(flows), tuple(why))

    def valuation(self, player: Player, value: Fraction, outcome: Runway) -> Fraction:
        """Return the cost of the player's own need where the runway is long enough for it, whoever pays."""
        return value if outcome.cost >= value else Fraction(0)

    def resource_cost(self, outcome: Runway) -> Fraction:
        """Return the cost of the runway."""
        return outcome.cost

    def standalone_cost(self, coalition: Sequence[Player], reports: Mapping[Player, Fraction]) -> Fraction:
        """Return the cost of a runway for the longest need among some players."""
        return max((reports[player] for player in coalition if player in reports), default=Fraction(0))

    def type_grid(self) -> Sequence[Fraction]:
        """Return needs from nothing to four units."""
        return [Fraction(value) for value in range(5)]
