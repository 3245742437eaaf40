"""What is asked for is bounded by what is needed, however fast that changes."""

from mechdesign.group.block import Reference
from mechdesign.group.block_manager import Missing
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
