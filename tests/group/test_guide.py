"""Those who are still in a past epoch are served and shown the way, for as long as it takes."""

from dataclasses import replace

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.views.annals import EPOCHS_KEPT, Annals
from mechdesign.group.views.epoch import Epoch
from mechdesign.group.views.guide import Guide
from mechdesign.group.views.packets import Ask, Trail, decode_epoch_packet, encode_epoch_packet
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.cluster import BRISK
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.epochs import end, invite
from tests.group.lockstep import make_roster, member, signer
from tests.group.lone_groups import FOUR, SCHEME, alone, drive, only


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
