"""What is asked for is bounded by what is needed, however fast that changes."""

from mechdesign.group.block import Reference
from mechdesign.group.block_manager import Missing
from mechdesign.group.packets import Pull
from mechdesign.group.pulls import Pulls
from tests.group.lockstep import SECOND, make_roster, member


def asked(blocks, parked):
    """How many pulls are outstanding while blocks that lack three others come at once; the newest are parked."""
    held: list[Reference] = []
    pulls = Pulls(make_roster(4), 0, SECOND, lambda reference: reference in held)
    pulls.linked = [1, 2, 3]
    counts = []
    for number in range(blocks):
        lacks = [Reference(7, place, bytes([place]) + number.to_bytes(31, "big")) for place in (1, 2, 3)]
        held = [*held, *lacks][-3 * parked :]
        pulls.missing([Missing(reference, member(3), far=False) for reference in lacks], SECOND)
        counts.append(len(pulls))
    return counts


def test_what_evicted_blocks_lacked_is_not_asked_for_until_the_next_retry():
    assert max(asked(2_000, parked=6)) <= 70


def test_what_is_needed_is_asked_for_however_much_it_is():
    assert asked(200, parked=200)[-1] == 600


def test_a_new_neighbour_is_asked_at_once_for_what_the_only_one_we_had_never_brought():
    lacks = Reference(7, 1, bytes(32))
    pulls = Pulls(make_roster(4), 0, SECOND, lambda reference: reference == lacks)
    pulls.linked = [3]
    now = SECOND
    asks = pulls.missing([Missing(lacks, member(3), far=False)], now)
    while now < 100 * SECOND:
        assert pulls.due is not None
        now = pulls.due
        asks += pulls.again(now)
    assert {place for place, _ in asks} == {3}
    pulls.linked = [2, 3]
    assert pulls.link_up(2, now) == [(2, Pull((lacks.digest,)))]
    # It is not the only one, and nobody waits as long as the silent one was left alone.
    assert pulls.due == now + SECOND
    assert pulls.again(now + SECOND) == [(2, Pull((lacks.digest,)))]
    assert pulls.again(now + 2 * SECOND) == [(3, Pull((lacks.digest,)))]


def test_a_link_that_comes_and_goes_keeps_nobody_else_from_being_asked():
    lacks = Reference(7, 1, bytes(32))
    pulls = Pulls(make_roster(4), 0, SECOND, lambda reference: reference == lacks)
    pulls.linked = [2, 3]
    now = SECOND
    pulls.missing([Missing(lacks, member(3), far=False)], now)
    asked = []
    while now < 5 * SECOND:
        now += SECOND // 10
        pulls.link_up(3, now)
        asked += [place for place, _ in pulls.again(now)]
    assert set(asked) == {2, 3}


def test_who_turns_out_to_have_what_another_does_not_bring_is_asked_soon_and_cannot_draw_all_asking_to_itself():
    lacks = Reference(7, 1, bytes(32))
    pulls = Pulls(make_roster(4), 0, SECOND, lambda reference: reference == lacks)
    pulls.linked = [1, 2, 3]
    assert pulls.missing([Missing(lacks, member(1), far=False)], SECOND) == [(1, Pull((lacks.digest,)))]
    # The one that was asked says the same again: nothing new.
    assert pulls.missing([Missing(lacks, member(1), far=False)], SECOND) == []
    assert pulls.due == 2 * SECOND
    assert pulls.missing([Missing(lacks, member(3), far=False)], SECOND) == []
    assert pulls.due == SECOND + SECOND // 8
    assert pulls.again(pulls.due) == [(2, Pull((lacks.digest,)))]
    assert pulls.due == SECOND + SECOND // 8 + SECOND
