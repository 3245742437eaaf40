"""The single transferable vote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field

from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Decision, Outcome, Reason, Result
from mechdesign.mechanisms.shared.options import Options, Order, Weights, counted
from mechdesign.mechanisms.shared.texts import readable
from mechdesign.mechanisms.shared.universes import universes
from mechdesign.mechanisms.ties import Tie
from mechdesign.mechanisms.voting.ballots import OrderOf
from mechdesign.mechanisms.voting.common import vote_claims

__all__ = ["Seats", "SingleTransferableVote"]

_LIE = Witness(
    types={"alice": ["z", "y", "x"], "bob": ["z", "x", "y"]},
    deviations={"alice": ["y"]},
    parameters={"options": ["x", "y", "z"], "seats": 2},
)


class Seats(Outcome):
    """Who is elected.

    Attributes:
        elected: in the order of their election; options elected in one round stand by votes, then in parameter order.
        tied: every set of options that some way to break ties elects, each in parameter order.
    """

    elected: tuple[str, ...] = ()
    tied: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        if not self.elected:
            return "nobody is elected"
        return f"elected: {', '.join(self.elected)}"


@dataclass(frozen=True, slots=True)
class _State:
    """Where a count stands: who is left, who is elected, what each distinct ballot is worth."""

    remaining: Order
    elected: Order
    values: tuple[Fraction, ...]


class SingleTransferableVote(Mechanism[Order, Order, Seats]):
    """Options that reach a quota of votes are elected and pass their surplus on; without one the last is eliminated.

    A ballot orders some or all options and counts for the first that is neither elected nor eliminated. A surplus is
    passed on by all ballots of the elected, each keeping the same fraction of its value (weighted inclusive Gregory),
    in exact fractions; a ballot without a further option is exhausted. Options without votes are eliminated together
    where enough others are left. Once as many options remain as seats, they are elected. The ``droop`` quota is the
    whole number above ballots/(seats+1), the ``hare`` quota ballots/seats. Ties for elimination are broken by the tie
    rule, the last goes. Who is absent abstains; without a ballot nobody is elected.

    **Source**: N. Tideman, The single transferable vote, Journal of Economic Perspectives 9 (1995).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = SingleTransferableVote(options=("M", "N", "C"), seats=2, weights={"A": 5, "B": 1, "D": 1})
    >>> result = run_pure(vote, Context(("A", "B", "D")), {"A": ["M", "N"], "B": ["N"], "D": ["C"]})
    >>> str(result.outcome)
    'elected: M, N'
    >>> print(*result.why, sep="; ")
    round 1: M 5, N 1, C 1 (quota 3); M elected; round 2: N 3, C 1 (quota 3); N elected
    """

    name, version = "voting.stv", 1
    claims = vote_claims(_LIE, "who needs not help the first choice ranks the second first")
    example = Example(
        {
            "alice": ["tea", "coffee"],
            "bob": ["tea", "water", "coffee"],
            "carol": ["coffee", "water"],
            "dave": ["water"],
            "erin": ["tea", "coffee"],
        },
        {"options": ["coffee", "tea", "water", "milk"], "seats": 2},
    )

    options: Options
    seats: Annotated[int, Field(strict=True, ge=1, le=1000)]
    quota: Literal["droop", "hare"] = "droop"
    weights: Weights = Field(default_factory=dict)

    def type_schema(self) -> Any:
        """Return the type of an order of some options."""
        return Annotated[Order, OrderOf(self.options, complete=False, blank=True)]

    def report_schema(self) -> Any:
        """Return the type of a ballot: an order of some options."""
        return Annotated[Order, OrderOf(self.options, complete=False, blank=True)]

    def decide(self, reports: Profile[Order], context: Context) -> Decision[Seats]:
        """Count in rounds by the tie rule, and find out whom other ways to break ties would elect."""
        ballots = counted(reports, self.weights, context)
        if not ballots:
            return Decision(Seats(), (Reason("no ballots"),))
        count = _Count(self, ballots)
        state = start = _State(self.options, (), tuple(map(Fraction, ballots.values())))
        why: list[Reason] = []
        ties: list[Tie] = []
        while following := count.following(state):
            number = len(why) + 1
            chosen = 0
            if len(following) > 1:
                names = [one for one in state.remaining if any(one not in after.remaining for after in following)]
                order, found = context.rank(names, f"the fewest votes in round {number}: the last is eliminated")
                ties.extend(found)
                chosen = next(i for i, after in enumerate(following) if order[-1] not in after.remaining)
            why.append(count.reason(number, state, following[chosen]))
            state = following[chosen]
        ends, complete = universes(start, count.following) if ties else ([state], True)
        if not complete:
            why.append(Reason("there are more ways to break the ties than were followed"))
        committees = {tuple(name for name in self.options if name in end.elected) for end in (*ends, state)}
        ordered = sorted(committees, key=lambda names: [self.options.index(name) for name in names])
        return Decision(Seats(elected=state.elected, tied=tuple(ordered)), tuple(why), tuple(ties))

    def prefers(self, player: Player, value: Order, one: Result[Seats], other: Result[Seats]) -> bool:
        """Say whether a voter prefers one set of elected: by its best option in only one of them."""
        for option in value:
            if (option in one.outcome.elected) != (option in other.outcome.elected):
                return option in one.outcome.elected
        return False

    def type_grid(self) -> Sequence[Order]:
        """Return orders of two options, and single options."""
        pairs = [(one, other) for one in self.options for other in self.options if one != other]
        return [*pairs, *((option,) for option in self.options)]


class _Count:
    """The rules of one count, for any state of it."""

    def __init__(self, vote: SingleTransferableVote, ballots: Mapping[Order, int]) -> None:
        self.ballots = list(ballots)
        self.seats = min(vote.seats, len(vote.options))
        total = sum(ballots.values())
        droop = Fraction(total // (vote.seats + 1) + 1)
        self.quota = droop if vote.quota == "droop" else Fraction(total, vote.seats)

    def votes(self, state: _State) -> dict[str, Fraction]:
        """Return the votes of the remaining options."""
        votes = dict.fromkeys(state.remaining, Fraction(0))
        for holder, value in zip(self.holders(state), state.values, strict=True):
            if holder is not None:
                votes[holder] += value
        return votes

    def holders(self, state: _State) -> list[str | None]:
        """Return for each distinct ballot the option that it counts for."""
        remaining = set(state.remaining)
        return [next((option for option in ballot if option in remaining), None) for ballot in self.ballots]

    def following(self, state: _State) -> list[_State]:
        """Return the states that the next round may lead to; several where who is eliminated is a tie."""
        left = self.seats - len(state.elected)
        if left == 0:
            return []
        votes = self.votes(state)
        by_votes = tuple(sorted(state.remaining, key=lambda option: -votes[option]))
        if len(state.remaining) <= left:
            return [_State((), state.elected + by_votes, state.values)]
        reached = tuple(option for option in by_votes if votes[option] >= self.quota)
        if reached:
            return [self._elect(state, reached, votes)]
        least = min(votes.values())
        last = [option for option in state.remaining if votes[option] == least]
        if least == 0 and len(state.remaining) - len(last) >= left:
            return [self._eliminate(state, last)]
        return [self._eliminate(state, [option]) for option in reversed(last)]

    def _eliminate(self, state: _State, gone: Sequence[str]) -> _State:
        return _State(tuple(one for one in state.remaining if one not in gone), state.elected, state.values)

    def _elect(self, state: _State, reached: Order, votes: Mapping[str, Fraction]) -> _State:
        values = tuple(
            value * (votes[holder] - self.quota) / votes[holder] if holder in reached else value
            for holder, value in zip(self.holders(state), state.values, strict=True)
        )
        remaining = tuple(option for option in state.remaining if option not in reached)
        return _State(remaining, state.elected + reached, values)

    def reason(self, number: int, before: _State, after: _State) -> Reason:
        """Return what happened in a round."""
        votes = self.votes(before)
        shown = ", ".join(f"{option} {readable(count)}" for option, count in votes.items())
        new = after.elected[len(before.elected) :]
        gone = [option for option in before.remaining if option not in after.remaining and option not in new]
        did = f"{', '.join(new)} elected" if new else f"{', '.join(gone)} eliminated"
        text = f"round {number}: {shown} (quota {readable(self.quota)}); {did}"
        return Reason(text, {"votes": votes, "quota": self.quota, "elected": new, "eliminated": tuple(gone)})
