"""A member whose disk is lost comes back under a new key, while the group goes on."""

import pytest

from mechdesign.testing.disk import Disk
from mechdesign.testing.network import CALM, Weather
from mechdesign.testing.view_cluster import ViewCluster

LOST, NEW = 3, 4
LOSSY = Weather(loss=0.05, repeat=0.05)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weather", [CALM, LOSSY])
@pytest.mark.parametrize("goes", [False, True])
def test_a_member_whose_disk_is_lost_joins_under_a_new_key_and_hears_what_is_said_from_then_on(
    seed: int, weather: Weather, goes: bool
) -> None:
    cluster = ViewCluster(4, 5, seed, weather=weather)
    for place in range(4):
        cluster.start(place)
    cluster.run(1)
    for place in range(4):
        cluster.say(place, b"before %d" % place)
    cluster.run(1)
    cluster.simulator.crash(LOST)
    cluster.simulator.processes[LOST].disk = Disk()
    cluster.absent = frozenset({LOST})
    for number in range(10):
        cluster.say(number % 3, b"while it is gone %d" % number)
    cluster.run(1)
    # The same person with another key: the others consent to it. The old key is silent from now on, which the
    # group bears, or it goes, where it has been proved to lie.
    cluster.want(joins=[NEW], goes=[LOST] if goes else [])
    cluster.assert_settled()
    for place in (0, 1, 2, NEW):
        cluster.say(place, b"after %d" % place)
    cluster.assert_settled()
    roster = cluster.roster_of(NEW)
    assert roster is not None
    assert (cluster.signers[LOST].public in roster.ids) != goes
    assert [cluster.roster_of(place) for place in (0, 1, 2)] == [roster] * 3
    cluster.assert_quiet()
