"""Waiting and suspicion: hints that shorten waiting and nothing else."""

from mechdesign.group.pacing import Pacing
from mechdesign.kernel.config import GroupConfig
from tests.group.lockstep import MILLISECOND, SECOND, make_roster

TIMEOUT = SECOND


def paced() -> Pacing:
    """A member whose recent time to quorum is 10 milliseconds, now at the quorum of round 0."""
    pacing = Pacing(make_roster(4), GroupConfig(round_timeout_s=1.0))
    pacing.proposed(0, SECOND)
    pacing.quorum(0, SECOND + 10 * MILLISECOND)
    return pacing


NOW = SECOND + 10 * MILLISECOND


def test_the_rest_is_waited_for_twice_the_recent_time_to_quorum_and_then_suspected() -> None:
    pacing = paced()
    assert pacing.wait(0, [], NOW) is None
    until = pacing.wait(0, [3], NOW)
    assert until == NOW + 20 * MILLISECOND
    assert list(pacing.suspected) == []
    assert pacing.wait(0, [3], until) is None
    assert list(pacing.suspected) == [3]
    # From now on nobody waits for it.
    assert pacing.wait(0, [3], NOW) is None


def test_a_wrong_suspicion_lengthens_the_wait_up_to_four_times_and_commits_shorten_it() -> None:
    pacing = paced()
    waits = []
    for _ in range(4):
        until = pacing.wait(0, [3], NOW)
        assert until is not None
        waits.append((until - NOW) // MILLISECOND)
        pacing.wait(0, [3], until)
        pacing.heard(3)
        assert list(pacing.suspected) == []
    assert waits == [20, 40, 80, 80]
    pacing.committed(0)
    assert pacing.wait(0, [3], NOW) == NOW + 50 * MILLISECOND
    for _ in range(4):
        pacing.committed(0)
    assert pacing.wait(0, [3], NOW) == NOW + 20 * MILLISECOND


def test_the_wait_never_passes_the_round_timeout() -> None:
    pacing = Pacing(make_roster(4), GroupConfig(round_timeout_s=1.0))
    pacing.proposed(0, SECOND)
    pacing.quorum(0, 9 * SECOND)
    assert pacing.wait(0, [3], 9 * SECOND) == 9 * SECOND + TIMEOUT


def test_after_many_rounds_without_a_commit_everybody_is_waited_for_and_the_timeout_doubles() -> None:
    pacing = paced()
    pacing.wait(0, [3], NOW + SECOND)
    assert list(pacing.suspected) == [3]
    for round_ in range(1, 9):
        pacing.proposed(round_, NOW)
    assert pacing.desperate
    assert list(pacing.suspected) == []
    pacing.quorum(8, NOW)
    assert pacing.wait(8, [3], NOW) == NOW + 2 * TIMEOUT
    pacing.committed(6)
    assert not pacing.desperate
    assert pacing.timeout == TIMEOUT


def test_the_commit_of_an_old_leader_ends_no_more_of_the_waiting_than_what_is_older() -> None:
    pacing = paced()
    for round_ in range(1, 13):
        pacing.proposed(round_, NOW)
    assert pacing.desperate
    # What was said since round 1 still waits: as long as that lies back so far, everybody is waited for.
    pacing.committed(1)
    assert pacing.desperate
    pacing.committed(2)
    assert not pacing.desperate
    pacing.proposed(13, NOW)
    assert pacing.desperate
