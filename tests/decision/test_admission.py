"""Which proposals found a session, whatever a member knows of the other sessions of their proposer by then."""

from itertools import permutations
from typing import Any

import pytest

from mechdesign.decision import admission
from mechdesign.decision import core as core_module
from mechdesign.decision.admission import Admission, Founding
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import Kind
from mechdesign.decision.lanes import Lanes
from mechdesign.decision.messages import Decided, Refused
from mechdesign.decision.session import Session
from tests.decision.slow import asked, booked, change, finish, others_go_on, propose, ready, release, seen, slow_member
from tests.decision.toys import Cluster, make_proposal

LIMIT = 3


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sessions of one proposer are open at a time."""
    monkeypatch.setattr(admission, "SESSIONS_PER_PROPOSER", LIMIT)


def shown(cluster: Cluster, place: int) -> list[bytes]:
    return [each.session for each in cluster.cores[place].status()]


def open_sessions(cluster: Cluster, count: int) -> list[bytes]:
    """Sessions of Alice that nobody enrols in yet."""
    made = [propose(cluster, 0) for _ in range(count)]
    cluster.pending.clear()
    return made


def refused(cluster: Cluster, place: int) -> list[bytes]:
    return [effect.session for effect in cluster.effects[place] if isinstance(effect, Refused)]


def slow_first(count: int, **terms: Any) -> tuple[Cluster, list[bytes]]:
    """Dave computes Alice's first sessions for long."""
    cluster = Cluster(4)
    slow = slow_member(cluster, 3)
    slow.slow = tuple(propose(cluster, 0, **terms) for _ in range(count))
    asked(cluster, 3, count)
    return cluster, list(slow.slow)


def test_below_the_limit_nobody_waits_to_know_what_has_ended() -> None:
    cluster, dull = slow_first(LIMIT - 1)
    third = propose(cluster, 0)
    assert shown(cluster, 3) == [*dull, third]


def test_at_the_limit_a_proposal_waits_only_until_enough_is_known() -> None:
    cluster, dull = slow_first(LIMIT)
    cluster.settle()
    others_go_on(cluster)
    assert not shown(cluster, 0), "all have ended there"
    later = propose(cluster, 0)
    assert later in shown(cluster, 0)
    assert shown(cluster, 3) == dull, "here it is not known yet"
    release(cluster, 3)
    while later not in shown(cluster, 3):
        release(cluster, 3, 2)
    assert shown(cluster, 3) == [dull[1], dull[2], later], "one that has ended is enough"
    cluster.settle()
    finish(cluster, 3)
    assert seen(cluster, 3, later) == seen(cluster, 0, later)
    assert booked(cluster, 3) == booked(cluster, 0)


def test_where_the_limit_is_surely_reached_a_proposal_is_refused_at_once() -> None:
    cluster = Cluster(4)
    open_sessions(cluster, LIMIT)
    over = propose(cluster, 0)
    assert refused(cluster, 0) == [over]
    assert all(over not in shown(cluster, place) for place in range(4))


def test_a_session_that_ends_behind_a_proposal_was_open_where_that_stands() -> None:
    cluster = Cluster(4)
    slow = slow_member(cluster, 0)
    first, second, third = (propose(cluster, 0) for _ in range(LIMIT))
    slow.slow = (first,)
    asked(cluster, 0)
    over = propose(cluster, 0)
    cluster.settle()
    others_go_on(cluster)
    assert isinstance(seen(cluster, 0, second)[-1], Decided)
    assert isinstance(seen(cluster, 0, third)[-1], Decided)
    assert refused(cluster, 0) == [], "its own proposer computes the first one"
    finish(cluster, 0)
    assert refused(cluster, 0) == [over]
    for place in range(4):
        assert over not in shown(cluster, place)
        assert booked(cluster, place) == booked(cluster, 1)


def test_a_proposal_that_waits_for_the_books_keeps_no_later_one_without_deposits_waiting() -> None:
    cluster, dull = slow_first(1)
    staked = propose(cluster, 0, custodian="carol", deposit=5)
    plain, over = propose(cluster, 0), propose(cluster, 0)
    assert shown(cluster, 3) == [*dull, plain], "it is within the limit, whatever becomes of the other one"
    assert shown(cluster, 0) == [*dull, staked, plain]
    finish(cluster, 3)
    others_go_on(cluster)
    finish(cluster, 3)
    assert refused(cluster, 0) == [over]
    for session in (staked, plain):
        assert seen(cluster, 3, session) == seen(cluster, 0, session)
    assert booked(cluster, 3) == booked(cluster, 0)


def test_what_is_proposed_behind_a_change_is_refused_at_once_though_others_wait() -> None:
    cluster = Cluster(4)
    slow = slow_member(cluster, 0)
    slow.slow = tuple(propose(cluster, 0) for _ in range(LIMIT))
    asked(cluster, 0, LIMIT)
    waits = propose(cluster, 0)
    change(cluster)
    late = propose(cluster, 0)
    assert refused(cluster, 0) == [late]
    finish(cluster, 0)
    assert refused(cluster, 0) == [late, waits]
    others_go_on(cluster)
    assert [ready(cluster, place) for place in range(4)] == [ready(cluster, 1)] * 4
    assert len(ready(cluster, 0)) == 1


def test_nothing_is_left_once_every_session_has_ended() -> None:
    cluster, _ = slow_first(LIMIT)
    for _ in range(10):
        propose(cluster, 0)
    cluster.order(0, 99, b"anything")
    core = cluster.cores[3]
    assert core._admission.size > 0
    finish(cluster, 3)
    others_go_on(cluster)
    finish(cluster, 3)
    assert shown(cluster, 3) == shown(cluster, 0) == []
    assert core._lanes == Lanes()
    assert core._admission == Admission(core._lanes)


def test_what_waits_to_be_admitted_is_bounded_by_waiting_for_the_earliest_computation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core_module, "HELD_BYTES_MAX", 20_000)
    cluster, dull = slow_first(LIMIT)
    while cluster.cores[3].overfull is None:
        cluster.order(0, Kind.PROPOSE, make_proposal(cluster.roster, nonce=bytes([len(cluster.log)]) * 16).encoded)
        assert len(cluster.log) < 50, "each counts for more than its own bytes"
    assert cluster.cores[3].overfull == dull[0]
    finish(cluster, 3)
    assert cluster.cores[3].overfull is None
    assert refused(cluster, 0)


def test_a_member_that_restarts_admits_the_same_again() -> None:
    cluster, dull = slow_first(LIMIT)
    cluster.settle()
    others_go_on(cluster)
    later = [propose(cluster, 0) for _ in range(LIMIT + 1)]
    cluster.restart(3)
    assert shown(cluster, 3) == shown(cluster, 0) == later[:LIMIT]
    cluster.settle()
    assert booked(cluster, 3) == booked(cluster, 0)
    assert {each.session for each in booked(cluster, 3)} == {*dull, *later[:LIMIT]}


def at(cluster: Cluster, position: int) -> Founding:
    """A proposal of Alice's as it would stand at a log position."""
    proposal = make_proposal(cluster.roster, nonce=bytes([position]) * 16)
    ordered = cluster.order(0, Kind.PROPOSE, proposal.encoded)
    entry = Entry(position, ordered.submission, ordered.inclusion)
    session = Session.found(cluster.roster, entry)
    assert session is not None
    return Founding(entry, session, False)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_whatever_order_ends_become_known_the_same_proposals_are_admitted(order: tuple[int, ...]) -> None:
    """Three sessions end at 20, 31 and 40, and Alice proposes at 10, 30, 32 and 50."""
    cluster = Cluster(4)
    lanes = Lanes()
    ours = Admission(lanes)
    first = [at(cluster, position).session for position in range(3)]
    sessions = {session.id: session for session in first}
    for position, name in enumerate(sessions):
        lanes.hold(name, position)
    ends = dict(zip(sessions, (20, 31, 40), strict=True))
    for position in (10, 30, 32, 50):
        ours.put(at(cluster, position))
    fates: dict[int, str] = {}

    def decide() -> None:
        while (decided := ours.decide([cluster.roster.ids[0]], list(sessions.values()))) is not None:
            founding, reason = decided.founding, decided.reason
            ours.drop(founding)
            fates[founding.entry.position] = "refused" if reason else "admitted"
            if reason:
                lanes.drop(founding.session.id)
            else:
                sessions[founding.session.id] = founding.session

    decide()
    assert fates == {}
    names = list(ends)
    for place in order:
        name = names[place]
        lanes.release(name)
        ours.end(sessions.pop(name), ends[name])
        lanes.take(name)
        decide()
    assert fates == {10: "refused", 30: "admitted", 32: "admitted", 50: "admitted"}


def test_a_session_that_was_left_puts_those_proposals_in_doubt_that_stand_behind_until_its_end_is_known() -> None:
    """Left at 20, whose end is known from 40 on: what stands at 10, 30 and 50, whenever all that becomes known."""
    cluster = Cluster(4)
    ours = Admission(Lanes())
    alice = cluster.roster.ids[0]
    others = [at(cluster, position).session for position in range(LIMIT - 1)]
    ours.put(at(cluster, 30))
    ours.put(at(cluster, 50))
    ours.doubt(alice, 20)
    ours.resolve(alice, 40)
    rulings = []
    while (ruling := ours.decide([alice], others)) is not None:
        ours.drop(ruling.founding)
        rulings.append((ruling.founding.entry.position, ruling.reason, ruling.doubtful))
    assert rulings == [(30, "", True), (50, "", False)]
    ours.doubt(alice, 60)
    ours.put(at(cluster, 70))
    last = ours.decide([alice], others)
    assert last is not None
    assert last.doubtful
