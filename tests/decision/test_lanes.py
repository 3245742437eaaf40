"""A session that computes for long holds up itself, and what is to be booked behind it."""

from itertools import product
from typing import Any

import pytest

from mechdesign.decision import core as core_module
from mechdesign.decision.bench import Sentence
from mechdesign.decision.certificate import Entry
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.entries import AttestEntry, Kind, TimerEntry, Verdict, parse
from mechdesign.decision.lanes import Item, Lanes, Word
from mechdesign.decision.messages import Convicted, Decided, Defaulted, Refused
from mechdesign.decision.proposal import Sanction, Seal
from mechdesign.group.messages import Broadcast, Exclude, Expel
from tests.decision.slow import (
    asked,
    booked,
    change,
    convict,
    finish,
    held_back,
    others_go_on,
    propose,
    ready,
    release,
    seen,
    slow_member,
)
from tests.decision.toys import Cluster, Plan, nets


def test_a_session_settles_while_another_proposers_session_computes() -> None:
    cluster, slow, dull, quick = held_back()
    assert len(slow.asked) == 1
    assert [type(event) for event in seen(cluster, 3, quick)][-1] is Decided
    assert [(each.session, each.phase) for each in cluster.cores[3].status()] == [(dull, "computing")]
    finish(cluster, 3)
    assert seen(cluster, 3, dull) == seen(cluster, 0, dull)
    assert cluster.cores[3].status() == ()


def test_an_honest_player_opens_in_another_session_of_the_proposer_whose_long_session_it_computes() -> None:
    """Alice holds her seal back until Dave computes, so that the others could close the opening without him."""
    cluster = Cluster(4)
    slow = slow_member(cluster, 3)
    terms: dict[str, Any] = {"sanctions": (Sanction.FORFEIT,), "deposit": 5, "seal": Seal.COMMIT_REVEAL}
    stake, kept = propose(cluster, 0, **terms), list[tuple[int, Broadcast]]()
    while not kept or cluster.pending:
        kept += [each for each in cluster.pending if each[0] == 0 and each[1].kind == Kind.SEAL]
        cluster.pending = [each for each in cluster.pending if each not in kept]
        cluster.step()
    dull = propose(cluster, 0)
    slow.slow = (dull,)
    asked(cluster, 3)
    cluster.pending += kept
    cluster.settle()
    cluster.down = {3}
    cluster.wait(3000)
    cluster.wait(4000)
    assert not any(isinstance(event, Defaulted) for event in seen(cluster, 0, stake))
    (end,) = [event for event in seen(cluster, 0, stake) if isinstance(event, Decided)]
    assert nets(end.flows) == {"dave": -13, "SELLER": 13}, "his price, and no deposit"
    assert slow.asked, "and all the while it computes"


def test_all_sessions_of_a_proposer_go_on_but_the_one_that_computes() -> None:
    cluster = Cluster(4)
    slow = slow_member(cluster, 3)
    dull, second = propose(cluster, 0), propose(cluster, 0)
    slow.slow = (dull,)
    cluster.settle()
    third = propose(cluster, 0)
    cluster.settle()
    for session in (second, third):
        assert isinstance(seen(cluster, 3, session)[-1], Decided)
        assert seen(cluster, 3, session) == seen(cluster, 0, session)
    assert [(each.session, each.phase) for each in cluster.cores[3].status()] == [(dull, "computing")]


def test_what_ends_behind_a_held_entry_is_booked_in_the_order_of_the_log() -> None:
    cluster, _, _, quick = held_back()
    before = [each.session for each in booked(cluster, 0)]
    assert quick in before
    assert booked(cluster, 3) == []
    assert cluster.cores[3].balances == ()
    finish(cluster, 3)
    assert booked(cluster, 3) == booked(cluster, 0)
    assert cluster.cores[3].balances == cluster.cores[0].balances


def test_two_sessions_compute_at_a_time_and_are_answered_in_either_order() -> None:
    for first, proposer in product((0, 1), (0, 1)):
        cluster = Cluster(4)
        slow = slow_member(cluster, 3)
        slow.slow = (propose(cluster, 0), propose(cluster, proposer))
        cluster.settle()
        assert len(slow.asked) == 2
        release(cluster, 3, first)
        finish(cluster, 3)
        for session in slow.slow:
            assert seen(cluster, 3, session) == seen(cluster, 0, session)
        assert booked(cluster, 3) == booked(cluster, 0)


def test_a_session_with_deposits_waits_until_the_books_are_known() -> None:
    """Whether there is room for its deposits depends on what has ended before it was proposed."""
    cluster, _, _, _ = held_back()
    third = propose(cluster, 2, custodian="carol", deposit=5)
    held = {each.session for each in cluster.cores[3].status()}
    assert third not in held
    assert third in {each.session for each in cluster.cores[0].status()}
    finish(cluster, 3)
    assert third in {each.session for each in cluster.cores[3].status()}
    told = [[event for event in cluster.effects[place] if getattr(event, "session", b"") == third] for place in (0, 3)]
    assert getattr(told[0][0], "carried", None) is True
    assert getattr(told[1][0], "carried", None) is True


def test_a_conviction_is_known_at_once_and_punished_where_the_lane_comes_to_it() -> None:
    cluster = Cluster(4, plan=Plan((True,)))
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0, sanctions=(Sanction.FORFEIT, Sanction.EXCLUDE), deposit=5)
    slow.slow = (dull,)
    asked(cluster, 3)
    convict(cluster, 2)
    while any(broadcast.kind == Kind.EVIDENCE for _, broadcast in cluster.pending):
        assert cluster.step()
    carol = cluster.roster.ids[2]
    offences = dict(cluster.cores[0].convicts)
    assert carol in offences
    assert cluster.cores[3].convicts == cluster.cores[0].convicts
    assert [event.sessions for event in cluster.events(3, Convicted)] == [()]
    assert not any(isinstance(effect, Exclude | Expel) for effect in cluster.effects[3])
    slow.held = False
    finish(cluster, 3)
    assert [event.sessions for event in cluster.events(3, Convicted)] == [(), (dull,)]
    assert sum(isinstance(effect, Exclude | Expel) for effect in cluster.effects[3]) == 1
    cluster.settle()
    assert cluster.decided(3) == cluster.decided(0)
    assert any(flow.payer == "carol" or flow.payee != "carol" for flow in cluster.decided(3).flows)


def test_no_member_is_ready_for_a_change_while_it_computes() -> None:
    cluster, _, _, _ = held_back()
    others_go_on(cluster)
    change(cluster)
    assert [len(ready(cluster, place)) for place in range(4)] == [1, 1, 1, 0]
    assert "waits for the end of" in cluster.cores[3].hindrance
    late = propose(cluster, 1)
    finish(cluster, 3)
    assert ready(cluster, 3) == ready(cluster, 0)
    assert any(isinstance(effect, Refused) and effect.session == late for effect in cluster.effects[1])


def test_a_proposal_is_judged_by_what_was_ordered_before_it_not_by_when_it_is_worked_off() -> None:
    cluster = Cluster(4)
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0)
    slow.slow = (dull,)
    asked(cluster, 3)
    early = propose(cluster, 0)
    change(cluster)
    propose(cluster, 0)
    release(cluster, 3)
    assert [each.session for each in cluster.cores[3].status()] == [each.session for each in cluster.cores[0].status()]
    assert early in {each.session for each in cluster.cores[3].status()}


def test_a_session_that_computes_runs_out_of_no_time_and_others_do() -> None:
    cluster = Cluster(4, report=lambda place, step: bytes([place + 1]))
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0)
    slow.slow = (dull,)
    asked(cluster, 3)
    quick = propose(cluster, 1)
    cluster.now += 1_000_000
    said = [effect for effect in cluster.cores[3].tick(cluster.now) if isinstance(effect, Broadcast)]
    timers = [parse(each.kind, each.data) for each in said]
    assert [each.session for each in timers if isinstance(each, TimerEntry)] == [quick]


def test_what_liars_can_pile_up_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_module, "HELD_BYTES_MAX", 50_000)
    cluster = Cluster(4)
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0)
    slow.slow = (dull,)
    asked(cluster, 3)
    said = AttestEntry(dull, 0, bytes(32), Verdict.SETTLED, bytes(32)).encoded
    sent = 0
    while cluster.cores[3].overfull is None:
        cluster.order(2, Kind.ATTEST, said)
        sent += 1
        assert sent <= 50, "each counts for more than its own bytes"
    assert cluster.cores[3].overfull == dull
    release(cluster, 3)
    assert cluster.cores[3].overfull is None


def test_pay_outs_that_nobody_owes_and_proofs_in_many_lanes_pile_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_module, "HELD_BYTES_MAX", 20_000)
    cluster, _, dull, _ = held_back()
    for session in (bytes(32), dull):
        for party in range(50):
            cluster.order(2, Kind.PAYOUT, PayoutEntry(session, f"{party}").encoded)
    assert cluster.cores[3].overfull is None


def test_a_proof_that_two_lanes_have_yet_to_come_to_counts_once_and_until_both_have() -> None:
    cluster = Cluster(4)
    ordered = cluster.order(0, Kind.EVIDENCE, bytes(5000))
    entry = Entry(ordered.position, ordered.submission, ordered.inclusion)
    sentence = Sentence(entry, cluster.roster.ids[3], "equivocation", b"", True)
    lanes, sessions = Lanes(), (bytes(32), bytes([1]) * 32)
    for session in sessions:
        lanes.hold(session, -1)
    lanes.judge(sentence)
    for session in sessions:
        assert 5000 < lanes.size < 10_000
        assert lanes.take(session) is None
        lanes.release(session)
        assert lanes.take(session) is sentence
        assert lanes.take(session) is None
        lanes.trim(lanes.frontier)
    assert lanes == Lanes()


def test_a_lane_comes_to_words_and_proofs_in_the_order_of_the_log() -> None:
    cluster = Cluster(4)
    lanes, ours, other = Lanes(), bytes(32), bytes([1]) * 32
    lanes.hold(ours, -1)
    said = TimerEntry(ours, 0, "sealing")
    expected: list[Item] = []
    for kind in (Kind.TIMER, Kind.EVIDENCE, Kind.TIMER, Kind.TIMER, Kind.EVIDENCE, Kind.EVIDENCE):
        ordered = cluster.order(0, kind, said.encoded)
        entry = Entry(ordered.position, ordered.submission, ordered.inclusion)
        if kind == Kind.TIMER:
            expected.append(word := Word(entry, said))
            lanes.put(word)
        else:
            expected.append(sentence := Sentence(entry, cluster.roster.ids[3], "equivocation", b"", True))
            lanes.judge(sentence)
        if ordered.position == 2:
            lanes.hold(other, 2)
    lanes.release(other)
    assert [lanes.take(other), lanes.take(other), lanes.take(other)] == [*expected[-2:], None], "what is behind it"
    assert lanes.release(ours) == -1
    assert [lanes.take(ours) for _ in range(3)] == expected[:3]
    lanes.hold(ours, 2)
    assert lanes.take(ours) is None
    lanes.trim(lanes.frontier)
    assert lanes.release(ours) == 2
    assert [lanes.take(ours) for _ in range(4)] == [*expected[3:], None]
    lanes.trim(lanes.frontier)
    assert lanes == Lanes()


def test_what_is_said_of_no_session_or_by_strangers_to_a_lane_is_not_kept() -> None:
    cluster, slow, _, _ = held_back()
    before = cluster.cores[3]._lanes.size
    for _ in range(10):
        cluster.order(2, Kind.TIMER, TimerEntry(bytes(32), 0, "sealing").encoded)
        cluster.order(2, 99, b"anything")
        cluster.order(2, Kind.SEAL, b"garbage")
    assert cluster.cores[3]._lanes.size == before
    assert slow.asked


def test_a_member_that_restarts_while_it_computes_is_asked_the_same_again() -> None:
    cluster, slow, dull, quick = held_back()
    asked = list(slow.asked)
    cluster.restart(3)
    again = slow_member(cluster, 3)
    again.slow = (dull,)
    cluster.cores[3] = cluster._core(3)
    cluster.effects[3] = []
    for delivered in cluster.log:
        cluster.route(3, cluster.cores[3].receive(delivered, cluster.now))
    assert again.asked == asked
    assert isinstance(seen(cluster, 3, quick)[-1], Decided)
    finish(cluster, 3)
    assert booked(cluster, 3) == booked(cluster, 0)
