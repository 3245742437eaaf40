"""Votes in rounds: who does worst is eliminated until somebody is elected."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Order, counted
from mechdesign.mechanisms.shared.universes import universes
from mechdesign.mechanisms.ties import Tie
from mechdesign.mechanisms.voting.ballots import Election, Vote

__all__ = ["ByElimination", "Round", "lowest"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Round:
    """What the count of one round says.

    Attributes:
        counts: votes or points of each remaining option.
        elected: options that are all as good and end the count, or nobody yet.
        out: the options of which one is eliminated by the tie rule, unless ``together``.
        together: whether all of ``out`` are eliminated at once, whatever the tie rule.
        what: what the worst are equal in, such as ``fewest first places``.
        exhausted: ballots that name none of the remaining options.
    """

    counts: Mapping[str, int]
    elected: Order = ()
    out: Order = ()
    together: bool = False
    what: str = ""
    exhausted: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)

    def text(self, number: int, gone: Sequence[str]) -> str:
        """Return the round as a sentence."""
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        lost = f", {self.exhausted} exhausted" if self.exhausted else ""
        end = f"{', '.join(gone)} eliminated" if gone else f"{' and '.join(self.elected)} left or elected"
        return f"round {number}: {counts}{lost}; {end}"


def lowest(counts: Mapping[str, int]) -> Order:
    """Return the options with the lowest count, in parameter order."""
    least = min(counts.values())
    return tuple(option for option, count in counts.items() if count == least)


class ByElimination(Vote[R, R]):
    """Base of votes in rounds. Tied are the winners of all ways to break the ties on the way."""

    @abstractmethod
    def round(self, ballots: Any, remaining: Order) -> Round:
        """Count the ballots for the remaining options."""

    def prepare(self, ballots: Mapping[Any, int]) -> Any:
        """Return what rounds count: the ballots with how often each was cast, unless overridden."""
        return ballots

    def decide(self, reports: Profile[R], context: Context) -> Decision[Election]:
        """Run the rounds by the tie rule, and find out who else other ways to break ties would elect."""
        ballots: Mapping[Any, int] = counted(reports, self.weights, context)
        if not ballots:
            return self.nobody()
        prepared = self.prepare(ballots)
        known: dict[Order, Round] = {}

        def count(remaining: Order) -> Round:
            if remaining not in known:
                known[remaining] = self.round(prepared, remaining)
            return known[remaining]

        remaining: Order = self.options
        why: list[Reason] = []
        ties: list[Tie] = []
        while not (now := count(remaining)).elected:
            number = len(why) + 1
            gone = now.out
            if not now.together:
                order, found = context.rank(now.out, f"{now.what} in round {number}: the last is eliminated")
                ties.extend(found)
                gone = order[-1:]
            why.append(_reason(now, number, gone))
            remaining = without(remaining, gone)
        why.append(_reason(now, len(why) + 1, ()))
        winner, found = context.pick(now.elected, "the last round")
        ties.extend(found)
        ends, complete = universes(self.options, lambda left: _following(count(left), left)) if ties else ([], True)
        tied = {name for end in (*ends, remaining) for name in count(end).elected}
        if not complete:
            why.append(Reason("there are more ways to break the ties than were followed"))
        outcome = Election(winner=winner, tied=tuple(name for name in self.options if name in tied))
        return Decision(outcome, tuple(why), tuple(ties))


def without(options: Order, gone: Sequence[str]) -> Order:
    """Return the options that are not gone."""
    return tuple(option for option in options if option not in gone)


def _following(now: Round, left: Order) -> list[Order]:
    if now.elected:
        return []
    return [without(left, now.out)] if now.together else [without(left, (name,)) for name in reversed(now.out)]


def _reason(now: Round, number: int, gone: Sequence[str]) -> Reason:
    data = {"counts": dict(now.counts), "eliminated": tuple(gone), "exhausted": now.exhausted, **now.data}
    return Reason(now.text(number, gone), data)
