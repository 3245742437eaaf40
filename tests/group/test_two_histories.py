"""Ends of an epoch that quorums signed beside one another: who follows which, and who is convicted."""

from mechdesign.group.channel import channel_of, frame
from mechdesign.group.evidence import convict
from mechdesign.group.group import Group
from mechdesign.group.messages import EvidenceFound, GroupEffect, Ready, ViewChanged
from mechdesign.group.views.packets import Ask, State, Trail, encode_epoch_packet
from mechdesign.group.views.statement import carried_digest
from mechdesign.kernel.wire import encode
from mechdesign.testing.cluster import BRISK
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.epochs import end, invite, line
from tests.group.lockstep import make_roster, member, signer
from tests.group.lone_groups import FOUR, SCHEME, alone, drive, only


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
