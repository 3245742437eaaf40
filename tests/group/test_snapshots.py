"""Whoever slept past what is kept comes back by a certified snapshot, and by nothing else."""

from random import Random

import pytest

from mechdesign.group.block import check_inclusion
from mechdesign.group.checkpoint import commits_between
from mechdesign.group.core import GroupCore
from mechdesign.group.packets import LogPart, LogWant, Snapshot, Tips, Vouch, decode_packet, encode_packet
from mechdesign.transport.messages import LinkUp, Packet
from tests.group.lockstep import CONFIG, MILLISECOND, SCHEME, SECOND, Lockstep, member, signer, status
from tests.group.sleepers import certify_hastily, chat, sleeper, uncertified_sleeper
from tests.long_form import mostly_long


def test_a_sleeper_past_the_collection_depth_returns_just_before_another_crashes_for_good():
    net = sleeper()
    net.restart(3)
    net.run(MILLISECOND)
    net.crash(0)
    chat(net, 20, b"after ", gap=20)
    net.run(10 * SECOND)
    net.assert_agreement()
    assert [len(net.hosts[place].log) for place in (1, 2, 3)] == [81] * 3
    for entry in net.hosts[3].log:
        assert check_inclusion(net.roster, SCHEME, entry.submission, entry.inclusion)
    assert all(status(net, place).state == "running" for place in (1, 2, 3))
    assert all(host.evidence == [] for host in net.hosts)


def test_a_sleeper_that_came_back_by_a_snapshot_restarts_like_anybody_else_and_serves_others():
    net = sleeper()
    net.restart(3)
    net.run(5 * SECOND)
    assert len(net.hosts[3].log) == 61
    net.crash(3)
    net.restart(3)
    assert len(net.hosts[3].log) == 61
    # Now another sleeps, and only the one that returned and one more are there to help it.
    net.crash(2)
    chat(net, 60, b"second ", gap=5)
    net.crash(0)
    net.restart(2)
    net.run(10 * SECOND)
    chat(net, 9, b"third ", gap=20)
    net.run(5 * SECOND)
    net.assert_agreement()
    assert [len(net.hosts[place].log) for place in (1, 2, 3)] == [130] * 3


@pytest.mark.parametrize("lost", mostly_long([Tips, Vouch, Snapshot, LogPart, LogWant], short=3))
@pytest.mark.parametrize("seed", mostly_long(range(2), short=1))
def test_a_sleeper_returns_through_a_network_that_loses_much(lost, seed):
    net = sleeper()
    random = Random(seed)
    net.lose = lambda source, target, data: (
        (isinstance(decode_packet(net.roster, data), lost) and random.random() < 0.6) or random.random() < 0.1
    )
    net.restart(3)
    net.say(3, b"good morning")
    net.run(60 * SECOND)
    net.assert_agreement()
    assert [len(host.log) for host in net.hosts] == [62] * 4


def test_a_sleeper_returns_while_the_others_go_on():
    net = sleeper()
    net.restart(3)
    for at in range(120):
        net.say(at % 3, b"meanwhile %d" % at)
        net.run(3 * MILLISECOND)
    net.run(20 * SECOND)
    net.assert_agreement()
    assert [len(host.log) for host in net.hosts] == [181] * 4


def test_a_sleeper_that_has_something_to_say_says_it_once():
    net = Lockstep(4, depth=4)
    net.run()
    net.say(3, b"spoken")
    net.hosts[3].core.tick(net.now)
    net.crash(3)
    chat(net, 60)
    net.restart(3)
    net.run(10 * SECOND)
    assert all(host.said.count(b"spoken") == 1 for host in net.hosts)
    net.assert_agreement()


def test_blocks_are_kept_above_the_newest_checkpoint_that_is_not_certified():
    # Were blocks let go below a checkpoint that nobody can prove, there would be no way back for the sleeper.
    net = uncertified_sleeper()
    assert all(status(net, place).floor == 0 for place in (0, 1, 2))
    assert all(status(net, place).commits > 3 * commits_between(net.roster) for place in (0, 1, 2))
    net.restart(3)
    net.run(MILLISECOND)
    net.crash(0)
    chat(net, 10, b"after ", gap=20)
    net.run(10 * SECOND)
    net.assert_agreement()
    assert [len(net.hosts[place].log) for place in (1, 2, 3)] == [71] * 3


def test_dropping_blocks_below_an_uncertified_checkpoint_would_leave_no_way_back(monkeypatch):
    certify_hastily(monkeypatch)
    net = uncertified_sleeper()
    net.hosts[3].core = GroupCore(net.roster, signer(3), SCHEME, CONFIG)
    net.restart(3)
    net.run(MILLISECOND)
    net.crash(0)
    net.run(20 * SECOND)
    assert len(net.hosts[3].log) < 61


def test_what_is_no_longer_in_anybodys_memory_is_served_from_the_disk():
    net = sleeper(config=CONFIG.model_copy(update={"log_bytes_max": 500}))
    assert all(net.hosts[place].core.order.chronicle.first > 40 for place in (0, 1, 2))
    net.restart(3)
    net.run(5 * SECOND)
    assert status(net, 3).state == "running"
    assert len(net.hosts[3].log) == 61
    assert net.hosts[3].said == net.hosts[0].said
    assert all(host.evidence == [] for host in net.hosts)


def test_a_snapshot_that_a_quorum_did_not_sign_or_that_nobody_asked_for_changes_nothing():
    net = sleeper()
    certified = net.hosts[0].core._keeping._certifier.newest
    packets = {
        "too few": Snapshot(certified.encoded, certified.signatures[:2]),
        "changed": Snapshot(certified.encoded[:-1] + b"\1", certified.signatures),
        "swapped": Snapshot(certified.encoded, tuple((p, s[::-1]) for p, s in certified.signatures)),
        "unasked": Snapshot(certified.encoded, certified.signatures),
    }
    net.hosts[3].up = True
    net.hosts[3].core = GroupCore(net.roster, signer(3), SCHEME, CONFIG)
    net.hosts[3].core.restore(net.hosts[3].disk, net.now)
    core = net.hosts[3].core
    core.receive(LinkUp(member(0)), net.now)
    assert dict(core.status().dropped).get("unasked", 0) == 0
    core.receive(Packet(member(0), encode_packet(net.roster, packets.pop("unasked"))), net.now)
    assert dict(core.status().dropped)["unasked"] == 1
    floor = net.hosts[0].core.status().floor
    core.receive(Packet(member(0), encode_packet(net.roster, Tips((99,) * 4, 0b1111, False, floor))), net.now)
    core._sync.catchup._owed[0] = len(packets)
    for packet in packets.values():
        core.receive(Packet(member(0), encode_packet(net.roster, packet)), net.now)
    assert dict(core.status().dropped)["garbage"] == len(packets)
    assert core.status().state != "behind"


def test_a_neighbour_that_sends_another_log_is_passed_over():
    net = sleeper()

    def tamper(source, target, data):
        packet = decode_packet(net.roster, data)
        if source == 0 and target == 3 and isinstance(packet, LogPart):
            for changed in (packet.blocks[1:], packet.blocks[::-1], (*packet.blocks[:-1], packet.blocks[0])):
                if changed and changed != packet.blocks:
                    lie = LogPart(packet.end, packet.before, changed)
                    net.give(0, 3, encode_packet(net.roster, lie))
            return True
        return False

    net.lose = tamper
    net.restart(3)
    net.run(10 * SECOND)
    net.assert_agreement()
    assert len(net.hosts[3].log) == 61


def test_a_member_whose_log_is_not_the_certified_one_refuses_to_sign_and_delivers_nothing_of_it():
    net = sleeper()
    net.restart(3)
    net.hosts[3].core._order.chronicle.chain = bytes(32)
    net.say(3, b"from another world")
    net.run(5 * SECOND)
    assert status(net, 3).state == "refusing"
    assert "another log" in status(net, 3).detail
    assert len(net.hosts[3].log) == 1
    assert b"from another world" not in net.hosts[0].said
