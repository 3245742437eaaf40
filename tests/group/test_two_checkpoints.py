"""A member that signs two different checkpoints of one index broke the protocol: whoever holds both halves convicts."""

import pytest

from mechdesign.group.checkpoint import sign_checkpoint
from mechdesign.group.evidence import TwoCheckpoints, convict, decode_evidence
from mechdesign.group.packets import Vouch, decode_packet, encode_packet
from mechdesign.transport.messages import LinkUp
from tests.group.lockstep import MILLISECOND, SCHEME, Lockstep, member, signer, status

LIAR = 3
ODD = b"x" * 32


def started() -> Lockstep:
    net = Lockstep(4, silent=[LIAR], depth=4)
    for place in net.live:
        net.perform(place, net.hosts[place].core.receive(LinkUp(member(LIAR)), net.now))
    return net


def show(net: Lockstep, index: int, *names: bytes) -> None:
    """The liar signs checkpoints of one index and shows them to everybody, one after another."""
    for named in names:
        vouch = Vouch(index, named, ((LIAR, sign_checkpoint(index, named, net.roster, signer(LIAR))),))
        for place in net.live:
            net.give(LIAR, place, encode_packet(net.roster, vouch))
        net.run(5 * MILLISECOND)


def assert_convicted(net: Lockstep) -> None:
    for host in net.hosts[:3]:
        [found] = host.evidence
        assert isinstance(decode_evidence(found.data), TwoCheckpoints)
        assert convict(found.data, net.roster, SCHEME) == found.member == member(LIAR)


def chat(net: Lockstep, words: int = 30) -> dict[int, bytes]:
    """The members talk; gives the checkpoints that they sign."""
    shown: dict[int, bytes] = {}

    def watch(source: int, target: int, data: bytes) -> bool:
        packet = decode_packet(net.roster, data)
        if isinstance(packet, Vouch):
            shown[packet.index] = packet.named
        return False

    net.lose = watch
    for number in range(words):
        net.say(number % 3, b"%d" % number)
        net.run(4 * MILLISECOND)
    return shown


def test_who_signs_two_checkpoints_of_an_index_that_is_not_reached_yet_is_convicted_once():
    net = started()
    show(net, 16, b"a" * 32, b"b" * 32, b"c" * 32)
    show(net, 17, b"a" * 32, b"b" * 32)
    assert_convicted(net)


@pytest.mark.parametrize("turn", [1, -1], ids=["the true one first", "the true one last"])
def test_who_signs_another_beside_the_newest_certified_checkpoint_is_convicted_though_both_come_late(turn):
    net = started()
    index, named = max(chat(net).items())
    assert status(net, 0).checkpoint == index
    show(net, index, *(named, ODD)[::turn])
    assert_convicted(net)


@pytest.mark.parametrize("turn", [1, -1], ids=["the true one first", "the true one last"])
def test_who_signs_another_beside_a_checkpoint_that_waits_for_signatures_is_convicted_and_still_counted(turn):
    net = started()
    signs = net.hosts[0].core._keeping._certifier
    named_of: dict[int, bytes] = {}

    def mute(source: int, target: int, data: bytes) -> bool:
        packet = decode_packet(net.roster, data)
        if isinstance(packet, Vouch):
            named_of[packet.index] = packet.named
        # With only two signatures that meet, nothing is certified but by the liar's.
        return isinstance(packet, Vouch) and 2 in (source, target)

    net.lose = mute
    for number in range(30):
        net.say(number % 3, b"%d" % number)
        net.run(4 * MILLISECOND)
        if named_of:
            break
    net.run(20 * MILLISECOND)
    index = max(named_of)
    assert signs.index < index in signs._pending
    show(net, index, *(named_of[index], ODD)[::turn])
    assert [found.member for found in net.hosts[0].evidence] == [member(LIAR)]
    assert signs.index == index


def test_a_second_signature_that_does_not_hold_convicts_nobody_and_a_true_one_still_does():
    net = started()
    show(net, 16, b"a" * 32)
    core = net.hosts[0].core
    for place in net.live:
        net.give(LIAR, place, encode_packet(net.roster, Vouch(16, ODD, ((LIAR, bytes(64)),))))
    net.run(5 * MILLISECOND)
    assert not any(host.evidence for host in net.hosts)
    assert dict(core.status().dropped)["forged"] == 1
    show(net, 16, ODD)
    assert_convicted(net)


def test_nobody_is_convicted_where_each_signs_one():
    net = Lockstep(4, depth=4)
    chat(net)
    assert status(net, 0).checkpoint > 0
    assert not any(host.evidence for host in net.hosts)
