"""What a member tells after a restart: again what follows from its journal, however late, and as news what does not."""

from typing import Any

import pytest

from mechdesign.kernel.machine import SECOND, Again
from mechdesign.mechanisms.events import Asked, Progress, SessionAborted, SessionBooked, SessionProposed, Settled
from tests.test_stack_lanes import SlowCluster, auction

DAVE = 3
KINDS = (SessionProposed, Settled, SessionAborted, SessionBooked)


class Listener:
    """What dave tells of his sessions in one life.

    Attributes:
        again: what it tells while the journal is taken back, and later as ``Again``.
        news: everything else.
    """

    def __init__(self, cluster: SlowCluster) -> None:
        self._cluster = cluster
        self._starting = self._wrapped = False
        self.again: list[tuple[str, bytes]] = []
        self.news: list[tuple[str, bytes]] = []
        cluster.simulator.watch(Again, self._wrap)
        for kind in KINDS:
            cluster.simulator.watch(kind, self._hear)

    def start(self) -> None:
        self.again, self.news = [], []
        self._starting = True
        self._cluster.simulator.start(DAVE)
        self._starting = False

    def _wrap(self, place: int, told: Again) -> None:
        assert place == DAVE, "nobody else has a life before this one"
        self._wrapped = isinstance(told.effect, KINDS)

    def _hear(self, place: int, told: Any) -> None:
        if place != DAVE:
            return
        (self.again if self._starting or self._wrapped else self.news).append((type(told).__name__, told.session))
        self._wrapped = False


def slow_at_dave(microseconds: int) -> Any:
    return lambda place, job: microseconds if place == DAVE else 0


def test_what_waits_for_a_computation_after_a_restart_is_told_again_and_what_queues_behind_it_as_news() -> None:
    cluster = SlowCluster(1)
    cluster.pause = slow_at_dave(0)
    listener = Listener(cluster)
    cluster.start()
    cluster.propose(0, auction("before"))
    assert cluster.simulator.run(20 * SECOND, lambda: all(len(each) == 1 for each in cluster.books))
    before = listener.news
    cluster.simulator.crash(DAVE, tail="kept")

    cluster.pause = slow_at_dave(4 * SECOND)
    listener.start()
    assert [kind for kind, _ in listener.again] == ["SessionProposed"], "the rest waits for the computation"
    cluster.propose(0, auction("behind it"))
    cluster.propose(1, auction("beside it"))
    assert cluster.run(3)
    assert cluster.simulator.run(cluster.simulator.now + 20 * SECOND, lambda: len(cluster.books[DAVE]) == 4)
    assert listener.again == before
    assert len(listener.news) == 2 * 3
    assert not set(listener.news) & set(before)


def test_what_is_booked_only_once_an_old_computation_is_done_is_news_all_the_same() -> None:
    cluster = SlowCluster(1)
    cluster.pause = slow_at_dave(0)
    listener = Listener(cluster)
    cluster.start()
    cluster.propose(0, auction("before"))
    assert cluster.simulator.run(20 * SECOND, lambda: all(len(each) == 1 for each in cluster.books))
    before = listener.news
    cluster.simulator.crash(DAVE, tail="kept")

    alice = cluster.roster.ids[0]
    cluster.pause = lambda place, job: 20 * SECOND if place == DAVE and job.proposer == alice else 0
    listener.start()
    cluster.propose(1, auction("beside it"))
    assert cluster.run(2)
    (proposed, settled) = listener.news
    assert cluster.simulator.run(cluster.simulator.now + 60 * SECOND, lambda: len(listener.news) == 3)
    assert listener.news == [proposed, settled, ("SessionBooked", settled[1])]
    assert listener.again == before


@pytest.mark.parametrize("phase", ["sealing", "attesting"])
def test_how_a_session_ends_that_was_open_before_is_news_though_it_queued_behind_an_old_computation(phase: str) -> None:
    cluster = SlowCluster(1)
    cluster.pause = slow_at_dave(0)
    listener = Listener(cluster)
    reached = list[bytes]()

    def hear(place: int, told: Progress) -> None:
        if place == DAVE and told.phase == phase and not reached:
            reached.append(told.session)
            cluster.simulator.at(cluster.simulator.now, lambda: cluster.simulator.crash(DAVE, tail="kept"))

    cluster.simulator.watch(Progress, hear)
    cluster.start()
    cluster.propose(0, auction("before"))
    assert cluster.simulator.run(
        20 * SECOND, lambda: cluster.simulator.processes[DAVE].machine is None and bool(reached)
    )
    # The others go on without dave, and what they say queues behind what it computes.
    cluster.pause = slow_at_dave(60 * SECOND)
    listener.start()
    assert cluster.run(1, seconds=300)
    assert cluster.simulator.run(cluster.simulator.now + 20 * SECOND, lambda: len(listener.news) == 2)
    assert listener.again == [("SessionProposed", *reached)]
    assert listener.news == [("Settled", *reached), ("SessionBooked", *reached)]


def test_what_is_asked_after_a_long_computation_was_asked_before() -> None:
    cluster = SlowCluster(1)
    cluster.pause = slow_at_dave(0)
    asked, again = list[bytes](), list[bytes]()

    def hear(place: int, told: Asked) -> None:
        if place == DAVE and not asked:
            asked.append(told.session)
            cluster.simulator.at(cluster.simulator.now, lambda: cluster.simulator.crash(DAVE, tail="kept"))

    def hear_again(place: int, told: Again) -> None:
        if isinstance(told.effect, Asked):
            again.append(told.effect.session)

    cluster.simulator.watch(Asked, hear)
    cluster.simulator.watch(Again, hear_again)
    cluster.start()
    cluster.propose(0, auction("before"))
    assert cluster.simulator.run(20 * SECOND, lambda: cluster.simulator.processes[DAVE].machine is None and bool(asked))
    cluster.pause = slow_at_dave(SECOND)
    cluster.simulator.start(DAVE)
    assert cluster.run(1)
    assert again == asked


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_news_in_two_lives_and_whatever_ends_later_is(seed: int) -> None:
    cluster = SlowCluster(seed)
    listener = Listener(cluster)
    cluster.start()
    for number in range(6):
        cluster.propose(number % 3, auction(f"{number}"))
    cluster.simulator.run((1 + seed) * SECOND // 2)

    def everything() -> list[tuple[str, bytes]]:
        return [*listener.again, *listener.news]

    first = listener.news
    cluster.simulator.crash(DAVE, tail="kept")
    listener.start()
    cluster.propose(seed % 3, auction("in the second life"))
    assert cluster.run(7)
    assert cluster.simulator.run(
        cluster.simulator.now + 30 * SECOND, lambda: sum(kind == "SessionBooked" for kind, _ in everything()) == 7
    )
    assert set(first) <= set(listener.again)
    told = everything()
    assert len(set(told)) == len(told) == 7 * 3, "each once"
    late = {session for kind, session in listener.news if kind == "SessionProposed"}
    assert late
    assert {(kind, session) for kind, session in told if session in late} <= set(listener.news)
