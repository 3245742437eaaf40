"""Whole stacks whose mechanisms compute for different times at different members: everything ends alike."""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from mechdesign.decision import admission
from mechdesign.decision import core as core_module
from mechdesign.decision.lanes import HELD_BYTES_MAX
from mechdesign.decision.messages import Toss
from mechdesign.decision.status import SessionStatus
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND, Entropy
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposalRefused, ProposeSession, SessionBooked
from mechdesign.mechanisms.session import SessionCore, lookup_with
from mechdesign.mechanisms.work import Computed, Job, Reaction
from mechdesign.stack import Stack
from mechdesign.testing.misbehaviour import misbehave
from mechdesign.testing.stacks import StackCluster, phases


class Later:
    """Answers by the clock of a simulation."""

    def __init__(self, cluster: "SlowCluster", place: int) -> None:
        self._cluster = cluster
        self._place = place
        self._done: dict[Job, Reaction] = {}

    def begin(self, job: Job) -> Reaction | None:
        pause = self._cluster.pause(self._place, job)
        if not pause:
            return job.run()
        self._cluster.simulator.at(self._cluster.simulator.now + pause, partial(self._tell, job))
        return None

    def finish(self, job: Job) -> Reaction:
        self._cluster.waited += 1
        if job not in self._done:
            self._done[job] = job.run()
        return self._done[job]

    def _tell(self, job: Job) -> None:
        if job not in self._done:
            self._done[job] = job.run()
        self._cluster.simulator.submit(self._place, Computed(job, self._done[job]))


class SlowCluster(StackCluster):
    """Members whose computations take as long as ``pause`` says, in microseconds."""

    pause: Callable[[int, Job], int]

    def __init__(self, seed: int, *, members: int = 4, **options: Any) -> None:
        self.waited = 0
        chance = Random(f"{seed}/pauses")
        self.pause = lambda place, job: chance.choice((0, 1_000, 300_000, 4 * SECOND))
        super().__init__([partial(bid, place) for place in range(members)], seed, **options)
        self.books: list[list[tuple[int, bytes]]] = [[] for _ in range(members)]
        self.simulator.watch(SessionBooked, lambda place, told: self.books[place].append((told.position, told.session)))

    def _machine(self, place: int, entropy: Entropy) -> Any:
        with patch.object(Stack, "build", partial(Stack.build, work=Later(self, place))):
            return super()._machine(place, entropy)

    def status(self, place: int) -> tuple[SessionStatus, ...]:
        return self.stack(place).status().sessions

    def balances(self, place: int) -> object:
        decision = self.stack(place).decision
        return getattr(decision, "balances", None)


def bid(place: int, asked: object) -> Fraction:
    return Fraction(10 + 10 * place)


class Unknown(SecondPrice):
    """A rule that the liar alone has."""

    name = "auction.unknown"


def unknown() -> ProposeSession:
    """What dave asks himself alone."""
    house = {"SELLER": "the house"}
    return ProposeSession(mechanism=Unknown(), seal="commit_reveal", accounts=house, asked=("dave",), **phases(9_000))


def auction(label: str, seal: str = "commit_reveal", **more: Any) -> ProposeSession:
    return ProposeSession(
        mechanism=SecondPrice(), label=label, seal=seal, accounts={"SELLER": "the house"}, **phases(9_000), **more
    )


def alike(cluster: SlowCluster, sessions: int) -> None:
    ends = cluster.settled()
    assert len({(end.session, end.digest) for end in ends}) == sessions
    assert len(ends) == sessions * len(cluster.honest)
    first = cluster.honest[0]
    for place in cluster.honest:
        assert cluster.books[place][-sessions:] == cluster.books[first][-sessions:]
        assert cluster.balances(place) == cluster.balances(first)


@pytest.mark.parametrize("seed", range(6))
def test_sessions_that_compute_for_different_times_end_alike_at_everybody(seed: int) -> None:
    cluster = SlowCluster(seed)
    cluster.start()
    for number in range(8):
        cluster.propose(number % 4, auction(f"{number}", "threshold" if number % 3 == 0 else "commit_reveal"))
    assert cluster.run(8)
    assert cluster.simulator.run(cluster.simulator.now + 20 * SECOND, lambda: all(len(b) == 8 for b in cluster.books))
    alike(cluster, 8)


@pytest.mark.parametrize("seed", range(3))
def test_one_proposer_at_its_limit_has_the_same_sessions_at_everybody_however_long_they_compute(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "SESSIONS_PER_PROPOSER", 3)
    cluster = SlowCluster(seed)
    refused: list[bytes] = []
    cluster.simulator.watch(ProposalRefused, lambda place, told: refused.append(told.session))
    cluster.start()
    for number in range(12):
        cluster.propose(0, auction(f"{number}", "threshold" if number % 3 == 0 else "commit_reveal"))
        cluster.simulator.run(cluster.simulator.now + SECOND)
    assert cluster.simulator.run(
        cluster.simulator.now + 60 * SECOND, lambda: all(len(booked) + len(refused) == 12 for booked in cluster.books)
    )
    assert refused
    alike(cluster, 12 - len(refused))


def test_one_session_that_computes_holds_up_no_other_of_its_proposer() -> None:
    cluster = SlowCluster(1)
    first: list[bytes] = []

    def pause(place: int, job: Job) -> int:
        first[:] = first or [job.session]
        return 3600 * SECOND if job.session in first else 0

    cluster.pause = pause
    cluster.start()
    cluster.propose(3, auction("for ever"))
    assert cluster.simulator.run(10 * SECOND, lambda: bool(first))
    cluster.propose(3, auction("soon"))
    assert cluster.run(1, seconds=20)
    assert all(first[0] not in ended and len(ended) == 1 for ended in cluster.ended)


def test_one_proposers_long_computation_holds_up_no_session_of_another() -> None:
    cluster = SlowCluster(1)
    dave = cluster.roster.ids[3]
    cluster.pause = lambda place, job: 3600 * SECOND if job.proposer == dave else 0
    cluster.start()
    cluster.propose(3, auction("for ever"))
    cluster.simulator.run(2 * SECOND)
    cluster.propose(0, auction("soon"))
    assert cluster.run(1, seconds=20)
    assert len({end.digest for end in cluster.settled()}) == 1
    assert all(len(ended) == 1 for ended in cluster.ended)


@pytest.mark.parametrize("seed", range(4))
def test_a_member_that_crashes_while_it_computes_ends_like_the_others(seed: int) -> None:
    cluster = SlowCluster(seed)
    computing = set[MemberId]()
    pause = cluster.pause

    def slow_at_dave(place: int, job: Job) -> int:
        if place == 3:
            computing.add(job.proposer)
            return SECOND
        return pause(place, job)

    cluster.pause = slow_at_dave
    cluster.start()
    for place in range(3):
        cluster.propose(place, auction(f"{place}"))
    assert cluster.simulator.run(20 * SECOND, lambda: bool(computing))
    cluster.simulator.crash(3)
    cluster.simulator.run(cluster.simulator.now + SECOND // 2)
    cluster.books[3].clear()
    cluster.simulator.start(3)
    assert cluster.run(3)
    assert cluster.simulator.run(cluster.simulator.now + 20 * SECOND, lambda: all(len(b) == 3 for b in cluster.books))
    alike(cluster, 3)


@pytest.mark.parametrize("seed", range(3))
def test_the_members_change_while_sessions_compute(seed: int) -> None:
    cluster = SlowCluster(seed, members=5, founders=4)
    cluster.start()
    for place in range(4):
        cluster.propose(place, auction(f"{place}"))
    cluster.simulator.run(SECOND)
    cluster.invite(4)
    assert cluster.in_epoch(1, seconds=120, places=range(5))
    assert cluster.run(4, places=range(4))
    assert {cluster.balances(place) for place in range(5)} == {cluster.balances(0)}
    assert cluster.balances(0)
    cluster.propose(4, auction("after"))
    assert cluster.run(1, places=[4])


@pytest.mark.parametrize("seed", range(2))
def test_a_cheat_is_convicted_and_excluded_while_sessions_compute(seed: int) -> None:
    cluster = SlowCluster(seed, cheaters={3: misbehave("equivocate")})
    cluster.start()
    for place in range(3):
        cluster.propose(place, auction(f"{place}", sanctions=("exclude",)))
    assert cluster.in_epoch(1, seconds=120)
    assert all(any(name == "dave" for name, _ in told) for told in cluster.convicted[:3])
    assert {cluster.balances(place) for place in range(3)} == {cluster.balances(0)}


def test_beyond_its_room_a_member_waits_for_the_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_module, "HELD_BYTES_MAX", 4_000)
    cluster = SlowCluster(5)
    slow: set[int] = set()

    def first_lasts(place: int, job: Job) -> int:
        first = place not in slow
        slow.add(place)
        return 3600 * SECOND if first else 0

    cluster.pause = first_lasts
    cluster.start()
    cluster.propose(3, auction("for ever"))
    assert cluster.simulator.run(10 * SECOND, lambda: len(slow) == 4)
    for number in range(6):
        cluster.propose(3, auction(f"its end waits {number}"))
    assert cluster.run(7, seconds=60)
    assert cluster.waited
    alike(cluster, 7)


def test_what_an_earlier_epoch_or_life_computed_is_ignored() -> None:
    cluster = SlowCluster(2)
    jobs: list[Job] = []

    def note(place: int, job: Job) -> int:
        jobs.append(job)
        return SECOND

    cluster.pause = note
    cluster.start()
    cluster.propose(0, auction("first"))
    assert cluster.simulator.run(10 * SECOND, lambda: bool(jobs))
    session = cluster.stack(1).session
    assert isinstance(session, SessionCore)
    assert jobs[0].session in session.open_sessions
    stranger = Job(jobs[0].session, jobs[0].proposer, jobs[0].plays, jobs[0].run)
    assert session.computed(Computed(stranger, Toss(jobs[0].session, 0))) == ()


@pytest.mark.parametrize("room", [HELD_BYTES_MAX, 20_000])
@pytest.mark.parametrize("pause", [0, SECOND // 2])
def test_a_rule_that_others_lack_behind_a_long_computation_holds_nothing_up(
    pause: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_module, "HELD_BYTES_MAX", room)
    cluster = SlowCluster(1)
    dave = cluster.roster.ids[3]
    cluster.pause = lambda place, job: pause if job.proposer == dave and place != 3 else 0
    cluster.lookups[3] = lookup_with(Unknown)
    cluster.start()
    cluster.propose(3, auction("dull"))
    cluster.simulator.run(SECOND, lambda: any(each.phase == "computing" for each in cluster.status(0)))
    cluster.propose(3, unknown())
    cluster.simulator.run(cluster.simulator.now + 10 * SECOND)
    cluster.propose(3, auction("behind it"))
    cluster.propose(0, auction("with deposits", deposit=5))
    assert cluster.run(4)
    cluster.leave(2)
    assert cluster.in_epoch(1, seconds=40, places=(0, 1))


@pytest.mark.parametrize("seed", range(2))
def test_a_rule_that_nobody_else_has_keeps_no_change_of_the_members_waiting(seed: int) -> None:
    cluster = StackCluster([partial(bid, place) for place in range(4)], seed)
    cluster.lookups[3] = lookup_with(Unknown)
    cluster.start()
    cluster.propose(3, unknown())
    cluster.simulator.run(10 * SECOND)
    cluster.leave(2)
    assert cluster.in_epoch(1, seconds=60, places=(0, 1))
