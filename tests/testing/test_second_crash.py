"""A member that crashes once more at any effect of its second life comes back from that as well.

In the long form from several points of the first life, and at every effect of the second one.
"""

from functools import partial

import pytest

from mechdesign.kernel.machine import SECOND
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.crashes import crash_everywhere
from tests.long_form import mostly_long

PAUSE = SECOND // 4
POINTS = [(90, 8), (5, 1), (40, 1), (90, 1), (140, 1)]
"""After how many effects of the first life, and which of the second one."""


def chat_with_two_crashes(first, place, second, tail):
    """Four members say a few words; one stops after so many effects, and again after so many of its second life.

    Gives 1 for either tail to be played, or None where its second life had fewer effects.
    """
    cluster = Cluster(4, seed="chat", depth=4)
    simulator = cluster.simulator
    lives, stops = [], []
    process = simulator.processes[place]
    cluster.start_all()

    def life(who, begins):
        if who != place:
            return
        if begins:
            lives.append(simulator.now)
            # The start has put the fuse of the life before out; this one burns from the first effect on.
            if len(lives) == 1:
                process.fuse, process.tail = second, tail
        else:
            stops.append(simulator.now)
            simulator.at(simulator.now + PAUSE, partial(cluster.start, place))

    simulator.watch_lives(life)
    simulator.crash(place, first, tail)
    for number in range(5):
        simulator.at(number * SECOND // 40, partial(cluster.say, number % 4, b"word %d" % number))
    cluster.run(5 / 40)
    cluster.assert_agreed()
    cluster.run(1)
    cluster.assert_convicted()
    assert stops, "the first life goes on for longer than this"
    return 1 if len(stops) > 1 else None


@pytest.mark.parametrize(("first", "every"), mostly_long(POINTS, short=1))
def test_a_member_comes_back_from_a_crash_at_any_point_of_its_way_back_from_a_crash(first, every):
    played = crash_everywhere(partial(chat_with_two_crashes, first), 1, first=0, every=every)
    assert played * every > 50
