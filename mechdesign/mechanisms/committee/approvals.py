"""Votes by approval for several options, what they may cost, and what comes out."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from pydantic import Field, model_validator

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Decision, Outcome, Reason
from mechdesign.mechanisms.shared.options import Approvals, ApprovalsOf, Options, Weights, counted

__all__ = ["ApprovalVote", "Budgeted", "Committee", "Following", "approvals", "committee_claims", "successors", "taken"]

S = TypeVar("S")


class Committee(Outcome):
    """Which options are chosen.

    Attributes:
        elected: in the order in which the rule takes them, or in parameter order where it takes them at once.
        cost: of all of them together; their number where options have no costs.
        tied: every set of options that is as good by the rule, each in parameter order; the elected are one of them.
    """

    elected: tuple[str, ...] = ()
    cost: Amount = Fraction(0)
    tied: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        if not self.elected:
            return "nothing is elected"
        return f"elected: {', '.join(self.elected)}"


def committee_claims(lie: Witness, source: str, *, neutral: bool) -> Claims:
    """Return the claims of a rule that counts approvals and moves no money.

    Args:
        lie: a profile in which one voter gains by misreporting.
        source: who noted it.
        neutral: whether all options are alike, or have costs of their own.
    """
    return Claims(
        dsic=Fails(lie, source),
        group_strategyproof=Fails(lie, "not even strategyproof"),
        no_deficit=Holds("no money moves between players"),
        budget_balanced=Holds("no money moves between players"),
        anonymous=Holds("ballots are counted, whoever cast them", "up to ties, with equal weights"),
        neutral=Holds("options are treated alike", "up to ties") if neutral else Unknown("options of equal cost are"),
    )


class ApprovalVote(Mechanism[Approvals, Approvals, Committee]):
    """Base of votes in which a ballot is a list of approved options and several options are chosen.

    Attributes:
        options: their order decides ties.
        weights: how many ballots a player's ballot stands for, where that is not one.
    """

    options: Options
    weights: Weights = Field(default_factory=dict)

    def type_schema(self) -> Any:
        """Return the type of approved options."""
        return Annotated[Approvals, ApprovalsOf(self.options)]

    def report_schema(self) -> Any:
        """Return the type of a ballot: the approved options."""
        return Annotated[Approvals, ApprovalsOf(self.options)]

    def decide(self, reports: Profile[Approvals], context: Context) -> Decision[Committee]:
        """Count the ballots and choose by them; nothing without a ballot."""
        ballots = counted(reports, self.weights, context)
        if not ballots:
            return Decision(Committee(), (Reason("no ballots"),))
        return self.choose(ballots, context)

    @abstractmethod
    def choose(self, ballots: Mapping[Approvals, int], context: Context) -> Decision[Committee]:
        """Choose options by ballots, each with how often it was cast."""

    def valuation(self, player: Player, value: Approvals, outcome: Committee) -> Fraction:
        """Return how many of the elected a voter approves."""
        return Fraction(sum(option in value for option in outcome.elected))

    def type_grid(self) -> Sequence[Approvals]:
        """Return ballots that approve one option, all of the first few, or none."""
        single: list[Approvals] = [(option,) for option in self.options[:3]]
        return [*single, self.options[:2], self.options[1:3], self.options, ()]

    def in_order(self, chosen: Iterable[str]) -> tuple[str, ...]:
        """Return options in parameter order."""
        members = set(chosen)
        return tuple(option for option in self.options if option in members)

    def committees(self, found: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
        """Return sets of options, each once, in lexicographic order of their places."""
        place = {option: number for number, option in enumerate(self.options)}
        distinct = {self.in_order(chosen) for chosen in found}
        return tuple(sorted(distinct, key=lambda chosen: [place[option] for option in chosen]))


class Budgeted(ApprovalVote):
    """Base of votes for options that cost something, within a budget; or for a number of seats, one for each option.

    Attributes:
        costs: what each option costs; every option has one, or none has and each costs 1.
        budget: what the chosen options may cost together.
        seats: how many options may be chosen, in place of a budget.
    """

    costs: dict[str, Amount] = Field(default_factory=dict)
    budget: Amount | None = None
    seats: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None

    @model_validator(mode="after")
    def _limited(self) -> "Budgeted":
        if (self.budget is None) == (self.seats is None):
            raise ValueError("give either seats or a budget")
        if self.costs and self.budget is None:
            raise ValueError("costs need a budget")
        unknown = [name for name in self.costs if name not in self.options]
        if unknown:
            raise ValueError(f"costs: {unknown[0]!r} is none of the options")
        missing = [option for option in self.options if self.costs and option not in self.costs]
        if missing:
            raise ValueError(f"costs: the cost of {missing[0]} is missing")
        return self

    @property
    def limit(self) -> Fraction:
        """What the chosen may cost together."""
        return Fraction(self.seats or 0) if self.budget is None else self.budget

    def cost(self, option: str) -> Fraction:
        """Return the cost of an option."""
        return self.costs.get(option, Fraction(1))

    def total(self, chosen: Iterable[str]) -> Fraction:
        """Return the cost of options together."""
        return sum((self.cost(option) for option in chosen), Fraction(0))

    def committee(self, elected: Sequence[str], tied: Iterable[Iterable[str]]) -> Committee:
        """Return the outcome."""
        return Committee(elected=tuple(elected), cost=self.total(elected), tied=self.committees(tied))

    def priced(self, option: str) -> str:
        """Return an option with its cost, where options have costs."""
        return f"{option} (cost {format_exact(self.cost(option))})" if self.costs else option


Following = Callable[[S], Sequence[tuple[str, S]]]
"""What a rule may take next in a state, with the state that follows; nothing at the end."""


def approvals(ballots: Mapping[Approvals, int], options: Sequence[str]) -> dict[str, int]:
    """Return how many ballots approve each option."""
    counts = dict.fromkeys(options, 0)
    for ballot, votes in ballots.items():
        for option in ballot:
            counts[option] += votes
    return counts


def successors(following: Following[S]) -> Callable[[S], Sequence[S]]:
    """Return the states alone that may follow a state."""
    return lambda state: [after for _, after in following(state)]


def taken(options: Sequence[str], mask: int) -> Iterator[str]:
    """Yield the options whose bits are set."""
    return (option for place, option in enumerate(options) if mask >> place & 1)
