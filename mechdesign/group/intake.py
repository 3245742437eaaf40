"""What of a neighbour's packets is worth a look: read, screened and judged before anything else is done with it.

What is known, too old or too far ahead is put aside before its signature is checked. What nobody honest sends is
charged to the neighbour, and one that does it again and again is cut off for a while.
"""

from mechdesign.group.block import Block, Standing, judge, parse_block
from mechdesign.group.block_manager import BlockManager
from mechdesign.group.packets import GroupPacket, decode_packet
from mechdesign.group.roster import Roster
from mechdesign.group.tolerance import Tolerance
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.machine import Instant

__all__ = ["Intake"]

_FAULTS = ("undecodable", "garbage", "invalid", "forged")


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
        return packet

    def block(self, peer: MemberId, wire: bytes, undecided: int, now: Instant) -> tuple[Block | None, str | None]:
        """Read and judge a block of a packet; gives it, where it can be read at all, and why it is dropped if it is."""
        if self._cut_off(peer, now):
            return None, "cut off"
        block = parse_block(wire, self._roster)
        reason = "undecodable" if block is None else self._fault(block, undecided)
        self.drop(reason, peer, now)
        return block, reason

    def _fault(self, block: Block, undecided: int) -> str | None:
        reason = self._manager.screen(block, undecided, self.ahead_max)
        if reason is not None:
            return reason
        standing = judge(block, self._roster, self._scheme)
        return None if standing is Standing.VALID else standing.value

    def reads(self, peer: MemberId, now: Instant) -> bool:
        """Whether a neighbour's packets are looked at, or it is cut off."""
        return self._tolerance.admits(peer, now)

    def _cut_off(self, peer: MemberId, now: Instant) -> bool:
        if self.reads(peer, now):
            return False
        self.drop("cut off", peer, now)
        return True
