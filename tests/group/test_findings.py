"""The findings that shaped the rules of the group, each as a schedule, and each seen to go wrong without its rule."""

import pytest

from mechdesign.group.block import Reference, genesis, make_block
from mechdesign.group.core import GroupCore
from mechdesign.group.pacing import Pacing
from mechdesign.group.packets import Pull, Vouch, decode_packet, encode_blocks
from mechdesign.group.proposer import Proposer
from mechdesign.testing.cluster import Cluster
from mechdesign.transport.messages import LinkUp
from tests.group.lockstep import (
    MILLISECOND,
    SECOND,
    Lockstep,
    blocks_in,
    member,
    read,
    said,
    signer,
    status,
)
from tests.group.sleepers import certify_hastily
from tests.long_form import mostly_long
from tests.simulation.stagings import split_votes

# ------------------------------------------------------------------------------- an equivocator and the order of slots


@pytest.mark.parametrize("seed", mostly_long(range(3), short=1))
def test_an_equivocator_stalls_slots_in_a_fixed_order(seed):
    cluster = split_votes(seed, rotate=False)
    assert min(cluster.simulator.processes[place].machine.status().highest for place in cluster.honest) > 40
    assert cluster.log.entries == []


@pytest.mark.parametrize("seed", mostly_long(range(3), short=1))
def test_an_equivocator_does_not_stall_slots_that_rotate(seed):
    cluster = split_votes(seed)
    cluster.assert_agreed(0)
    cluster.assert_convicted(0)


# ------------------------------------------------------------------------------- two liars and one slow member of seven


class Starvers:
    """Two liars of seven that keep the first slot of each round from its quorum, with the help of a slow member.

    Where a fast member stands first they do not vote for it; where one of them does, or comes after the slow one, it
    signs two blocks and shows each to half of the fast members.
    """

    FAST, SLOW, LIARS = (0, 1, 2, 3), 4, (5, 6)
    SLOW_BY = 40 * MILLISECOND

    def __init__(self, net):
        self.net = net
        self.held: dict[int, dict[int, Reference]] = {}
        self.wires: dict[bytes, bytes] = {}
        # Of the first liar's newest block the twin, on which the second one rests.
        self.twins: dict[bytes, Reference] = {}
        for table, _, data in net.hosts[0].disk:
            if table == "block":
                block = read(data, net.roster)
                self.held.setdefault(block.round, {})[block.author] = block.ref
        self.begin = self.made = max(self.held)
        for liar in self.LIARS:
            net.liars[liar] = self.hear
            for place in net.live:
                net.perform(place, net.hosts[place].core.receive(LinkUp(member(liar)), net.now))
        net.lose = self.slow

    def slow(self, source, target, data):
        """What comes from or goes to the slow member takes longer."""
        if self.SLOW not in (source, target):
            return False
        self.net.wire.append((self.net.now + self.SLOW_BY, source, target, data))
        return True

    def hear(self, source, data):
        packet = decode_packet(self.net.roster, data)
        if isinstance(packet, Pull):
            wires = [self.wires[digest] for digest in packet.digests if digest in self.wires]
            if wires:
                self.net.give(self.LIARS[0], source, encode_blocks(self.net.roster, wires))
        for block in blocks_in(self.net, data):
            self.held.setdefault(block.round, {})[block.author] = block.ref
        self.go_on()

    def go_on(self):
        """Make the next round of both liars once three fast members that are to be voted for have theirs."""
        round_ = self.made + 1
        before = self.held.get(round_ - 1, {})
        victim = (round_ - 1) % 7
        voted = [author for author in self.FAST if author in before and author != victim][:3]
        if len(voted) < 3:
            return
        self.made = round_
        for liar in self.LIARS:
            if self.begin == round_ - 1:
                parents = [genesis(self.net.roster, liar), *(before[author] for author in sorted(before))]
            else:
                others = [author for author in sorted((*voted, *self.LIARS)) if author != liar]
                parents = [before[liar], *(before[author] for author in others)]
            if liar == self.LIARS[1]:
                parents = [self.twins.get(parent.digest, parent) for parent in parents]
            block = make_block(self.net.roster, signer(liar), round_, parents)
            shown = [block] * 5
            # The slow member's slots are skipped, and what stands second there counts.
            if liar == max(round_ % 7, self.LIARS[0]) and round_ % 7 >= self.SLOW:
                shown[2:] = [make_block(self.net.roster, signer(liar), round_, parents, (), [b"twin"])] * 3
            if liar == self.LIARS[0]:
                self.twins = {block.digest: shown[-1].ref}
            self.held.setdefault(round_, {})[liar] = block.ref
            for place, one in enumerate(shown):
                self.wires[one.digest] = one.wire
                self.net.give(liar, place, encode_blocks(self.net.roster, [one.wire]))


def starve(duration):
    net = Lockstep(7, silent=Starvers.LIARS)
    for place in net.live:
        # So they know how quick they are.
        net.say(place, b"warm up %d" % place)
        net.run(20 * MILLISECOND)
    net.run(SECOND)
    Starvers(net)
    for place in net.live:
        net.say(place, b"word of %d" % place)
    net.run(duration, until=lambda: min(len(log) for log in said(net)) == 10)
    net.assert_agreement()
    return net


def test_two_liars_and_one_slow_member_cannot_stall_seven():
    net = starve(20 * SECOND)
    assert [len(log) for log in said(net)] == [10] * 5


def never_desperate(monkeypatch):
    """However many rounds pass without a commit, whoever was slow is not waited for."""
    proposed = Pacing.proposed

    def ever_suspicious(self, round_, now):
        proposed(self, round_, now)
        self._barren = 0

    monkeypatch.setattr(Pacing, "proposed", ever_suspicious)


def test_they_could_if_members_never_waited_for_everybody(monkeypatch):
    never_desperate(monkeypatch)
    net = starve(SECOND // 5)
    assert [len(log) for log in said(net)] == [5] * 5
    assert min(status(net, place).round for place in Starvers.FAST) > 60


# ------------------------------------------------------------------------------------------------------- late leaders


def late_leaders(seconds):
    """The block that stands first in a round reaches its maker and one more in time, and the other two much later."""
    net = Lockstep(4)
    for place in net.live:
        net.say(place, b"warm up %d" % place)
        net.run(20 * MILLISECOND)
    net.run(SECOND)
    due: dict[bytes, int] = {}

    def late(source, target, data):
        held_until = 0
        for block in blocks_in(net, data):
            if block.author == block.round % 4 and target != (block.author + 1) % 4:
                held_until = max(held_until, due.setdefault(block.digest, net.now + 20 * MILLISECOND))
        if held_until <= net.now:
            return False
        net.wire.append((held_until + MILLISECOND, source, target, data))
        return True

    net.lose = late
    for place in net.live:
        net.say(place, b"word of %d" % place)
    net.run(seconds * SECOND, until=lambda: min(len(log) for log in said(net)) == 8)
    net.assert_agreement()
    return net


def test_leaders_whose_blocks_are_always_late_cannot_stall_four():
    assert [len(log) for log in said(late_leaders(20))] == [8] * 4


def test_they_could_if_members_went_on_as_soon_as_they_have_a_quorum(monkeypatch):
    monkeypatch.setattr(Pacing, "wait", lambda self, round_, absent, now: None)
    net = late_leaders(1)
    assert [len(log) for log in said(net)] == [4] * 4
    assert min(status(net, place).round for place in net.live) > 40


# ------------------------------------------------------------------------------------------------------- the sleeper


def sleeper(*, certified=True):
    """Member 3 sleeps past everything that is kept, and returns just before member 0 crashes for good."""
    net = Lockstep(4, depth=4)
    net.say(3, b"good night")
    net.run()
    net.crash(3)
    if not certified:
        net.lose = lambda source, target, data: isinstance(decode_packet(net.roster, data), Vouch)
    for at in range(60):
        net.say(at % 3, b"%d" % at)
        net.run(3 * MILLISECOND)
    net.run(SECOND)
    net.restart(3)
    net.run(MILLISECOND)
    net.crash(0)
    net.say(1, b"good morning")
    net.run(20 * SECOND)
    net.assert_agreement()
    return net


def test_a_member_that_slept_past_the_collection_depth_returns_just_before_another_crashes_for_good():
    net = sleeper()
    assert status(net, 1).floor > 8
    assert [len(log) for log in said(net)] == [62] * 3


def test_blocks_are_not_dropped_below_the_newest_uncertified_checkpoint():
    net = sleeper(certified=False)
    assert status(net, 1).floor == 0
    assert [len(log) for log in said(net)] == [62] * 3


def test_were_they_dropped_there_would_be_no_way_back(monkeypatch):
    certify_hastily(monkeypatch)
    net = sleeper(certified=False)
    assert len(net.hosts[3].log) < 62


# ------------------------------------------------------------------------------------------------------ idle members


def talk_after_all_is_said(duration):
    """How many blocks four members make in such a time in which nobody has anything to say."""
    net = Lockstep(4)
    for at in range(9):
        net.say(at % 4, b"%d" % at)
        net.run(3 * MILLISECOND)
    net.run(SECOND // 4)
    before = sum(len(host.accepted) for host in net.hosts)
    net.run(duration)
    return sum(len(host.accepted) for host in net.hosts) - before


def test_idle_members_do_not_wake_each_other():
    assert talk_after_all_is_said(60 * SECOND) == 0


def test_they_would_if_filling_up_began_a_round(monkeypatch):
    right = Proposer.causes
    monkeypatch.setattr(Proposer, "causes", lambda self, round_: right(self, round_ - 1))
    assert talk_after_all_is_said(SECOND // 5) > 200


# ---------------------------------------------------------------------------------------- a staller, and a pull inducer


def conversation():
    """How many virtual seconds twenty words take, each said when the one before is ordered, beside a staller."""
    cluster = Cluster(4, seed=1, liars={3: "stall"})
    cluster.start_all()
    cluster.run(1)
    begin = cluster.simulator.now
    for number in range(20):
        cluster.say(number % 3, b"word %d" % number)
        assert cluster.run_until(cluster.all_said_is_ordered, 60)
    return (cluster.simulator.now - begin) / SECOND


def test_a_member_that_speaks_a_little_before_the_timeout_stretches_few_rounds():
    assert conversation() < 20 * 0.2


def test_it_would_stretch_all_of_them_if_everybody_was_waited_for(monkeypatch):
    def patient(self, round_, absent, now):
        until = self._quorum_at.setdefault(round_, now) + self._timeout
        return until if absent and until > now else None

    monkeypatch.setattr(Pacing, "wait", patient)
    assert conversation() > 20 * 0.3


def induce_pulls():
    """By place, how many pulls seven members of a ring send over blocks of the seventh that rest on nothing."""
    net = Lockstep(7, silent=[6], links=[(place, (place + 1) % 7) for place in range(7)])
    pulls = [0] * 7

    def count(source, target, data):
        pulls[source] += isinstance(decode_packet(net.roster, data), Pull)
        return False

    net.lose = count
    for neighbour in (0, 5):
        net.perform(neighbour, net.hosts[neighbour].core.receive(LinkUp(member(6)), net.now))
    for number in range(20):
        first = Reference(0, 6, bytes([number]) * 32)
        others = [Reference(0, place, bytes([number, place]) * 16) for place in range(5)]
        block = make_block(net.roster, signer(6), 1, [first, *others], (), [b"%d" % number])
        net.give(6, 5 * (number % 2), encode_blocks(net.roster, [block.wire]))
    for place in net.live:
        net.say(place, b"word of %d" % place)
    net.run(20 * SECOND)
    assert [len(log) for log in said(net)] == [6] * 6
    return pulls


def test_a_pull_inducer_on_a_ring_bothers_its_neighbours_alone():
    pulls = induce_pulls()
    assert pulls[0] > 10
    assert pulls[5] > 10
    assert max(pulls[1:5]) <= 2


def test_it_would_bother_the_whole_ring_if_blocks_were_handed_on_before_they_are_accepted(monkeypatch):
    right = GroupCore._block

    def eager(self, place, peer, wire, now):
        block = read(wire, self._roster)
        known = not self._manager.is_missing(block.digest)
        right(self, place, peer, wire, now)
        if not known and block.digest in self._manager:
            self._send(self._sync.forward(block))

    monkeypatch.setattr(GroupCore, "_block", eager)
    assert min(induce_pulls()[:6]) > 10
