"""What one member may cost the others: their rounds, and their upload."""

import pytest

from mechdesign.group.block import Reference, genesis, make_block, parse_block
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Submission
from mechdesign.group.meter import Meter
from mechdesign.group.packets import (
    Blocks,
    GroupPacket,
    LogWant,
    Pull,
    Want,
    decode_packet,
    encode_blocks,
    encode_packet,
)
from mechdesign.kernel.machine import SECOND
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.lockstep import CONFIG, MILLISECOND, Lockstep, member, signer


def test_an_allowance_is_used_up_and_refills_with_time_up_to_its_whole():
    meter = Meter(2, 10, 3)
    for _ in range(3):
        assert meter.allows(0, 0)
        meter.charge(0, 1, 0)
    assert not meter.allows(0, 0)
    assert meter.allows(1, 0)
    due = meter.due(0, 0)
    assert not meter.allows(0, due - 1)
    assert meter.allows(0, due)
    meter.charge(0, 1, due)
    meter.charge(0, 9, due)
    assert not meter.allows(0, due + SECOND // 2)
    meter.refund(0, 10**6)
    for _ in range(3):
        meter.charge(0, 1, due + SECOND)
    assert not meter.allows(0, due + SECOND)
    # A clock that seems to run backwards gives nothing.
    assert not meter.allows(0, due)


def chatterer(net, place, leaf):
    """A member that makes a block with this leaf on top of every quorum that it sees."""
    held: dict[int, dict[int, Reference]] = {}
    mine = [genesis(net.roster, place)]

    def hear(source, data):
        packet = decode_packet(net.roster, data)
        for wire in packet.blocks if isinstance(packet, Blocks) else ():
            block = parse_block(wire, net.roster)
            assert block is not None
            held.setdefault(block.round, {})[block.author] = block.ref
        newest = max(held, default=-1)
        if mine[-1].round <= newest and len(held.get(newest, ())) >= 3:
            others = [ref for author, ref in sorted(held[newest].items()) if author != place]
            extra = [mine[-1], *others]
            block = make_block(net.roster, signer(place), newest + 1, extra, (), [leaf(newest)])
            mine.append(block.ref)
            for target in net.live:
                net.give(place, target, encode_blocks(net.roster, [block.wire]))

    net.liars[place] = hear
    first = make_block(net.roster, signer(place), 0, mine, (), [leaf(-1)])
    mine.append(first.ref)
    for target in net.live:
        net.perform(target, net.hosts[target].core.receive(LinkUp(member(place)), net.now))
        net.give(place, target, encode_blocks(net.roster, [first.wire]))


def rounds_in(net, seconds):
    before = net.hosts[0].core.status().round
    net.run(seconds * SECOND)
    return net.hosts[0].core.status().round - before


METERED = CONFIG.model_copy(update={"awake_rounds_per_s": 5, "awake_rounds_burst": 50})


def test_a_liar_that_says_nothing_in_many_payloads_gets_the_rounds_of_its_allowance_and_no_more():
    net = Lockstep(4, silent=[3], config=METERED)
    chatterer(net, 3, lambda round_: b"void")
    assert 40 <= rounds_in(net, 10) <= 50 + 10 * 5 + 5
    assert 40 <= rounds_in(net, 10) <= 10 * 5 + 5
    status = net.hosts[0].core.status()
    assert dict(status.awake)[member(3)] > 80
    # Whoever has something to say is not held up by it.
    net.say(1, b"hello")
    net.run(SECOND)
    assert [net.hosts[place].said for place in net.live] == [[b"hello"]] * 3


def test_what_reaches_the_log_is_given_back_so_a_member_may_speak_as_much_as_it_likes():
    net = Lockstep(4, silent=[3], config=METERED)
    chatterer(net, 3, lambda round_: encode_leaf(Submission(1, member(3), round_ + 1, b"news")))
    net.run(SECOND // 2)
    assert net.hosts[0].core.status().round > 2 * 50
    assert len(net.hosts[0].log) > 2 * 50


@pytest.mark.long
def test_an_honest_speaker_is_not_slowed_down():
    net = Lockstep(4, config=METERED)
    net.run(10 * MILLISECOND)
    for at in range(200):
        net.say(0, b"%d" % at)
        net.run(6 * MILLISECOND)
    assert len(net.hosts[0].log) == 200


def test_a_neighbour_that_asks_without_end_is_served_its_share():
    net = Lockstep(4, config=CONFIG.model_copy(update={"serve_bytes_per_s": 10_000}))
    for at in range(160):
        net.say(at % 4, b"%d" % at + bytes(3000))
        net.run(3 * MILLISECOND)
    net.run()
    core = net.hosts[0].core
    blocks = [parse_block(data, net.roster) for table, _, data in net.hosts[0].disk if table == "block"]
    digests = tuple(block.digest for block in blocks if block is not None and block.leaves)[:100]
    newest = core._order.chronicle
    asks: list[GroupPacket] = [
        Pull(digests),
        Want((-1,) * 4),
        LogWant(0, newest.count, newest.chain),
    ]
    for ask in asks:
        served = 0
        net.run(200 * SECOND)
        begin = net.now
        for turn in range(300):
            effects = core.receive(Packet(member(3), encode_packet(net.roster, ask)), begin + turn * MILLISECOND)
            served += sum(len(effect.data) for effect in effects if isinstance(effect, Send))
        # The burst holds four batches; beyond that and its last answer it is the rate.
        assert 4 * 256 * 1024 <= served <= 6 * 256 * 1024
        # The others are served as before.
        assert core.receive(Packet(member(2), encode_packet(net.roster, ask)), begin + 300 * MILLISECOND)
    assert dict(core.status().dropped)["throttled"] > 500
