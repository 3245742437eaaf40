"""What of a neighbour's packets is worth a look: read, screened and judged before anything else is done with it.

What is known, too old or too far ahead is put aside before its signature is checked. What nobody honest sends is
charged to the neighbour, and so is the work for what brings nothing and for what is asked and told; one that goes on
and on is cut off for a while.
"""

from mechdesign.group.block import Block, Standing, judge, parse_block
from mechdesign.group.block_manager import BlockManager
from mechdesign.group.packets import Blocks, GroupPacket, LogPart, decode_packet
from mechdesign.group.roster import Roster
from mechdesign.group.tolerance import WORK_BURST, WORK_PER_S, Tolerance, asking, work
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.machine import Instant

__all__ = ["Intake"]

_FAULTS = ("undecodable", "garbage", "invalid", "forged", "forged log")
_LEAF_BYTES = 2
# No leaf of a payload takes fewer bytes, with its length.
_JUDGED = (Standing.GARBAGE.value, Standing.INVALID.value)


class Intake:
    """The door for packets.

    Args:
        roster: the group.
        scheme: checks everybody's signatures.
        manager: which blocks are held already, or wait.
        ahead_max: blocks so many rounds above the first undecided one are put aside.

    Attributes:
        dropped: what was thrown away, by reason.
        ahead_max: as given.
    """

    def __init__(self, roster: Roster, scheme: SignatureScheme, manager: BlockManager, ahead_max: int) -> None:
        self.dropped: dict[str, int] = {}
        self._roster = roster
        self._scheme = scheme
        self._manager = manager
        self.ahead_max = ahead_max
        self._tolerance = Tolerance()
        self._patience = Tolerance(WORK_PER_S, WORK_BURST)
        self._evicted = 0

    def drop(self, reason: str | None, peer: MemberId, now: Instant) -> None:
        """Count what is thrown away, if anything is, and charge the neighbour where no honest one would send it."""
        if reason is None:
            return
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if reason in _FAULTS:
            self._tolerance.charge(peer, now)

    def packet(self, peer: MemberId, data: bytes, now: Instant) -> GroupPacket | None:
        """Read a packet; None where it is none, or its sender is cut off."""
        if self._cut_off(peer, now):
            return None
        packet = decode_packet(self._roster, data)
        if packet is None:
            self.drop("undecodable", peer, now)
            self._patience.charge(peer, now, work(len(data), None, judged=False))
        elif not isinstance(packet, Blocks | LogPart):
            self._patience.charge(peer, now, asking(len(data)))
        return packet

    def block(self, peer: MemberId, wire: bytes, undecided: int, now: Instant) -> tuple[Block | None, str | None]:
        """Read and judge a block of a packet; gives it, where it can be read at all, and why it is dropped if it is."""
        if self._cut_off(peer, now):
            return None, "cut off"
        block = parse_block(wire, self._roster)
        reason = "undecodable" if block is None else self._fault(block, undecided)
        self.drop(reason, peer, now)
        if reason is not None:
            leaves = None if block is None else len(block.leaves)
            self._patience.charge(peer, now, work(len(wire), leaves, judged=reason in _JUDGED))
        return block, reason

    def parked(self, peer: MemberId, block: Block, length: int, now: Instant) -> None:
        """A neighbour's valid block was offered: charge for those that were thrown away for lack of room, it or others.

        Honest blocks lack little, and come again when they fit.
        """
        evicted, self._evicted = self._manager.evicted - self._evicted, self._manager.evicted
        if evicted:
            self._patience.charge(peer, now, evicted * work(length, len(block.leaves), judged=True))

    def refused(self, packet: GroupPacket, reason: str | None, peer: MemberId, now: Instant) -> None:
        """A packet was dropped, if there is a reason: count it, and charge what it took to see that."""
        self.drop(reason, peer, now)
        if reason is None or not isinstance(packet, LogPart):
            return
        for wire in packet.blocks:
            leaves = len(wire) // _LEAF_BYTES if reason in _FAULTS else None
            self._patience.charge(peer, now, work(len(wire), leaves, judged=leaves is not None))

    def _fault(self, block: Block, undecided: int) -> str | None:
        reason = self._manager.screen(block, undecided, self.ahead_max)
        if reason is not None:
            return reason
        standing = judge(block, self._roster, self._scheme)
        return None if standing is Standing.VALID else standing.value

    def reads(self, peer: MemberId, now: Instant) -> bool:
        """Whether a neighbour's packets are looked at, or it is cut off."""
        return self._tolerance.admits(peer, now) and self._patience.admits(peer, now)

    def _cut_off(self, peer: MemberId, now: Instant) -> bool:
        if self.reads(peer, now):
            return False
        self.drop("cut off", peer, now)
        return True
