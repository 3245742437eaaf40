"""What forgeries cost: signatures are counted that a member looks at, whatever a liar sends it."""

import pytest

from mechdesign.group.block import genesis, make_block
from mechdesign.group.certifier import Certifier
from mechdesign.group.channel import channel_of, frame
from mechdesign.group.checkpoint import sign_checkpoint
from mechdesign.group.core import GroupCore
from mechdesign.group.group import Group
from mechdesign.group.packets import Vouch, encode_blocks, encode_packet
from mechdesign.group.tolerance import _FAULTS_BURST, _FAULTS_PER_S, Tolerance
from mechdesign.group.views.packets import Signatures, Trail, encode_epoch_packet
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import encode
from mechdesign.transport.messages import LinkDown, LinkUp, Packet
from tests.group.epochs import end, line
from tests.group.lockstep import CONFIG, make_roster, member, signer

ROSTER = make_roster(4)
BAD = bytes(64)
FLOOD = 3 * _FAULTS_BURST


class Counting(KeyedHash):
    """Counts the signatures that are checked."""

    def __init__(self):
        self.checked = 0

    def verify(self, key, message, signature):
        self.checked += 1
        return super().verify(key, message, signature)


class Victim:
    """A machine of member 0 that the liar 3 and the honest member 1 are linked to."""

    def __init__(self, machine):
        self.scheme = Counting()
        self.machine = machine(ROSTER, signer(0), self.scheme, CONFIG)
        self.machine.restore((), 0)
        for place in (1, 3):
            self.machine.receive(LinkUp(member(place)), 0)

    def hear(self, data, source=3, now=0):
        """How many signatures a packet makes it look at."""
        before = self.scheme.checked
        self.machine.receive(Packet(member(source), data), now)
        return self.scheme.checked - before


def vouch(index, named=bytes(32), signatures=((1, BAD), (2, BAD), (3, BAD))):
    return encode_packet(ROSTER, Vouch(index, named, signatures))


def forged_block(round_, said=b""):
    block = make_block(ROSTER, signer(1), round_, [genesis(ROSTER, 1)], (), [said])
    return encode((block.encoded, BAD, block.leaves))


def forged_signatures(number):
    said = Signatures(number.to_bytes(32, "big"), bytes(32), bytes(32), ((1, BAD), (2, BAD)))
    return frame(channel_of(ROSTER), encode_epoch_packet(said))


def forged_trail(number):
    right = end(ROSTER, (*ROSTER.members, line(4)), b"%d" % number)
    certificate = right.encoded[:-1] + bytes([right.encoded[-1] ^ 1])
    return frame(channel_of(ROSTER), encode_epoch_packet(Trail((certificate,))))


def test_nothing_behind_a_forged_signature_is_looked_at():
    victim = Victim(GroupCore)
    assert victim.hear(vouch(256)) == 1
    group = Victim(Group)
    assert group.hear(forged_signatures(1)) == 1


@pytest.mark.parametrize(
    ("machine", "forge", "each"),
    [
        (GroupCore, lambda number: vouch(1000 + number), 1),
        (GroupCore, lambda number: encode_blocks(ROSTER, [forged_block(0, b"%d" % number)]), 1),
        (Group, forged_signatures, 1),
        (Group, forged_trail, 3),
    ],
    ids=["vouches", "blocks", "signatures", "trails"],
)
def test_a_flood_of_forgeries_costs_so_many_checks_and_then_nothing(machine, forge, each):
    victim = Victim(machine)
    checked = sum(victim.hear(forge(number)) for number in range(FLOOD))
    assert each <= checked <= _FAULTS_BURST + each
    assert victim.hear(forge(FLOOD)) == 0
    # A new link is no pardon.
    victim.machine.receive(LinkDown(member(3)), 0)
    victim.machine.receive(LinkUp(member(3)), 0)
    assert victim.hear(forge(FLOOD + 1)) == 0
    assert dict(victim.machine.status().dropped)["cut off"] >= FLOOD - checked
    # Time is, for as many as are forgiven.
    later = sum(victim.hear(forge(2 * FLOOD + number), now=SECOND) for number in range(FLOOD))
    assert 0 < later <= _FAULTS_PER_S + 2 * each


def test_one_packet_full_of_forged_blocks_is_not_read_to_its_end():
    victim = Victim(GroupCore)
    blocks = [forged_block(0, b"%d" % number) for number in range(64)]
    assert sum(victim.hear(encode_blocks(ROSTER, blocks)) for _ in range(10)) == _FAULTS_BURST


def test_whoever_is_cut_off_takes_nobody_along():
    victim = Victim(GroupCore)
    for number in range(FLOOD):
        victim.hear(vouch(1000 + number))
    block = make_block(ROSTER, signer(1), 0, [genesis(ROSTER, 1)])
    assert victim.hear(encode_blocks(ROSTER, [block.wire]), source=1) == 1
    assert len(victim.machine.order.dag) == 1
    # What the liar signed itself comes in by others.
    block = make_block(ROSTER, signer(3), 0, [genesis(ROSTER, 3)])
    assert victim.hear(encode_blocks(ROSTER, [block.wire])) == 0
    assert victim.hear(encode_blocks(ROSTER, [block.wire]), source=1) == 1
    assert len(victim.machine.order.dag) == 2


def test_what_cannot_matter_is_not_looked_at():
    certifier = Certifier(ROSTER, 0, signer(0), Counting())
    scheme = certifier._scheme
    assert isinstance(scheme, Counting)
    for index in (256, 512):
        signature = sign_checkpoint(index, bytes(32), ROSTER, signer(1))
        assert certifier.heard(Vouch(index, bytes(32), ((1, signature),)), 0) == ([(1, signature)], True)
    assert scheme.checked == 2
    # The same again, and our own.
    assert certifier.heard(Vouch(256, bytes(32), ((1, BAD),)), 0) == ([], True)
    assert certifier.heard(Vouch(256, bytes(32), ((0, BAD),)), 0) == ([], True)
    assert scheme.checked == 2
    # Another checkpoint of an index convicts, once.
    assert certifier.heard(Vouch(256, b"\1" * 32, ((1, BAD),)), 0) == ([], False)
    for named in (b"\1" * 32, b"\2" * 32):
        signature = sign_checkpoint(256, named, ROSTER, signer(1))
        assert certifier.heard(Vouch(256, named, ((1, signature),)), 0) == ([], True)
    assert scheme.checked == 4
    assert [found.member for found in certifier.proofs()] == [member(1)]


def test_a_member_that_signs_one_checkpoint_after_another_that_will_never_be_is_soon_not_looked_at():
    victim = Victim(GroupCore)
    sends = 0
    for number in range(2000):
        named = number.to_bytes(32, "big")
        signature = sign_checkpoint(1000 + number, named, ROSTER, signer(3))
        data = vouch(1000 + number, named, ((3, signature),))
        sends += len(victim.machine.receive(Packet(member(3), data), 0))
    assert 0 < victim.scheme.checked <= 256
    # Nor does it travel: one copy goes to each neighbour that has no link to the liar.
    assert sends <= 256


def test_faults_are_remembered_of_so_many_peers_only():
    peers = [MemberId(number.to_bytes(32, "big")) for number in range(3000)]
    tolerance = Tolerance()
    for peer in peers:
        tolerance.charge(peer, 0, 1000)
    assert len(tolerance._meters) <= 1024
    assert not tolerance.admits(peers[-1], 0)
    assert tolerance.admits(peers[0], 0)
