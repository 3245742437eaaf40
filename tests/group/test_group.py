"""Members come and go: the machine over epochs, in situations that are staged."""

import pytest

from mechdesign.group.group import Group
from mechdesign.group.messages import Broadcast, Compact, Delivered, Leave, Ready, ViewChanged, ViewChanging
from mechdesign.group.views.packets import STATE_BYTES_MAX
from mechdesign.group.views.view import ViewKind
from mechdesign.kernel.errors import JournalError, LocalProtocolError, VerificationError
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.cluster import BRISK
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.testing.view_liars import VIEW_LIAR_KINDS
from mechdesign.transport.messages import Packet
from tests.group.epochs import invite
from tests.group.lockstep import make_roster, member, signer
from tests.group.lone_groups import FOUR, SCHEME, alone, drive, only
from tests.long_form import mostly_long


def started(founders, total, **options):
    """A cluster whose founders are up and have spoken once."""
    cluster = ViewCluster(founders, total, **options)
    for place in range(founders):
        cluster.start(place)
    cluster.run(1)
    for place in range(founders):
        cluster.say(place, b"first %d" % place)
    cluster.assert_settled()
    return cluster


def epoch_of(cluster):
    return max(cluster.chain)


def test_one_member_alone_is_a_group_that_others_join_and_leave_under_load():
    cluster = started(1, 7)
    number = 0
    for joins, goes in (((1,), ()), ((2, 3), ()), ((4, 5, 6), ()), ((), (0, 1, 5))):
        for _ in range(5):
            for place in cluster.live:
                number += 1
                cluster.say(place, b"load %d" % number)
            cluster.run(0.01)
        cluster.want(joins, goes)
        for place in cluster.live:
            cluster.say(place, b"meanwhile %d %d" % (place, number))
        cluster.assert_settled()
    assert [roster.n for roster, _ in cluster.chain.values()] == [1, 2, 4, 7, 4]
    assert [roster.q for roster, _ in cluster.chain.values()] == [1, 2, 3, 5, 3]
    cluster.assert_quiet()


@pytest.mark.parametrize(
    ("edges", "joins", "goes"),
    [
        ([(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (2, 5)], [5], []),
        ([(0, 1), (1, 2), (2, 3), (3, 4)], [], [4]),
        ([(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)], [5], [3]),
    ],
    ids=["a ring that one joins at one place", "a line whose end leaves", "a star"],
)
def test_members_change_where_not_everybody_has_a_link_to_everybody(edges, joins, goes):
    cluster = started(5, 6, edges=edges)
    for number in range(2):
        cluster.want(*((joins, goes) if number == 0 else (goes, joins)))
        for place in cluster.live:
            cluster.say(place, b"%d in change %d" % (place, number))
        cluster.assert_settled()
    assert epoch_of(cluster) >= 2
    cluster.assert_quiet()


def test_a_join_and_a_leave_at_once_may_be_one_change():
    cluster = started(4, 5)
    cluster.want(joins=[4], goes=[0])
    cluster.assert_settled()
    roster, _ = cluster.chain[epoch_of(cluster)]
    assert [each.name for each in roster.members] == ["m1", "m2", "m3", "m4"]


def test_a_change_that_is_asked_for_while_another_is_under_way_happens_too():
    cluster = started(4, 7, drains=True)
    cluster.want(joins=[4])
    cluster.run(0.02)
    cluster.want(joins=[5], goes=[1])
    cluster.run(0.3)
    cluster.want(joins=[6], goes=[2])
    cluster.assert_settled()
    roster, _ = cluster.chain[epoch_of(cluster)]
    assert {each.name for each in roster.members} == {"m0", "m3", "m4", "m5", "m6"}


def test_a_member_that_is_down_is_excluded_and_the_others_go_on_without_it():
    cluster = started(4, 4)
    cluster.simulator.crash(2)
    cluster.want(goes=[2])
    cluster.assert_settled()
    assert cluster.chain[1][0].n == 3
    cluster.say(0, b"after")
    cluster.assert_settled()


def test_an_excluded_member_that_comes_back_learns_that_it_is_out():
    cluster = started(4, 4)
    cluster.simulator.crash(2)
    cluster.want(goes=[2])
    cluster.assert_settled()
    cluster.start(2)
    assert cluster.run_until(lambda: cluster.machine(2).status().state == "left", 30)
    with pytest.raises(LocalProtocolError, match="left the group"):
        cluster.machine(2).submit(Leave(), 0)


def test_a_joiner_that_never_comes_does_not_stop_the_others():
    cluster = started(4, 5)
    cluster.absent = frozenset([4])
    cluster.want(joins=[4])
    assert cluster.run_until(lambda: all(cluster.roster_of(place).n == 5 for place in range(4)), 30)
    for place in range(4):
        cluster.say(place, b"without it %d" % place)
    assert cluster.run_until(cluster.all_said_is_ordered, 30)
    cluster.assert_quiet()


def test_who_slept_through_several_epochs_follows_the_certificates_and_takes_over_the_state():
    cluster = started(7, 9, drains=True)
    cluster.simulator.crash(6)
    for joins, goes in (((7,), ()), ((8,), (0,)), ((), (1,)), ((0,), ())):
        cluster.want(joins, goes)
        assert cluster.run_until(
            lambda: {cluster.signers[place].public for place in cluster.wanted} == set(cluster.roster_of(2).ids), 60
        )
        cluster.run(3)
    told: list[tuple[int, object]] = []
    cluster.simulator.watch(ViewChanged, lambda place, event: told.append((place, event)))
    cluster.start(6)
    cluster.assert_settled()
    roster, state = cluster.chain[epoch_of(cluster)]
    assert epoch_of(cluster) >= 4
    assert told == [(6, ViewChanged(roster, state))], "it jumps over the epochs between"
    cluster.say(6, b"awake")
    assert cluster.run_until(lambda: cluster.simulator.processes[6].machine.status().delivered > 0, 30)


def test_what_a_sleeper_said_and_others_ordered_is_not_ordered_again_and_what_they_did_not_is():
    cluster = started(7, 8)
    cluster.simulator.cut([(6, other) for other in range(4)], noticed=False)
    for number in range(4):
        cluster.say(6, b"on the way %d" % number)
    cluster.run(0.005)
    cluster.simulator.crash(6)
    cluster.simulator.mend()
    for joins, goes in (((7,), ()), ((), (7,)), ((7,), ())):
        cluster.want(joins, goes)
        assert cluster.run_until(
            lambda: {cluster.signers[place].public for place in cluster.wanted} == set(cluster.roster_of(2).ids), 60
        )
    cluster.start(6)
    cluster.assert_settled()  # once, and not twice: the cluster looks on
    cluster.simulator.crash(6)
    cluster.start(6)
    cluster.assert_settled()
    cluster.assert_quiet()


def test_a_leaver_serves_the_old_epoch_until_it_hears_that_a_quorum_has_begun():
    cluster = started(4, 4)
    simulator = cluster.simulator
    # From the moment on at which the first has begun, nobody hears anybody but the leaver.
    others = [(a, b) for a in range(3) for b in range(3) if a != b]
    simulator.watch(ViewChanged, lambda place, event: simulator.cut(others))
    simulator.submit(3, Leave())
    cluster.wanted.pop(3)
    limit = simulator.now + 30 * SECOND
    assert simulator.run(limit, lambda: all(cluster.machine(place).roster.epoch == 1 for place in range(4)))
    cluster.run(3)
    assert len(cluster.machine(3).epochs) == 1, "it still serves"
    cluster.run(5)
    cluster.simulator.mend()
    assert cluster.run_until(lambda: not cluster.machine(3).epochs, 30, each=100)
    cluster.assert_quiet()


def test_whoever_signs_two_ends_is_convicted_by_one_that_learns_of_both():
    # Member 3 hears of the liar through two others, and each of them was shown another end.
    cluster = started(4, 5, liars={2: "two-ended"}, edges=[(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1)])
    assert {cluster.signers[place].public[0] % 2 for place in (0, 1)} == {0, 1}
    cluster.want(joins=[4])
    cluster.assert_settled()
    assert set(cluster.evidence.convicted[3]) == {cluster.signers[2].public}


# Of each kind one is played by `make test`, by turns with a drain and without.
@pytest.mark.parametrize(
    ("kind", "drains"),
    mostly_long(
        ((kind, drains) for at, kind in enumerate(VIEW_LIAR_KINDS) for drains in (at % 2 == 0, at % 2 == 1)),
        short=len(VIEW_LIAR_KINDS),
    ),
)
def test_no_lie_about_the_end_of_an_epoch_keeps_the_others_from_going_on(kind, drains):
    cluster = started(4, 6, liars={1: kind}, drains=drains)
    for joins, goes in (((4,), ()), ((5,), (0,))):
        cluster.want(joins, goes)
        cluster.assert_settled()
    cluster.assert_quiet()


def test_the_journal_holds_one_epoch_and_how_the_last_ones_ended():
    cluster = started(3, 4)
    for number in range(4):
        cluster.want(*(([3], []) if number % 2 == 0 else ([], [3])))
        cluster.assert_settled()
    for process in cluster.simulator.processes[:3]:
        records = process.disk.records()
        assert {record.key[:4] for record in records if record.table in ("own", "block", "log")} == {b"\0\0\0\4"}
        assert sum(record.key.startswith(b"end") for record in records if record.table == "view") == 4


def test_a_frame_of_no_channel_of_ours_is_counted_and_dropped():
    cluster = started(3, 3)
    group = cluster.machine(0)
    peer = cluster.signers[1].public
    before = dict(group.status().dropped).get("channel", 0)
    for data in (b"", b"short", bytes(16) + b"lobby", bytes(400)):
        assert not group.receive(Packet(peer, data), cluster.simulator.now + SECOND * 10_000)
    assert dict(group.status().dropped)["channel"] == before + 4


def test_status_says_what_changes_and_who_is_missing():
    cluster = started(3, 4, drains=True)
    cluster.simulator.crash(2)
    cluster.want(joins=[3])
    cluster.run(5)
    cluster.start(2)
    assert cluster.run_until(lambda: cluster.machine(0).status().view is not None, 30)
    cluster.simulator.crash(2)
    cluster.run(2)
    view = cluster.machine(0).status().view
    assert (view.joins, view.goes) == (("m3",), ())
    assert cluster.signers[2].public in view.unready or cluster.signers[2].public not in view.signed
    cluster.start(2)
    cluster.assert_settled()


def test_the_layer_above_is_told_hands_over_its_state_and_begins_with_it():
    group, _ = alone()
    group.submit(Broadcast(b"a", 1, b"before"), 0)
    invitation = invite(make_roster(1), 1)
    group.submit(invitation.join, 0)
    told = drive(group)
    changing = only(told, ViewChanging)
    entries = only(told, Delivered)
    assert [entry.submission.kind for entry in entries] == [1, ViewKind.JOIN]
    assert changing == [ViewChanging(entries[1].position)]
    assert told.index(changing[0]) == told.index(entries[1]) + 1, "at once, before anything else is handed up"
    assert group.status().view.unready == (member(0),)
    group.submit(Ready(b"what it has"), 0)
    told = drive(group)
    assert [(each.roster.n, each.roster.epoch, each.state) for each in only(told, ViewChanged)] == [
        (2, 1, b"what it has")
    ]
    assert group.roster.faults is make_roster(2).faults


def test_the_last_entries_are_handed_up_before_their_records_are_deleted():
    group, _ = alone(carry_over=True)
    group.submit(invite(make_roster(1), 1).join, 0)
    group.submit(Broadcast(b"a", 1, b"before"), 0)
    told = drive(group)
    last = max(at for at, effect in enumerate(told) if isinstance(effect, Delivered))
    # A checkpoint may replace other records before: the log that it writes in their place holds the entries.
    deleted = [
        at
        for at, effect in enumerate(told)
        if isinstance(effect, Compact) and {"log", "checkpoint"} & {table for table, _ in effect.gone}
    ]
    assert deleted
    assert min(deleted) > last


def test_what_is_misused_is_refused():
    group, _ = alone()
    with pytest.raises(LocalProtocolError, match="does not change"):
        group.submit(Ready(b""), 0)
    for kind in ViewKind:
        with pytest.raises(LocalProtocolError, match="the group's own"):
            group.submit(Broadcast(b"key", kind, b""), 0)
    with pytest.raises(LocalProtocolError, match="once"):
        group.restore((), 0)
    group.submit(invite(make_roster(1), 1).join, 0)
    drive(group)
    with pytest.raises(LocalProtocolError, match="at most"):
        group.submit(Ready(bytes(STATE_BYTES_MAX + 1)), 0)
    fresh = Group(FOUR, signer(0), SCHEME, BRISK)
    with pytest.raises(LocalProtocolError, match="restore first"):
        fresh.submit(Leave(), 0)
    with pytest.raises(LocalProtocolError, match="no member"):
        Group(FOUR, signer(7), SCHEME, BRISK)


def test_an_invitation_is_for_one_key_and_needs_a_quorum():
    with pytest.raises(LocalProtocolError, match="another key"):
        Group(invite(FOUR, 4), signer(5), SCHEME, BRISK)
    with pytest.raises(VerificationError, match="no quorum"):
        Group(invite(FOUR, 4, by=(0, 1)), signer(4), SCHEME, BRISK)
    group = Group(invite(FOUR, 4), signer(4), SCHEME, BRISK)
    assert not group.restore((), 0)
    assert group.status().state == "joining"
    with pytest.raises(LocalProtocolError, match="not yet"):
        group.submit(Broadcast(b"a", 0, b""), 0)


@pytest.mark.parametrize(
    "record",
    [("view", b"epoch", b"rubbish"), ("view", b"end\0\0\0\0", b"rubbish"), ("view", b"signed", b"rubbish")],
)
def test_a_damaged_record_is_refused_loudly(record):
    with pytest.raises(JournalError, match="damaged"):
        alone([record])


def test_one_that_left_is_told_when_it_is_needed_no_more():
    cluster = started(5, 5)
    cluster.want(goes=[4])
    cluster.assert_settled()
    assert cluster.run_until(lambda: not cluster.machine(4).epochs, 30)
