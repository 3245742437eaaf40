"""What a member was shown and has to convict: wherever in a frame it stands, and nothing that it need not look at."""

from typing import Any

import pytest

from mechdesign.group.block import Reference, genesis, make_block
from mechdesign.group.packets import encode_blocks
from mechdesign.group.watch import Watch
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.simulator import Violation

LIAR = 3


def shown(*make):
    """Member 0 of four gets one frame of the liar with these blocks."""
    cluster = Cluster(4, liars={LIAR: "silent"})
    cluster.start_all()
    cluster.run(1)
    liar: Any = cluster.simulator.processes[LIAR].machine
    signer = liar.stage.signer
    wires = [made(cluster.roster, signer).wire for made in make]
    simulator = cluster.simulator
    data = encode_blocks(cluster.roster, wires)
    simulator._arrive(0, (LIAR, data), simulator.processes[0].life)
    return cluster


def valid(roster, signer):
    return make_block(roster, signer, 0, [genesis(roster, LIAR)])


def invalid(roster, signer, round_=1):
    """Its first parent is no block of its own."""
    return make_block(roster, signer, round_, [Reference(round_ - 1, 0, bytes(32))])


def far_and_invalid(roster, signer):
    return invalid(roster, signer, 10**6)


@pytest.mark.parametrize("blocks", [(invalid,), (valid, invalid), (valid, invalid, invalid)])
def test_an_invalid_block_convicts_its_author_wherever_in_a_frame_it_stands(blocks):
    cluster = shown(*blocks)
    assert cluster.evidence.convicted[0] == [cluster.roster.ids[LIAR]]


@pytest.mark.parametrize("blocks", [(invalid,), (valid, invalid)])
def test_a_member_that_lets_it_pass_is_found_out(blocks, monkeypatch):
    monkeypatch.setattr(Watch, "invalid", lambda self, block: [])
    with pytest.raises(Violation, match="member 0 saw 3 do it and found no InvalidBlock"):
        shown(*blocks)


def test_what_is_too_far_ahead_to_be_looked_at_need_not_be_convicted():
    assert shown(valid, far_and_invalid).evidence.convicted[0] == []
