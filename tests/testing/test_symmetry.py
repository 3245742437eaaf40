"""Renaming the members of a small group renames its schedules, and one of each kind is the one to look at."""

import pytest

from mechdesign.group.roster import FaultModel
from mechdesign.testing.small_groups import SmallGroup, Tips
from mechdesign.testing.symmetry import Symmetry


@pytest.fixture
def group() -> SmallGroup:
    return SmallGroup(4, FaultModel.BYZANTINE, 3, liars=[3], twins=1)


def begun(group: SmallGroup, late: int) -> Tips:
    """Everybody begins, one of them later than the others, whose next blocks do not name it."""
    first = [group.number(place, 0, ()) for place in range(4)]
    early = [place for place in range(4) if place != late]
    second = [
        group.number(place, 1, (first[place], *(first[other] for other in early if other != place))) for place in early
    ]
    return tuple(sorted([first[late], *second]))


def test_members_that_change_places_leave_one_schedule_to_look_at(group: SmallGroup) -> None:
    symmetry = Symmetry(group, group.honest)
    schedules = [begun(group, late) for late in range(4)]
    chosen = [symmetry.representative(tips)[0] for tips in schedules]
    assert chosen[0] == chosen[1] == chosen[2] in schedules
    assert chosen[3] == schedules[3], "the liar keeps its place"
    assert symmetry.orbit(schedules[0]) == set(schedules[:3])
    assert symmetry.orbit(schedules[3]) == {schedules[3]}


def test_the_renaming_that_is_told_leads_to_the_representative_and_back(group: SmallGroup) -> None:
    symmetry = Symmetry(group, group.honest)
    for late in range(4):
        tips = begun(group, late)
        chosen, which = symmetry.representative(tips)
        assert symmetry.renamed(tips, which) == chosen
        assert symmetry.renamed(chosen, symmetry.back(which)) == tips


def test_a_renamed_block_is_on_the_renamed_blocks_with_its_own_predecessor_first(group: SmallGroup) -> None:
    symmetry = Symmetry(group, group.honest)
    first = [group.number(place, 0, ()) for place in range(4)]
    block = group.number(0, 1, (first[0], first[1], first[3]))
    swap = symmetry.names.index((2, 1, 0, 3))
    assert group.made[symmetry.image(block, swap)].parents == (first[2], first[1], first[3])
    assert group.made[symmetry.image(block, swap)].author == 2


def test_who_may_not_change_places_has_every_schedule_looked_at(group: SmallGroup) -> None:
    symmetry = Symmetry(group, ())
    for late in range(4):
        tips = begun(group, late)
        assert symmetry.representative(tips) == (tips, 0)
        assert symmetry.orbit(tips) == {tips}
