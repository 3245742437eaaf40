"""Members come and go: the machine over epochs, in situations that are staged by hand."""

from dataclasses import replace
from random import Random

import pytest

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.evidence import convict
from mechdesign.group.group import Group
from mechdesign.group.messages import (
    Broadcast,
    Compact,
    Delivered,
    EvidenceFound,
    GroupEffect,
    Leave,
    Ready,
    ViewChanged,
    ViewChanging,
)
from mechdesign.group.views.annals import EPOCHS_KEPT, Annals
from mechdesign.group.views.epoch import Epoch
from mechdesign.group.views.guide import Guide
from mechdesign.group.views.packets import (
    STATE_BYTES_MAX,
    Ask,
    Begun,
    Signatures,
    State,
    Trail,
    decode_epoch_packet,
    encode_epoch_packet,
    is_epoch_packet,
)
from mechdesign.group.views.statement import carried_digest
from mechdesign.group.views.view import ViewKind
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import JournalError, LocalProtocolError, VerificationError
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import encode
from mechdesign.testing.cluster import BRISK
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.testing.view_liars import VIEW_LIAR_KINDS
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.epochs import end, invite, line
from tests.group.lockstep import make_roster, member, signer

SCHEME = KeyedHash()
FOUR = make_roster(4)


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


# In the simulator


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


@pytest.mark.parametrize("kind", VIEW_LIAR_KINDS)
@pytest.mark.parametrize("drains", [False, True])
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


# By hand


def alone(records=(), carry_over=False, **options):
    """A group of one."""
    group = Group(make_roster(1), signer(0), SCHEME, BRISK, carry_over=carry_over, **options)
    return group, list(group.restore(records, 0))


def drive(group, now=0):
    """Tick as long as something is due at once."""
    effects = []
    while group.deadline is not None and group.deadline <= now:
        effects += group.tick(now)
    return effects


def only(effects, kind):
    return [effect for effect in effects if isinstance(effect, kind)]


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


# Two histories


class Joiner:
    """One that joins by an invitation, or a member with a journal, and those who tell it things."""

    def __init__(self, group, records=()):
        self.group = group
        self.effects = list(group.restore(records, 0))
        for place in range(9):
            if member(place) != group._signer.public:
                self.effects += group.receive(LinkUp(member(place)), 0)

    def hear(self, place, roster, packet, now=0):
        data = frame(channel_of(roster), encode_epoch_packet(packet))
        effects = list(self.group.receive(Packet(member(place), data), now))
        effects += drive(self.group, now)
        self.effects += effects
        return effects

    def trail(self, place, roster, *certificates):
        return self.hear(place, roster, Trail(tuple(each.encoded for each in certificates)))


def histories():
    """Epoch 0 ended, and all but m3 left; later those that left sign another end of epoch 0, with members of theirs."""
    true = end(FOUR, [*FOUR.members[3:], line(4), line(5), line(6)], by=(0, 1, 2))
    false = end(FOUR, [line(4), line(7), line(8), line(0)], by=(0, 1, 2), chain=b"\1" * 32)
    return true, true.successor(FOUR), false, false.successor(FOUR)


def test_a_joiner_follows_the_certificates_from_its_invitation_and_asks_for_the_state():
    true, next_roster, _, _ = histories()
    true = end(FOUR, true.members, b"state", by=(0, 1, 2))
    next_roster = true.successor(FOUR)
    joiner = Joiner(Group(invite(FOUR, 4), signer(4), SCHEME, BRISK))
    asked = joiner.trail(0, FOUR, true)
    wanted = frame(channel_of(next_roster), encode_epoch_packet(Ask(carried_digest(b"state"))))
    assert Send(member(0), wanted) in asked
    assert not only(joiner.hear(1, next_roster, State(b"another state")), ViewChanged)
    assert only(joiner.hear(2, next_roster, State(b"state")), ViewChanged) == [ViewChanged(next_roster, b"state")]
    assert joiner.group.status().epoch == 1


def test_a_joiner_refuses_a_roster_without_it_as_the_invitation_is_stale():
    without = end(FOUR, FOUR.members, by=(0, 1, 2))
    joiner = Joiner(Group(invite(FOUR, 4), signer(4), SCHEME, BRISK))
    assert not only(joiner.trail(0, FOUR, without), ViewChanged)
    status = joiner.group.status()
    assert status.state == "refusing"
    assert "stale invitation" in status.detail
    later = end(without.successor(FOUR), [*FOUR.members, line(4)])
    assert not only(joiner.trail(0, FOUR, without, later), ViewChanged), "not even where it would come in later"


def test_a_member_with_a_journal_refuses_the_history_that_retired_keys_sign_and_convicts_them():
    true, next_roster, false, _ = histories()
    records = [
        ("view", b"end\0\0\0\0", encode((FOUR.encoded, true.encoded))),
        ("view", b"epoch", encode((next_roster.encoded, b""))),
    ]
    told = Joiner(Group(FOUR, signer(3), SCHEME, BRISK, carry_over=True), records)
    assert told.group.status().epoch == 1
    effects = told.trail(0, FOUR, false)
    assert not only(effects, ViewChanged)
    assert [found.member for found in only(effects, EvidenceFound)] == [member(0), member(1), member(2)]
    assert all(convict(found.data, FOUR, SCHEME) == found.member for found in only(effects, EvidenceFound))
    assert told.group.roster == next_roster
    assert not only(told.trail(1, FOUR, false), EvidenceFound), "one proof against each is enough"


def test_a_recent_invitation_protects_from_keys_that_retired_before_it():
    true, next_roster, false, false_roster = histories()
    newer = end(next_roster, [*next_roster.members, line(8)])
    joiner = Joiner(Group(invite(next_roster, 8), signer(8), SCHEME, BRISK, carry_over=True))
    lie = end(false_roster, [*false_roster.members])
    for roster, certificates in ((FOUR, (false, lie)), (false_roster, (lie,)), (next_roster, (lie,)), (FOUR, (true,))):
        assert not only(joiner.trail(0, roster, *certificates), ViewChanged)
    assert joiner.group.status().state == "joining"
    assert only(joiner.trail(0, next_roster, newer), ViewChanged) == [ViewChanged(newer.successor(next_roster), b"")]


def test_an_old_invitation_that_leads_two_ways_is_refused_as_soon_as_both_are_seen():
    true, _, false, _ = histories()
    assert line(4) in true.members
    assert line(4) in false.members
    true = end(FOUR, true.members, b"a state that nobody has", by=(0, 1, 2))
    joiner = Joiner(Group(invite(FOUR, 4), signer(4), SCHEME, BRISK))
    assert not only(joiner.trail(5, FOUR, true), ViewChanged)
    effects = joiner.trail(0, FOUR, false)
    assert [found.member for found in only(effects, EvidenceFound)] == [member(0), member(1), member(2)]
    status = joiner.group.status()
    assert status.state == "refusing"
    assert "two ends" in status.detail


def closing(group):
    """Have a group of one go until its log has come to its end, and no further."""
    group.submit(invite(make_roster(1), 1).join, 0)
    drive(group)
    group.submit(Ready(b"a state"), 0)
    effects: list[GroupEffect] = []
    for _ in range(20):
        effects += [] if group.status().view.closed else group.tick(0)
    assert group.status().view.closed
    return effects


def another_end(group):
    """A frame with another end of the epoch of a group of one, signed by all of it."""
    lie = end(make_roster(1), [line(0), line(7)], by=(0,))
    packet = encode_epoch_packet(Trail((lie.encoded,)))
    return list(group.receive(Packet(member(7), frame(channel_of(make_roster(1)), packet)), 0))


def test_an_end_that_a_quorum_signed_beside_the_one_of_our_log_is_refused():
    group, _ = alone()
    closing(group)
    effects = another_end(group) + drive(group)
    assert not only(effects, ViewChanged)
    assert group.status().state == "refusing"
    assert [found.member for found in only(effects, EvidenceFound)] == [member(0)]


def test_a_log_that_ends_otherwise_than_a_quorum_signed_is_refused():
    group, _ = alone()
    effects = another_end(group) + closing(group) + drive(group)
    assert not only(effects, ViewChanged)
    status = group.status()
    assert status.state == "refusing"
    assert "another end than our log has" in status.detail


def test_a_member_signs_no_second_end_also_when_its_log_comes_back_another_one():
    other = encode((make_roster(1).digest, b"c" * 32, b"s" * 32, b"n" * 32))
    group, _ = alone([("view", b"signed", other)])
    group.submit(invite(make_roster(1), 1).join, 0)
    drive(group)
    group.submit(Ready(b""), 0)
    assert not only(drive(group), ViewChanged)
    assert "we have signed another end" in group.status().detail


def test_whoever_asks_again_and_again_is_answered_once_in_a_while():
    group, _ = alone(carry_over=True)
    group.submit(invite(make_roster(1), 1).join, 0)
    drive(group)
    assert group.roster.epoch == 1
    asked = frame(channel_of(make_roster(1)), encode_epoch_packet(Ask(b"")))
    assert not group.receive(Packet(member(7), asked), SECOND), "and never without a link"
    group.receive(LinkUp(member(7)), SECOND)
    answers = [only(group.receive(Packet(member(7), asked), SECOND + at * 1000), Send) for at in range(100)]
    assert [len(each) for each in answers if each] == [1, 1]
    data = unframe(answers[0][0].data)[1]
    assert isinstance(decode_epoch_packet(data), Trail)


def test_one_that_left_serves_until_so_many_say_that_all_began_that_one_of_them_is_honest():
    five, four = make_roster(5), replace(FOUR, epoch=1)
    assert four.b == 1
    old = Epoch(five, signer(4), SCHEME, BRISK, None, None)
    guide = Guide(four, {member(0): None}, SECOND)
    guide.stand(four, b"", (), old)
    for peer, channel in ((0, old.channel), (0, old.channel), (4, old.channel), (7, old.channel), (1, b"c" * 16)):
        guide.begun(member(peer), channel)
        assert guide.retire(None) == []
        assert guide.old is old, "though the only neighbour says so"
    guide.begun(member(1), old.channel)
    guide.retire(None)
    assert guide.old is None


def test_one_that_left_is_told_when_it_is_needed_no_more():
    cluster = started(5, 5)
    cluster.want(goes=[4])
    cluster.assert_settled()
    assert cluster.run_until(lambda: not cluster.machine(4).epochs, 30)


def test_old_certificates_are_forgotten_when_there_are_many():
    annals, roster, disk = Annals(), FOUR, {}
    rosters = [roster]
    for _ in range(EPOCHS_KEPT + 5):
        certificate = end(roster, roster.members)
        written, gone = annals.add([(roster, certificate)])
        disk.update({record.key: record.data for record in written})
        for _, key in gone:
            del disk[key]
        roster = certificate.successor(roster)
        rosters.append(roster)
    assert len(disk) == len(annals.rosters) == EPOCHS_KEPT
    assert annals.after(channel_of(rosters[4])) is None
    assert len(annals.after(channel_of(rosters[5])) or ()) == EPOCHS_KEPT
    again = Annals()
    assert all(again.restore(key, data) for key, data in reversed(disk.items()))
    assert again.rosters == annals.rosters


# Packets


@pytest.mark.parametrize(
    "packet",
    [
        Signatures(b"c" * 32, b"s" * 32, b"n" * 32, ((0, b"x" * 64), (3, b"y" * 64))),
        Ask(b""),
        Ask(b"d" * 32),
        Trail((b"one", b"two")),
        State(b""),
        State(b"state"),
        Begun(),
    ],
)
def test_packets_are_read_back(packet):
    data = encode_epoch_packet(packet)
    assert is_epoch_packet(data)
    assert decode_epoch_packet(data) == packet


def test_bent_packets_are_none_and_never_raise():
    chance = Random(5)
    whole = [
        encode_epoch_packet(Signatures(b"c" * 32, b"s" * 32, b"n" * 32, ((0, b"x" * 64),))),
        encode_epoch_packet(Trail((end(FOUR, FOUR.members).encoded,))),
        encode_epoch_packet(Ask(b"d" * 32)),
    ]
    group = Group(FOUR, signer(0), SCHEME, BRISK)
    group.restore((), 0)
    group.receive(LinkUp(member(1)), 0)
    for number in range(600):
        data = bytearray(whole[number % 3])
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        for effect in group.receive(Packet(member(1), frame(channel_of(FOUR), bytes(data))), number):
            assert isinstance(effect, Send)
    assert unframe(frame(b"c" * 16, b"packet")) == (b"c" * 16, b"packet")
    for bad in (
        Signatures(b"c", b"s" * 32, b"n" * 32, ((0, b"x" * 64),)),
        Signatures(b"c" * 32, b"s" * 32, b"n" * 32, ((1, b"x" * 64), (0, b"x" * 64))),
        Ask(b"short"),
        Trail(()),
    ):
        assert decode_epoch_packet(encode_epoch_packet(bad)) is None
