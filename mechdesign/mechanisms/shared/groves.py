"""Groves mechanisms: the decision worth most to all together, and taxes that make truth the best report."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import ClassVar, Generic, TypeVar

from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Decision, Reason

__all__ = ["Groves"]

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741 - the outcome, as in the literature


class Groves(Mechanism[T, T, O], Generic[T, O]):
    """Base of mechanisms given by their decisions and each player's valuation; pivotal (Clarke) taxes unless
    overridden.

    A subclass gives ``decisions`` and ``valuation``; where a decision costs money, ``share`` says what each player
    bears. A player's interest in a decision is its valuation less its share. The tax is ``benchmark`` (which must
    not depend on the player's own report) less the others' interest in the decision taken.

    **Source**: T. Groves, Incentives in teams, Econometrica 41 (1973); E. Clarke, Multipart pricing of public goods,
    Public Choice 11 (1971).
    """

    accounts: ClassVar[tuple[Account, ...]] = (Account.SINK, Account.PROVIDER)

    @abstractmethod
    def decisions(self, context: Context) -> Sequence[O]:
        """Return the feasible decisions, at least one; among equals the tie rule prefers earlier ones."""

    def label(self, decision: O) -> str:
        """Return the name by which a tie rule and a reason speak of a decision."""
        return str(decision)

    def share(self, player: Player, decision: O, context: Context) -> Fraction:
        """Return what a player bears of the cost of a decision."""
        return Fraction(0)

    def participants(self, reports: Profile[T], context: Context) -> Profile[T]:
        """Return the reports that count, also for players that are absent where the rule gives them a default."""
        return reports

    def interest(self, reports: Profile[T], decision: O, context: Context, without: Player | None = None) -> Fraction:
        """Return what a decision is worth, costs borne, to all that count (``without`` one of them)."""
        worths = (
            self.valuation(player, report, decision) - self.share(player, decision, context)
            for player, report in reports.items()
            if player != without
        )
        return sum(worths, Fraction(0))

    def benchmark(self, reports: Profile[T], player: Player, context: Context) -> Fraction:
        """Return the term of a player's tax that its own report cannot change: the others' best without it."""
        return max(self.interest(reports, decision, context, player) for decision in self.decisions(context))

    def decide(self, reports: Profile[T], context: Context) -> Decision[O]:
        """Take the decision that is worth most."""
        counted = self.participants(reports, context)
        worths = [(decision, self.interest(counted, decision, context)) for decision in self.decisions(context)]
        top = max(worth for _, worth in worths)
        best = {self.label(decision): decision for decision, worth in worths if worth == top}
        chosen, ties = context.pick(list(best), "the decision worth most")
        pivotal = []
        for player in counted:
            alone = {self.label(one): self.interest(counted, one, context, player) for one, _ in worths}
            without = max(alone, key=lambda label: alone[label])
            if alone[chosen] < alone[without]:
                text = f"{player} is pivotal: without it, {without}"
                pivotal.append(Reason(text, {"player": player, "without": without}))
        worth = Reason(f"{chosen} is worth most", {"worth": {self.label(decision): one for decision, one in worths}})
        return Decision(best[chosen], (worth, *pivotal), ties)

    def transfers(self, decision: Decision[O], reports: Profile[T], context: Context) -> Iterator[Flow]:
        """Yield each player's share of the cost, then its tax."""
        taken = decision.outcome
        for player in context.players:
            yield from pay(player, Account.PROVIDER, self.share(player, taken, context), "share of the cost")
        counted = self.participants(reports, context)
        for player in counted:
            tax = self.benchmark(counted, player, context) - self.interest(counted, taken, context, player)
            yield from pay(player, Account.SINK, tax, "tax")
