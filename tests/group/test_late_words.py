"""Who is so late that its words are collected before they arrive: it must not keep itself from being heard."""

import pytest

from mechdesign.group import turn
from mechdesign.group.turn import Turn
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.runs import run_seed
from tests.group.lockstep import MILLISECOND, Lockstep

KEPT_AWAKE = 3833
"""In this run of the campaign one of four members is forty milliseconds late, where four rounds are the depth."""


def test_a_member_that_is_late_beyond_the_depth_is_heard_within_the_promised_rounds():
    assert run_seed(KEPT_AWAKE).violation is None


@pytest.mark.long
def test_if_it_said_all_again_at_once_it_would_keep_the_others_awake_and_be_late_again(monkeypatch):
    monkeypatch.setattr(turn, "_LOSSES", 10**9)
    assert "is not ordered" in str(run_seed(KEPT_AWAKE).violation)


@pytest.mark.parametrize("losses", [0, 1])
def test_what_was_collected_once_at_most_is_said_again_at_once(losses):
    net, core = lost(losses)
    assert core._turn._rests(net.now) is None


def test_who_lost_twice_rests_until_the_others_are_silent_or_for_a_while_that_doubles():
    net, core = lost(2)
    rest = core._turn._rests
    first = rest(net.now)
    assert first == net.now + SECOND
    core._pacing.quorum(10**6, net.now + SECOND // 2)
    # The others go on: it does not wait for their silence for ever.
    assert rest(first - 1) == first
    assert rest(first) is None
    core._outbox._collected[0] = 3
    assert rest(first) == first + SECOND // 2, "a timeout after what was heard last"
    core._pacing.quorum(10**6 + 1, first + 3 * SECOND)
    assert rest(first + SECOND) == first + 2 * SECOND
    core._outbox.delivered(0)
    assert rest(first + SECOND) is None


def lost(times: int):
    """A member that has one thing to say, which stood in so many blocks that were collected."""
    net = Lockstep(4, silent=[1, 2, 3], config=GroupConfig(round_timeout_s=1.0))
    core = net.hosts[0].core
    net.say(0, b"a word")
    for number in range(times):
        core._outbox._waiting.pop(0, None)
        core._outbox._carried[b"%d" % number] = (number, [0])
        core._outbox.collected(number + 1)
    core._outbox._waiting[0] = None
    core._pacing.quorum(10**5, net.now)
    return net, core


def test_the_others_blocks_carry_on_while_it_rests(monkeypatch):
    monkeypatch.setattr(Turn, "_rests", lambda self, now: now + SECOND if self._me == 3 else None)
    net = Lockstep(4)
    net.say(0, b"one of the others")
    net.say(3, b"who rests")
    net.run(100 * MILLISECOND)
    assert net.hosts[3].said == [b"one of the others"]
    made = [block for block in net.hosts[0].core.order.dag.blocks() if block.author == 3]
    assert made
    assert not any(block.leaves for block in made)
