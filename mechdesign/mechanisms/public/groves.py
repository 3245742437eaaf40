"""Groves mechanisms for a choice among alternatives."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field, model_validator

from mechdesign.kernel.money import Amount, SignedAmount
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Decision, Outcome
from mechdesign.mechanisms.shared.groves import Groves
from mechdesign.mechanisms.shared.options import Options
from mechdesign.mechanisms.shared.valuations import AmountsOf, Valuation

__all__ = ["Choice", "GrovesChoice"]

_TEAM: dict[str, Any] = {"options": ["pool", "park"], "pivotal": "0"}


class Choice(Outcome):
    """The alternative that is taken, or null where there are no players."""

    option: str | None = None

    def __str__(self) -> str:
        return self.option or "nothing"


class GrovesChoice(Groves[Valuation, Choice]):
    """The alternative worth most to all together is taken; everybody pays h, less what the others get from it.

    A report gives a value to each option, of either sign; one that is left out has the value 0. An option may have a
    cost, which the roster shares equally. A player's h may be any function of the others' reports: here it is the
    parameter ``pivotal`` times what would be best for the others without the player, plus the parameter ``constant``.
    The default, 1 and 0, is the pivotal (Clarke) rule; 0 and 0 is the scheme of Groves, which pays everybody what the
    others gain and needs a funder; a constant is an entrance fee (or a subsidy, where negative). For any other h derive
    a class and override ``benchmark``. What all pay together goes to SINK, what is lacking comes from FUNDER. Who is
    absent has the value 0 for every option, and bears its share and its h.

    **Source**: T. Groves, Incentives in teams, Econometrica 41 (1973); T. Groves, M. Loeb, Incentives and public
    inputs, Journal of Public Economics 4 (1975).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> values = {"A": {"pool": 5}, "B": {"park": 3}, "C": {"park": 4}}
    >>> for pivotal in (1, 0):
    ...     groves = GrovesChoice(options=("pool", "park"), pivotal=Fraction(pivotal))
    ...     result = run_pure(groves, Context(("A", "B", "C")), values)
    ...     print(result.outcome, [str(result.net(party)) for party in ("A", "B", "C", "SINK", "FUNDER")])
    park ['0', '-1', '-2', '3', '0']
    park ['7', '4', '3', '0', '-14']
    """

    name, version = "public.groves", 1
    accounts = (Account.SINK, Account.PROVIDER, Account.FUNDER)
    claims = Claims(
        dsic=Holds("Groves 1973, theorem 1: h does not depend on the own report, the rest is everybody's interest"),
        individually_rational=Fails(
            Witness(types={"alice": {"park": 1}}, parameters={"options": ["pool", "park"], "constant": 2}),
            "an entrance fee above what the choice is worth",
        ),
        no_deficit=Fails(
            Witness(types={"alice": {"pool": 2}, "bob": {"pool": 1}}, parameters=_TEAM), "everybody is paid by somebody"
        ),
        budget_balanced=Fails(
            Witness(types={"alice": {"pool": 2}, "bob": {"pool": 1}}, parameters=_TEAM),
            "Green and Laffont 1977: no h balances everywhere",
        ),
        efficient=Holds("Groves 1973: the option of the greatest reported sum, costs deducted"),
        anonymous=Holds("a value counts whoever reports it", "up to ties"),
        neutral=Holds("options are treated alike", "up to ties, and where they cost the same"),
        false_name_proof=Fails(
            Witness(
                types={"alice": {"pool": 1}, "bob": {"park": 1}},
                deviations={"alice": {"pool": 1}, "carol": {"pool": 1}},
                parameters={"options": ["pool", "park"]},
            ),
            "two names exaggerate for one",
        ),
        group_strategyproof=Fails(
            Witness(
                types={"alice": {"pool": 2}, "bob": {"pool": 2}, "carol": {"park": 3}},
                deviations={"alice": {"pool": 9}, "bob": {"pool": 9}},
                parameters={"options": ["pool", "park"]},
            ),
            "two that exaggerate together make each other not pivotal",
        ),
    )
    example = Example(
        {"alice": {"pool": 5, "park": 1}, "bob": {"park": 3}, "carol": {"park": 4, "pool": -1}},
        {"options": ["pool", "park"]},
    )

    options: Options
    costs: dict[str, Amount] = Field(default_factory=dict)
    pivotal: SignedAmount = Fraction(1)
    constant: SignedAmount = Fraction(0)

    @model_validator(mode="after")
    def _known(self) -> "GrovesChoice":
        for name in self.costs:
            if name not in self.options:
                raise ValueError(f"costs: {name!r} is none of the options")
        return self

    def report_schema(self) -> Any:
        """Return the type of a value for each option."""
        return Annotated[Valuation, AmountsOf(self.options, signed=True)]

    def type_schema(self) -> Any:
        """Return the type of a report."""
        return self.report_schema()

    def decisions(self, context: Context) -> Sequence[Choice]:
        """Return the options in parameter order; nobody cannot choose."""
        return [Choice(option=option) for option in self.options] if context.players else [Choice()]

    def participants(self, reports: Profile[Valuation], context: Context) -> Profile[Valuation]:
        """Return the reports, and the value 0 of everything for who is absent."""
        return {player: reports.get(player, {}) for player in context.players}

    def share(self, player: Player, decision: Choice, context: Context) -> Fraction:
        """Return an equal share of the cost of an option."""
        return self.resource_cost(decision) / len(context.players)

    def benchmark(self, reports: Profile[Valuation], player: Player, context: Context) -> Fraction:
        """Return h: a function of the reports of the others alone."""
        return self.pivotal * super().benchmark(reports, player, context) + self.constant

    def transfers(self, decision: Decision[Choice], reports: Profile[Valuation], context: Context) -> Iterator[Flow]:
        """Yield each player's share of the cost, then its tax; the sum of all taxes says which account bears it."""
        taken = decision.outcome
        counted = self.participants(reports, context)
        taxes = {
            player: self.benchmark(counted, player, context) - self.interest(counted, taken, context, player)
            for player in counted
        }
        account = Account.SINK if sum(taxes.values()) >= 0 else Account.FUNDER
        for player, tax in taxes.items():
            yield from pay(player, Account.PROVIDER, self.share(player, taken, context), "share of the cost")
            yield from pay(player, account, tax, "tax")

    def valuation(self, player: Player, value: Mapping[str, Fraction], outcome: Choice) -> Fraction:
        """Return the value of the option taken."""
        return value.get(outcome.option, Fraction(0)) if outcome.option is not None else Fraction(0)

    def resource_cost(self, outcome: Choice) -> Fraction:
        """Return the cost of the option taken."""
        return self.costs.get(outcome.option, Fraction(0)) if outcome.option is not None else Fraction(0)

    def type_grid(self) -> Sequence[Valuation]:
        """Return values of either sign for the first two options."""
        first, last = self.options[0], self.options[-1]
        rest = dict.fromkeys(self.options, Fraction(0))
        pairs = ((0, 0), (1, 0), (2, 0), (0, 1), (0, 3), (-1, 2))
        return [{**rest, first: Fraction(one), last: Fraction(other)} for one, other in pairs]

    def outcomes(self, reports: Profile[Valuation], context: Context) -> Iterator[Choice]:
        """Yield every option."""
        yield from self.decisions(context)
