"""How phases close while somebody is silent: by a quorum of timers, and by nothing less."""

import pytest

from mechdesign.decision.entries import EnrolEntry, Kind, TimerEntry
from mechdesign.decision.messages import Decided, Defaulted, Enrolled
from mechdesign.decision.record import Record
from tests.decision.staged import agree, only, open_session
from tests.decision.toys import SILENT, Cluster, bids, nets


def test_a_silent_member_is_waited_for_until_a_quorum_of_timers_ran_out() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 2 else bids(place, step)).run()
    (status,) = cluster.cores[0].status()
    assert (status.phase, status.heard, status.asked, status.missing) == ("sealing", 3, 4, ("carol",))
    assert status.mechanism == "toy.first-price/1"
    cluster.wait(1999)
    assert cluster.cores[0].status()[0].phase == "sealing"
    cluster.wait(1)
    decided = agree(cluster)
    assert nets(decided.flows) == {"dave": -13, "SELLER": 13}
    assert cluster.events(0, Defaulted) == []


def test_timers_start_when_the_own_log_enters_the_phase() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT)
    cluster.now = 7_000_000
    cluster.propose()
    cluster.now = 9_000_000
    cluster.settle()
    assert cluster.cores[0].deadline == 9_000_000 + 2_000_000
    assert cluster.cores[0].status()[0].since == 9_000_000


@pytest.mark.parametrize("liars", [0, 1, 2])
def test_fewer_timers_than_a_quorum_close_nothing(liars: int) -> None:
    cluster = Cluster(4)
    session = open_session(cluster)
    for place in range(liars):
        for _ in range(3):  # repeating oneself does not help
            cluster.order(place, Kind.TIMER, TimerEntry(session, 0, "enrolling").encoded)
    assert cluster.cores[3].status()[0].phase == "enrolling"
    cluster.settle()
    assert len(cluster.events(3, Enrolled)[0].players) == 4


def test_what_is_repeated_is_neither_counted_nor_kept() -> None:
    cluster = Cluster(4)
    session = open_session(cluster)
    for _ in range(20):
        cluster.order(2, Kind.TIMER, TimerEntry(session, 0, "enrolling").encoded)
        cluster.order(2, Kind.ENROL, EnrolEntry(session).encoded)
    cluster.settle()
    kept = [(entry.sender, entry.submission.kind) for entry in Record.parse(agree(cluster).transcript).frozen]
    assert len(kept) == len(set(kept)) == 1 + 4 + 1 + 4 + 4


def test_timers_of_another_phase_or_step_are_void() -> None:
    cluster = Cluster(4)
    session = open_session(cluster)
    for place in range(4):
        cluster.order(place, Kind.TIMER, TimerEntry(session, 0, "sealing").encoded)
        cluster.order(place, Kind.TIMER, TimerEntry(session, 1, "enrolling").encoded)
        cluster.order(place, Kind.TIMER, TimerEntry(session, 0, "no such phase").encoded)
    assert cluster.cores[0].status()[0].phase == "enrolling"
    cluster.settle()
    agree(cluster)


def test_a_timer_is_said_once_a_phase_even_if_the_clock_is_asked_often() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT).run()
    core = cluster.cores[0]
    assert len(core.tick(cluster.now + 2_000_000)) == 1
    assert core.tick(cluster.now + 2_000_000) == []
    assert core.tick(cluster.now + 9_000_000) == []
    assert core.deadline is None


def test_nobody_keeps_attesting_open_once_a_quorum_signed_and_timers_ran_out() -> None:
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={3})).run()
    assert cluster.cores[0].status()[0].missing == ("dave",)
    cluster.wait(4000)
    assert len(agree(cluster).certificate.signers) == 3


def test_attesting_stays_open_without_a_quorum_however_long_it_lasts() -> None:
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={2, 3})).run()
    cluster.wait(4000)
    cluster.wait(400_000)
    assert cluster.cores[0].status()[0].missing == ("carol", "dave")
    assert cluster.events(0, Decided) == []
