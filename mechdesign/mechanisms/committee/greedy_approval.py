"""Greedy approval: the most approved that still fits."""

from collections.abc import Mapping

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Witness
from mechdesign.mechanisms.committee.approvals import (
    Budgeted,
    Committee,
    approvals,
    committee_claims,
    successors,
    taken,
)
from mechdesign.mechanisms.committee.greedy import fitting
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Approvals
from mechdesign.mechanisms.shared.universes import universes
from mechdesign.mechanisms.ties import Tie

__all__ = ["GreedyApproval"]

_LIE = Witness(
    types={"alice": ["x", "y", "z"], "bob": ["x"], "carol": ["y", "z"]},
    deviations={"alice": ["y", "z"]},
    parameters={"options": ["x", "y", "z"], "costs": {"x": 2, "y": 1, "z": 1}, "budget": 2},
)


class GreedyApproval(Budgeted):
    """Options are taken by the number of their approvals, the most first; one that no longer fits is passed over.

    A ballot is the list of approved options. Either ``seats`` says how many are taken, or ``costs`` and ``budget`` what
    they cost and may cost together. What nobody approves is not taken. The tie rule decides among options with equally
    many approvals. Who is absent abstains; without a ballot nothing is elected.

    **Source**: S. Rey, J. Maly, The (computational) social choice take on indivisible participatory budgeting,
    arXiv 2303.00621 (2023), section 3; with seats, approval voting for committees: M. Lackner, P. Skowron, Multi-Winner
    Voting with Approval Preferences, Springer 2023.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = GreedyApproval(options=("park", "road", "bench"), costs={"park": 6, "road": 7, "bench": 3}, budget=10)
    >>> ballots = {"A": ["park", "road"], "B": ["park", "bench"], "D": ["park", "road"]}
    >>> str(run_pure(vote, Context(("A", "B", "D")), ballots).outcome)
    'elected: park, bench'
    """

    name, version = "committee.greedy-approval", 1
    claims = committee_claims(_LIE, "who hides an expensive project gets two cheap ones", neutral=False)
    example = Example(
        {"alice": ["park", "road"], "bob": ["park", "bench"], "carol": ["park", "road"]},
        {"options": ["park", "road", "bench"], "costs": {"park": 6, "road": 7, "bench": 3}, "budget": 10},
    )

    def choose(self, ballots: Mapping[Approvals, int], context: Context) -> Decision[Committee]:
        """Take options while they fit."""
        counts = approvals(ballots, self.options)
        following = fitting(self, counts)
        state = 0
        elected: list[str] = []
        ties: list[Tie] = []
        why: list[Reason] = []
        while candidates := dict(following(state)):
            votes = counts[next(iter(candidates))]
            chosen, found = context.pick(list(candidates), f"{votes} approvals, place {len(elected) + 1}")
            ties.extend(found)
            state = candidates[chosen]
            elected.append(chosen)
            why.append(Reason(f"{self.priced(chosen)} has {votes} approvals", {"option": chosen, "approvals": votes}))
        last = counts[elected[-1]] if elected else 0
        for option in self.options:
            if option not in elected and counts[option] > last:
                text = f"{self.priced(option)} is passed over with {counts[option]} approvals: it does not fit"
                why.append(Reason(text, {"option": option, "approvals": counts[option]}))
        ends, complete = universes(0, successors(following)) if ties else ([state], True)
        if not complete:
            why.append(Reason("there are more ways to break the ties than were followed"))
        tied = [taken(self.options, end) for end in (*ends, state)]
        return Decision(self.committee(elected, tied), tuple(why), tuple(ties))
