"""Real processes over real sockets: a ring without a full mesh, and members that are killed under load."""

import time
from pathlib import Path
from random import Random

import pytest

from tests.network.extent import DOWN, KILLS, MEMBERS, SECONDS, drawn_seed
from tests.network.kills import schedule
from tests.network.talkers import Talkers


@pytest.mark.long
def test_sixteen_members_on_a_ring_with_one_chord_hear_the_same_lines(tmp_path: Path) -> None:
    n = 16
    edges = [(place, (place + 1) % n) for place in range(n)] + [(0, 8)]
    with Talkers(n, edges, tmp_path, rate=2) as talkers:
        for place in range(n):
            talkers.start(place)
        talkers.wait(
            "everybody has heard three lines of everybody",
            lambda: all(talkers.said_in(talkers.log(one), other) >= 3 for one in range(n) for other in range(n)),
            seconds=240,
        )
        talkers.wait_quiet()
        log = talkers.check()
        print(f"{len(log)} lines in one order at {n} members, {talkers.connections()} links of {n * (n - 1) // 2}")
        assert talkers.connections() == len(edges), "nobody has a link that the topology has not"
        assert all(talkers.stop(place) == 0 for place in range(n)), talkers.errors()
        assert "Traceback" not in talkers.errors()


def test_members_that_are_killed_under_load_lose_nothing_that_was_committed(tmp_path: Path) -> None:
    n, b = MEMBERS, DOWN
    kills = schedule(Random(drawn_seed()), n, b, KILLS, SECONDS)
    print(", ".join(f"m{kill.victim} {kill.way}" for kill in kills))
    with Talkers(n, [(one, other) for one in range(n) for other in range(one)], tmp_path, rate=5) as talkers:
        for place in range(n):
            talkers.start(place)
        talkers.wait("the room works", lambda: all(len(talkers.log(place)) > 20 for place in range(n)))
        deaths = [(kill.at, talkers.kill, kill.victim) for kill in kills]
        returns = [(kill.back, talkers.start, kill.victim) for kill in kills]
        begun, young = time.monotonic(), 0
        for at, act, place in sorted([*deaths, *returns], key=lambda each: each[0]):
            time.sleep(max(0.0, begun + at - time.monotonic()))
            young += act == talkers.kill and talkers.lives[place] > 1 and not talkers.log(place)
            act(place)
        # Who comes back is heard with the rest of the load, and everybody hears it.
        talkers.wait_more("all hear all", 2, range(n), range(n))
        talkers.wait_quiet()
        log = talkers.check()
        lives = sum(talkers.lives)
        print(
            f"{KILLS} kills in {SECONDS:g} s, {young} of them before a life heard anything, {lives} lives, "
            f"{len(log)} lines, the same at all {n}, none lost"
        )
        assert lives == n + KILLS
        assert all(talkers.stop(place) == 0 for place in range(n)), talkers.errors()
        assert "Traceback" not in talkers.errors()


@pytest.mark.long
def test_a_member_that_stands_still_with_open_links_slows_nobody_and_catches_up(tmp_path: Path) -> None:
    n, frozen = 4, 3
    rest = range(frozen)
    with Talkers(n, [(one, other) for one in range(n) for other in range(one)], tmp_path, rate=5) as talkers:
        for place in range(n):
            talkers.start(place)
        talkers.wait_more("the room works", 5, range(n), range(n))
        talkers.freeze(frozen)
        # Twenty-five lines at five a second are more than its link's silence lasts.
        talkers.wait_more("the rest go on", 25, rest, rest)
        held = len(talkers.log(frozen))
        assert held < len(talkers.log(0))
        talkers.thaw(frozen)
        talkers.wait_more("it hears what it missed, and is heard", 5, range(n), range(n))
        talkers.wait_quiet()
        talkers.check()
        assert all(talkers.stop(place) == 0 for place in range(n)), talkers.errors()
