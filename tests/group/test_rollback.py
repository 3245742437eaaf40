"""A journal that lost its end, as a restored backup has: its member must not sign again for what it signed before."""

from mechdesign.group.block import Block, parse_block
from mechdesign.group.evidence import convict
from mechdesign.kernel.crypto import KeyedHash
from tests.group.lockstep import Lockstep, member


def talk() -> Lockstep:
    """Four members in the middle of things, all links up; the first one has just crashed."""
    net = Lockstep(4)
    for number in range(4):
        net.say(number, b"word %d" % number)
        net.run(20_000)
    net.run()
    net.crash(0)
    return net


def signed(net: Lockstep, records: list[tuple[str, bytes, bytes]], place: int) -> list[Block]:
    """The blocks of a member among these records."""
    blocks = [parse_block(data, net.roster) for table, _, data in records if table == "block"]
    return [block for block in blocks if block is not None and block.author == place]


def test_a_member_rolled_back_to_any_earlier_record_goes_on_or_refuses_and_never_signs_a_second_block() -> None:
    length = len(talk().hosts[0].disk)
    refused = went_on = 0
    for kept in range(length + 1):
        net = talk()
        host = net.hosts[0]
        lost = host.disk[kept:]
        host.disk = host.disk[:kept]
        net.restart(0)
        net.say(0, b"after the loss")
        net.run()
        status = net.hosts[0].core.status()
        if signed(net, lost, 0):
            assert status.state == "refusing"
            assert "the journal was rolled back, or another process uses our key" in status.detail
            refused += 1
        else:
            assert status.state == "running"
            assert all(b"after the loss" in host.said for host in net.hosts)
            went_on += 1
        for host in net.hosts:
            assert host.evidence == []
        rounds = [block.round for block in signed(net, net.hosts[1].disk, 0)]
        assert len(rounds) == len(set(rounds))
        net.assert_agreement()
    assert refused > went_on > 0


def test_an_empty_journal_under_a_known_key_reads_along_and_signs_nothing() -> None:
    net = talk()
    net.hosts[0].disk = []
    net.restart(0)
    net.say(1, b"said by another")
    net.say(0, b"said after the loss")
    net.run()
    host = net.hosts[0]
    assert host.core.status().state == "refusing"
    assert b"said by another" in host.said
    known = {block.digest for block in signed(net, net.hosts[1].disk, 0)}
    assert {block.digest for block in signed(net, host.disk, 0)} == known
    assert not any(b"said after the loss" in other.said for other in net.hosts)


def test_where_nobody_who_knows_answers_in_time_the_second_block_convicts() -> None:
    """The limit of what neighbours can do: why a lost disk means a new key."""
    net = talk()
    net.hosts[0].disk = []
    net.lose = lambda source, target, data: target == 0
    net.restart(0)
    net.say(0, b"said after the loss")
    net.run()
    proofs = [found for host in net.hosts[1:] for found in host.evidence]
    assert proofs
    assert all(convict(found.data, net.roster, KeyedHash()) == member(0) for found in proofs)
