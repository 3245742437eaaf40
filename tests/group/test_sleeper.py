"""The sleeper under the simulator: crashes between any two effects of its way back, real signatures, a liar."""

import pytest

from mechdesign.group.core import GroupCore
from mechdesign.group.roster import FaultModel
from mechdesign.testing.cluster import Cluster
from tests.long_form import mostly_long


def asleep(seed=0, liars=None, n=4, **options):
    """Member 0 slept past everything that is kept; everybody else is up."""
    cluster = Cluster(n, FaultModel.BYZANTINE, seed, depth=4, liars=liars, **options)
    cluster.start_all()
    cluster.say(0, b"good night")
    cluster.run(1)
    cluster.simulator.crash(0)
    for at in range(60):
        cluster.say(1 + at % 2, b"%d" % at)
        cluster.run(0.02)
    cluster.run(1)
    core = cluster.simulator.processes[1].machine
    assert isinstance(core, GroupCore)
    assert core.status().floor > 20
    return cluster


# From the first frames after the start up to the last of what the snapshot brings.
@pytest.mark.parametrize("after", mostly_long(range(1, 40), short=4))
def test_the_way_back_survives_a_crash_after_any_of_its_effects(after):
    cluster = asleep()
    cluster.start(0)
    cluster.simulator.crash(0, after_effects=after)
    cluster.run(1)
    cluster.start(0)
    cluster.simulator.crash(3)
    cluster.say(0, b"good morning")
    cluster.assert_agreed()
    assert cluster.log.lengths[0] == 62


@pytest.mark.parametrize("kind", ["equivocate", "boast", "withhold", "replay"])
def test_the_way_back_leads_past_a_liar(kind):
    cluster = asleep(1, {3: kind})
    cluster.start(0)
    cluster.say(0, b"good morning")
    cluster.assert_agreed()
    assert cluster.log.lengths[0] == 62


def test_the_way_back_with_real_signatures_and_entries_that_prove_themselves():
    cluster = asleep(2, real=True)
    cluster.start(0)
    cluster.simulator.crash(1)
    cluster.say(0, b"good morning")
    cluster.assert_agreed()
    assert cluster.log.lengths[0] == 62


def test_of_seven_two_sleep_and_come_back_when_two_others_leave_for_good():
    cluster = Cluster(7, FaultModel.BYZANTINE, 3, depth=4)
    cluster.start_all()
    cluster.say(0, b"good night")
    cluster.run(1)
    for place in (0, 6):
        cluster.simulator.crash(place)
    for at in range(60):
        cluster.say(1 + at % 5, b"%d" % at)
        cluster.run(0.02)
    cluster.run(1)
    for place in (0, 6):
        cluster.start(place)
    for place in (1, 2):
        cluster.simulator.crash(place)
    cluster.say(6, b"good morning")
    cluster.assert_agreed()
    assert cluster.log.lengths[0] == cluster.log.lengths[6] == 62
