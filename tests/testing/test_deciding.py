"""A decider goes on from a copy as it would have gone on itself, and decides alike in any order of acceptance."""

from random import Random

import pytest

from mechdesign.group.committer import CommitRule, Committer
from mechdesign.group.roster import FaultModel
from mechdesign.testing.deciding import Decider, sequence
from mechdesign.testing.small_groups import SmallGroup

ROUNDS = 6


@pytest.fixture
def group() -> SmallGroup:
    return SmallGroup(4, FaultModel.BYZANTINE, ROUNDS)


def schedule(group: SmallGroup, seed: int) -> frozenset[int]:
    """Rounds in which each member names some quorum of the round before."""
    chance = Random(seed)
    before: list[int] = []
    for round_ in range(ROUNDS):
        made = []
        for place in range(4):
            others = [block for block in before if group.made[block].author != place]
            few = chance.sample(others, chance.choice((2, 3))) if others else []
            own = [block for block in before if group.made[block].author == place]
            made.append(group.number(place, round_, (*own, *sorted(few, key=lambda one: group.made[one].author))))
        before = made
    return group.closure(before)


def decider(group: SmallGroup) -> Decider:
    return Decider(group, CommitRule(), Committer)


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_goes_on_from_any_block_as_if_it_had_accepted_all_itself(group: SmallGroup, seed: int) -> None:
    order = sequence(group, schedule(group, seed))
    whole = decider(group)
    whole.accept(*order)
    assert len(whole.story.slots) >= 4
    step = decider(group)
    for at, number in enumerate(order):
        before = step.story
        copy = step.copy()
        copy.accept(*order[at:])
        assert copy.story == whole.story
        assert copy.verdicts() == whole.verdicts()
        assert step.story is before, "the copy changes nothing of it"
        step.accept(number)
    assert step.story == whole.story


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_acceptance_decides_nothing(group: SmallGroup, seed: int) -> None:
    blocks = schedule(group, seed)
    orders = [sequence(group, blocks), sorted(blocks)]
    assert orders[0] != orders[1]
    one, other = decider(group), decider(group)
    one.accept(*orders[0])
    other.accept(*orders[1])
    assert one.story == other.story
    assert dict(one.story.slots).items() <= one.verdicts().items()
