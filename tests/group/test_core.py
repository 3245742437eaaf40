"""The group core on a toy network: agreement, liveness, quiet, restart, and the schedules that broke earlier drafts."""

from random import Random

import pytest

from mechdesign.group.block import Block, Reference, check_inclusion, genesis, make_block, parse_block
from mechdesign.group.committer import CommitRule
from mechdesign.group.core import GroupCore
from mechdesign.group.evidence import Equivocation, InvalidBlock, convict, decode_evidence
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Append, Broadcast, Submission
from mechdesign.group.packets import Blocks, Tips, decode_packet, encode_blocks, encode_packet
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.errors import JournalError, LocalProtocolError
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.liar import Liar
from tests.group.lockstep import CONFIG, MILLISECOND, SECOND, Lockstep, make_roster, member, signer

SCHEME = KeyedHash()


def rounds(net: Lockstep) -> list[int]:
    return [net.hosts[place].core.status().round for place in net.live]


def wire_blocks(net: Lockstep, data: bytes) -> list[Block]:
    packet = decode_packet(net.roster, data)
    parsed = [parse_block(wire, net.roster) for wire in packet.blocks] if isinstance(packet, Blocks) else []
    return [block for block in parsed if block is not None]


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
        for block in wire_blocks(net, data):
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


def test_one_crash_of_four_stops_nobody_and_the_returned_one_catches_up_and_counts_again() -> None:
    net = Lockstep(4, config=CONFIG.model_copy(update={"rounds_ahead_max": 32}))
    net.say(0, b"first")
    net.run()
    net.crash(3)
    for at in range(40):
        net.say(at % 3, b"%d" % at)
        net.run(4 * MILLISECOND)
    net.run()
    assert len(net.hosts[0].log) == 41
    # It is further behind than blocks from ahead are kept.
    assert rounds(net)[0] > 32 + 4
    net.restart(3)
    net.run(5 * SECOND)
    net.assert_agreement()
    assert len(net.hosts[3].log) == 41
    net.crash(0)
    net.say(3, b"last")
    net.run()
    assert net.hosts[1].said[-1:] == net.hosts[3].said[-1:] == [b"last"]


def test_all_restart_and_nothing_that_was_committed_is_lost() -> None:
    net = Lockstep(4)
    for place in range(4):
        net.say(place, b"%d" % place)
    net.run()
    before = net.hosts[0].said
    for place in range(4):
        net.crash(place)
    for place in range(4):
        net.restart(place)
    assert [host.said for host in net.hosts] == [before] * 4
    net.say(1, b"more")
    net.run()
    assert [host.said for host in net.hosts] == [[*before, b"more"]] * 4
    assert all(host.evidence == [] for host in net.hosts)


def test_a_key_is_said_once_in_this_life_and_in_the_next() -> None:
    net = Lockstep(4)
    net.say(0, b"a", key=b"act")
    net.say(0, b"b", key=b"act")
    net.run()
    net.crash(0)
    net.restart(0)
    net.say(0, b"c", key=b"act")
    net.run()
    assert net.hosts[1].said == [b"a"]


def test_what_was_submitted_before_a_crash_and_not_yet_sent_is_said_after_it() -> None:
    net = Lockstep(4)
    net.run()
    net.say(0, b"hello")
    net.crash(0)
    net.restart(0)
    net.run()
    assert net.hosts[1].said == [b"hello"]


def test_an_own_block_is_durable_before_it_is_sent_and_no_round_is_signed_twice() -> None:
    net = Lockstep(1, FaultModel.UNANIMOUS)
    core = net.hosts[0].core
    appends = core.submit(Broadcast(b"key", 1, b"data"), net.now)
    assert [(effect.table, effect.sync) for effect in appends if isinstance(effect, Append)] == [("own", True)]
    net4 = Lockstep(4)
    net4.run()
    host = net4.hosts[0]
    net4.perform(0, host.core.submit(Broadcast(b"key", 1, b"data"), net4.now))
    effects = host.core.tick(net4.now)
    kinds = [(type(effect).__name__, getattr(effect, "sync", None)) for effect in effects]
    assert kinds == [("Append", True), ("Send", None), ("Send", None), ("Send", None)]
    # It dies after writing and before sending: the block of its next life is the same one.
    written = [effect for effect in effects if isinstance(effect, Append)]
    host.disk += [(effect.table, effect.key, effect.data) for effect in written]
    net4.crash(0)
    net4.restart(0)
    net4.run()
    assert net4.hosts[1].said == [b"data"]
    assert all(other.evidence == [] for other in net4.hosts)


def test_a_member_whose_journal_was_rolled_back_refuses_to_sign() -> None:
    net = Lockstep(4)
    net.say(0, b"first")
    net.run()
    net.crash(0)
    net.hosts[0].disk = [record for record in net.hosts[0].disk if record[0] == "own"][:0]
    net.restart(0)
    net.say(0, b"second")
    net.run()
    status = net.hosts[0].core.status()
    assert status.state == "refusing"
    assert "journal" in status.detail
    assert status.round == -1
    assert net.hosts[0].said == [b"first"]
    assert all(host.evidence == [] for host in net.hosts)


def test_a_member_signs_nothing_before_a_quorum_answered_or_the_round_timeout_passed() -> None:
    roster = make_roster(4)
    core = GroupCore(roster, signer(0), SCHEME, CONFIG)
    core.restore((), 0)
    core.submit(Broadcast(b"key", 1, b"data"), 0)
    assert core.tick(0) == []
    assert core.status().state == "starting"
    core.receive(LinkUp(member(1)), 10)
    assert not any(isinstance(effect, Append) for effect in core.tick(199_000))
    assert any(isinstance(effect, Append) for effect in core.tick(200_010))


def test_a_damaged_record_is_a_journal_error() -> None:
    for table in ("own", "block"):
        core = GroupCore(make_roster(4), signer(0), SCHEME, CONFIG)
        with pytest.raises(JournalError):
            core.restore([(table, b"key", b"\x93garbage")], 0)


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


@pytest.mark.parametrize("seed", range(12))
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
        for heard in wire_blocks(net, data):
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


# ------------------------------------------------------------------------------------- schedules of earlier drafts


def test_rounds_left_uneven_by_a_silent_liar_are_filled_and_the_group_hears_again() -> None:
    net = Lockstep(4, silent=[3])
    net.say(0, b"first")
    net.run()
    top = max(rounds(net))
    # The liar makes one block more than anybody needs, shows it to member 0 only, and falls silent.
    net.say(1, b"second")
    net.run()
    assert max(rounds(net)) == top + 3
    parents = [genesis(net.roster, 3), *newer_quorum(net)]
    lone = make_block(net.roster, signer(3), parents[1].round + 1, parents)
    net.give(3, 0, encode_blocks(net.roster, [lone.wire]))
    net.run()
    assert len(set(rounds(net))) == 1
    assert rounds(net)[0] == lone.round
    net.say(2, b"third")
    net.run()
    net.assert_agreement()
    assert [net.hosts[place].said for place in net.live] == [[b"first", b"second", b"third"]] * 3


def newer_quorum(net: Lockstep) -> list[Reference]:
    """References to the three honest blocks of the newest round that has them all."""
    found: dict[int, list[Reference]] = {}
    for table, _, data in net.hosts[0].disk:
        block = parse_block(data, net.roster) if table == "block" else None
        if block is not None and block.author != 3:
            found.setdefault(block.round, []).append(block.ref)
    newest = max(round_ for round_, refs in found.items() if len(refs) == 3)
    return sorted(found[newest], key=lambda ref: ref.author)


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


def test_honest_members_do_not_convict_each_other_over_a_block_below_one_collection_round() -> None:
    net = Lockstep(4, silent=[3], depth=4)
    for at in range(12):
        net.say(at % 3, b"%d" % at)
        net.run(3 * MILLISECOND)
    net.run()
    # A block of the liar that names a predecessor which never was, just below everybody's collection round but that of
    # member 2, which restarts without most of the others' blocks and stands behind.
    status = net.hosts[0].core.status()
    edge = status.collection_round - 1
    quorum = newer_quorum(net)
    wrong = Reference(edge, 0, bytes(32))
    block = make_block(
        net.roster, signer(3), quorum[0].round + 1, [Reference(edge, 3, bytes([1]) * 32), *quorum], [wrong]
    )
    if quorum[0].round + 1 - edge > net.roster.depth:
        block = make_block(net.roster, signer(3), quorum[0].round + 1, [Reference(edge, 3, bytes([1]) * 32), *quorum])
    for place in net.live:
        net.give(3, place, encode_blocks(net.roster, [block.wire]))
    net.crash(2)
    half = len(net.hosts[2].disk) // 2
    disk = []
    for at, (table, key, data) in enumerate(net.hosts[2].disk):
        parsed = parse_block(data, net.roster) if table == "block" else None
        # What it signed and submitted itself is always durable.
        if at < half or parsed is None or parsed.author == 2:
            disk.append((table, key, data))
    net.hosts[2].disk = disk
    net.restart(2)
    net.run(5 * SECOND)
    for at in range(6):
        net.say(at % 3, b"after %d" % at)
        net.run(20 * MILLISECOND)
    net.run(5 * SECOND)
    net.assert_agreement()
    assert [net.hosts[place].evidence for place in net.live] == [[], [], []]
    assert [len(net.hosts[place].log) for place in net.live] == [18] * 3


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
