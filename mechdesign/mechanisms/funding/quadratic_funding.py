"""Quadratic funding."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import isqrt
from typing import Annotated, Any

from pydantic import Field

from mechdesign.kernel.money import Amount, Currency, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result
from mechdesign.mechanisms.shared.options import Options
from mechdesign.mechanisms.shared.valuations import AmountsOf, Valuation

__all__ = ["Funding", "QuadraticFunding", "geometric_mean"]

_SMALL: dict[str, Any] = {"options": ["park", "pool"], "pool": 2}


class Funding(Outcome):
    """What each project gets.

    Attributes:
        given: what players give to each project, in parameter order.
        matched: what the pool adds to each.
    """

    given: dict[str, Amount] = Field(default_factory=dict)
    matched: dict[str, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = (
            f"{name} gets {format_exact(given + self.matched[name])} ({format_exact(self.matched[name])} matched)"
            for name, given in self.given.items()
        )
        return ", ".join(parts) or "nothing is funded"


class QuadraticFunding(Mechanism[Valuation, Valuation, Funding]):
    """A project gets the square of the sum of the square roots of what players give to it; a pool adds the difference.

    A report is an amount for each project (option), which the player pays; one that is left out gets 0. The difference
    is twice the geometric mean √(a·b) of the gifts of every two players. Each geometric mean is taken on the money
    grid, rounded down to the minor unit, by an integer square root. With the parameter ``pool``, if the differences sum
    to more than it, all are scaled down in proportion and rounded down to the minor unit. Gifts and additions go to
    PROVIDER, which stands for the projects; the additions come from FUNDER. Who is absent gives nothing.

    A private type is read as the gifts of a player to whom F units for a project to which it would give c are worth
    2·√(c·F); it is best for such a player to give c, whatever others do, as long as the pool is not scaled down.

    **Source**: V. Buterin, Z. Hitzig, G. Weyl, A flexible design for funding public goods, Management Science 65
    (2019).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> gifts = {"A": {"park": 4}, "B": {"park": 9}, "C": {"pool": 25}}
    >>> str(run_pure(QuadraticFunding(options=("park", "pool")), Context(("A", "B", "C")), gifts).outcome)
    'park gets 25 (12 matched), pool gets 25 (0 matched)'
    """

    name, version = "funding.quadratic-funding", 1
    accounts = (Account.PROVIDER, Account.FUNDER)
    claims = Claims(
        dsic=Fails(
            Witness(
                types={"alice": {"park": 4}, "bob": {"park": 4}}, deviations={"alice": {"park": 1}}, parameters=_SMALL
            ),
            "a pool that is used up is not made larger by giving more",
        ),
        group_strategyproof=Fails(
            Witness(
                types={"alice": {"park": 1}, "bob": {"park": 1}},
                deviations={"alice": {"park": 4}, "bob": {"park": 4}},
                parameters={"options": ["park", "pool"]},
            ),
            "Buterin, Hitzig and Weyl 2019: two that collude both give more, and the pool pays",
        ),
        no_deficit=Fails(
            Witness(types={"alice": {"park": 1}, "bob": {"park": 1}}, parameters={"options": ["park", "pool"]}),
            "the pool pays the difference",
        ),
        budget_balanced=Fails(
            Witness(types={"alice": {"park": 1}, "bob": {"park": 1}}, parameters={"options": ["park", "pool"]}),
            "the pool pays the difference",
        ),
        efficient=Unknown("Buterin, Hitzig and Weyl 2019: with concave values and a pool large enough"),
        anonymous=Holds("a gift counts whoever makes it"),
        neutral=Holds("projects are treated alike"),
        false_name_proof=Fails(
            Witness(
                types={"alice": {"park": 4}},
                deviations={"alice": {"park": 2}, "bob": {"park": 2}},
                parameters={"options": ["park", "pool"]},
            ),
            "Buterin, Hitzig and Weyl 2019: one that gives under two names is matched with itself",
        ),
    )
    example = Example(
        {"alice": {"park": 4, "pool": 1}, "bob": {"park": 9}, "carol": {"pool": 25}},
        {"options": ["park", "pool"], "pool": 20},
    )

    options: Options
    pool: Amount | None = None

    def report_schema(self) -> Any:
        """Return the type of a gift to each project."""
        return Annotated[Valuation, AmountsOf(self.options)]

    def type_schema(self) -> Any:
        """Return the type of a report."""
        return self.report_schema()

    def settle(self, reports: Profile[Valuation], context: Context) -> Result[Funding]:
        """Collect the gifts, add the geometric means of every two, and scale them to the pool."""
        currency = context.currency
        given = {option: sum((gift[option] for gift in reports.values()), Fraction(0)) for option in self.options}
        wanted = {option: self.difference([gift[option] for gift in reports.values()], currency) for option in given}
        total = sum(wanted.values(), Fraction(0))
        short = self.pool is not None and total > self.pool
        matched = dict(wanted)
        if self.pool is not None and short:
            matched = {option: currency.round_down(self.pool * part / total) for option, part in wanted.items()}
        flows: list[Flow] = []
        for player, gift in reports.items():
            for option in self.options:
                flows += pay(player, Account.PROVIDER, gift[option], f"gift to {option}")
        for option, part in matched.items():
            flows += pay(Account.FUNDER, Account.PROVIDER, part, f"matched for {option}")
        why = [
            Reason(
                f"{option}: {_givers(reports, option)} givers, difference {format_exact(part)}",
                {"option": option, "given": given[option], "difference": part},
            )
            for option, part in wanted.items()
        ]
        if short:
            text = f"the differences sum to {format_exact(total)}, so they are scaled down to the pool"
            why.insert(0, Reason(text, {"differences": total, "pool": self.pool}))
        return Result(Funding(given=given, matched=matched), tuple(flows), tuple(why))

    @staticmethod
    def difference(gifts: Sequence[Fraction], currency: Currency) -> Fraction:
        """Return what a pool without limit adds to gifts: twice the geometric mean of every two of them."""
        positive = [gift for gift in gifts if gift > 0]
        return 2 * sum((geometric_mean(one, other, currency) for one, other in combinations(positive, 2)), Fraction(0))

    def valuation(self, player: Player, value: Mapping[str, Fraction], outcome: Funding) -> Fraction:
        """Return twice the geometric mean of the type's gift and the funding of each project, to six decimals."""
        fine = Currency(decimals=6)
        worths = (
            2 * geometric_mean(value[option], given + outcome.matched[option], fine)
            for option, given in outcome.given.items()
        )
        return sum(worths, Fraction(0))

    def resource_cost(self, outcome: Funding) -> Fraction:
        """Return what the projects get."""
        return sum(outcome.given.values(), Fraction(0)) + sum(outcome.matched.values(), Fraction(0))

    def type_grid(self) -> Sequence[Valuation]:
        """Return gifts to the first and the last project."""
        first, last = self.options[0], self.options[-1]
        rest = dict.fromkeys(self.options, Fraction(0))
        pairs = ((0, 0), (1, 0), (4, 0), (0, 9), (4, 1))
        return [{**rest, first: Fraction(one), last: Fraction(other)} for one, other in pairs]


def _givers(reports: Profile[Valuation], option: str) -> int:
    return sum(gift[option] > 0 for gift in reports.values())


def geometric_mean(one: Fraction, other: Fraction, currency: Currency) -> Fraction:
    """Return √(one·other), rounded down to the minor unit of a currency.

    >>> geometric_mean(Fraction(2), Fraction(1), Currency(decimals=2))
    Fraction(141, 100)
    """
    product = currency.to_minor(one) * currency.to_minor(other)
    return currency.from_minor(isqrt(product.numerator // product.denominator))
