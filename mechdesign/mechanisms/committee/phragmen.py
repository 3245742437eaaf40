"""Phragmén's sequential method."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Witness
from mechdesign.mechanisms.committee.approvals import Budgeted, Committee, committee_claims, successors, taken
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Approvals
from mechdesign.mechanisms.shared.texts import readable
from mechdesign.mechanisms.shared.universes import universes
from mechdesign.mechanisms.ties import Tie

__all__ = ["Phragmen"]

_LIE = Witness(
    types={"alice": ["x", "y"], "bob": ["x"], "carol": ["z"]},
    deviations={"alice": ["y"]},
    parameters={"options": ["x", "y", "z"], "seats": 2},
)

State = tuple[int, tuple[Fraction, ...]]
"""The options taken, as bits, and the load of each distinct ballot."""


class Phragmen(Budgeted):
    """Voters earn money at equal speed; as soon as the supporters of an option can pay for it, it is elected.

    A ballot is the list of approved options. An option that is elected takes all that its supporters have earned.
    Either ``seats`` says how many are elected, or ``costs`` and ``budget`` what they cost and may cost together: then
    the count ends when an option that is due would pass the budget. What nobody approves, or costs more than the
    budget alone, is not elected. The tie rule decides among options that are due at the same time. Who is absent
    abstains; without a ballot nothing is elected.

    **Source**: E. Phragmén, Sur une méthode nouvelle, Öfversigt af Kongl. Vetenskaps-Akademiens Förhandlingar 51
    (1894); M. Brill, R. Freeman, S. Janson, M. Lackner, Phragmén's voting methods and justified representation, AAAI
    2017; with costs, M. Los, Z. Christoff, D. Grossi, Proportional budget allocations, IJCAI 2022.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = Phragmen(options=("x", "y", "z"), seats=2)
    >>> ballots = {"A": ["x", "y"], "B": ["x", "y"], "C": ["x", "y"], "D": ["z"], "E": ["z"]}
    >>> result = run_pure(vote, Context(tuple(ballots)), ballots)
    >>> str(result.outcome), [reason.text for reason in result.why]
    ('elected: x, z', ['x is due at 1/3', 'z is due at 1/2'])
    """

    name, version = "committee.phragmen", 1
    claims = committee_claims(_LIE, "Brill et al. 2017: who hides an option that is elected anyway", neutral=False)
    example = Example(
        {"alice": ["park", "road"], "bob": ["park", "bench"], "carol": ["park", "road"], "dave": ["bench"]},
        {"options": ["park", "road", "bench"], "costs": {"park": 6, "road": 7, "bench": 3}, "budget": 10},
    )

    def choose(self, ballots: Mapping[Approvals, int], context: Context) -> Decision[Committee]:
        """Buy options in the order in which they are due."""
        count = _Count(self, ballots)
        start: State = (0, (Fraction(0),) * len(ballots))
        state = start
        elected: list[str] = []
        ties: list[Tie] = []
        why: list[Reason] = []
        while candidates := dict(count.following(state)):
            chosen, found = context.pick(list(candidates), f"the time at which option {len(elected) + 1} is due")
            ties.extend(found)
            due = count.due(state)[chosen]
            state = candidates[chosen]
            elected.append(chosen)
            text = f"{self.priced(chosen)} is due at {readable(due)}"
            why.append(Reason(text, {"option": chosen, "time": due}))
        ends, complete = universes(start, successors(count.following)) if ties else ([state], True)
        if not complete:
            why.append(Reason("there are more ways to break the ties than were followed"))
        blocked = count.blocked(state)
        if blocked and self.total(elected) < self.limit:
            why.append(Reason(f"{', '.join(blocked)} would pass the budget next", {"due": tuple(blocked)}))
        tied = [taken(self.options, mask) for mask, _ in (*ends, state)]
        return Decision(self.committee(elected, tied), tuple(why), tuple(ties))


class _Count:
    """The rules of one count, for any state of it."""

    def __init__(self, vote: Phragmen, ballots: Mapping[Approvals, int]) -> None:
        self.vote = vote
        self.votes = list(ballots.values())
        self.places = {option: place for place, option in enumerate(vote.options)}
        self.supporters: dict[str, list[int]] = {option: [] for option in vote.options}
        for number, ballot in enumerate(ballots):
            for option in ballot:
                self.supporters[option].append(number)
        self.count = {option: sum(self.votes[one] for one in who) for option, who in self.supporters.items()}

    def due(self, state: State) -> dict[str, Fraction]:
        """Return when each option that is not elected can be paid for: the load that its supporters then have."""
        mask, loads = state
        return {
            option: (self.vote.cost(option) + sum(self.votes[one] * loads[one] for one in self.supporters[option]))
            / count
            for option, count in self.count.items()
            if count and not mask >> self.places[option] & 1 and self.vote.cost(option) <= self.vote.limit
        }

    def first(self, state: State) -> tuple[list[str], Fraction]:
        """Return the options that are due next, and when."""
        due = self.due(state)
        time = min(due.values(), default=Fraction(0))
        return [option for option, at in due.items() if at == time], time

    def blocked(self, state: State) -> list[str]:
        """Return the options that are due next and would pass the budget."""
        spent = self.vote.total(taken(self.vote.options, state[0]))
        names, _ = self.first(state)
        return [option for option in names if spent + self.vote.cost(option) > self.vote.limit]

    def following(self, state: State) -> Sequence[tuple[str, State]]:
        """Return the options that may be bought next; none where one that is due would pass the budget."""
        names, time = self.first(state)
        if self.blocked(state):
            return []
        mask, loads = state
        found = []
        for option in names:
            paid = list(loads)
            for one in self.supporters[option]:
                paid[one] = time
            found.append((option, (mask | 1 << self.places[option], tuple(paid))))
        return found
