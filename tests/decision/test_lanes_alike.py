"""Whenever the computations of one member end, it sees, books and admits what the others do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.decision import admission
from mechdesign.decision.admission import Admission
from mechdesign.decision.lanes import Lanes
from mechdesign.decision.messages import Aborted, Decided, PhaseChanged, Proposed, Refused, Waited
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.state import EpochState
from tests.decision.slow import (
    booked,
    change,
    convict,
    finish,
    others_go_on,
    propose,
    ready,
    release,
    seen,
    slow_member,
)
from tests.decision.toys import Cluster, Plan

PLANS = (Plan((True,)), Plan((True, False), tosses=(2,)), Plan((False,), fails=True))


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


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whenever_answers_come_the_same_proposals_of_one_member_are_admitted_at_the_limit(data: st.DataObject) -> None:
    """Alice has two or three sessions open at most, and proposes more; she and Dave compute for long, Bob does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admission, "SESSIONS_PER_PROPOSER", data.draw(st.integers(2, 3)))
        run_at_the_limit(data)


def run_at_the_limit(data: st.DataObject) -> None:
    cluster = Cluster(4, plan=data.draw(st.sampled_from(PLANS)))
    slow = [slow_member(cluster, place) for place in (0, 3)]
    proposed: list[bytes] = []
    changes, guilty = data.draw(st.integers(10, 120)), data.draw(st.integers(0, 60))
    for turn in range(400):
        if turn == changes:
            change(cluster)
        if turn == guilty:
            convict(cluster, 2)
        if len(proposed) < 9 and data.draw(st.integers(0, 5)) == 0:
            staked = data.draw(st.sampled_from([{}, {"custodian": "carol", "deposit": 5, "sanctions": ("forfeit",)}]))
            proposed.append(propose(cluster, data.draw(st.sampled_from([0, 0, 0, 1])), **staked))
            for each in slow:
                each.slow = tuple(proposed)
        moved = cluster.step()
        if data.draw(st.integers(0, 19)) == 0:
            cluster.wait(4000)
        for place, each in zip((0, 3), slow, strict=True):
            if each.asked and data.draw(st.integers(0, 3)) == 0:
                release(cluster, place, data.draw(st.integers(0, len(each.asked) - 1)))
        if not moved and len(proposed) == 9 and turn > changes:
            break
    for _ in range(12):
        others_go_on(cluster)
        for place in (0, 3):
            finish(cluster, place)
    told = [[event.session for event in cluster.events(place, Proposed)] for place in range(4)]
    for place in range(4):
        assert sorted(told[place]) == sorted(told[1])
        assert booked(cluster, place) == booked(cluster, 1)
        assert [seen(cluster, place, session) for session in proposed] == [
            seen(cluster, 1, session) for session in proposed
        ]
        assert ready(cluster, place) == ready(cluster, 1)
        assert dict(cluster.cores[place].convicts) == dict(cluster.cores[1].convicts)
        assert cluster.cores[place].status() == ()
        assert cluster.cores[place]._lanes == Lanes()
        assert cluster.cores[place]._admission == Admission(Lanes())
    assert len(ready(cluster, 0)) == 1
    refused = [effect.session for place in (0, 1) for effect in cluster.effects[place] if isinstance(effect, Refused)]
    assert sorted([*told[1], *refused]) == sorted(proposed)
