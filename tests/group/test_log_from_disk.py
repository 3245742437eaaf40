"""Whoever fell behind what is in anybody's memory is served from the journals: bounded, and nothing but the log."""

import sys
from collections.abc import Iterable

import pytest

from mechdesign.group.block import Block, genesis, make_block
from mechdesign.group.chronicle import HASH_BYTES, Chronicle
from mechdesign.group.messages import Found, Read
from mechdesign.group.packets import BATCH_BLOCKS, BATCH_BYTES, LogPart, LogWant, decode_packet, encode_packet
from mechdesign.group.records import log_keys
from mechdesign.group.roster import FaultModel
from mechdesign.group.views.epoch import Epoch
from mechdesign.testing.cluster import BRISK, Cluster
from mechdesign.testing.disk import read_from
from mechdesign.testing.equivocators import LiarKind
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.transport.messages import Packet, Send
from tests.group.lockstep import CONFIG, MILLISECOND, SCHEME, SECOND, Lockstep, make_roster, member, signer, status
from tests.group.sleepers import sleeper

ROSTER = make_roster(4)
FORGETFUL = CONFIG.model_copy(update={"log_bytes_max": 500})


def long_log(sizes: list[int], kept: int = 0) -> tuple[Chronicle, list[Block]]:
    """A log of blocks of such payloads, all of it in the journal."""
    chronicle = Chronicle(ROSTER, kept)
    blocks = [
        make_block(ROSTER, signer(at % 4), 0, [genesis(ROSTER, at % 4)], (), [b"%d" % at + bytes(size)])
        for at, size in enumerate(sizes)
    ]
    for block in blocks:
        chronicle.append(block)
    chronicle.settle(len(blocks))
    return chronicle, blocks


def stored(chronicle: Chronicle) -> dict[bytes, bytes]:
    """The journal's table of a log that is all in memory, as it would be written."""
    hashes = chronicle.hashes()
    numbered = enumerate(zip(hashes, (wire for _, wire in chronicle._kept), strict=False))
    return {log_keys([number])[1][0]: before + wire for number, (before, wire) in numbered}


def forgotten(net: Lockstep, place: int) -> Chronicle:
    """The log of a member, most of which is not in its memory any more."""
    chronicle = net.hosts[place].core.order.chronicle
    assert chronicle.first > chronicle.count // 2
    assert chronicle.written > chronicle.count // 2
    return chronicle


def ask(net: Lockstep, place: int, want: LogWant, now: int, peer: int = 3) -> list[Read | Send]:
    """What a member does when it is asked for a part of its log."""
    core = net.hosts[place].core
    effects = core.receive(Packet(member(peer), encode_packet(net.roster, want)), now)
    return [effect for effect in effects if isinstance(effect, Read | Send)]


def read(net: Lockstep, place: int, effect: Read | Send) -> tuple[bytes, ...]:
    """What stands in a member's journal."""
    assert isinstance(effect, Read)
    held = {key: data for table, key, data in net.hosts[place].disk if table == effect.table}
    return read_from(held, effect.keys, effect.bytes_max)


def parts_in(net: Lockstep, effects: Iterable[object]) -> list[LogPart]:
    """The parts of the log among frames."""
    sends = [effect for effect in effects if isinstance(effect, Send)]
    found = [decode_packet(net.roster, send.data) for send in sends]
    return [part for part in found if isinstance(part, LogPart)]


# ----------------------------------------------------------------------------------------------------- the batches


@pytest.mark.parametrize(
    "sizes",
    [
        [10] * (2 * BATCH_BLOCKS + 5),
        [BATCH_BYTES // 3] * 9,
        [BATCH_BYTES + 1, 5, 5, BATCH_BYTES + 1, 5, BATCH_BYTES + 1],
        [5],
    ],
)
def test_what_was_read_gives_the_very_part_that_memory_would_have_given(sizes: list[int]) -> None:
    gone, blocks = long_log(sizes)
    whole, _ = long_log(sizes, kept=1 << 30)
    disk = stored(whole)
    assert (gone.first, whole.first) == (len(blocks), 0)
    # Every length about a whole number of batches, and some of the others.
    ends = [
        end for end in range(1, len(blocks) + 1) if end % 7 == 0 or (end + 2) % BATCH_BLOCKS < 4 or len(blocks) < 20
    ]
    for end in ends:
        for begin in (0, end // 2, end - 1):
            numbers = gone.stored(end, begin, BATCH_BLOCKS)
            assert list(numbers) == list(range(end - 1, max(begin, end - BATCH_BLOCKS) - 1, -1))
            named = whole.hash_at(end)
            assert named is not None
            assert gone.before(end, named, begin, BATCH_BLOCKS, BATCH_BYTES) is None
            expected = whole.before(end, named, begin, BATCH_BLOCKS, BATCH_BYTES)
            assert (
                gone.linked(named, read_from(disk, log_keys(numbers)[1], BATCH_BYTES + HASH_BYTES * len(numbers)))
                == expected
            )
            # The limit counts the hashes too, and so the part is a little shorter where bytes decide.
            part = gone.linked(named, read_from(disk, log_keys(numbers)[1], BATCH_BYTES))
            assert expected is not None
            assert part is not None
            assert part[1] == expected[1][-len(part[1]) :]


def test_of_a_log_of_any_length_only_its_newest_blocks_are_in_memory() -> None:
    """Also no trace of each of the others, or of every so many."""
    sizes = []
    for count in (10, 1000, 3000):
        chronicle = long_log([10] * count, kept=500)[0]
        sizes.append(sum(sys.getsizeof(each) for each in vars(chronicle).values()))
    assert max(sizes) - min(sizes) < 32


def test_what_does_not_link_our_log_with_the_hash_that_was_asked_for_is_not_sent() -> None:
    whole, blocks = long_log([10] * 6, kept=1 << 30)
    named, third = whole.hash_at(5), whole.hash_at(3)
    assert named is not None
    good = [record for _, record in sorted(stored(whole).items())][4::-1]
    assert whole.linked(named, good) == (whole.hash_at(0), [block.wire for block in blocks[:5]])
    # As far as it links, and nothing of what is behind that.
    behind = [good[::-1], (good[4],), (b"garbage",), (good[2][:-1],), (bytes(32) + good[2][32:],), (good[1],)]
    for wrong in behind:
        assert whole.linked(named, (*good[:2], *wrong)) == (third, [blocks[3].wire, blocks[4].wire])
    for wrong in [*behind[:5], ()]:
        assert whole.linked(named, wrong) is None
    assert whole.linked(bytes(32), good) is None


def test_only_what_the_journal_holds_is_read() -> None:
    chronicle = Chronicle(ROSTER, 0)
    for block in long_log([10] * 9)[1]:
        chronicle.append(block)
    chronicle.settle(4)
    assert list(chronicle.stored(4, 0, 9)) == [3, 2, 1, 0]
    assert list(chronicle.stored(4, 1, 9)) == [3, 2, 1]
    assert list(chronicle.stored(4, 0, 2)) == [3, 2]
    assert [len(chronicle.stored(end, 0, 9)) for end in (-1, 0, 5, 9, 10, 2**63)] == [0] * 6
    assert [len(chronicle.stored(4, begin, 9)) for begin in (-1, 4, 5, 2**63)] == [0] * 4


# ----------------------------------------------------------------------------------------------------- the way back


def test_a_member_that_was_off_while_a_liar_spoke_much_comes_back_and_the_quorum_goes_on() -> None:
    net = Lockstep(4, config=CONFIG.model_copy(update={"log_bytes_max": 1 << 20}))
    net.run(10 * MILLISECOND)
    net.say(0, b"good night")
    net.run()
    net.crash(0)
    chronicle = net.hosts[1].core.order.chronicle
    for number in range(200):
        if chronicle.first > 1:
            break
        for part in range(4):
            net.say(3, b"%d %d" % (number, part) + bytes(60_000))
        net.run(20 * MILLISECOND)
    net.run(SECOND)
    assert chronicle.first > 1, "part of the log is in nobody's memory"
    # Now the liar is silent, for good; the honest members that are up are a quorum.
    net.crash(3)
    net.restart(0)
    net.say(1, b"please")
    net.run(30 * SECOND, until=lambda: b"please" in net.hosts[0].said and b"please" in net.hosts[2].said)
    assert b"please" in net.hosts[2].said
    assert net.hosts[0].said == net.hosts[1].said
    assert all(host.evidence == [] for host in net.hosts)


def test_who_came_back_by_the_journals_of_others_restarts_and_serves_others_from_its_own() -> None:
    net = sleeper(config=FORGETFUL)
    net.restart(3)
    net.run(5 * SECOND)
    assert len(net.hosts[3].log) == 61
    net.crash(3)
    net.restart(3)
    # Another lost its disk and its memory; the only ones to tell it the log are those two.
    net.crash(0)
    net.hosts[0].disk = []
    net.restart(0)
    net.run(MILLISECOND)
    net.crash(1)
    net.run(30 * SECOND)
    assert len(net.hosts[0].log) == 61
    assert net.hosts[0].said == net.hosts[2].said == net.hosts[3].said


def test_the_server_of_a_part_crashes_before_it_has_read_and_another_is_asked() -> None:
    cluster = Cluster(4, FaultModel.BYZANTINE, 5, depth=4, config=BRISK.model_copy(update={"log_bytes_max": 500}))
    cluster.start_all()
    cluster.say(0, b"good night")
    cluster.run(1)
    cluster.simulator.crash(0)
    for at in range(60):
        cluster.say(1 + at % 2, b"%d" % at)
        cluster.run(0.02)
    cluster.run(1)
    reads: list[int] = []

    def stumble(place: int, effect: Read) -> None:
        assert effect.table == "log"
        reads.append(place)
        if len(reads) == 1:
            simulator = cluster.simulator
            simulator.at(simulator.now, lambda: simulator.crash(place))
            simulator.at(simulator.now + SECOND, lambda: simulator.start(place))

    cluster.simulator.watch(Read, stumble)
    cluster.start(0)
    cluster.say(0, b"good morning")
    cluster.assert_agreed()
    assert len(set(reads)) > 1
    assert cluster.log.lengths[0] == 62


@pytest.mark.parametrize("kind", ["equivocate", "boast", "withhold", "replay"])
def test_the_way_back_by_journals_leads_past_a_liar(kind: LiarKind) -> None:
    config = BRISK.model_copy(update={"log_bytes_max": 500})
    cluster = Cluster(4, FaultModel.BYZANTINE, 7, depth=4, config=config, liars={3: kind})
    cluster.start_all()
    cluster.say(0, b"good night")
    cluster.run(1)
    cluster.simulator.crash(0)
    for at in range(60):
        cluster.say(1 + at % 2, b"%d" % at)
        cluster.run(0.02)
    cluster.run(1)
    cluster.start(0)
    cluster.say(0, b"good morning")
    cluster.assert_agreed()
    assert cluster.log.lengths[0] == 62


def test_in_a_later_epoch_only_its_own_log_is_read_and_none_once_it_is_over() -> None:
    config = BRISK.model_copy(update={"log_bytes_max": 500})
    cluster = ViewCluster(4, 5, 3, config=config, depth=4)
    for place in range(4):
        cluster.start(place)
    cluster.run(1)
    cluster.want(joins=[4])
    cluster.assert_settled()
    cluster.simulator.crash(0)
    for at in range(80):
        cluster.say(1 + at % 4, b"%d" % at)
        cluster.run(0.02)
    cluster.run(1)
    reads: list[Read] = []
    cluster.simulator.watch(Read, lambda place, effect: reads.append(effect))
    cluster.start(0)
    cluster.say(0, b"good morning")
    cluster.assert_settled()
    assert {(read.table, read.keys[0][:4]) for read in reads} == {("log", (1).to_bytes(4, "big"))}
    epoch = Epoch(ROSTER, signer(0), SCHEME, CONFIG, None, None)
    effect = Read(member(1), "log", (bytes(8),), 9)
    assert epoch.wrap([effect]) == [Read(member(1), "log", (bytes(4) + bytes(8),), 9)]
    epoch.over = True
    assert epoch.wrap([effect]) == []


# ----------------------------------------------------------------------------------------------------- the bounds


def test_one_thing_at_a_time_is_read_for_a_neighbour_and_others_are_served_meanwhile() -> None:
    net = sleeper(config=FORGETFUL)
    chronicle = forgotten(net, 0)
    want = LogWant(0, chronicle.first, chronicle.hashes()[0])
    asked = [ask(net, 0, want, net.now) for _ in range(100)]
    assert [len(effects) for effects in asked] == [1] + [0] * 99
    assert len(ask(net, 0, want, net.now, peer=2)) == 1
    # The answer makes room for the next.
    core = net.hosts[0].core
    (part,) = parts_in(net, core.receive(Found(member(3), read(net, 0, asked[0][0])), net.now))
    assert (part.end, len(part.blocks)) == (chronicle.first, chronicle.first)
    assert len(ask(net, 0, want, net.now)) == 1


def test_reading_for_nothing_uses_up_a_neighbours_share_like_being_served() -> None:
    net = Lockstep(4, depth=4, config=CONFIG.model_copy(update={"log_bytes_max": 500, "serve_bytes_per_s": 10_000}))
    for at in range(60):
        net.say(at % 4, b"%d" % at + bytes(3000))
        net.run(3 * MILLISECOND)
    net.run()
    chronicle = forgotten(net, 0)
    # Of the hashes below the memory none can be looked up before the blocks are read.
    lie = LogWant(0, chronicle.first - 1, bytes(32))
    net.run(200 * SECOND)
    core, spent = net.hosts[0].core, 0
    for _ in range(300):
        for effect in ask(net, 0, lie, net.now):
            records = read(net, 0, effect)
            spent += sum(map(len, records))
            assert core.receive(Found(member(3), records), net.now) == []
    assert 4 * BATCH_BYTES <= spent <= 6 * BATCH_BYTES
    assert dict(core.status().dropped)["throttled"] > 200
    assert ask(net, 0, lie, net.now, peer=2)


def test_a_want_that_is_wrong_where_memory_knows_better_reads_nothing() -> None:
    net = sleeper(config=FORGETFUL)
    chronicle = forgotten(net, 0)
    first, named = chronicle.first, chronicle.hashes()[0]
    wants = [LogWant(0, first, bytes(32)), LogWant(first, first, named), LogWant(first + 5, first, named)]
    wants += [LogWant(0, 0, bytes(32)), LogWant(0, chronicle.count + 1, bytes(32)), LogWant(0, 2**62, bytes(32))]
    assert [ask(net, 0, want, net.now) for want in wants] == [[]] * len(wants)


def test_what_the_disk_says_is_sent_only_if_it_is_the_log_and_was_asked_for() -> None:
    net = sleeper(config=FORGETFUL)
    chronicle = forgotten(net, 0)
    want = LogWant(0, chronicle.first, chronicle.hashes()[0])
    core = net.hosts[0].core
    (effect,) = ask(net, 0, want, net.now)
    good = read(net, 0, effect)
    wrong = [(), good[1:], good[::-1], (b"garbage", *good[1:]), (good[0][:-1],)]
    assert core.receive(Found(member(3), wrong[0]), net.now) == []
    for records in wrong[1:]:
        ask(net, 0, want, net.now)
        assert core.receive(Found(member(3), records), net.now) == []
    # A disk that lost something in the middle: what is before it is the log.
    ask(net, 0, want, net.now)
    (part,) = parts_in(net, core.receive(Found(member(3), (*good[:2], *good[3:])), net.now))
    assert part.blocks == (good[1][32:], good[0][32:])
    # Nobody waits for it any more, or ever did.
    assert core.receive(Found(member(3), good), net.now) == []
    assert core.receive(Found(member(2), good), net.now) == []
    ask(net, 0, want, net.now)
    assert len(parts_in(net, core.receive(Found(member(3), good), net.now))) == 1


def test_what_is_in_no_journal_leaves_the_sleeper_behind_and_saying_so() -> None:
    net = sleeper(config=FORGETFUL)
    for host in net.hosts[:3]:
        host.disk = [record for record in host.disk if record[0] != "log"]
    net.restart(3)
    net.run(5 * SECOND)
    assert status(net, 3).state == "behind"
    assert "of 59 blocks of the log" in status(net, 3).detail
    # The rest is not held up.
    for at in range(9):
        net.say(at % 3, b"more %d" % at)
        net.run(3 * MILLISECOND)
    net.run()
    assert len(net.hosts[0].log) == 70
