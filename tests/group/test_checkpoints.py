"""Checkpoints: memory and journal stay small, whatever a liar claims."""

import pytest

from mechdesign.group.block import check_inclusion, genesis, make_block, parse_block
from mechdesign.group.certifier import Certifier
from mechdesign.group.checkpoint import Checkpoint, Count, commits_between, parse_certified, state_digest
from mechdesign.group.core import GroupCore
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Broadcast, Compact, Submission
from mechdesign.group.packets import Tips, Vouch, decode_packet, encode_blocks, encode_packet
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.errors import JournalError
from mechdesign.transport.messages import LinkUp, Packet
from tests.group.lockstep import CONFIG, MILLISECOND, SCHEME, SECOND, Lockstep, make_roster, member, signer, status
from tests.group.sleepers import chat
from tests.long_form import mostly_long


def kept_rounds(net, place):
    """The rounds of the blocks in a member's journal."""
    found = [parse_block(data, net.roster) for table, _, data in net.hosts[place].disk if table == "block"]
    return sorted({block.round for block in found if block is not None})


@pytest.mark.parametrize("n", mostly_long([4, 1, 2, 7, 3], short=3))
def test_a_certified_checkpoint_takes_the_place_of_the_blocks_below_its_collection_round(n):
    net = Lockstep(n, depth=4)
    net.run(10 * MILLISECOND)
    chat(net, 40)
    for place in range(n):
        now = status(net, place)
        assert now.checkpoint > 0
        assert now.checkpoint % commits_between(net.roster) == 0
        assert now.commits - now.checkpoint < 2 * commits_between(net.roster)
        assert 0 < now.floor <= now.collection_round
        assert kept_rounds(net, place)[0] == now.floor
        assert now.blocks <= n * (now.highest - now.floor + 1)
    assert all(len(host.log) == 40 for host in net.hosts)
    net.assert_agreement()


def test_all_members_sign_the_same_bytes_at_the_same_commit():
    net = Lockstep(4, depth=4)
    seen: dict[int, set[bytes]] = {}

    def note(source, target, data):
        packet = decode_packet(net.roster, data)
        if isinstance(packet, Vouch):
            seen.setdefault(packet.index, set()).add(packet.named)
        return False

    net.lose = note
    chat(net, 60)
    assert len(seen) >= 5
    assert all(len(named) == 1 for named in seen.values())


def test_signatures_wake_nobody():
    net = Lockstep(4, depth=4)
    chat(net, 40)
    before = [status(net, place).round for place in range(4)]
    net.run(30 * SECOND)
    assert [status(net, place).round for place in range(4)] == before


def test_signatures_that_were_lost_are_made_good_by_the_exchange_of_tips():
    net = Lockstep(4, depth=4)
    lossy = True
    net.lose = lambda source, target, data: lossy and isinstance(decode_packet(net.roster, data), Vouch)
    chat(net, 40)
    assert [status(net, place).checkpoint for place in range(4)] == [0] * 4
    lossy = False
    net.run(10 * SECOND)
    newest = {status(net, place).commits // commits_between(net.roster) for place in range(4)}
    assert {status(net, place).checkpoint // commits_between(net.roster) for place in range(4)} == newest


def test_signatures_cross_a_line():
    net = Lockstep(5, depth=4, links=[(at, at + 1) for at in range(4)])
    net.run(SECOND)
    chat(net, 30, gap=15)
    assert all(status(net, place).checkpoint > 0 for place in range(5))


def test_a_member_restarts_from_a_compacted_journal_with_its_whole_log():
    net = Lockstep(4, depth=4)
    chat(net, 60)
    before = [host.said for host in net.hosts]
    for place in range(4):
        net.crash(place)
    for place in range(4):
        assert any(table == "checkpoint" for table, _, _ in net.hosts[place].disk)
        net.restart(place)
    assert [host.said for host in net.hosts] == before
    for host in net.hosts:
        assert all(check_inclusion(net.roster, SCHEME, entry.submission, entry.inclusion) for entry in host.log)
    chat(net, 20, b"more")
    net.assert_agreement()
    assert all(len(host.log) == 80 and host.evidence == [] for host in net.hosts)


def test_a_key_is_said_once_also_across_a_compaction():
    net = Lockstep(4, depth=4)
    net.say(0, b"first", key=b"act")
    chat(net, 60)
    net.crash(0)
    net.restart(0)
    net.say(0, b"second", key=b"act")
    net.run()
    assert b"second" not in net.hosts[1].said


def test_a_member_that_was_silent_for_long_remembers_which_rounds_it_signed():
    net = Lockstep(4, depth=4)
    net.say(3, b"early")
    net.run()
    signed = status(net, 3).round
    # It follows the others without a word of its own leaving it, until its newest block is compacted away.
    net.lose = lambda source, target, data: source == 3
    quiet = net.hosts[3].core
    quiet._gate.refusal = "for the test"
    chat(net, 60)
    assert status(net, 3).floor > signed
    net.crash(3)
    assert [parse_block(d, net.roster) for t, _, d in net.hosts[3].disk if t == "block"]
    net.restart(3)
    assert status(net, 3).round == signed
    net.lose = lambda source, target, data: False
    net.say(3, b"late")
    net.run(5 * SECOND)
    assert net.hosts[0].said[-1] == b"late"
    assert all(host.evidence == [] for host in net.hosts)


@pytest.mark.parametrize("damage", ["state", "signature", "log", "no log", "other log"])
def test_a_damaged_checkpoint_is_a_journal_error(damage):
    net = Lockstep(4, depth=4)
    chat(net, 40)
    disk = []
    for table, key, data in net.hosts[0].disk:
        if damage == "no log" and table == "log" and not int.from_bytes(key, "big"):
            continue
        if table == "checkpoint" and damage in ("state", "signature"):
            at = 40 if damage == "state" else data.rindex(b"\xc4\x40") + 10
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        if table == "log" and damage == "log":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if table == "log" and damage == "other log" and int.from_bytes(key, "big") == 1:
            data = next(d for t, k, d in net.hosts[0].disk if t == "log" and int.from_bytes(k, "big") == 2)
        disk.append((table, key, data))
    core = GroupCore(net.roster, signer(0), SCHEME, CONFIG)
    with pytest.raises(JournalError):
        core.restore(disk, 0)


def test_a_compaction_leaves_before_everything_for_the_layer_above_and_names_what_goes():
    net = Lockstep(1, depth=4)
    core = net.hosts[0].core
    found = []
    for at in range(30):
        net.perform(0, core.submit(Broadcast(b"%d" % at, 1, b"data"), net.now))
        while core.deadline is not None and core.deadline <= net.now:
            effects = core.tick(net.now)
            found += [effect for effect in effects if isinstance(effect, Compact)]
            net.perform(0, effects)
    assert found
    written = {key for table, key, _ in net.hosts[0].disk if table == "block"}
    assert not written & {key for compact in found for _, key in compact.gone}


def test_floors_that_a_liar_claims_keep_nobody_from_working():
    net = Lockstep(4, silent=[3], depth=4)

    def boast(source, data):
        net.give(3, source, encode_packet(net.roster, Tips((10**6,) * 4, 0b1111, False, 10**6)))

    net.liars[3] = boast
    for place in net.live:
        net.perform(place, net.hosts[place].core.receive(LinkUp(member(3)), net.now))
    net.run()
    chat(net, 40, gap=20)
    assert [len(net.hosts[place].log) for place in net.live] == [40] * 3
    assert all(status(net, place).checkpoint > 0 for place in net.live)


def test_signatures_of_a_liar_certify_nothing_and_cost_no_memory():
    net = Lockstep(4, silent=[3], depth=4)
    core = net.hosts[0].core
    for index in range(1, 2000):
        lie = Vouch(index, bytes(32), ((3, bytes(64)),))
        core.receive(Packet(member(3), encode_packet(net.roster, lie)), net.now)
        signature = signer(3).sign(b"something else")
        core.receive(Packet(member(3), encode_packet(net.roster, Vouch(index, bytes(32), ((3, signature),)))), net.now)
    assert sum(map(len, core._keeping._certifier._early)) == 0
    chat(net, 40)
    assert status(net, 0).checkpoint > 0


def test_a_submission_with_a_number_far_ahead_is_void():
    net = Lockstep(4, silent=[3])
    leaves = [encode_leaf(Submission(1, member(3), number, b"%d" % number)) for number in (0, 4097, 4096, 10**9, 1)]
    block = make_block(net.roster, signer(3), 0, [genesis(net.roster, 3)], (), leaves)
    for place in (0, 1, 2):
        net.give(3, place, encode_blocks(net.roster, [block.wire]))
    net.run()
    assert net.hosts[0].said == [b"0", b"4096", b"1"]


def test_thousands_of_waiting_submissions_are_numbered_within_the_window():
    net = Lockstep(1, FaultModel.UNANIMOUS)
    for at in range(9000):
        net.perform(0, net.hosts[0].core.submit(Broadcast(b"%d" % at, 1, b"%d" % at), net.now))
    net.run()
    assert net.hosts[0].said == [b"%d" % at for at in range(9000)]


def test_a_checkpoint_comes_back_as_it_was_and_nothing_else_is_one():
    roster = make_roster(3)
    digests = tuple(bytes([at]) * 32 for at in range(5))
    counts = (Count(0, b""), Count(7, b"\x02\x81"), Count(1, b"\x01"))
    checkpoint = Checkpoint(192, 70, 2, 69, 5, digests, 8, 3, bytes(32), counts)
    encoded = checkpoint.encode()
    assert Checkpoint.parse(encoded, roster) == checkpoint
    assert Checkpoint.parse(encoded, make_roster(4)) is None
    for at in range(len(encoded)):
        for bit in (1, 128):
            changed = encoded[:at] + bytes([encoded[at] ^ bit]) + encoded[at + 1 :]
            other = Checkpoint.parse(changed, roster)
            assert other is None or other.encode() == changed
    assert Checkpoint.parse(b"", roster) is None


def test_a_checkpoint_needs_a_quorum_of_different_members():
    roster = make_roster(4)
    checkpoint = Checkpoint(256, 70, 2, 69, 5, (), 8, 3, bytes(32), (Count(0, b""),) * 4)
    encoded = checkpoint.encode()
    certifiers = [Certifier(roster, place, signer(place), SCHEME) for place in range(4)]
    signatures: list[tuple[int, bytes]] = []
    for place, certifier in enumerate(certifiers):
        certifier.reached(checkpoint)
        vouch = certifier.own(256)
        assert vouch is not None
        assert vouch.named == state_digest(encoded, roster)
        signatures += vouch.signatures
        assert certifier.certified() is None
        certifiers[0].heard(vouch, 0)
        assert (certifiers[0].newest is None) or place >= 2
    found = certifiers[0].certified()
    assert found is not None
    assert parse_certified(encoded, found.signatures, roster, SCHEME) == found
    assert parse_certified(encoded, tuple(signatures[:2]), roster, SCHEME) is None
    assert parse_certified(encoded, (signatures[0],) * 3, roster, SCHEME) is None
    assert parse_certified(encoded, tuple(signatures[:3]), make_roster(4, epoch=1), SCHEME) is None
