"""Whole stacks whose members come and go: sessions end with their epoch, balances go on."""

from fractions import Fraction
from functools import partial

import pytest

from mechdesign.group.messages import Compact, Leave
from mechdesign.group.roster import Roster
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import (
    MemberConvicted,
    ProposalRefused,
    ProposeSession,
    Removed,
    SessionMissed,
    ViewBegun,
)
from mechdesign.testing import stacks
from mechdesign.testing.misbehaviour import misbehave
from mechdesign.testing.stacks import NAMES, StackCluster, phases


def bidders(n):
    """Each bids ten more than the one before."""
    return [lambda asked, place=place: Fraction(10 + 10 * place) for place in range(n)]


def auction(seal="commit_reveal", **more):
    return ProposeSession(mechanism=SecondPrice(), seal=seal, accounts={"SELLER": "the house"}, **phases(800), **more)


def begun(n, founders, seed, **options):
    """A cluster in which one auction was settled."""
    cluster = StackCluster(bidders(n), seed, founders=founders, **options)
    cluster.start()
    cluster.propose(0, auction())
    founding = [place for place in cluster.honest if place < founders]
    assert cluster.run(1, places=founding)
    return cluster


@pytest.mark.parametrize("seed", range(3))
def test_a_fourth_member_joins_three_and_takes_part_in_the_next_session(seed):
    cluster = begun(4, 3, seed)
    cluster.invite(3)
    assert cluster.in_epoch(1)
    assert cluster.views[3] == [ViewBegun(1, ("alice", "bob", "carol", "dave"), ("dave",), ())]
    cluster.propose(3, auction("threshold"))
    assert cluster.run(2, places=[0, 1, 2])
    assert cluster.run(1, places=[3])
    newest = list(cluster.ended[3].values())[-1]
    assert str(newest.outcome).startswith("dave wins")
    assert len({end.digest for end in (list(cluster.ended[place].values())[-1] for place in range(4))}) == 1


@pytest.mark.parametrize("seed", range(3))
def test_an_open_session_ends_before_the_members_change_and_a_later_proposal_is_refused_by_all(seed):
    cluster = StackCluster(bidders(4), seed, founders=3)
    refused = []
    cluster.simulator.watch(ProposalRefused, lambda place, event: refused.append(place))
    cluster.start()
    cluster.simulator.run(SECOND)
    cluster.propose(0, auction())
    cluster.simulator.run(cluster.simulator.now + 3_000)
    cluster.invite(3)
    # The change is ordered while the session is open; this proposal comes behind it.
    assert cluster.simulator.run(
        cluster.simulator.now + SECOND, lambda: cluster.stack(1).status().group.view is not None
    )
    cluster.propose(1, auction(label="too late"))
    assert cluster.in_epoch(1, places=range(4))
    assert refused == [1]
    assert [len(cluster.ended[place]) for place in range(3)] == [1, 1, 1]
    assert all(event.epoch == 1 for view in cluster.views for event in view)
    assert cluster.stack(0).status().sessions == ()


def test_balances_go_on_over_the_epochs_at_old_members_and_at_new_ones():
    cluster = begun(4, 3, 11)
    cluster.invite(3)
    assert cluster.in_epoch(1)
    balances = [cluster.stack(place).decision.balances for place in range(4)]
    assert balances[3]
    assert len(set(balances)) == 1
    cluster.propose(0, auction())
    assert cluster.run(2, places=[0, 1, 2])
    assert cluster.run(1, places=[3])
    cluster.simulator.run(cluster.simulator.now + SECOND)
    assert len({cluster.stack(place).decision.balances for place in range(4)}) == 1
    assert cluster.stack(0).decision.balances != balances[0]


def test_a_leaver_is_told_and_can_do_nothing_more():
    cluster = begun(4, 4, 12)
    cluster.leave(2)
    assert cluster.in_epoch(1)
    assert cluster.views[2] == [Removed(1)]
    assert cluster.views[0] == [ViewBegun(1, ("alice", "bob", "dave"), (), ("carol",))]
    for request in (auction(), Leave()):
        with pytest.raises(LocalProtocolError, match=r"not in the group|left the group"):
            cluster.propose(2, request)
    cluster.propose(3, auction())
    assert cluster.run(2, places=[0, 1, 3])


@pytest.mark.parametrize("seed", range(2))
def test_an_equivocator_is_excluded_where_the_session_says_so(seed):
    cluster = StackCluster(bidders(5), seed, cheaters={4: misbehave("equivocate")})
    cluster.start()
    cluster.propose(0, auction(sanctions=("recompute", "exclude")))
    assert cluster.in_epoch(1, places=range(4))
    assert all(cluster.stack(place).roster.n == 4 for place in range(4))
    assert [view for view in cluster.views[:4] if view != [ViewBegun(1, NAMES[:4], (), ("erin",))]] == []
    cluster.propose(1, auction("threshold"))
    assert cluster.run(2, places=range(4))


@pytest.mark.parametrize("seed", range(2))
def test_a_member_is_excluded_by_a_proof_that_is_too_long_to_be_ordered(seed, monkeypatch):
    monkeypatch.setattr(stacks, "Roster", partial(Roster, submission_bytes_max=1500))
    proofs = {}
    cluster = StackCluster(bidders(5), seed, cheaters={4: misbehave("wrong-outcome")})
    cluster.simulator.watch(MemberConvicted, lambda place, event: proofs.update({place: event.evidence}))
    cluster.start()
    cluster.propose(0, auction(sanctions=("recompute", "exclude")))
    assert cluster.in_epoch(1, places=range(4))
    assert len({proofs[place] for place in range(4)}) == 1
    assert len(proofs[0]) > cluster.roster.submission_bytes_max
    assert [view for view in cluster.views[:4] if view != [ViewBegun(1, NAMES[:4], (), ("erin",))]] == []
    cluster.propose(1, auction())
    assert cluster.run(2, places=range(4))


def test_everybody_restarts_in_the_new_epoch_and_tells_its_sessions_only():
    cluster = begun(4, 3, 13)
    cluster.invite(3)
    assert cluster.in_epoch(1)
    cluster.propose(1, auction())
    assert cluster.run(2, places=[0, 1, 2])
    assert cluster.run(1, places=[3])
    ended = [dict(ends) for ends in cluster.ended]
    for place in range(4):
        cluster.simulator.crash(place)
        cluster.ended[place].clear()
        cluster.simulator.start(place)
    cluster.simulator.run(cluster.simulator.now + 5 * SECOND)
    for place in range(4):
        assert list(cluster.ended[place]) == list(ended[place])[-1:]
        assert cluster.stack(place).roster.epoch == 1
    assert cluster.views[3] == [ViewBegun(1, ("alice", "bob", "carol", "dave"), ("dave",), ())]
    cluster.propose(2, auction())
    assert cluster.run(2, places=range(4))


def test_secrets_of_an_epoch_leave_the_journal_with_it():
    cluster = begun(4, 3, 14)
    written, deleted = set(), set()
    for process in cluster.simulator.processes[:3]:
        written |= {record.key for record in process.disk.records() if record.table == "secret"}
    cluster.simulator.watch(Compact, lambda place, effect: deleted.update(effect.gone))
    cluster.invite(3)
    assert cluster.in_epoch(1)
    cluster.simulator.run(cluster.simulator.now + SECOND)
    assert written
    assert {("secret", key) for key in written} <= deleted
    for process in cluster.simulator.processes:
        assert not [record for record in process.disk.records() if record.table == "secret"]


def test_members_that_crash_while_the_epoch_changes_settle_the_next_session():
    for after in range(1, 60, 7):
        cluster = begun(4, 3, after)
        cluster.simulator.crash(1, after)
        cluster.invite(3)
        cluster.simulator.run(cluster.simulator.now + SECOND)
        cluster.simulator.processes[1].fuse = None
        if cluster.simulator.processes[1].machine is None:
            cluster.simulator.start(1)
        assert cluster.in_epoch(1, places=range(4)), after
        cluster.propose(1, auction())
        assert cluster.run(1, places=[3]), after


def test_who_was_away_when_a_session_and_its_epoch_ended_is_told_that_it_missed_it():
    cluster = StackCluster(bidders(5), 5, founders=4)
    missed = []
    cluster.simulator.watch(SessionMissed, lambda place, event: missed.append((place, event.session)))
    cluster.start()
    cluster.simulator.run(SECOND)
    cluster.propose(0, auction())
    assert cluster.simulator.run(cluster.simulator.now + SECOND, lambda: bool(cluster.stack(3).status().sessions))
    (open_,) = cluster.stack(3).status().sessions
    cluster.simulator.cut([(3, other) for other in (0, 1, 2, 4)] + [(other, 3) for other in (0, 1, 2, 4)])
    assert cluster.run(1, places=[0, 1, 2])
    cluster.invite(4)
    assert cluster.in_epoch(1, places=[0, 1, 2, 4])
    cluster.propose(0, auction())
    assert cluster.run(2, places=[0, 1, 2])
    assert missed == []
    cluster.simulator.mend()
    assert cluster.in_epoch(1, places=[3])
    assert missed == [(3, open_.session)]
    assert open_.session in cluster.ended[0]
