"""The pivotal mechanism with reports one after the other, each seen by those that follow."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from mechdesign.kernel.money import Amount, format_exact, parse_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Account, Player
from mechdesign.mechanisms.play import Ask, Play, ask, settle_breaking_ties
from mechdesign.mechanisms.public.clarke import Clarke
from mechdesign.mechanisms.public.project import Project
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["SequentialGroves", "socially_optimal"]


class SequentialGroves(Mechanism[Amount, Amount, Project]):
    """Public project with pivotal (Clarke) taxes, where players report in roster order and see the reports before them.

    Decision, shares of the cost and taxes are those of ``public.clarke``. Truth stays as good as anything whatever the
    others' values are, so long as nobody's report reacts to it. A player that already knows the decision may help the
    others at no cost to itself by reporting more or less than its value: see the strategy ``socially_optimal``. Who is
    absent has the value 0 and bears its share.

    **Source**: K. Apt, A. Estévez-Fernández, Sequential pivotal mechanisms for public project problems, SAGT 2009;
    K. Apt, V. Markakis, Optimal strategies in sequential bidding, AAMAS 2009, for other sequential Groves mechanisms.

    >>> from functools import partial
    >>> from mechdesign.mechanisms.play import run_pure
    >>> project, values = SequentialGroves(cost=Fraction(300)), {"A": 110, "B": 80, "C": 110}
    >>> for strategies in (
    ...     values,
    ...     {player: partial(socially_optimal, Fraction(value)) for player, value in values.items()},
    ... ):
    ...     result = run_pure(project, Context(("A", "B", "C")), strategies)
    ...     print(result.outcome, [str(result.net(party)) for party in ("A", "B", "C", "SINK")])
    build ['-110', '-100', '-110', '20']
    build ['-100', '-100', '-110', '10']
    """

    name, version = "public.sequential-groves", 1
    accounts = (Account.SINK, Account.PROVIDER)
    claims = Claims(
        dsic=Unknown("not against later players whose reports react to earlier ones; truth is an ex-post equilibrium"),
        nash=Holds("Apt and Estévez-Fernández 2009: against others that tell the truth whatever they see"),
        individually_rational=Fails(
            Witness(types={"alice": 0, "bob": 3, "carol": 3}, parameters={"cost": 3}),
            "a player that does not want the project bears its share",
        ),
        no_deficit=Holds("Clarke 1971: no tax is negative, and the shares cover the cost"),
        budget_balanced=Fails(
            Witness(types={"alice": 110, "bob": 80, "carol": 110}, parameters={"cost": 300}), "taxes are burnt"
        ),
        efficient=Holds("Clarke 1971: built exactly where it is worth its cost"),
        anonymous=Holds("a truthful value counts whenever it is reported"),
        false_name_proof=Fails(
            Witness(types={"alice": 0, "bob": 250}, deviations={"bob": 250, "carol": 250}, parameters={"cost": 300}),
            "two names exaggerate for one",
        ),
        group_strategyproof=Fails(
            Witness(
                types={"alice": 110, "bob": 110, "carol": 60},
                deviations={"alice": 300, "bob": 300},
                parameters={"cost": 300},
            ),
            "two that exaggerate together make each other not pivotal",
        ),
    )
    example = Example({"alice": 110, "bob": 80, "carol": 110}, {"cost": 300})

    cost: Amount

    def play(self, context: Context) -> Play[Project]:
        """Ask one player after the other, then settle as Clarke does."""
        clarke = Clarke(cost=self.cost)
        reports: dict[Player, Fraction] = {}
        for place, player in enumerate(context.players):
            shown: dict[str, Any] = {
                "cost": format_exact(self.cost),
                "earlier": {one: format_exact(value) for one, value in reports.items()},
                "later": len(context.players) - place - 1,
            }
            reports |= yield from ask(Amount, of=[player], sealed=False, show=shown)
        result = yield from settle_breaking_ties(lambda known: clarke.settle(reports, known), context)
        seen = Reason(", then ".join(reports) or "no reports", {"order": list(reports)})
        return Result(result.outcome, result.flows, (*result.why, seen), result.ties)

    def valuation(self, player: Player, value: Fraction, outcome: Project) -> Fraction:
        """Return the value of the project where it is built."""
        return value if outcome.built else Fraction(0)

    def resource_cost(self, outcome: Project) -> Fraction:
        """Return the cost of a project that is built."""
        return self.cost if outcome.built else Fraction(0)

    def type_grid(self) -> Sequence[Fraction]:
        """Return five values around an equal share of two or three players."""
        return [self.cost * part / 6 for part in (0, 1, 2, 3, 5)]

    def outcomes(self, reports: Mapping[Player, Fraction], context: Context) -> Sequence[Project]:
        """Return both decisions; nobody cannot build."""
        return [Project(built=False), Project(built=True)] if context.players else [Project(built=False)]


def socially_optimal(value: Fraction, ask: Ask[Fraction]) -> Fraction:
    """Return the report of a strategy for :class:`SequentialGroves` that is as good as truth, and best for the others.

    A player whose value completes the cost reports the whole cost, so that later ones need not be pivotal and earlier
    ones are not; the last one, where the project is rejected, reports 0 and so makes nobody pivotal against it.

    **Source**: Apt and Estévez-Fernández 2009.
    """
    cost = parse_exact(ask.info["cost"])
    reported = sum((parse_exact(one) for one in ask.info["earlier"].values()), Fraction(0))
    if reported + value >= cost:
        return max(cost, value)
    return value if ask.info["later"] else Fraction(0)
