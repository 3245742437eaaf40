"""Liars within the bound change nothing but their own fate; more than the bound split and halt, without a crash."""

from random import Random

import pytest

from mechdesign.group.block import Block, genesis, make_block
from mechdesign.group.evidence import Equivocation, InvalidBlock, convict, decode_evidence
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Submission
from mechdesign.group.packets import encode_blocks
from mechdesign.group.roster import FaultModel
from mechdesign.transport.messages import LinkUp
from tests.group.liar import Liar
from tests.group.lockstep import (
    MILLISECOND,
    SCHEME,
    SECOND,
    Lockstep,
    blocks_in,
    member,
    signer,
)
from tests.long_form import mostly_long


@pytest.mark.parametrize("seed", mostly_long(range(12), short=4))
def test_liars_within_the_bound_split_no_log_and_convict_nobody_but_themselves(seed: int) -> None:
    random = Random(seed)
    n = random.choice((4, 5, 7))
    liars = random.sample(range(n), random.randint(1, FaultModel.BYZANTINE.liars(n)))
    net = Lockstep(n, silent=liars, depth=random.choice((4, 8, 64)))
    for place in liars:
        net.liars[place] = Liar(net, place, Random(random.random())).hear
        for honest in net.live:
            net.perform(honest, net.hosts[honest].core.receive(LinkUp(member(place)), net.now))
    for at in range(10):
        net.say(random.choice(net.live), b"honest %d" % at)
        net.run(random.choice((5, 20, 50)) * MILLISECOND)
        net.assert_agreement()
        if at == 5:
            restarted = random.choice(net.live)
            net.crash(restarted)
            net.run(20 * MILLISECOND)
            net.restart(restarted)
    for place in liars:
        net.liars[place] = lambda source, data: None
    net.run(10 * SECOND)
    net.assert_agreement()
    for place in net.live:
        host = net.hosts[place]
        assert sum(data.startswith(b"honest") for data in host.said) == 10
        assert host.core.status().state == "running"
        for found in host.evidence:
            assert convict(found.data, net.roster, SCHEME) == found.member
            assert net.roster.place(found.member) in liars


def test_an_equivocator_is_convicted_by_everybody_who_saw_both_blocks() -> None:
    net = Lockstep(4, silent=[3])
    twins = [
        make_block(
            net.roster, signer(3), 0, [genesis(net.roster, 3)], (), [encode_leaf(Submission(1, member(3), 0, d))]
        )
        for d in (b"to the left", b"to the right")
    ]
    net.give(3, 0, encode_blocks(net.roster, [twins[0].wire]))
    net.give(3, 1, encode_blocks(net.roster, [twins[1].wire]))
    net.run()
    net.assert_agreement()
    for place in net.live:
        kinds = [type(decode_evidence(found.data)) for found in net.hosts[place].evidence]
        assert Equivocation in kinds
        assert {found.member for found in net.hosts[place].evidence} == {member(3)}
        assert net.hosts[place].core.status().equivocators == (member(3),)
        # Of the two submissions under one number the first that was ordered stands.
        assert len(net.hosts[place].said) == 1


def test_an_invalid_block_is_evidence_and_a_damaged_copy_is_not() -> None:
    net = Lockstep(4, silent=[3])
    bad = make_block(net.roster, signer(3), 5, [genesis(net.roster, 3)])
    net.give(1, 0, encode_blocks(net.roster, [bad.wire]))
    good = make_block(net.roster, signer(3), 0, [genesis(net.roster, 3)], (), [b"leaf"])
    net.give(2, 1, encode_blocks(net.roster, [good.wire.replace(b"leaf", b"foul")]))
    net.run()
    assert [type(decode_evidence(found.data)) for found in net.hosts[0].evidence] == [InvalidBlock]
    assert net.hosts[1].evidence == []
    assert dict(net.hosts[1].core.status().dropped)["garbage"] == 1


def test_more_liars_than_the_model_bears_fork_and_halt_the_group_without_a_crash() -> None:
    # Quorums of two of three bear crashes only. The liar shows member 0 and member 1 different histories.
    net = Lockstep(3, FaultModel.MAJORITY, silent=[2], links=[(0, 2), (1, 2)])
    sides: dict[int, list[Block]] = {0: [], 1: []}

    def mirror(source: int, data: bytes) -> None:
        for heard in blocks_in(net, data):
            if heard.author != source:
                continue
            mine = sides[source]
            first = mine[-1].ref if mine else genesis(net.roster, 2)
            others = [heard.ref] if heard.round + 1 else []
            if not mine:
                leaf = encode_leaf(Submission(1, member(2), 0, b"for %d" % source))
                mine.append(make_block(net.roster, signer(2), 0, [first], (), [leaf]))
                first = mine[-1].ref
                net.give(2, source, encode_blocks(net.roster, [mine[-1].wire]))
            if heard.round + 1 > mine[-1].round:
                mine.append(make_block(net.roster, signer(2), heard.round + 1, [first, *others]))
                net.give(2, source, encode_blocks(net.roster, [mine[-1].wire]))

    net.liars[2] = mirror
    for place in (0, 1):
        net.perform(place, net.hosts[place].core.receive(LinkUp(member(2)), net.now))
    net.run()
    for place in (0, 1):
        net.say(place, b"from %d" % place)
    net.run()
    assert net.hosts[0].said != net.hosts[1].said
    net.liars[2] = lambda source, data: None
    net.join(0, 1)
    net.run()
    for place in (0, 1):
        assert net.hosts[place].core.status().state == "forked"
        assert member(2) in {found.member for found in net.hosts[place].evidence}
