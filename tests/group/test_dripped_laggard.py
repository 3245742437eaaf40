"""A member that missed the end of an epoch and is handed the rest of its log slowly: how long that holds it."""

from mechdesign.group.block import Reference
from mechdesign.group.channel import channel_of, frame
from mechdesign.group.group import Group
from mechdesign.group.messages import Broadcast, Delivered
from mechdesign.group.packets import encode_blocks
from mechdesign.group.views.packets import Trail, encode_epoch_packet
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.simulated import BRISK
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.transport.messages import LinkUp, Packet

RETRY = round(BRISK.pull_retry_s * SECOND)
PATIENCE = 8 * RETRY
LAGGARD, SERVER, GUIDE = 3, 1, 0
LATE = Broadcast(b"late" * 8, 1, b"said in an epoch that is over")


class Past:
    """An epoch that ended while member 3 was away; it is back, knows the certificate, and has to be given the rest."""

    def __init__(self) -> None:
        cluster = ViewCluster(4, 5, 0)
        for place in range(4):
            cluster.start(place)
        cluster.run(1)
        cluster.say(LAGGARD, b"ordered, though its sender does not know")
        cluster.run(0.002)
        cluster.simulator.crash(LAGGARD)
        for at in range(15):
            cluster.say(at % 3, b"%d" % at)
            cluster.run(0.05)
        cluster.absent = frozenset({LAGGARD})
        cluster.want(joins=[4])
        self.first = cluster.machine(SERVER).roster
        blocks: dict[Reference, bytes] = {}
        while cluster.machine(GUIDE).roster == self.first or cluster.machine(SERVER).roster == self.first:
            cluster.run(0.01)
            for epoch in (each for place in (GUIDE, SERVER) for each in cluster.machine(place).epochs):
                if epoch.roster == self.first:
                    blocks |= {block.ref: block.wire for block in epoch.core.order.dag.blocks()}
        self.keys = [signer.public for signer in cluster.signers]
        self.second = cluster.machine(GUIDE).roster
        self.said = cluster.said[LAGGARD]
        self.group = Group(self.first, cluster.signers[LAGGARD], cluster.scheme, BRISK, carry_over=True)
        records = cluster.simulator.processes[LAGGARD].disk.records()
        effects = list(self.group.restore([(each.table, each.key, each.data) for each in records], 0))
        for place in (GUIDE, SERVER):
            effects += self.group.receive(LinkUp(self.keys[place]), 0)
        for broadcast in (*self.said, LATE):
            effects += self.group.submit(broadcast, 0)
        self.heard = [each for each in effects if isinstance(each, Delivered)]
        self.rest = [
            Packet(self.keys[SERVER], frame(channel_of(self.first), encode_blocks(self.first, [blocks[ref]])))
            for ref in sorted(blocks)
        ]
        trail = cluster.machine(GUIDE)._guide.annals.after(channel_of(self.first))
        data = frame(channel_of(self.first), encode_epoch_packet(Trail(tuple(trail or ()))))
        self.group.receive(Packet(self.keys[GUIDE], data), 0)
        self.handed = 0

    def drip(self, every: int) -> int:
        """Hand over one block after the other, one each so many microseconds; gives when the next epoch began."""
        now = 0
        while self.group.roster == self.first:
            due, at = self.group.deadline, (self.handed + 1) * every
            assert due is not None
            if self.handed < len(self.rest) and at <= due:
                now = max(now, at)
                effects = self.group.receive(self.rest[self.handed], now)
                self.handed += 1
            else:
                now = max(now, due)
                effects = self.group.tick(now)
            self.heard += [each for each in effects if isinstance(each, Delivered)]
        return now


def test_a_liar_that_hands_over_a_block_now_and_then_holds_a_laggard_for_eight_patiences_and_no_longer():
    past = Past()
    assert len(past.rest) > 100
    assert past.drip(PATIENCE - RETRY // 10) <= 8 * PATIENCE
    assert past.handed <= 8 + 1
    assert past.group.roster == past.second


def test_who_goes_on_without_the_end_of_the_log_loses_nothing_of_its_own_and_repeats_nothing():
    past = Past()
    ordered = past.said[-1]
    assert past.group.awaits(ordered.key), "it was ordered after this member had gone"
    past.drip(PATIENCE - RETRY // 10)
    assert ordered.data not in [entry.submission.data for entry in past.heard]
    # The last checkpoint says what was ordered; the rest is said again where it counts.
    assert past.group.awaits(LATE.key)
    past.group.submit(ordered, 100 * SECOND)
    assert not past.group.awaits(ordered.key)


def test_a_log_that_comes_slowly_but_within_that_time_is_read_to_its_end():
    past = Past()
    took = past.drip(7 * PATIENCE // len(past.rest))
    assert took > 2 * PATIENCE, "longer than one patience"
    assert past.said[-1].data in [entry.submission.data for entry in past.heard]
    assert past.group.roster == past.second
    assert [epoch.roster for epoch in past.group.epochs] == [past.second, past.first], "and serves it to others"


def test_a_laggard_that_is_given_nothing_goes_on_once_nothing_but_its_own_block_came():
    past = Past()
    past.rest = []
    assert past.drip(RETRY) == 2 * PATIENCE
