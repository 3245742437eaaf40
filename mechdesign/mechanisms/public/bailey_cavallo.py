"""The pivotal mechanism for a public project, with part of the taxes given back."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.public.project import Project, PublicProject
from mechdesign.mechanisms.result import Decision

__all__ = ["PublicBaileyCavallo"]

_HALF = {"cost": 12, "weights": {"alice": 1, "bob": 2, "carol": 3}}


class PublicBaileyCavallo(PublicProject):
    """Public project with pivotal (Clarke) taxes; each player gets back an n-th of the taxes that are sure without it.

    Decision, cost and taxes are those of ``public.clarke``, but that the parameter ``weights`` may say how the cost is
    shared (a weight of 1 where it names nobody). A player's rebate is 1/n of the least total of taxes that any report
    of its own could bring about, given the others' reports; so it cannot be influenced, and rebates never exceed the
    taxes. What remains is burnt. With equal weights every rebate is 0, whatever the values: there no Groves mechanism
    without deficits burns less than Clarke's everywhere. With unequal weights there are rebates. Who is absent has the
    value 0, bears its share and gets its rebate.

    **Source**: R. Cavallo, Optimal decision-making with minimal waste, AAMAS 2006; M. Bailey, The demand revealing
    process: to distribute the surplus, Public Choice 91 (1997); K. Apt, V. Conitzer, M. Guo, E. Markakis, Welfare
    undominated Groves mechanisms, WINE 2008, for public projects.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> project = PublicBaileyCavallo(cost=Fraction(12), weights={"C": 10})
    >>> result = run_pure(project, Context(("A", "B", "C")), {"A": 0, "B": 4, "C": 0})
    >>> str(result.outcome), [str(result.net(party)) for party in ("A", "B", "C", "SINK")]
    ('reject', ['2/3', '0', '-2', '4/3'])
    """

    name, version = "public.bailey-cavallo", 1
    claims = Claims(
        dsic=Holds("Cavallo 2006: a rebate does not depend on the own report, so it is a Groves mechanism"),
        individually_rational=Fails(
            Witness(types={"alice": 0, "bob": 3, "carol": 3}, parameters={"cost": 3}),
            "a player that does not want the project bears its share",
        ),
        no_deficit=Holds("Cavallo 2006: n rebates of at most an n-th of the taxes"),
        budget_balanced=Fails(
            Witness(types={"alice": 110, "bob": 80, "carol": 110}, parameters={"cost": 300}), "what remains is burnt"
        ),
        efficient=Holds("Clarke 1971: built exactly where it is worth its cost"),
        anonymous=Fails(Witness(types={"alice": 5, "bob": 6, "carol": 7}, parameters=_HALF), "weights belong to names"),
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
    example = Example({"alice": 0, "bob": 4, "carol": 0}, {"cost": 12, "weights": {"carol": 10}})

    weights: dict[str, Annotated[int, Field(strict=True, ge=1, le=10**9)]] = Field(default_factory=dict)

    def share(self, player: Player, decision: Project, context: Context) -> Fraction:
        """Return the part of the cost that a player's weight stands for."""
        if not decision.built:
            return Fraction(0)
        total = sum(self.weights.get(other, 1) for other in context.players)
        return self.cost * self.weights.get(player, 1) / total

    def transfers(self, decision: Decision[Project], reports: Profile[Fraction], context: Context) -> Iterator[Flow]:
        """Yield shares and taxes, then what is given back."""
        yield from super().transfers(decision, reports, context)
        counted = self.participants(reports, context)
        for player in counted:
            rebate = self.least_taxes(counted, player, context) / len(counted)
            yield from pay(Account.SINK, player, rebate, "rebate")

    def least_taxes(self, values: Profile[Fraction], player: Player, context: Context) -> Fraction:
        """Return the least total of taxes over all reports of one player, the others' reports given.

        Written in interests (value less share), the total is linear between points at which the decision turns or some
        other player starts to be pivotal, so it is least at one of those or at the lowest report.
        """
        built = Project(built=True)
        others = [value - self.share(one, built, context) for one, value in values.items() if one != player]
        rest = sum(others, Fraction(0))
        lowest = rest - self.share(player, built, context)
        totals = [
            total for total in (lowest, Fraction(0), *others, max(others, default=Fraction(0))) if total >= lowest
        ]
        # Where all interests sum to 0 either decision may be taken, now or by a report a little lower: both count.
        return min(
            _taxes(total, rest, others, decision)
            for total in totals
            for decision in (True, False)
            if total == 0 or decision == (total > 0)
        )


def _taxes(total: Fraction, rest: Fraction, others: list[Fraction], built: bool) -> Fraction:
    """Return all taxes where interests sum to ``total``, those without one player to ``rest``."""
    without = [rest, *(total - interest for interest in others)]
    losses = [-sum_without if built else sum_without for sum_without in without]
    return sum((loss for loss in losses if loss > 0), Fraction(0))
