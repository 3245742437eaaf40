"""What one slow or one flooding member costs the rest: at most the round timeout a round, and bounded traffic."""

from collections import Counter
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from mechdesign.group.core import GroupCore
from mechdesign.group.pacing import Pacing
from mechdesign.kernel.config import microseconds
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.cluster import BRISK, Cluster
from mechdesign.testing.equivocators import LiarKind
from mechdesign.transport.messages import Send
from tests.long_form import mostly_long

MILLISECOND = SECOND // 1000
TIMEOUT = microseconds(BRISK.round_timeout_s)
HOP = 3 * MILLISECOND  # a frame takes two and a half at most


class Busy:
    """A group in which all but the last member say something fifty times a second.

    Args:
        n: how many members.
        slow_us: what is added to every frame from and to the last one.
        liar: what the last one does.
        seconds: how long, by the virtual clock.

    Attributes:
        rounds: of each round, when all but the last member were there.
        frames: how many each member sent.
    """

    def __init__(self, n: int, *, slow_us: Instant = 0, liar: LiarKind | None = None, seconds: int = 3) -> None:
        self.last = n - 1
        self.rounds: list[Instant] = []
        self.frames: Counter[int] = Counter()
        self.cluster = Cluster(n, seed=11, liars={self.last: liar} if liar else None)
        simulator = self.cluster.simulator
        simulator.network.slowness_us[self.last] = slow_us
        simulator.watch_steps(self._look)
        simulator.watch(Send, lambda place, _: self.frames.update((place,)))
        self.cluster.start_all()
        for turn in range(seconds * 50):
            say = partial(self.cluster.say, turn % self.last, b"line %d" % turn)
            simulator.at(SECOND + turn * 20 * MILLISECOND, say)
        self.cluster.run(1 + seconds)

    def core(self, place: int) -> GroupCore:
        """The core of a member."""
        core = self.cluster.simulator.processes[place].machine
        assert isinstance(core, GroupCore)
        return core

    @property
    def longest(self) -> Instant:
        """The longest that a round took all but the last member while there was something to say."""
        return max(later - at for at, later in pairwise(self.rounds) if at > SECOND)

    def _look(self, place: int) -> None:
        cores = [process.machine for process in self.cluster.simulator.processes[: self.last]]
        reached = min(core._proposer.round if isinstance(core, GroupCore) else -1 for core in cores)
        self.rounds += [self.cluster.simulator.now] * (reached + 1 - len(self.rounds))


SLOW = [TIMEOUT - MILLISECOND, 90 * MILLISECOND, 5 * TIMEOUT, TIMEOUT + 10 * MILLISECOND]


@pytest.mark.parametrize("slow_us", mostly_long(SLOW, short=1))
def test_a_slow_member_costs_the_rest_no_more_than_the_round_timeout_a_round(slow_us: Instant) -> None:
    busy = Busy(4, slow_us=slow_us)
    assert busy.longest <= TIMEOUT + 2 * HOP
    # It is heard all the same, and nothing is lost.
    busy.cluster.say(busy.last, b"a word of the slow member")
    busy.cluster.assert_agreed()


@pytest.mark.long
def test_among_seven_a_slow_member_costs_less_since_the_rest_hold_two_quorums_more() -> None:
    busy = Busy(7, slow_us=TIMEOUT + 10 * MILLISECOND, seconds=1)
    assert busy.longest <= TIMEOUT // 2
    busy.cluster.assert_agreed()


@pytest.mark.long
def test_without_the_timeout_it_would_cost_them_as_much_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = Pacing.wait

    def patient(self: Any, round_: int, absent: Any, now: Instant) -> Instant | None:
        until = wait(self, round_, absent, now - 2 * TIMEOUT)
        return None if until is None else until + 2 * TIMEOUT

    monkeypatch.setattr(Pacing, "wait", patient)
    assert Busy(4, slow_us=5 * TIMEOUT).longest > TIMEOUT + 2 * HOP


@pytest.mark.long
def test_a_flooding_member_neither_delays_the_rest_nor_has_them_flood_too() -> None:
    calm, flooded = Busy(4), Busy(4, liar="flood")
    assert flooded.longest <= TIMEOUT + 2 * HOP
    for place in range(3):
        assert flooded.frames[place] < 2 * calm.frames[place]
    dropped = dict(flooded.core(0).status().dropped)
    assert dropped["duplicate"] > 100, "there was a flood"
    flooded.cluster.assert_agreed()
    flooded.cluster.assert_compact()
