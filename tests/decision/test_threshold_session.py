"""Sessions under threshold sealing: what the members do together, also where some are silent or restart."""

from dataclasses import replace

import pytest

from mechdesign.decision.entries import CoinEntry, Kind, SealEntry, ShareEntry
from mechdesign.decision.messages import Defaulted, PhaseChanged
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.wire import digest
from tests.decision.sealed_runs import FORFEITS, convictions, entries, kinds, reports, run, senders
from tests.decision.toys import SILENT, Cluster, Plan, bids, make_proposal, nets


def kind_of(effect):
    return effect.kind


def is_said(effect):
    return isinstance(effect, Broadcast)


@pytest.mark.parametrize("n", range(1, 8))
def test_a_group_of_any_size_seals_opens_and_settles(n):
    cluster = run(n, fast=n != 4)
    ends = [cluster.decided(place) for place in range(n)]
    assert all(end == ends[0] and end.agrees for end in ends)
    assert reports(cluster) == {member: bytes([10 + place]) for place, member in enumerate(cluster.roster.ids)}
    found = audit(ends[0].transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert found.digest == ends[0].digest
    assert dict(found.reports) == reports(cluster)


def test_no_report_is_readable_in_the_log_before_the_close():
    secret = b"a very telling 1"
    cluster = run(4, report=lambda place, step: secret if place == 0 else bids(place, step))
    opened = kinds(cluster).index(Kind.SHARE)
    assert all(secret not in each.submission.data for each in cluster.log)
    assert kinds(cluster)[:opened].count(Kind.SEAL) == 4
    assert reports(cluster)[cluster.roster.ids[0]] == secret


def test_shares_leave_only_after_the_close_is_in_the_member_s_own_log():
    cluster = Cluster(4)
    cluster.propose(seal="threshold")
    while kinds(cluster).count(Kind.SEAL) < 3:
        cluster.step()
    assert not any(
        kind_of(effect) == Kind.SHARE for effects in cluster.effects for effect in effects if is_said(effect)
    )
    cluster.down.add(3)  # it does not see the close
    while kinds(cluster).count(Kind.SEAL) < 4:
        waiting = next(at for at, (_, each) in enumerate(cluster.pending) if each.kind == Kind.SEAL)
        place, broadcast = cluster.pending.pop(waiting)
        cluster.order(place, broadcast.kind, broadcast.data)
    shared = [
        any(kind_of(effect) == Kind.SHARE for effect in effects if is_said(effect)) for effects in cluster.effects
    ]
    assert shared == [True, True, True, False]


def test_a_bidder_that_is_gone_for_good_after_sealing_still_has_its_bid_opened_and_counted():
    cluster = Cluster(4, report=lambda place, step: bytes([99 if place == 1 else 10 + place]))
    cluster.propose(seal="threshold", deposit=5, sanctions=FORFEITS)
    while cluster.roster.ids[1] not in senders(cluster, Kind.SEAL):
        cluster.step()
    cluster.down.add(1)
    cluster.settle()
    for _ in range(4):
        cluster.wait(5000)
    end = cluster.decided(0)
    assert reports(cluster)[cluster.roster.ids[1]] == b"\x63"
    assert nets(end.flows) == {"bob": -99, "SELLER": 99}
    assert cluster.events(0, Defaulted) == []


def test_members_that_are_not_asked_share_too():
    cluster = Cluster(4)
    cluster.run(seal="threshold", asked=cluster.roster.ids[:2])
    assert set(senders(cluster, Kind.SHARE)) == set(cluster.roster.ids)
    assert len(reports(cluster)) == 2


def test_a_pass_is_plain_and_opens_to_nothing():
    cluster = run(4, report=lambda place, step: None if place < 3 else b"\7")
    assert [said.sealed is None for said in entries(cluster, Kind.SEAL)].count(True) == 3
    assert reports(cluster) == {cluster.roster.ids[3]: b"\7"}


def test_where_everybody_passes_there_is_nothing_to_open():
    cluster = run(4, report=lambda place, step: None)
    assert Kind.SHARE not in kinds(cluster)
    assert reports(cluster) == {}
    assert cluster.decided(0).agrees


def test_the_opening_ends_where_t_valid_shares_are_ordered_and_later_ones_are_void():
    cluster = run(7)
    opening = [event for event in cluster.events(0, PhaseChanged) if event.phase == "opening"]
    assert [(event.heard, event.asked) for event in opening] == [(heard, 5) for heard in range(6)]
    assert kinds(cluster).count(Kind.SHARE) == 7


@pytest.mark.parametrize("threshold", [2, 3])
def test_any_t_between_b_and_q_opens_with_t_shares(threshold):
    cluster = run(4, terms={"threshold": threshold})
    opening = [event for event in cluster.events(0, PhaseChanged) if event.phase == "opening"]
    assert opening[-1].asked == threshold
    assert cluster.decided(0).agrees


@pytest.mark.parametrize("threshold", [0, 1, 4])
def test_a_proposal_with_a_threshold_outside_its_bounds_founds_no_session(threshold):
    cluster = Cluster(4)
    proposal = replace(make(cluster), threshold=threshold)
    cluster.order(0, Kind.PROPOSE, proposal.encoded)
    assert all(session.events == [] for session in cluster.sessions)
    assert "threshold" in str(proposal.fault(cluster.roster))


def make(cluster, **terms):
    return make_proposal(cluster.roster, seal="threshold", **terms)


def withhold(places, kind=Kind.SHARE):
    return lambda who, broadcast: [] if who in places and broadcast.kind == kind else [broadcast]


def test_without_t_shares_the_timers_abort_the_session_and_deposits_return():
    cluster = Cluster(4, twist=withhold({2, 3}))
    cluster.run(seal="threshold", deposit=5, sanctions=FORFEITS)
    cluster.wait(3000)
    for place in range(4):
        end = cluster.aborted(place)
        assert "2 of 3 members' shares" in end.reason
        assert nets(end.flows) == {}
    assert cluster.aborted(0).defaulted == cluster.roster.ids[2:]
    assert convictions(cluster) == []


def test_a_withheld_share_below_the_limit_changes_nothing():
    cluster = run(4, twist=withhold({3}))
    assert len(reports(cluster)) == 4
    assert convictions(cluster) == []


@pytest.mark.parametrize("at", range(0, 24, 3))
def test_a_member_that_restarts_anywhere_says_the_same_bytes_again(at):
    cluster = Cluster(4)
    cluster.propose(seal="threshold")
    for _ in range(at):
        cluster.step()
    before = dict(cluster.said[2])
    cluster.said[2] = {}
    cluster.restart(2)
    again = cluster.said[2]
    assert again == {key: before[key] for key in again}
    cluster.said[2] = before | again
    cluster.pending = unique(cluster)
    cluster.settle()
    assert cluster.decided(0) == cluster.decided(2)
    assert len(reports(cluster)) == 4


def unique(cluster):
    """What waits, without what a replay said once more."""
    seen, kept = set(), []
    ordered = {(each.submission.sender, each.submission.data) for each in cluster.log}
    for place, broadcast in cluster.pending:
        mark = place, broadcast.key
        if mark not in seen and (cluster.roster.ids[place], broadcast.data) not in ordered:
            kept.append((place, broadcast))
        seen.add(mark)
    return kept


def test_two_steps_of_one_session_are_sealed_apart():
    cluster = run(4, plan=Plan(sealed=(True, True)))
    assert reports(cluster, step=0) == {m: bytes([10 + k]) for k, m in enumerate(cluster.roster.ids)}
    assert reports(cluster, step=1) == {m: bytes([11 + k]) for k, m in enumerate(cluster.roster.ids)}
    assert cluster.decided(0).agrees


def test_a_silent_player_is_waited_for_until_the_timers_and_then_absent():
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 2 else bids(place, step))
    cluster.run(seal="threshold")
    cluster.wait(2000)
    assert set(reports(cluster)) == set(cluster.roster.ids) - {cluster.roster.ids[2]}
    assert cluster.decided(0).agrees


def test_every_changed_byte_of_a_transcript_is_found():
    cluster = run(4)
    data = cluster.decided(0).transcript
    for at in range(0, len(data), 97):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(VerificationError):
            audit(changed, cluster.scheme, cluster.recompute, cluster.roster)


def test_coin_entries_and_shares_of_no_session_are_ignored():
    cluster = Cluster(4)
    cluster.order(0, Kind.COIN, CoinEntry(digest("none"), 0, b"x").encoded)
    cluster.order(0, Kind.SHARE, ShareEntry(digest("none"), 0, b"x").encoded)
    cluster.order(0, Kind.SEAL, SealEntry(digest("none"), 0, b"x").encoded)
    assert cluster.pending == []
