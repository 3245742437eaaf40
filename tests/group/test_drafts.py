"""Schedules that earlier drafts of the protocol did not survive, each with the rule of the draft as a control."""

import pytest

from mechdesign.group.block import Block, Reference, genesis, make_block, parse_block
from mechdesign.group.block_manager import BlockManager
from mechdesign.group.committer import Commit, Committer
from mechdesign.group.core import GroupCore
from mechdesign.group.dag import Dag
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.linearizer import Linearizer
from mechdesign.group.messages import Append, Delivered, Submission
from mechdesign.group.packets import Blocks, Pull, decode_packet, encode_blocks
from mechdesign.group.proposer import Proposer
from mechdesign.group.turn import Turn
from mechdesign.transport.messages import LinkUp, Packet
from tests.group.lockstep import (
    CONFIG,
    MILLISECOND,
    SCHEME,
    SECOND,
    Lockstep,
    blocks_in,
    make_roster,
    member,
    read,
    said,
    signer,
    status,
)


def uneven():
    """All is said; a liar makes a block more than anybody needs, shows it to one of three, and falls silent."""
    net = Lockstep(4, silent=[3])
    for number in range(2):
        net.say(number, b"%d" % number)
        net.run()
    parents = [genesis(net.roster, 3), *newest_round(net)]
    lone = make_block(net.roster, signer(3), parents[1].round + 1, parents)
    net.give(3, 0, encode_blocks(net.roster, [lone.wire]))
    net.run()
    return net, lone.round


def newest_round(net, but=3):
    """References to the blocks of the newest round that has one of each honest member."""
    found: dict[int, list[Reference]] = {}
    for table, _, data in net.hosts[0].disk:
        block = read(data, net.roster) if table == "block" else None
        if block is not None and block.author != but:
            found.setdefault(block.round, []).append(block.ref)
    newest = max(round_ for round_, refs in found.items() if len(refs) == len(net.live))
    return sorted(found[newest], key=lambda ref: ref.author)


def test_rounds_left_uneven_by_a_silent_liar_are_filled_at_four():
    net, highest = uneven()
    assert [status(net, place).round for place in net.live] == [highest] * 3
    net.say(2, b"2")
    net.run()
    assert said(net) == [[b"0", b"1", b"2"]] * 3


def test_they_stay_uneven_where_only_payloads_are_a_reason_for_a_block(monkeypatch):
    speaking = lambda self, round_: [author for author, count in enumerate(self._speakers) if count]  # noqa: E731
    monkeypatch.setattr(Proposer, "causes", speaking)
    net, highest = uneven()
    assert [status(net, place).round for place in net.live] == [highest - 1] * 3


def newcomer(net, once):
    """The log of somebody who gets all blocks and then decides; the collection round may be taken once for all."""
    dag = Dag(net.roster)
    committer, linearizer = Committer(net.roster, dag), Linearizer(net.roster, dag)
    for wire in net.hosts[0].accepted:
        block = read(wire, net.roster)
        dag.add(block)
        committer.add(block)
    leaders = [verdict.leader for _, verdict in committer.decide() if isinstance(verdict, Commit)]
    if once:
        dag.collection = leaders[-1].round - net.roster.depth
    ordered = [block for leader in leaders for block in linearizer.linearise(leader)]
    entries = [entry for block in ordered for entry in linearizer.deliver(block)]
    return [entry.submission.data for entry in entries if isinstance(entry, Delivered)]


def long_talk():
    """Members of depth 4 talk; what the fourth says reaches the others late, just above the collection round."""
    net = Lockstep(4, depth=4)

    def late(source, target, data):
        if source == 3:
            net.wire.append((net.now + 7 * MILLISECOND, source, target, data))
        return source == 3

    net.lose = late
    for at in range(60):
        net.say(at % 4, b"%d" % at)
        net.run(2 * MILLISECOND)
    net.run()
    return net


def test_the_collection_round_is_taken_for_each_leader_in_turn_and_not_once_for_a_batch():
    net = long_talk()
    log = net.hosts[0].said
    assert len(log) == 60
    assert newcomer(net, once=False) == log
    assert newcomer(net, once=True) != log


def edge():
    """A liar's block names a wrong reference just below the collection round of all but one, which restarts behind."""
    net = Lockstep(4, silent=[3], depth=4)
    for at in range(12):
        net.say(at % 3, b"%d" % at)
        net.run(3 * MILLISECOND)
    net.run()
    below = status(net, 0).collection_round - 1
    quorum = newest_round(net)
    round_ = quorum[0].round + 1
    weak = [Reference(below, 0, bytes(32))] if round_ - below <= net.roster.depth else []
    first = Reference(below, 3, bytes([1]) * 32)
    block = make_block(net.roster, signer(3), round_, [first, *quorum], weak)
    net.crash(2)
    half = len(net.hosts[2].disk) // 2
    kept = []
    for at, (table, key, data) in enumerate(net.hosts[2].disk):
        parsed = parse_block(data, net.roster) if table == "block" else None
        # What it signed and submitted itself is always durable.
        if at < half or parsed is None or parsed.author == 2:
            kept.append((table, key, data))
    net.hosts[2].disk = kept
    for place in (0, 1):
        net.give(3, place, encode_blocks(net.roster, [block.wire]))
    net.say(0, b"on it")
    net.run(50 * MILLISECOND)
    above = [wire for wire in net.hosts[0].accepted if read(wire, net.roster).round >= round_]
    net.restart(2)
    for wire in above:
        net.give(0, 2, encode_blocks(net.roster, [wire]))
    for at in range(5):
        net.say(at % 2, b"after %d" % at)
        net.run(20 * MILLISECOND)
    net.run(5 * SECOND)
    net.assert_agreement()
    return net


def test_an_unacceptable_block_just_below_one_collection_round_makes_nobody_convict_the_honest():
    net = edge()
    assert [net.hosts[place].evidence for place in net.live] == [[], [], []]
    assert [len(log) for log in said(net)] == [18] * 3


def test_they_would_convict_each_other_if_what_rests_on_it_was_invalid(monkeypatch):
    right = GroupCore._block

    def strict(self, place, peer, wire, now):
        right(self, place, peer, wire, now)
        block = read(wire, self._roster)
        waiting = [block] if block.digest in self._manager else []
        while waiting:
            parked = waiting.pop()
            for link in parked.links:
                if link.digest in self._manager:
                    waiting.append(self._manager.get(link.digest))
                elif link.round >= self._dag.collection and link.digest[1:] == link.digest[:-1]:
                    # Nobody made a block of such a digest.
                    self._up.extend(self._watch.invalid(block))

    monkeypatch.setattr(GroupCore, "_block", strict)
    net = edge()
    accused = {net.roster.place(found.member) for place in net.live for found in net.hosts[place].evidence}
    assert accused & {0, 1, 2}


def old_predecessor():
    """One of seven makes a block that nobody gets unless it asks, sleeps for ten rounds, and goes on from it."""
    net = Lockstep(7, silent=[6])
    net.run()
    asked: set[int] = set()
    alone: list[Block] = []

    def hidden(source, target, data):
        packet = decode_packet(net.roster, data)
        if source == 5 and not alone and isinstance(packet, Blocks):
            alone.extend(blocks_in(net, data))
        if alone and isinstance(packet, Pull) and target == 5 and alone[0].digest in packet.digests:
            asked.add(source)
        return bool(alone) and alone[0].wire in data and target not in asked

    net.lose = hidden
    net.say(5, b"alone")
    net.run(MILLISECOND // 2)
    net.crash(5)
    for number in range(20):
        net.say(number % 5, b"%d" % number)
        net.run(3 * MILLISECOND)
    net.run()
    assert status(net, 0).round > alone[0].round + 10
    net.restart(5)
    net.run(50 * MILLISECOND)
    net.say(5, b"awake")
    net.run(5 * SECOND)
    return net


def test_an_own_predecessor_is_fetched_however_old_it_is():
    net = old_predecessor()
    net.assert_agreement()
    logs = said(net)
    assert logs == [logs[0]] * 6
    assert {b"alone", b"awake"} <= set(logs[0])


def take_old_predecessors_for_held(monkeypatch):
    """An own predecessor more than four rounds back is not fetched."""
    right = Dag.holds
    offer = BlockManager.offer

    def lax(self, block, source):
        own = block.header.parents[0]
        monkeypatch.setattr(
            Dag, "holds", lambda dag, link: (link == own and own.round < block.round - 4) or right(dag, link)
        )
        yield from offer(self, block, source)

    monkeypatch.setattr(BlockManager, "offer", lax)


def test_logs_would_fork_if_an_old_one_was_taken_for_held(monkeypatch):
    take_old_predecessors_for_held(monkeypatch)
    net = old_predecessor()
    with pytest.raises(AssertionError):
        net.assert_agreement()


class OnlyCertificate:
    """Seven members, of which the last equivocates, and one block of member 5 that is the only certificate of a twin.

    One slot a round. In round 6 the equivocator stands first and signs two blocks. Only member 5 sees a quorum vote for
    the first of them, and sleeps from there to round 13. The leaders of rounds 9 to 11 are late for members 0 and 1, so
    nothing in between is decided by itself; 12 and 13 have no leader. The leader of round 14 has member 5 in its
    history, and through its old predecessor the certificate.
    """

    def __init__(self):
        self.roster = make_roster(7, slots=1)
        self.made: dict[tuple[int, int], Block] = {}
        self.order: list[Block] = []
        everybody = range(7)
        for round_ in range(6):
            for author in everybody:
                self.make(author, round_, everybody)
        for author in range(6):
            self.make(author, 6, everybody, said=b"word" if author == 0 else b"")
        left = self.make(6, 6, everybody, said=b"left")
        right = self.make(6, 6, everybody, said=b"right", first=self.made[5, 6])
        honest = range(6)
        for author in honest:
            self.make(author, 7, honest, more=left if author < 4 else right)
        voter = self.make(6, 7, honest, first=left)
        other = self.make(6, 7, honest, first=right)
        self.certificate = self.make(5, 8, range(4), more=voter)
        for author in range(5):
            self.make(author, 8, honest)
        self.make(6, 8, honest, first=other)
        awake = (0, 1, 2, 3, 4, 6)
        for round_ in range(9, 13):
            for author in awake:
                late = round_ - 8 if round_ > 9 and author < 2 else None
                self.make(author, round_, [place for place in awake if place != late])
        for author in honest:
            self.make(author, 13, range(5))
        for round_ in range(14, 18):
            for author in honest:
                self.make(author, round_, honest)

    def make(self, author, round_, others, *, more=None, first=None, said=b""):
        """The author's block on these members' blocks of the round before."""
        own = first or max(
            (block for (_, maker), block in self.made.items() if maker == author),
            key=lambda block: block.round,
            default=None,
        )
        links = [genesis(self.roster, author) if own is None else own.ref]
        found = [self.made[round_ - 1, place].ref for place in others if place != author] if round_ else []
        links += sorted([*found, *([] if more is None else [more.ref])], key=lambda link: link.author)
        leaves = [encode_leaf(Submission(7, member(author), 0, said))] if said else []
        block = make_block(self.roster, signer(author), round_, links, (), leaves)
        self.made[round_, author] = block
        self.order.append(block)
        return block

    def told(self, but=None):
        """The core of a member that got all blocks but one, and what its log says."""
        core = GroupCore(self.roster, signer(4), SCHEME, CONFIG)
        core.restore((), 0)
        log = [entry for block in self.order if block is not but for entry in self.give(core, block)]
        return core, log

    def give(self, core, block):
        effects = core.receive(Packet(member(0), encode_blocks(self.roster, [block.wire])), 0)
        return [effect.submission.data for effect in effects if isinstance(effect, Delivered)]


def test_a_certificate_that_only_an_old_predecessor_leads_to_is_waited_for():
    staged = OnlyCertificate()
    _, log = staged.told()
    assert log == [b"left", b"word"]
    core, log = staged.told(but=staged.certificate)
    assert log == []
    assert [reference.digest for reference in core._manager._waiters].count(staged.certificate.digest) == 1
    assert staged.give(core, staged.certificate) == [b"left", b"word"]


def test_members_would_order_differently_if_it_was_taken_for_held(monkeypatch):
    take_old_predecessors_for_held(monkeypatch)
    staged = OnlyCertificate()
    assert staged.told()[1] == [b"left", b"word"]
    assert staged.told(but=staged.certificate)[1] == [b"word", b"left"]


def returned():
    """The rounds of the blocks that member 5 makes when it comes back to rounds of which 9 to 11 are undecided."""
    staged = OnlyCertificate()
    known = [block for block in staged.order if block.round < 9]
    core = GroupCore(staged.roster, signer(5), SCHEME, CONFIG)
    effects = [*core.restore([("block", block.digest, block.wire) for block in known], 0)]
    for place in range(5):
        effects += core.receive(LinkUp(member(place)), 0)
    for block in staged.order:
        if 9 <= block.round < 13:
            effects += core.receive(Packet(member(0), encode_blocks(staged.roster, [block.wire])), 0)
    # After the round timeout it signs, whether its neighbours answered or not.
    while core.deadline is not None and core.deadline <= SECOND // 2:
        effects += core.tick(core.deadline)
    made = [read(effect.data, staged.roster) for effect in effects if isinstance(effect, Append) and effect.sync]
    assert {block.author for block in made} == {5}
    return [block.round for block in made]


def test_a_member_that_returns_fills_every_undecided_round_and_jumps_over_none():
    assert returned() == [9, 10, 11, 12, 13]


def test_one_that_jumps_leaves_them_without_its_votes(monkeypatch):
    right = Turn._round

    def jump(self):
        dag = self._order.dag
        return max(right(self), *(round_ + 1 for round_ in range(dag.highest + 1) if self._quorum(round_)))

    monkeypatch.setattr(Turn, "_round", jump)
    assert returned() == [13]
