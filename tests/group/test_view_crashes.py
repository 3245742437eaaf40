"""A crash at the points of a change of the members: after each effect of one member, and then a restart from its disk.

``python -m tests.group.test_view_crashes`` takes every point; the test takes each eleventh, from a different first one
for each member and way.
"""

import pytest

from mechdesign.group.messages import Leave
from mechdesign.testing.view_cluster import ViewCluster

ENDLESS = 1_000_000
STRIDE = 11


def story(place, after, *, drains, tail):
    """Three members become four and then three others, while one crashes after so many effects and comes back.

    Returns:
        How many effects the member performed from the beginning of the change on, if it did not crash.
    """
    cluster = ViewCluster(3, 4, 1, drains=drains)
    for each in range(3):
        cluster.start(each)
    cluster.run(0.3)
    cluster.say(1, b"before")
    cluster.run(0.3)
    cluster.simulator.crash(place, after, tail)
    for number in range(3):
        cluster.say(number, b"meanwhile %d" % number)
    cluster.want(joins=[3])
    cluster.run(0.5)
    if cluster.machine(0) is not None and cluster.roster_of(0) is not None:
        cluster.simulator.submit(0, Leave())
    cluster.run(0.5)
    performed = ENDLESS - (cluster.simulator.processes[place].fuse or 0)
    cluster.simulator.processes[place].fuse = None
    cluster.start(place)
    cluster.want(goes=[0])
    cluster.assert_settled(60)
    roster, _ = cluster.chain[max(cluster.chain)]
    assert [member.name for member in roster.members] == ["m1", "m2", "m3"]
    return performed


@pytest.mark.parametrize("drains", [False, True])
@pytest.mark.parametrize("place", [0, 1], ids=["the leaver", "one that stays"])
def test_a_member_that_crashes_at_any_point_of_a_change_comes_back_and_nothing_is_lost(place, drains):
    performed = story(place, ENDLESS, drains=drains, tail="lost")
    assert performed > 50
    for after in range(1 + 2 * place + 3 * drains, performed, STRIDE):
        story(place, after, drains=drains, tail=("lost", "kept")[after % 2])


def main():
    """Take every point."""
    for drains in (False, True):
        for place in (0, 1):
            performed = story(place, ENDLESS, drains=drains, tail="lost")
            for after in range(1, performed):
                for tail in ("lost", "part", "kept"):
                    story(place, after, drains=drains, tail=tail)
            print(f"member {place}, {'drains' if drains else 'carries over'}: {performed - 1} points, each in 3 ways")


if __name__ == "__main__":
    main()
