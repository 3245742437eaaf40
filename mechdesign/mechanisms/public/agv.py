"""The expected externality mechanism."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import lcm
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from mechdesign.kernel.errors import MechanismError
from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.public.project import Project, PublicProject
from mechdesign.mechanisms.result import Decision
from mechdesign.mechanisms.ties import LEXICOGRAPHIC

__all__ = ["Agv", "Chance"]

SUMS_MAX: Final = 100_000
"""At most so many different sums of the others' values are told apart."""

_PRIOR = [{"value": 0}, {"value": 2}, {"value": 5}]


class Chance(BaseModel):
    """One value that the prior holds possible.

    Attributes:
        value: the value of the project to a player.
        weight: how likely it is, relative to the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Amount
    weight: Annotated[int, Field(strict=True, ge=1, le=10**9)] = 1


class Agv(PublicProject):
    """Public project without burnt taxes: everybody is paid what its report lets the others expect, at their expense.

    The project is built if and only if the reported values sum to its cost at least, and the roster shares the cost
    equally. The parameter ``prior`` is what everybody believes of each other player's value, independently. A player is
    paid what the others together expect, less their shares, given its report, and each of the others bears an equal
    part of this. So truth is best on average over the prior (not against every report), and no money is lost. Who is
    absent has the value 0. Values that sum to exactly the cost build, unless the parameter ``tie`` says reject; the
    session's tie rule does not enter, since what players expect depends on it.

    **Source**: C. d'Aspremont, L.-A. Gérard-Varet, Incentives and incomplete information, Journal of Public Economics
    11 (1979); K. Arrow, The property rights doctrine and demand revelation under incomplete information, 1979.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> agv = Agv(cost=Fraction(4), prior=[{"value": 0}, {"value": 3}])
    >>> result = run_pure(agv, Context(("A", "B")), {"A": 3, "B": 3})
    >>> str(result.outcome), [str(result.net(party)) for party in ("A", "B", "PROVIDER")]
    ('build', ['-2', '-2', '4'])
    >>> str(run_pure(agv, Context(("A", "B")), {"A": 3, "B": 0}).net("B"))  # A's report promises B (3 - 2) / 2
    '-1/2'
    """

    name, version = "public.agv", 1
    accounts = (Account.PROVIDER,)
    claims = Claims(
        dsic=Fails(
            Witness(types={"alice": 5, "bob": 5}, deviations={"alice": 0}, parameters={"cost": 4, "prior": _PRIOR}),
            "who knows that the other builds anyway need not promise it anything",
        ),
        bic=Holds("d'Aspremont and Gérard-Varet 1979: under the prior, truth is an equilibrium"),
        individually_rational=Fails(
            Witness(types={"alice": 0, "bob": 5}, parameters={"cost": 4, "prior": _PRIOR}),
            "a player that does not want the project bears its share",
        ),
        no_deficit=Holds("d'Aspremont and Gérard-Varet 1979: what one is paid the others bear"),
        budget_balanced=Holds("d'Aspremont and Gérard-Varet 1979: what one is paid the others bear"),
        efficient=Holds("built exactly where it is worth its cost"),
        anonymous=Holds("a value counts whoever reports it; the prior is the same for all"),
        group_strategyproof=Fails(
            Witness(types={"alice": 5, "bob": 5}, deviations={"alice": 0}, parameters={"cost": 4, "prior": _PRIOR}),
            "not even strategyproof",
        ),
    )
    example = Example(
        {"alice": 5, "bob": 2, "carol": 0},
        {"cost": 6, "prior": [{"value": 0, "weight": 1}, {"value": 2, "weight": 2}, {"value": 5, "weight": 1}]},
    )

    prior: Annotated[tuple[Chance, ...], Field(min_length=1, max_length=1000)]

    def decide(self, reports: Profile[Fraction], context: Context) -> Decision[Project]:
        """Take the decision worth most; a tie goes by the parameter ``tie``, for the expectations have to know it."""
        return super().decide(reports, replace(context, ties=LEXICOGRAPHIC))

    def transfers(self, decision: Decision[Project], reports: Profile[Fraction], context: Context) -> Iterator[Flow]:
        """Yield the shares of the cost, then what players owe each other."""
        for player in context.players:
            share = self.share(player, decision.outcome, context)
            yield from pay(player, Account.PROVIDER, share, "share of the cost")
        promised = self.promised(self.participants(reports, context))
        for one, other in combinations(promised, 2):
            owed = (promised[one] - promised[other]) / (len(promised) - 1)
            yield from pay(other, one, owed, "expected externality")

    def promised(self, values: Profile[Fraction]) -> dict[Player, Fraction]:
        """Return what the others together expect, their shares deducted, given each player's value."""
        if len(values) < 2:
            return dict.fromkeys(values, Fraction(0))
        unit, sums, total = self._sums(len(values) - 1)
        shares = self.cost * (len(values) - 1) / len(values)
        known: dict[Fraction, Fraction] = {}
        for value in values.values():
            if value in known:
                continue
            least = (self.cost - value) * unit  # built from this sum on
            reached = [
                (others, weight) for others, weight in sums.items() if others > least or self._builds(others, least)
            ]
            likely = sum(weight for _, weight in reached)
            worth = Fraction(sum(others * weight for others, weight in reached), unit)
            known[value] = (worth - shares * likely) / total
        return {player: known[value] for player, value in values.items()}

    def beliefs(self, player: Player) -> list[tuple[Fraction, Fraction]]:
        """Return the prior."""
        return [(chance.value, Fraction(chance.weight)) for chance in self.prior]

    def type_grid(self) -> list[Fraction]:
        """Return the values that the prior holds possible, up to five."""
        return [chance.value for chance in self.prior[:5]]

    def _builds(self, others: int, least: Fraction) -> bool:
        return others == least and self.tie == "build"

    def _sums(self, count: int) -> tuple[int, dict[int, int], int]:
        """Return how likely each sum of the values of some players is.

        Returns:
            How many parts a unit of value has, the weight of each sum in such parts, and the sum of all weights.

        Raises:
            MechanismError: where there are too many sums.
        """
        unit = lcm(*(chance.value.denominator for chance in self.prior))
        parts = [(int(chance.value * unit), chance.weight) for chance in self.prior]
        sums = {0: 1}
        for _ in range(count):
            wider: dict[int, int] = {}
            for reached, weight in sums.items():
                for part, likely in parts:
                    wider[reached + part] = wider.get(reached + part, 0) + weight * likely
            if len(wider) > SUMS_MAX:
                raise MechanismError(f"the prior allows more than {SUMS_MAX} sums of {count} values")
            sums = wider
        return unit, sums, sum(sums.values())
