"""The core of a member in lockstep with others: one order, quiet when idle, relayed where links are few."""

from random import Random

import pytest

from mechdesign.group.block import check_inclusion, parse_block
from mechdesign.group.committer import CommitRule
from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Append, Broadcast
from mechdesign.group.packets import Tips, decode_packet, encode_blocks, encode_packet
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.lockstep import (
    CONFIG,
    MILLISECOND,
    SCHEME,
    SECOND,
    Lockstep,
    blocks_in,
    make_roster,
    member,
    rounds,
    signer,
)

# Order. --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("faults", [None, FaultModel.UNANIMOUS, FaultModel.MAJORITY])
def test_every_member_delivers_everything_in_one_order(n: int, faults: FaultModel | None) -> None:
    net = Lockstep(n, faults)
    for turn in range(5):
        for place in range(n):
            net.say(place, b"%d of %d" % (turn, place))
        net.run((turn + 1) * MILLISECOND)
    net.run()
    net.assert_agreement()
    for host in net.hosts:
        assert len(host.log) == 5 * n
        assert host.evidence == []
        for entry in host.log:
            assert check_inclusion(net.roster, SCHEME, entry.submission, entry.inclusion)


def test_three_rounds_make_a_commit() -> None:
    net = Lockstep(4)
    net.run()
    net.say(0, b"hello")
    net.run(until=lambda: all(host.log for host in net.hosts))
    assert rounds(net) == [2, 2, 2, 2]


def test_everything_that_waits_goes_into_one_block() -> None:
    net = Lockstep(4)
    net.run()
    for at in range(50):
        net.say(2, b"%d" % at)
    net.run()
    assert net.hosts[0].said == [b"%d" % at for at in range(50)]
    assert len({entry.inclusion.header for entry in net.hosts[0].log}) == 1


def test_an_idle_group_makes_no_blocks_and_its_tips_back_off() -> None:
    net = Lockstep(4)
    net.say(0, b"hello")
    net.run(20 * SECOND)
    still = rounds(net)
    kinds: list[object] = []

    def swallow(source: int, target: int, data: bytes) -> bool:
        kinds.append(decode_packet(net.roster, data))
        return True

    net.lose = swallow
    net.run(16 * SECOND)
    assert rounds(net) == still
    assert all(isinstance(packet, Tips) for packet in kinds)
    # One vector for each neighbour every 1.6 seconds, the longest interval.
    assert 4 * 3 * 9 <= len(kinds) <= 4 * 3 * 11


def test_in_a_full_mesh_each_block_goes_once_to_each_member() -> None:
    net = Lockstep(5)
    net.run()
    copies: dict[tuple[int, bytes], int] = {}

    def count(source: int, target: int, data: bytes) -> bool:
        for block in blocks_in(net, data):
            copies[target, block.digest] = copies.get((target, block.digest), 0) + 1
        return False

    net.lose = count
    for place in range(5):
        net.say(place, b"%d" % place)
    net.run()
    assert len(copies) == 3 * 5 * 4
    assert set(copies.values()) == {1}


@pytest.mark.parametrize("shape", ["line", "ring", "star"])
def test_the_dag_is_the_relay_where_not_everybody_has_a_link_to_everybody(shape: str) -> None:
    links = {
        "line": [(at, at + 1) for at in range(4)],
        "ring": [(at, (at + 1) % 5) for at in range(5)],
        "star": [(0, at) for at in range(1, 5)],
    }[shape]
    net = Lockstep(5, links=links)
    for place in range(5):
        net.say(place, b"%d" % place)
    net.run()
    net.assert_agreement()
    assert [len(host.log) for host in net.hosts] == [5] * 5


@pytest.mark.parametrize("seed", range(8))
def test_loss_delays_and_loses_nothing(seed: int) -> None:
    random = Random(seed)
    net = Lockstep(random.randint(2, 6))
    net.lose = lambda source, target, data: random.random() < 0.3
    for at in range(20):
        net.say(random.choice(net.live), b"%d" % at)
        net.run(20 * MILLISECOND)
    net.run(20 * SECOND)
    net.assert_agreement()
    assert all(len(host.log) == 20 for host in net.hosts)


def test_a_missing_ancestor_is_pulled_from_whoever_refers_to_it() -> None:
    net = Lockstep(4)
    net.run()
    # What member 3 sends directly never reaches member 0.
    net.lose = lambda source, target, data: (source, target) == (3, 0)
    net.say(3, b"hello")
    net.run(SECOND)
    assert net.hosts[0].said == [b"hello"]
    assert net.hosts[0].core.status().pulls == 0


def test_a_stalled_group_says_who_is_missing_and_goes_on_when_they_return() -> None:
    net = Lockstep(4)
    net.run()
    net.crash(2)
    net.crash(3)
    net.say(0, b"hello")
    net.run()
    status = net.hosts[0].core.status()
    assert status.missing == (member(2), member(3))
    assert status.pending == 1
    net.restart(2)
    net.run()
    assert [net.hosts[place].said for place in (0, 1, 2)] == [[b"hello"]] * 3
    assert net.hosts[0].core.status().missing == ()
    assert member(3) in net.hosts[0].core.status().suspected


# Misuse. -------------------------------------------------------------------------------------------------------------


def test_misuse_from_above_raises() -> None:
    roster = make_roster(4)
    with pytest.raises(LocalProtocolError):
        GroupCore(roster, signer(9), SCHEME, CONFIG)
    core = GroupCore(roster, signer(0), SCHEME, GroupConfig(pending_bytes_max=1000))
    with pytest.raises(LocalProtocolError):
        core.tick(0)
    core.restore((), 0)
    with pytest.raises(LocalProtocolError):
        core.restore((), 0)
    for bad in (Broadcast(b"k", 256, b""), Broadcast(b"k", 0, bytes(65 * 1024)), Broadcast(b"k", 0, bytes(1001))):
        with pytest.raises(LocalProtocolError):
            core.submit(bad, 0)


def test_hostile_packets_are_counted_and_change_nothing() -> None:
    random = Random(1)
    net = Lockstep(4)
    net.say(0, b"hello")
    net.run()
    core = net.hosts[0].core
    sample = encode_blocks(net.roster, [record[2] for record in net.hosts[0].disk if record[0] == "block"][:3])
    for _ in range(2000):
        data = bytearray(random.choice((sample, random.randbytes(random.randint(0, 60)))))
        if data:
            data[random.randrange(len(data))] ^= random.randint(1, 255)
        # So slowly that its sender is not cut off.
        net.now += 60 * MILLISECOND
        core.receive(Packet(member(1), bytes(data)), net.now)
    core.receive(Packet(MemberId(b"stranger"), b""), net.now)
    status = core.status()
    assert status.state == "running"
    assert dict(status.dropped)["undecodable"] > 1000
    assert dict(status.dropped)["stranger"] == 1
    net.say(1, b"still here")
    net.run()
    assert [host.said for host in net.hosts] == [[b"hello", b"still here"]] * 4


def test_promises_of_far_rounds_do_not_keep_a_member_from_speaking() -> None:
    net = Lockstep(4, silent=[3])

    def boast(source: int, data: bytes) -> None:
        net.give(3, source, encode_packet(net.roster, Tips((10**6,) * 4, 0b1111, False)))

    net.liars[3] = boast
    for place in net.live:
        net.perform(place, net.hosts[place].core.receive(LinkUp(member(3)), net.now))
    net.run()
    for at in range(30):
        net.say(at % 3, b"%d" % at)
        net.run(100 * MILLISECOND)
    net.run(SECOND)
    assert [len(net.hosts[place].log) for place in net.live] == [30] * 3


# Schedules of earlier drafts. ----------------------------------------------------------------------------------------


def test_the_collection_round_is_taken_for_each_leader_in_turn_however_many_are_decided_at_once() -> None:
    net = Lockstep(4, depth=4)
    for at in range(40):
        net.say(at % 4, b"%d" % at)
        net.run(2 * MILLISECOND)
    net.run()
    expected = net.hosts[0].core.log_digests()
    # A newcomer to the same blocks decides in other batches: here hundreds of slots in a few.
    for seed in range(5):
        order = list(net.hosts[0].accepted)
        Random(seed).shuffle(order)
        late = GroupCore(net.roster, signer(3), SCHEME, CONFIG)
        late.restore((), 0)
        for data in order:
            late.receive(Packet(member(0), encode_blocks(net.roster, [data])), 0)
        assert late.log_digests() == expected


def test_an_old_own_predecessor_is_fetched_and_not_dropped() -> None:
    net = Lockstep(4)
    net.say(3, b"early")
    net.run()
    net.crash(3)
    for at in range(20):
        net.say(at % 3, b"%d" % at)
        net.run(4 * MILLISECOND)
    net.run()
    # A member that lost what member 3 made still follows its chain down to the collection round.
    net.crash(0)
    gone = {
        key
        for table, key, data in net.hosts[0].disk
        if table == "block" and (block := parse_block(data, net.roster)) is not None and block.author == 3
    }
    net.hosts[0].disk = [record for record in net.hosts[0].disk if record[1] not in gone]
    net.restart(0)
    net.restart(3)
    net.say(3, b"late")
    net.run(5 * SECOND)
    net.assert_agreement()
    assert net.hosts[0].said == net.hosts[1].said
    assert net.hosts[0].said[-1] == b"late"


def test_a_collected_payload_is_proposed_again_until_it_commits() -> None:
    net = Lockstep(4, depth=4)
    net.say(3, b"warm up")
    net.run()
    cut = True
    net.lose = lambda source, target, data: cut and 3 in (source, target)
    net.say(3, b"cut off")
    net.run(SECOND)
    for at in range(20):
        net.say(at % 3, b"%d" % at)
        net.run(10 * MILLISECOND)
    cut = False
    net.run(5 * SECOND)
    net.assert_agreement()
    assert all(host.said.count(b"cut off") == 1 for host in net.hosts)
    assert net.hosts[3].core.status().pending == 0


def test_a_broken_rule_splits_the_log_where_the_right_one_does_not() -> None:
    def diverged(rule: CommitRule, seed: int) -> bool:
        random = Random(seed)
        hasty = GroupConfig(round_timeout_s=0.001, pull_retry_s=0.02, tips_min_s=0.05)
        net = Lockstep(3, FaultModel.MAJORITY, rule=rule, config=hasty)
        net.lose = lambda source, target, data: random.random() < 0.35
        for at in range(15):
            net.say(random.choice(net.live), b"%d" % at)
            net.run(random.choice((2, 10, 60)) * MILLISECOND)
        logs = [net.hosts[place].core.log_digests() for place in net.live]
        longest = max(logs, key=len)
        return any(log != longest[: len(log)] for log in logs)

    assert not any(diverged(CommitRule(), seed) for seed in range(6))
    assert any(diverged(CommitRule(wave=2), seed) for seed in range(30))


def test_an_answer_from_the_layer_above_cannot_overtake_the_log() -> None:
    net = Lockstep(1)
    host = net.hosts[0]
    net.say(0, b"first")
    effects = host.core.tick(net.now)
    # While the list is being routed the layer above answers: nothing but the journal is touched.
    answer = host.core.submit(Broadcast(b"answer", 1, b"second"), net.now)
    assert [type(effect) for effect in answer] == [Append]
    net.perform(0, effects)
    net.perform(0, answer)
    net.run()
    assert host.said == [b"first", b"second"]
    assert not any(isinstance(effect, Send) for effect in effects)
