"""Taking the most approved option that still fits."""

from collections.abc import Mapping, Sequence

from mechdesign.mechanisms.committee.approvals import Budgeted, Following, taken

__all__ = ["fitting"]


def fitting(vote: Budgeted, counts: Mapping[str, int]) -> Following[int]:
    """Return the rule that takes the most approved of the options that fit; several where that is a tie.

    A state is the set of options taken, as bits in parameter order. What nobody approves is not taken.

    Args:
        vote: options, costs and budget.
        counts: approvals of every option.
    """

    def following(state: int) -> Sequence[tuple[str, int]]:
        left = vote.limit - vote.total(taken(vote.options, state))
        fits = [
            place
            for place, option in enumerate(vote.options)
            if not state >> place & 1 and counts[option] and vote.cost(option) <= left
        ]
        most = max((counts[vote.options[place]] for place in fits), default=0)
        return [(vote.options[place], state | 1 << place) for place in fits if counts[vote.options[place]] == most]

    return following
