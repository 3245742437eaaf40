"""A member crashes at every point of a scene, in each way that differs; who does not come back is named."""

import pytest
from typer import Exit

from mechdesign.group.messages import Append
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.crashes import crash_everywhere, play_all, watch_losses
from mechdesign.testing.disk import Tail
from mechdesign.testing.simulator import Violation

EFFECTS = 7


class Scripted:
    """A scene of some effects, of which every second one leaves a write that is not synced."""

    def __init__(self, broken: int | None = None) -> None:
        self.played: list[tuple[int, int, Tail]] = []
        self._broken = broken

    def __call__(self, place: int, after: int, tail: Tail) -> int | None:
        self.played.append((place, after, tail))
        if after == self._broken:
            raise Violation("it signs twice")
        unsynced = after % 2
        return None if after > EFFECTS else unsynced if tail == "lost" else 0


def test_every_point_is_played_and_the_ways_that_leave_the_same_only_once() -> None:
    scene = Scripted()
    assert crash_everywhere(scene, 1) == 4 * 2 + 3
    assert scene.played[:3] == [(1, 1, "lost"), (1, 1, "kept"), (1, 2, "lost")]
    assert scene.played[-1] == (1, EFFECTS + 1, "lost"), "there is no such point any more"


def test_some_points_may_be_passed_over() -> None:
    scene = Scripted()
    assert crash_everywhere(scene, 0, first=2, every=2, tails=("lost", "part", "kept")) == 3
    assert crash_everywhere(scene, 0, first=1, every=2, tails=("lost", "part", "kept")) == 4 * 3


def test_a_violation_says_at_which_point() -> None:
    with pytest.raises(Violation, match="member 1 stopped after 3 effects, tail lost: it signs twice"):
        crash_everywhere(Scripted(broken=3), 1)


def test_the_pieces_together_play_each_point_once(capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scripted()
    play_all({"scripted": scene}, (0, 1))
    reached = [play for play in scene.played if play[1] <= EFFECTS]
    assert sorted(set(reached)) == sorted(reached)
    assert len(reached) == 2 * (4 * 2 + 3)
    assert "scripted: member 1 came back from each of 11 crashes" in capsys.readouterr().out


def test_a_violation_is_printed_and_the_other_pieces_are_played(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as caught:
        play_all({"broken": Scripted(broken=3), "sound": Scripted()}, (0,))
    assert caught.value.exit_code == 1
    printed = capsys.readouterr().out
    assert "broken: member 0 stopped after 3 effects, tail lost: it signs twice" in printed
    assert "broken: member 0 came back" not in printed
    assert "sound: member 0 came back from each of 11 crashes" in printed


@pytest.mark.parametrize("tail", ["lost", "kept"])
def test_what_a_crash_loses_is_what_was_written_after_the_last_sync(tail: Tail) -> None:
    cluster = Cluster(4, seed="losses")
    cluster.start_all()
    cluster.run(0.1)
    losses = watch_losses(cluster.simulator, 1)
    unsynced: list[int] = []

    def write(place: int, record: Append) -> None:
        if place == 1:
            unsynced[:] = [] if record.sync else [*unsynced, 1]

    cluster.simulator.watch(Append, write)
    for number in range(4):
        cluster.say(number, b"word %d" % number)
    cluster.run(0.05)
    cluster.simulator.crash(1, 0, tail)
    assert losses == [len(unsynced) if tail == "lost" else 0]
    assert unsynced, "something is there to be lost"
