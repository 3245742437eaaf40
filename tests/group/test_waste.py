"""What brings nothing: the blocks are counted that a member reads for nothing, whatever a liar sends it."""

from collections.abc import Sequence

import pytest

from mechdesign.group.block import Block, Reference, genesis, make_block, parse_block
from mechdesign.group.core import GroupCore
from mechdesign.group.packets import encode_blocks
from mechdesign.group.roster import Roster
from mechdesign.group.tolerance import WORK_BURST, WORK_PER_S, work
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import encode
from mechdesign.transport.messages import LinkDown, LinkUp, Packet
from tests.group.lockstep import CONFIG, MILLISECOND, Lockstep, make_roster, member, signer

ROSTER = make_roster(4)
KNOWN = make_block(ROSTER, signer(1), 0, [genesis(ROSTER, 1)])
FAR = make_block(ROSTER, signer(1), 10**6, [genesis(ROSTER, 1)], (), [b""] * 5000)
OTHERS = make_block(ROSTER, signer(1), 0, [genesis(ROSTER, 1)], (), [b""] * 5000)
SWAPPED = encode((OTHERS.encoded, OTHERS.signature, (b"x", *OTHERS.leaves[1:])))
NONSENSE = encode(tuple(range(100)) * 500)


class Victim:
    """Member 0, linked to the liar 3 and the honest 1; counts the blocks that it reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.blocks = 0

        def counted(wire: bytes, roster: Roster) -> Block | None:
            self.blocks += 1
            return parse_block(wire, roster)

        monkeypatch.setattr("mechdesign.group.intake.parse_block", counted)
        self.core = GroupCore(ROSTER, signer(0), KeyedHash(), CONFIG)
        self.core.restore((), 0)
        for place in (1, 3):
            self.core.receive(LinkUp(member(place)), 0)
        self.core.receive(Packet(member(1), encode_blocks(ROSTER, [KNOWN.wire])), 0)
        self.blocks = 0

    def flood(self, wires: Sequence[bytes], packets: int, now: int = 0, source: int = 3) -> int:
        """How many blocks it reads of so many packets with the same ones."""
        before = self.blocks
        data = encode_blocks(ROSTER, list(wires))
        for _ in range(packets):
            self.core.receive(Packet(member(source), data), now)
        return self.blocks - before


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        pytest.param(FAR.wire, "ahead", id="what is far ahead, unsigned or not"),
        pytest.param(KNOWN.wire, "duplicate", id="what is known", marks=pytest.mark.long),
    ],
)
def test_a_flood_of_blocks_that_bring_nothing_costs_so_much_work_and_then_nothing(monkeypatch, wire, reason):
    victim = Victim(monkeypatch)
    leaves = 0 if wire is KNOWN.wire else 5000
    each = work(len(wire), leaves, judged=False)
    in_a_packet = max(1, 200_000 // max(len(wire), 1000))
    packets = 2 * WORK_BURST // each // in_a_packet + 2
    read = victim.flood([wire] * in_a_packet, packets)
    assert dict(victim.core.status().dropped)[reason] == read
    # Not cut off before, and at once when it is used up, also within a packet.
    assert WORK_BURST // each <= read <= WORK_BURST // each + 1
    assert victim.flood([wire], 10) == 0
    # A new link is no pardon. Time is, for as much as comes back.
    victim.core.receive(LinkDown(member(3)), 0)
    victim.core.receive(LinkUp(member(3)), 0)
    assert victim.flood([wire], 10) == 0
    later = victim.flood([wire] * in_a_packet, packets, now=SECOND)
    assert 0 < later <= WORK_PER_S // each + 1


@pytest.mark.parametrize("wire", [SWAPPED, NONSENSE], ids=["a payload that is another's", "no block at all"])
def test_what_is_long_to_read_is_paid_by_its_length_and_not_by_the_piece(monkeypatch, wire):
    victim = Victim(monkeypatch)
    # Two hundred pieces are forgiven, and at most so much work for them.
    read = victim.flood([wire], 400)
    assert 20 <= read < 200
    leaves = None if wire is NONSENSE else 5000
    assert read <= WORK_BURST // work(len(wire), leaves, judged=leaves is not None) + 1
    assert victim.flood([wire], 5) == 0


def test_who_floods_takes_nobody_along(monkeypatch):
    victim = Victim(monkeypatch)
    victim.flood([FAR.wire] * 20, 100)
    assert victim.flood([FAR.wire], 1) == 0
    news = make_block(ROSTER, signer(2), 0, [genesis(ROSTER, 2)])
    assert victim.flood([news.wire], 1, source=1) == 1
    assert news.digest in victim.core.order.dag


def test_an_honest_relay_that_everything_goes_through_uses_next_to_nothing_of_its_allowance():
    net = Lockstep(4, links=[(0, 1), (1, 2), (1, 3), (2, 3)])
    for at in range(120):
        for place in range(4):
            net.say(place, b"%d of %d" % (at, place) + bytes(500))
        net.run(5 * MILLISECOND)
    net.run()
    assert [len(host.said) for host in net.hosts] == [480] * 4
    for host in net.hosts:
        dropped = dict(host.core.status().dropped)
        assert "cut off" not in dropped
        assert dropped.get("duplicate", 0) * work(1000, 1, judged=False) < WORK_PER_S // 20
    assert sum(dict(host.core.status().dropped).get("duplicate", 0) for host in net.hosts) > 0


def test_valid_blocks_that_find_no_room_are_paid_by_whoever_sends_them_again_and_again(monkeypatch):
    victim = Victim(monkeypatch)

    def lacking(round_: int, leaves: Sequence[bytes] = ()) -> Block:
        invented = [Reference(round_ - 1, author, bytes((author + 1,)) * 32) for author in (3, 0, 1)]
        return make_block(ROSTER, signer(3), round_, invented, (), leaves)

    for round_ in range(1, CONFIG.parked_per_author + 1):
        victim.flood([lacking(round_).wire], 1)
    assert victim.blocks == CONFIG.parked_per_author
    many = lacking(CONFIG.parked_per_author + 9, [b""] * 8000)
    read = victim.flood([many.wire], 200)
    assert read == WORK_BURST // work(len(many.wire), 8000, judged=True) + 1
    assert victim.flood([many.wire], 5) == 0
    assert victim.flood([FAR.wire], 5, source=1) == 5
