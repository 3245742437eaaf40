"""A known liveness fault of protocols with uncertified blocks: members that jump over undecided rounds.

A member's next round is the one after its last, or the first with an undecided slot if that is later. Here is what this
is worth against the obvious other rule, the round after the highest one of which a quorum is in view. Of four members
(A, B, C, D) one lies, D, and what A and B send takes a while to C, but less than members come to wait.
There are two slots a round or more. D signs one block a round, so that nothing can be proved against it, and is quick:

* in rounds 3k it hands A's and B's blocks to C at once, so that C comes along;
* those of rounds 3k + 1 and 3k + 2 it hands over together, as soon as it has them, before they arrive from A and B.

With the second it makes C jump: C is in round 3k + 1, sees a quorum of 3k + 2 at one blow, and makes a block of
3k + 3. Now let L be the first leader of round 3k. A, B and C vote for it in 3k + 1, D does not. So what certifies L in
3k + 2 has all of A, B and C among its parents: A's block and B's, D's has not, and there is none of C. Two are no
quorum. So L stays open, as does its anchor, the first leader of 3k + 3, and the anchor of that: **nothing is decided,
ever**, and nobody may let go of anything. (Where D is L itself it shows its block late, which skips it, and the next in
order takes its part.)

No wait helps, however long it is: A and B wait for a block that C never makes. A member that goes on from its last
round makes it, a little late, as the third certificate; lateness does not matter, for certificates are counted whenever
they come.
"""

from functools import partial

import pytest

from mechdesign.group.block import Block, Reference, genesis, make_block
from mechdesign.group.packets import Pull, decode_packet, encode_blocks
from mechdesign.group.roster import Roster
from mechdesign.group.turn import Turn
from mechdesign.kernel.config import GroupConfig
from mechdesign.testing.bounds import rounds_max
from mechdesign.transport.messages import LinkUp
from tests.group.lockstep import MILLISECOND, SECOND, Lockstep, blocks_in, member, said, signer, status

A, B, C, D = range(4)
SLOW_BY = 20 * MILLISECOND
PERIOD, DEPTH = 3, 4
HOURS = 1_000_000 * SECOND


class Rusher:
    """Member D. It keeps to the form of blocks, votes as suits it, and decides what C learns when."""

    def __init__(self, net: Lockstep) -> None:
        self.net = net
        self.held: dict[int, dict[int, Block]] = {}
        self.wires: dict[bytes, bytes] = {}
        self.shown = self.handed = -1
        net.liars[D] = self.hear
        net.lose = self.slow
        for place in net.live:
            net.perform(place, net.hosts[place].core.receive(LinkUp(member(D)), net.now))

    def slow(self, source: int, target: int, data: bytes) -> bool:
        """What A and B send takes longer to C."""
        if source == D or target != C:
            return False
        self.net.wire.append((self.net.now + SLOW_BY, source, target, data))
        return True

    def hear(self, source: int, data: bytes) -> None:
        """Take what an honest member sent, and do all that can be done now."""
        packet = decode_packet(self.net.roster, data)
        if isinstance(packet, Pull):
            wires = [self.wires[digest] for digest in packet.digests if digest in self.wires]
            if wires:
                self.net.give(D, source, encode_blocks(self.net.roster, wires))
        for block in blocks_in(self.net, data):
            self.take(block)
        while self.make() or self.show() or self.hand():
            pass

    def take(self, block: Block) -> None:
        self.held.setdefault(block.round, {}).setdefault(block.author, block)
        self.wires[block.digest] = block.wire

    def has(self, round_: int, *authors: int) -> bool:
        return all(author in self.held.get(round_, {}) for author in authors)

    def make(self) -> bool:
        """Sign the next round as soon as there is enough of the round before."""
        round_ = max((made for made in self.held if D in self.held[made]), default=-1) + 1
        parents = self.parents(self.net.roster, round_)
        if parents is None:
            return False
        self.take(make_block(self.net.roster, signer(D), round_, parents))
        return True

    def parents(self, roster: Roster, round_: int) -> list[Reference] | None:
        """Our last block, and two of the others: not the leader that is to stay open, nor one that voted for it."""
        before = round_ - 1
        if not round_:
            return [genesis(roster, D)] if self.held else None
        # The first in the order of slots, and after ourselves A comes.
        leader = 0 if before % 4 == D else before % 4
        left_out = {0: leader, 1: A, 2: C}[before % PERIOD]
        others = [place for place in (A, B, C) if place != left_out]
        return [self.held[before][place].ref for place in (D, *others)] if self.has(before, *others) else None

    def show(self) -> bool:
        """Our next block for A and B; where it is the first leader, once nobody can vote for it any more."""
        round_ = self.shown + 1
        hidden = round_ % PERIOD == 0 and round_ % 4 == D
        if not self.has(round_, D) or (hidden and not self.has(round_ + 1, A, B, C)):
            return False
        self.shown = round_
        for place in (A, B):
            self.net.give(D, place, encode_blocks(self.net.roster, [self.held[round_][D].wire]))
        return True

    def hand(self) -> bool:
        """The next rounds for C: one of three as it comes, the other two in one batch; ours where A and B know it."""
        first = self.handed + 1
        alone = first % PERIOD == 0
        last = first if alone else first + 1
        if not (self.has(first, A, B) and self.has(last, A, B) and (alone or self.shown >= last)):
            return False
        self.handed = last
        # One of ours that was shown late comes with those that rest on it.
        rounds = range(first if alone else first - 1, last + 1)
        handed = [self.held[round_][place] for round_ in rounds for place in (A, B, D) if self.has(round_, place)]
        blocks = [block.wire for block in handed if block.author != D or block.round <= self.shown]
        self.net.give(D, C, encode_blocks(self.net.roster, blocks))
        return True


def race(rounds: int, timeout_s: float, slots: int) -> tuple[Lockstep, list[int]]:
    """Talk beside the rusher until A has come to a round; gives how many rounds each exchange of words took."""
    config = GroupConfig(round_timeout_s=timeout_s, pull_retry_s=0.5, tips_min_s=1, tips_max_s=16)
    net = Lockstep(4, silent=[D], config=config, slots=slots, depth=DEPTH)
    Rusher(net)
    took: list[int] = []

    def over(heard: int) -> bool:
        return min(map(len, said(net))) == heard or status(net, A).round >= rounds

    while status(net, A).round < rounds:
        begun, heard = status(net, A).round, len(said(net)[A])
        for place in net.live:
            net.say(place, b"word %d of %d" % (heard, place))
        net.run(HOURS, until=partial(over, heard + len(net.live)))
        took.append(status(net, A).round - begun)
    net.assert_agreement()
    return net, took


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch):
    """Members go on from the highest round of which they have a quorum, whatever is undecided below."""

    def round_(self):
        dag = self._order.dag
        full = (each for each in range(dag.highest, -1, -1) if self._quorum(each))
        return max(self._proposer.round, next(full, -1)) + 1

    monkeypatch.setattr(Turn, "_round", round_)


SETTINGS = [(0.005, 0), (0.2, 2), (4.0, 0)]
"""The longest wait for a slow member, doubled six times before it stops growing; slots a round (0: one for everybody).

So members wait for at most 0.3, 13 and 256 seconds, where the slowest link takes 0.021.
"""


@pytest.mark.parametrize(("timeout_s", "slots"), SETTINGS)
def test_members_that_fill_undecided_rounds_decide_beside_a_liar_that_tempts_one_of_them_to_jump(timeout_s, slots):
    net, took = race(90, timeout_s, slots)
    assert max(took) <= 9
    assert len(said(net)[A]) > 45
    for place in net.live:
        now = status(net, place)
        assert now.highest - now.floor <= rounds_max(net.roster)
        assert not net.hosts[place].evidence


@pytest.mark.parametrize(("timeout_s", "slots"), SETTINGS)
@pytest.mark.usefixtures("jumping")
def test_members_that_jump_decide_nothing_however_long_they_wait_for_one_another(timeout_s, slots):
    net, took = race(90, timeout_s, slots)
    assert len(took) == 1
    assert said(net) == [[], [], []]
    for place in net.live:
        assert not net.hosts[place].evidence
        blocks = [len(net.hosts[place].core._dag.slot(round_, C)) for round_ in range(90)]
        assert blocks == [1, 1, 0] * 30


@pytest.mark.usefixtures("jumping")
def test_what_members_that_jump_have_to_keep_grows_with_every_round():
    net, _ = race(251, 0.005, 2)
    assert said(net) == [[], [], []]
    assert 10 * rounds_max(net.roster) <= 250
    # Eleven blocks every three rounds, and not one of them may go.
    assert min(len(net.hosts[place].core._dag) for place in net.live) >= 11 * 250 // 3
