"""What a member knows of the epochs ahead is bounded, and brings it to the newest all the same."""

from mechdesign.group.channel import channel_of, frame
from mechdesign.group.group import Group
from mechdesign.group.views.annals import EPOCHS_KEPT
from mechdesign.group.views.packets import State, Trail, encode_epoch_packet
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.testing.cluster import BRISK
from mechdesign.transport.messages import LinkUp, Packet
from tests.group.epochs import end
from tests.group.lockstep import SECOND, make_roster, member, signer

AHEAD = 2 * EPOCHS_KEPT


def line_of_epochs():
    """(rosters, certificates, states) of consecutive epochs, all of the same members."""
    rosters, certificates, states = [make_roster(4)], [], []
    for number in range(AHEAD):
        states.append(b"state %d" % number)
        certificates.append(end(rosters[-1], rosters[-1].members, states[-1]))
        rosters.append(certificates[-1].follow(rosters[-1], KeyedHash()))
    return rosters, [certificate.encoded for certificate in certificates], states


def sleeper(roster):
    group = Group(roster, signer(0), KeyedHash(), BRISK)
    group.restore((), 0)
    for place in (1, 3):
        group.receive(LinkUp(member(place)), 0)
    return group


def hand(group, place, roster, packet, now):
    return group.receive(Packet(member(place), frame(channel_of(roster), encode_epoch_packet(packet))), now)


def shown_certificates_only(rosters, certificates):
    group = sleeper(rosters[0])
    for number, wire in enumerate(certificates):
        hand(group, 3, rosters[number], Trail((wire,)), number * SECOND)
    return group


def test_who_is_shown_certificates_and_never_a_state_keeps_one_more_than_the_annals_do():
    rosters, certificates, _ = line_of_epochs()
    group = shown_certificates_only(rosters, certificates)
    pursuit = group._transition.pursuit
    assert pursuit.newest == rosters[-1]
    assert len(pursuit.certificates) == len(pursuit._ends) == EPOCHS_KEPT + 1
    assert len(group.channels) == EPOCHS_KEPT + 2


def test_with_the_state_it_begins_in_the_newest_epoch_and_knows_how_the_last_ones_ended():
    rosters, certificates, states = line_of_epochs()
    group = shown_certificates_only(rosters, certificates)
    now = AHEAD * SECOND
    hand(group, 1, rosters[-1], State(states[-1]), now)
    group.tick(now)
    assert group.roster == rosters[-1]
    kept = group._guide.annals.rosters
    assert list(kept) == rosters[AHEAD - EPOCHS_KEPT : AHEAD]


def test_whoever_tells_it_of_old_ends_once_more_is_no_liar():
    rosters, certificates, _ = line_of_epochs()
    group = shown_certificates_only(rosters, certificates)
    now = AHEAD * SECOND
    hand(group, 1, rosters[0], Trail(tuple(certificates[:40])), now)
    hand(group, 1, rosters[-2], Trail(tuple(certificates[-1:])), now)
    assert "trail" not in dict(group.status().dropped)
    assert group._transition.pursuit.newest == rosters[-1]


def test_one_trail_may_lead_past_the_bound():
    rosters, certificates, _ = line_of_epochs()
    group = sleeper(rosters[0])
    for first in range(0, AHEAD, EPOCHS_KEPT):
        hand(group, 1, rosters[first], Trail(tuple(certificates[first : first + EPOCHS_KEPT])), first * SECOND)
    assert group._transition.pursuit.newest == rosters[-1]
    assert len(group._transition.pursuit.certificates) == EPOCHS_KEPT + 1
