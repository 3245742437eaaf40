"""The expected externality mechanism."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
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
from mechdesign.mechanisms.ties import Tie

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
    absent has the value 0. Values that sum to exactly the cost are a tie between ``build`` and ``reject``, in this
    order. What players expect takes account of the tie rule: where it is a coin, a tie is built half of the time.

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
        """Take the decision worth most; a tie that only changes what is expected is shown as well."""
        taken = super().decide(reports, context)
        expected = self._expected_ties(self.participants(reports, context), context)
        return replace(taken, ties=(*taken.ties, *expected))

    def transfers(self, decision: Decision[Project], reports: Profile[Fraction], context: Context) -> Iterator[Flow]:
        """Yield the shares of the cost, then what players owe each other."""
        for player in context.players:
            share = self.share(player, decision.outcome, context)
            yield from pay(player, Account.PROVIDER, share, "share of the cost")
        (built, *_), _ = self._chances(context)
        promised = self.promised(self.participants(reports, context), built)
        for one, other in combinations(promised, 2):
            owed = (promised[one] - promised[other]) / (len(promised) - 1)
            yield from pay(other, one, owed, "expected externality")

    def promised(self, values: Profile[Fraction], built: Fraction) -> dict[Player, Fraction]:
        """Return what the others together expect, their shares deducted, given each player's value.

        Args:
            values: of everybody that bears a share.
            built: how likely a project is built that is worth exactly its cost.
        """
        expected = self._expected(values)
        return {player: sure + built * tied for player, (sure, tied) in expected.items()}

    def beliefs(self, player: Player) -> list[tuple[Fraction, Fraction]]:
        """Return the prior."""
        return [(chance.value, Fraction(chance.weight)) for chance in self.prior]

    def type_grid(self) -> list[Fraction]:
        """Return the values that the prior holds possible, up to five."""
        return [chance.value for chance in self.prior[:5]]

    def _chances(self, context: Context) -> tuple[tuple[Fraction, ...], tuple[Tie, ...]]:
        """Return how likely each decision is taken where both are worth the same, and the tie to show."""
        labels = [self.label(decision) for decision in self.decisions(context)]
        return context.first_chances(labels, "the value expected where values sum to exactly the cost")

    def _expected_ties(self, values: Profile[Fraction], context: Context) -> tuple[Tie, ...]:
        """Return the tie between decisions in what players expect, where it changes what anybody owes."""
        differing = {tied for _, tied in self._expected(values).values()}
        return self._chances(context)[1] if len(differing) > 1 else ()

    def _expected(self, values: Profile[Fraction]) -> dict[Player, tuple[Fraction, Fraction]]:
        """Return what the others together expect given each player's value: of sure decisions, and of ties if built."""
        if len(values) < 2:
            return dict.fromkeys(values, (Fraction(0), Fraction(0)))
        unit, sums, total = _sums(self.prior, len(values) - 1)
        shares = self.cost * (len(values) - 1) / len(values) * unit
        known: dict[Fraction, tuple[Fraction, Fraction]] = {}
        for value in values.values():
            if value in known:
                continue
            least = (self.cost - value) * unit  # built where the others reach more than this
            sure = sum((weight * (others - shares) for others, weight in sums.items() if others > least), Fraction(0))
            tied = sums.get(int(least), 0) * (least - shares) if least.denominator == 1 else Fraction(0)
            known[value] = sure / total / unit, tied / total / unit
        return {player: known[value] for player, value in values.items()}


@lru_cache(maxsize=8)
def _sums(prior: tuple[Chance, ...], count: int) -> tuple[int, Mapping[int, int], int]:
    """Return how likely each sum of the values of some players is.

    Returns:
        How many parts a unit of value has, the weight of each sum in such parts, and the sum of all weights.

    Raises:
        MechanismError: where there are too many sums.
    """
    unit = lcm(*(chance.value.denominator for chance in prior))
    parts = [(int(chance.value * unit), chance.weight) for chance in prior]
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
