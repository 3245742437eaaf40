"""Who asks to leave goes, also where the epoch ends before that is ordered."""

from collections.abc import Callable

import pytest

from mechdesign.group.messages import Leave
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.view_cluster import ViewCluster

FIRST, LATER, REST = 3, 1, (0, 2)


def until(cluster: ViewCluster, done: Callable[[], bool]) -> bool:
    """Let a minute pass at most until something holds; nobody is asked for anything meanwhile, nor asked again."""
    return cluster.simulator.run(cluster.simulator.now + 60 * SECOND, done)


@pytest.mark.parametrize("drains", [False, True])
@pytest.mark.parametrize("crashes", [False, True])
def test_a_wish_to_leave_that_comes_as_the_epoch_ends_is_granted_in_the_next(drains: bool, crashes: bool) -> None:
    cluster = ViewCluster(4, 4, drains=drains)
    for place in range(4):
        cluster.start(place)
    cluster.run(1)
    cluster.simulator.submit(FIRST, Leave())

    def closing() -> bool:
        present = cluster.machine(LATER).epochs[0]
        return present.roster.epoch == 0 and present.core.order.final is not None

    # The log has come to its end there, so nothing more finds room in it.
    assert until(cluster, closing)
    cluster.simulator.submit(LATER, Leave())
    if crashes:
        cluster.simulator.crash(LATER)
        cluster.start(LATER)
    assert until(cluster, lambda: cluster.machine(LATER).status().state == "left")
    assert until(cluster, lambda: all(cluster.machine(place).roster.epoch == 2 for place in REST))
    assert [each.name for each in cluster.machine(REST[0]).roster.members] == ["m0", "m2"]
