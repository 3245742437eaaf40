"""A session that computes for long holds up its proposer's sessions, and nobody else's."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.decision import core as core_module
from mechdesign.decision.bench import Sentence
from mechdesign.decision.certificate import Entry
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.entries import AttestEntry, Kind, TimerEntry, Verdict, parse
from mechdesign.decision.lanes import Lanes
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Booked,
    CoinReady,
    Convicted,
    Decided,
    Defaulted,
    Enrolled,
    PhaseChanged,
    Refused,
    Waited,
)
from mechdesign.decision.proposal import Sanction, session_id
from mechdesign.decision.state import EpochState
from mechdesign.group.block import make_block
from mechdesign.group.evidence import InvalidBlock, Signed, encode_evidence
from mechdesign.group.messages import (
    Broadcast,
    Delivered,
    EvidenceFound,
    Exclude,
    Expel,
    Ready,
    ViewChanging,
)
from tests.decision.toys import Cluster, Plan, ToySession

ASKS = (Enrolled, Answers, CoinReady)
PLANS = (Plan((True,)), Plan((True, False), tosses=(2,)), Plan((False,), fails=True))
SEEN = (Answers, CoinReady, Convicted, Decided, Defaulted, Aborted, Enrolled)


@dataclass
class Slow(ToySession):
    """A session core that keeps what it is asked of some proposers' sessions until the test lets it answer."""

    slow: tuple[bytes, ...] = ()
    asked: list[Any] = field(default_factory=list)
    held: bool = True

    def react(self, event: object) -> list[Any]:
        if self.held and isinstance(event, ASKS) and event.session in self.slow:
            self.asked.append(event)
            return []
        return super().react(event)


def slow_member(cluster: Cluster, place: int) -> Slow:
    """Make the session core of a member slow; its sessions are to be named."""
    old = cluster.sessions[place]
    made = cluster.sessions[place] = Slow(old.me, place, old.plan, old.report)
    return made


def name(cluster: Cluster, delivered: Delivered) -> bytes:
    sent = delivered.submission
    return session_id(cluster.roster, sent.sender, sent.sequence, sent.data)


def propose(cluster: Cluster, place: int, **terms: Any) -> bytes:
    """Have a member propose a session and order that at once."""
    cluster.propose(place, nonce=bytes([len(cluster.log)]) * 16, **terms)
    broadcast = next(each for each in cluster.pending if each[1].kind == Kind.PROPOSE)
    cluster.pending.remove(broadcast)
    return name(cluster, cluster.order(place, Kind.PROPOSE, broadcast[1].data))


def release(cluster: Cluster, place: int, at: int = 0) -> None:
    """Let a slow session core answer what it was asked."""
    slow = cluster.sessions[place]
    assert isinstance(slow, Slow)
    asked = slow.asked.pop(at)
    for request in ToySession.react(slow, asked):
        cluster.route(place, cluster.cores[place].submit(request, cluster.now))


def finish(cluster: Cluster, place: int) -> None:
    """Let a slow session core answer everything, and order what follows."""
    slow = cluster.sessions[place]
    assert isinstance(slow, Slow)
    while slow.asked or cluster.pending:
        while slow.asked:
            release(cluster, place)
        cluster.settle()


def others_go_on(cluster: Cluster) -> None:
    """Let the time of every phase run out, so that nobody is waited for any more."""
    for phase_ms in (1000, 2000, 3000, 4000):
        cluster.wait(phase_ms)


def seen(cluster: Cluster, place: int, session: bytes) -> list[object]:
    """What a member was told of one session that everybody is told alike, in order."""
    told = [event for event in cluster.effects[place] if isinstance(event, SEEN)]
    return [event for event in told if getattr(event, "session", None) == session]


def booked(cluster: Cluster, place: int) -> list[Booked]:
    return [event for event in cluster.effects[place] if isinstance(event, Booked)]


def held_back(**options: Any) -> tuple[Cluster, Slow, bytes, bytes]:
    """Dave computes Alice's session for long, and Bob's settles meanwhile."""
    cluster = Cluster(4, **options)
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0)
    slow.slow = (dull,)
    quick = propose(cluster, 1)
    cluster.settle()
    return cluster, slow, dull, quick


def test_a_session_settles_while_another_proposers_session_computes() -> None:
    cluster, slow, dull, quick = held_back()
    assert len(slow.asked) == 1
    assert [type(event) for event in seen(cluster, 3, quick)][-1] is Decided
    assert [(each.session, each.phase) for each in cluster.cores[3].status()] == [(dull, "computing")]
    finish(cluster, 3)
    assert seen(cluster, 3, dull) == seen(cluster, 0, dull)
    assert cluster.cores[3].status() == ()


def test_other_sessions_of_the_same_proposer_wait() -> None:
    cluster = Cluster(4)
    slow = slow_member(cluster, 3)
    dull, second = propose(cluster, 0), propose(cluster, 0)
    slow.slow = (dull,)
    cluster.settle()
    others_go_on(cluster)
    assert isinstance(seen(cluster, 0, second)[-1], Decided)
    assert not any(isinstance(event, Decided) for event in seen(cluster, 3, second))
    finish(cluster, 3)
    assert seen(cluster, 3, second) == seen(cluster, 0, second)


def test_a_proposal_that_waits_is_founded_with_all_that_was_said_of_it() -> None:
    cluster = Cluster(4)
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0)
    slow.slow = (dull,)
    while not slow.asked:
        assert cluster.step()
    later = propose(cluster, 0)
    cluster.settle()
    others_go_on(cluster)
    assert later not in {each.session for each in cluster.cores[3].status()}
    assert isinstance(seen(cluster, 0, later)[-1], Decided), "three of four are enough"
    finish(cluster, 3)
    assert seen(cluster, 3, later) == seen(cluster, 0, later)
    assert cluster.cores[3].balances == cluster.cores[0].balances


def test_what_ends_behind_a_held_entry_is_booked_in_the_order_of_the_log() -> None:
    cluster, _, _, quick = held_back()
    before = [each.session for each in booked(cluster, 0)]
    assert quick in before
    assert booked(cluster, 3) == []
    assert cluster.cores[3].balances == ()
    finish(cluster, 3)
    assert booked(cluster, 3) == booked(cluster, 0)
    assert cluster.cores[3].balances == cluster.cores[0].balances


def test_two_lanes_are_held_at_a_time_and_answered_in_either_order() -> None:
    for first in (0, 1):
        cluster = Cluster(4)
        slow = slow_member(cluster, 3)
        slow.slow = (propose(cluster, 0), propose(cluster, 1))
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


def convict(cluster: Cluster, place: int) -> None:
    """Have Bob present a proof against a member."""
    block = make_block(cluster.roster, cluster.signers[place], 5, [], (), [])
    proof = encode_evidence(InvalidBlock(Signed(block.encoded, block.signature)))
    cluster.evidence(1, EvidenceFound(cluster.roster.ids[place], proof))


def test_a_conviction_is_known_at_once_and_punished_where_the_lane_comes_to_it() -> None:
    cluster = Cluster(4, plan=Plan((True,)))
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0, sanctions=(Sanction.FORFEIT, Sanction.EXCLUDE), deposit=5)
    slow.slow = (dull,)
    while not slow.asked:
        assert cluster.step()
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


def change(cluster: Cluster) -> None:
    """Order a change of the members."""
    for place in range(4):
        cluster.route(place, cluster.cores[place].receive(ViewChanging(1), cluster.now))


def ready(cluster: Cluster, place: int) -> list[Ready]:
    return [effect for effect in cluster.effects[place] if isinstance(effect, Ready)]


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
    while not slow.asked:
        assert cluster.step()
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
    while not slow.asked:
        assert cluster.step()
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
    while not slow.asked:
        assert cluster.step()
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


def test_a_proof_that_waits_in_two_lanes_counts_once() -> None:
    cluster = Cluster(4)
    ordered = cluster.order(0, Kind.EVIDENCE, bytes(5000))
    entry = Entry(ordered.position, ordered.submission, ordered.inclusion)
    sentence = Sentence(entry, cluster.roster.ids[3], "equivocation", b"", True)
    lanes = Lanes()
    for proposer in cluster.roster.ids[:2]:
        lanes.hold(proposer, 0, None)
        lanes.put(proposer, sentence)
    assert 5000 < lanes.size < 10_000
    for proposer in cluster.roster.ids[:2]:
        lanes.release(proposer)
        assert lanes.take(proposer) is sentence
    assert lanes.size == 0


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


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_whenever_answers_come_every_lane_and_the_books_are_as_if_they_had_come_at_once(data: st.DataObject) -> None:
    """Dave's session core answers at times that are drawn; Alice's answers at once."""
    cluster = Cluster(4, plan=data.draw(st.sampled_from(PLANS)))
    slow = slow_member(cluster, 3)
    sessions: list[bytes] = []
    for number in range(data.draw(st.integers(2, 4))):
        place = data.draw(st.integers(0, 2))
        sanctions = data.draw(st.sampled_from([(), (Sanction.FORFEIT,), (Sanction.ABORT, Sanction.EXCLUDE)]))
        sessions.append(propose(cluster, place, sanctions=sanctions, deposit=number + 1))
        slow.slow = tuple(sessions)
    guilty = data.draw(st.integers(0, 40))
    for turn in range(400):
        if turn == guilty:
            convict(cluster, 2)
        moved = cluster.step()
        if slow.asked and (not moved or data.draw(st.booleans())):
            release(cluster, 3, data.draw(st.integers(0, len(slow.asked) - 1)))
        elif not moved:
            break
    assert not slow.asked
    for session in sessions:
        assert seen(cluster, 3, session) == seen(cluster, 0, session)
        ends = [event for event in seen(cluster, 3, session) if isinstance(event, Decided | Aborted)]
        assert len(ends) == 1
    assert booked(cluster, 3) == booked(cluster, 0)
    assert cluster.cores[3].balances == cluster.cores[0].balances
    assert dict(cluster.cores[3].convicts) == dict(cluster.cores[0].convicts)
    progress = [{(e.phase, e.step) for e in cluster.events(place, PhaseChanged)} for place in (0, 3)]
    assert progress[0] == progress[1]
    assert not cluster.events(3, Waited) or cluster.cores[3].suspicions()


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_every_member_is_ready_with_the_same_state_whatever_is_ordered_behind_the_last_end(data: st.DataObject) -> None:
    """Dave judges what stands behind the end of his last session before he comes to that end."""
    cluster = Cluster(4, plan=data.draw(st.sampled_from(PLANS)))
    slow = slow_member(cluster, 3)
    slow.slow = tuple(propose(cluster, place, sanctions=("forfeit",), deposit=1) for place in (0, 1))
    guilty = data.draw(st.permutations(range(4)))
    changes, accuses = data.draw(st.integers(0, 30)), data.draw(st.integers(0, 60))
    changed = False
    for turn in range(200):
        if turn == changes:
            change(cluster)
            changed = True
        if turn == accuses:
            convict(cluster, guilty[0])
        if slow.asked and data.draw(st.integers(0, 9)) == 0:
            release(cluster, 3, data.draw(st.integers(0, len(slow.asked) - 1)))
        elif not cluster.step():
            break
    for _ in range(3):
        others_go_on(cluster)
    if not changed:
        change(cluster)
    convict(cluster, guilty[1])
    cluster.settle()
    assert [len(ready(cluster, place)) for place in range(3)] == [1, 1, 1]
    while slow.asked:
        release(cluster, 3, data.draw(st.integers(0, len(slow.asked) - 1)))
        cluster.settle()
    assert [ready(cluster, place) for place in range(4)] == [ready(cluster, 0)] * 4
    assert dict(cluster.cores[3].convicts) == dict(cluster.cores[0].convicts)
    state = EpochState.parse(ready(cluster, 0)[0].state)
    assert state is not None
    assert cluster.roster.ids[guilty[1]] not in dict(state.convicts), "it was convicted behind the end"
