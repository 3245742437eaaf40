"""What all mechanisms for one public project have in common."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Outcome
from mechdesign.mechanisms.shared.groves import Groves

__all__ = ["Project", "PublicProject"]


class Project(Outcome):
    """Whether the project is built."""

    built: bool

    def __str__(self) -> str:
        return "build" if self.built else "reject"


class PublicProject(Groves[Amount, Project]):
    """One project, built if and only if the values reported reach its cost; its cost is shared by the whole roster.

    Attributes:
        cost: what the project costs.
    """

    cost: Amount

    def decisions(self, context: Context) -> Sequence[Project]:
        """Return build and reject, in the order in which a lexicographic tie rule has them; nobody bears no cost."""
        return [Project(built=True), Project(built=False)] if context.players else [Project(built=False)]

    def participants(self, reports: Profile[Fraction], context: Context) -> Profile[Fraction]:
        """Return the reports, and the value 0 for who is absent."""
        return {player: reports.get(player, Fraction(0)) for player in context.players}

    def share(self, player: Player, decision: Project, context: Context) -> Fraction:
        """Return an equal share of the cost of a project that is built."""
        return self.cost / len(context.players) if decision.built else Fraction(0)

    def valuation(self, player: Player, value: Fraction, outcome: Project) -> Fraction:
        """Return the value of the project where it is built."""
        return value if outcome.built else Fraction(0)

    def resource_cost(self, outcome: Project) -> Fraction:
        """Return the cost of a project that is built."""
        return self.cost if outcome.built else Fraction(0)

    def type_grid(self) -> Sequence[Fraction]:
        """Return five values around an equal share of two or three players."""
        return [self.cost * part / 6 for part in (0, 1, 2, 3, 5)]

    def outcomes(self, reports: Profile[Fraction], context: Context) -> Iterator[Project]:
        """Yield both decisions."""
        yield from self.decisions(context)
