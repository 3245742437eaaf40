"""A member that is caught while an epoch closes is convicted in the next, by all and once."""

from fractions import Fraction

import pytest

from mechdesign.group.block import genesis, make_block
from mechdesign.group.channel import channel_of, frame
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Submission
from mechdesign.group.packets import Blocks, encode_packet
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.events import MemberConvicted
from mechdesign.testing.stacks import StackCluster
from mechdesign.transport.messages import Packet

LIAR = 2


def show_twins(cluster: StackCluster, place: int) -> None:
    """Have a member see two first blocks of the liar's in the first epoch."""
    roster, signer = cluster.roster, cluster._signers[LIAR]
    leaves = [encode_leaf(Submission(0, signer.public, 0, what)) for what in (b"heads", b"tails")]
    wires = tuple(make_block(roster, signer, 0, [genesis(roster, LIAR)], (), [leaf]).wire for leaf in leaves)
    incoming = Packet(signer.public, frame(channel_of(roster), encode_packet(roster, Blocks(wires))))
    effects = cluster.stack(place).receive(incoming, cluster.simulator.now)
    cluster.simulator._perform(cluster.simulator.processes[place], effects)


@pytest.mark.parametrize("moment", ["closed", "over"])
def test_who_is_caught_too_late_for_one_epoch_is_convicted_in_the_next(moment: str) -> None:
    cluster = StackCluster([lambda _: Fraction(1)] * 5, 1, founders=4)
    told: list[tuple[int, str, str]] = []
    cluster.simulator.watch(MemberConvicted, lambda place, each: told.append((place, each.member, each.offence)))
    cluster.start()
    cluster.simulator.run(SECOND)

    def reached() -> bool:
        stack = cluster.stack(0)
        if moment == "over":
            return len(stack.group.group.epochs) == 2
        view = stack.status().group.view
        return view is not None and view.closed

    cluster.invite(4)
    assert cluster.simulator.run(cluster.simulator.now + 10 * SECOND, reached)
    assert cluster.stack(0).roster.epoch == (moment == "over")
    show_twins(cluster, 0)
    assert told == []
    assert cluster.in_epoch(1, places=range(5))
    assert cluster.simulator.run(cluster.simulator.now + 10 * SECOND, lambda: len(told) >= 5)
    assert sorted(told) == [(place, "carol", "equivocation") for place in range(5)]
    cluster.simulator.run(cluster.simulator.now + 5 * SECOND)
    assert len(told) == 5
