"""Long blocks that wait for their ancestors: so many bytes of each author, and what found no room comes again."""

from typing import Any

from mechdesign.group.block import Reference, make_block
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Submission
from mechdesign.group.packets import Pull, Want, decode_packet, encode_blocks
from mechdesign.transport.messages import LinkUp
from tests.group.lockstep import MILLISECOND, SECOND, Lockstep, blocks_in, member, said, signer

LONG = 4096
LIMITS: dict[str, Any] = {"submission_bytes_max": LONG, "payload_bytes_max": LONG}


def parked(net: Lockstep, author: int) -> int:
    """The bytes of an author that member 0 has parked."""
    return sum(len(block.wire) for block in net.hosts[0].core._manager.parked() if block.author == author)


def room(net: Lockstep) -> int:
    bound = net.hosts[0].core._manager._bytes_max
    assert bound is not None
    return bound


def test_what_a_liar_has_parked_is_bounded_in_bytes_and_those_beside_it_get_through():
    net = Lockstep(4, silent=[3], **LIMITS)
    net.perform(0, net.hosts[0].core.receive(LinkUp(member(3)), net.now))
    most = 0
    for number in range(1, 121):
        # High above the others: what is old would be let go.
        round_ = 300 + number
        before = [Reference(round_ - 1, place, bytes([place + 1, number]) * 16) for place in (3, 0, 1)]
        leaf = encode_leaf(Submission(7, member(3), number, bytes(LONG - 100)))
        block = make_block(net.roster, signer(3), round_, before, (), [leaf])
        net.give(3, 0, encode_blocks(net.roster, [block.wire]))
        net.say(1, b"%d" % number + bytes(LONG - 200))
        net.run(5 * MILLISECOND)
        most = max(most, parked(net, 3))
    assert room(net) - 2 * LONG < most <= room(net)
    net.run()
    net.assert_agreement()
    assert [len(heard) for heard in said(net)] == [120] * 3


def test_honest_blocks_that_found_no_room_come_again_when_their_turn_is_near():
    net = Lockstep(4, **LIMITS)

    def starved(source: int, target: int, data: bytes) -> bool:
        """Nothing that member 2 made reaches 0, and 0 can ask for nothing."""
        if source == 0 and isinstance(decode_packet(net.roster, data), Pull | Want):
            return True
        return target == 0 and any(block.author == 2 for block in blocks_in(net, data))

    net.run(20 * MILLISECOND)
    net.lose = starved
    for number in range(80):
        for place in (1, 2, 3):
            net.say(place, b"%d of %d" % (number, place) + bytes(LONG - 200))
        net.run(6 * MILLISECOND)
        assert all(parked(net, author) <= room(net) for author in range(4))
    # The others went on without 0, and more of what they said came to it than it may keep.
    assert max(parked(net, author) for author in range(4)) > room(net) - 2 * LONG
    assert net.hosts[0].core._manager.evicted > 0
    assert len(said(net)[0]) < len(said(net)[1])
    net.lose = lambda source, target, data: False
    net.run(5 * SECOND)
    net.assert_agreement()
    assert [len(heard) for heard in said(net)] == [240] * 4
    assert "cut off" not in dict(net.hosts[0].core.status().dropped)
