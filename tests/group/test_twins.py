"""Whoever holds two blocks that exclude each other convicts their author, accepted or not, however late they come."""

from collections.abc import Callable
from typing import Any

import pytest

from mechdesign.group.block import Block, Reference, genesis, make_block
from mechdesign.group.evidence import convict
from mechdesign.group.packets import encode_blocks
from mechdesign.kernel.machine import SECOND
from mechdesign.transport.messages import LinkUp
from tests.group.lockstep import MILLISECOND, SCHEME, Lockstep, member, signer

LIAR = 3
NOWHERE = [Reference(0, place, bytes([50 + place]) * 32) for place in range(3)]


def beside_a_liar(**settings: Any) -> Lockstep:
    net = Lockstep(4, silent=[LIAR], **settings)
    net.liars[LIAR] = lambda source, data: None
    for place in net.live:
        net.perform(place, net.hosts[place].core.receive(LinkUp(member(LIAR)), net.now))
    return net


def hand(net: Lockstep, *blocks: Block) -> None:
    """The liar sends blocks to everybody, one in a packet."""
    for block in blocks:
        for place in net.live:
            net.give(LIAR, place, encode_blocks(net.roster, [block.wire]))


def own(net: Lockstep, round_: int, parents: list[Reference], words: bytes) -> Block:
    return make_block(net.roster, signer(LIAR), round_, parents, (), [words])


def accepted_and_parked(net: Lockstep) -> tuple[Block, Block]:
    first = own(net, 0, [genesis(net.roster, LIAR)], b"first")
    for place in range(3):
        net.say(place, b"hi")
    hand(net, first)
    net.run(300 * MILLISECOND)
    zero = [block.ref for block in net.hosts[0].core._dag.blocks() if block.round == 0 and block.author != LIAR]
    return own(net, 1, [first.ref, *sorted(zero)], b"one"), own(net, 1, [first.ref, *NOWHERE], b"other")


def parked_and_accepted(net: Lockstep) -> tuple[Block, Block]:
    return accepted_and_parked(net)[::-1]


def both_parked(net: Lockstep) -> tuple[Block, Block]:
    parents = [Reference(0, LIAR, b"\1" * 32), *NOWHERE]
    return own(net, 1, parents, b"one"), own(net, 1, parents, b"other")


def on_one_predecessor(net: Lockstep) -> tuple[Block, Block]:
    before = Reference(0, LIAR, b"\1" * 32)
    later = [Reference(1, place, bytes([60 + place]) * 32) for place in range(3)]
    return own(net, 1, [before, *NOWHERE], b"one"), own(net, 2, [before, *later], b"other")


@pytest.mark.parametrize("halves", [accepted_and_parked, parked_and_accepted, both_parked, on_one_predecessor])
def test_two_halves_that_were_looked_at_convict_though_one_is_never_accepted(
    halves: Callable[[Lockstep], tuple[Block, Block]],
):
    net = beside_a_liar()
    one, other = halves(net)
    hand(net, one)
    net.run(100 * MILLISECOND)
    assert not any(host.evidence for host in net.hosts)
    hand(net, other)
    net.run(SECOND)
    core = net.hosts[0].core
    assert not (one.digest in core._dag and other.digest in core._dag)
    for place in net.live:
        (found,) = net.hosts[place].evidence
        assert convict(found.data, net.roster, SCHEME) == member(LIAR)


def test_a_half_that_comes_below_the_collection_round_convicts_while_the_other_is_kept():
    net = beside_a_liar(depth=4)
    one, other = (own(net, 0, [genesis(net.roster, LIAR)], words) for words in (b"one", b"other"))
    hand(net, one)
    core, said = net.hosts[0].core, 0
    while core._dag.collection < 2:
        net.say(said % 3, b"%d" % said)
        said += 1
        net.run(3 * MILLISECOND)
    assert one.digest in core._dag
    hand(net, other)
    net.run(SECOND)
    assert other.digest not in core._dag
    for place in net.live:
        (found,) = net.hosts[place].evidence
        assert convict(found.data, net.roster, SCHEME) == member(LIAR)
    hand(net, own(net, 0, [genesis(net.roster, LIAR)], b"third"))
    net.run(SECOND)
    assert dict(core.status().dropped)["old"] == 1, "who is convicted costs no second look"
