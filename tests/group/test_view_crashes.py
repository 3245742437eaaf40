"""A crash at the points of a change of the members: after each effect of one member, and then a restart from its disk.

``python -m tests.group.test_view_crashes`` takes every point; the test takes each eleventh, from a different first one
for each member and way.
"""

import os
from functools import partial
from typing import Annotated

import pytest
import typer

from mechdesign.group.messages import Leave
from mechdesign.testing.crashes import crash_everywhere, play_all, watch_losses
from mechdesign.testing.disk import Tail
from mechdesign.testing.simulator import Violation
from mechdesign.testing.view_cluster import ViewCluster
from tests.long_form import mostly_long

STRIDE = 11


def story(drains: bool, place: int, after: int, tail: Tail) -> int | None:
    """Three members become four and then three others, while one crashes after so many effects and comes back."""
    cluster = ViewCluster(3, 4, 1, drains=drains)
    for each in range(3):
        cluster.start(each)
    cluster.run(0.3)
    cluster.say(1, b"before")
    cluster.run(0.3)
    losses = watch_losses(cluster.simulator, place)
    cluster.simulator.crash(place, after, tail)
    for number in range(3):
        cluster.say(number, b"meanwhile %d" % number)
    cluster.want(joins=[3])
    cluster.run(0.5)
    if cluster.machine(0) is not None and cluster.roster_of(0) is not None:
        cluster.simulator.submit(0, Leave())
    cluster.run(0.5)
    cluster.simulator.processes[place].fuse = None
    cluster.start(place)
    cluster.want(goes=[0])
    cluster.assert_settled(60)
    roster, _ = cluster.chain[max(cluster.chain)]
    if [member.name for member in roster.members] != ["m1", "m2", "m3"]:
        raise Violation(f"the last epoch is that of {[member.name for member in roster.members]}")
    return losses[0] if losses else None


@pytest.mark.parametrize("stride", mostly_long([5 * STRIDE, STRIDE], short=1))
@pytest.mark.parametrize("drains", [False, True])
@pytest.mark.parametrize("place", [0, 1], ids=["the leaver", "one that stays"])
def test_a_member_that_crashes_at_any_point_of_a_change_comes_back_and_nothing_is_lost(
    place: int, drains: bool, stride: int
) -> None:
    played = crash_everywhere(partial(story, drains), place, first=1 + 2 * place + 3 * drains, every=stride)
    assert played * stride > 100


def every_point(
    every: Annotated[int, typer.Option(min=1, help="Take one in so many points.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that play at once.")] = os.cpu_count() or 1,
) -> None:
    """Take every point, with all, none or a part of the writes lost that no sync followed."""
    scenes = {name: partial(story, drains) for name, drains in (("drains", True), ("carries over", False))}
    play_all(scenes, (0, 1), every=every, jobs=jobs, tails=("lost", "part", "kept"))


if __name__ == "__main__":
    typer.run(every_point)
