"""Who is still read of those that speak about ends of epochs, members of the group or not.

Anybody with a link may, and what is known already comes from honest peers too. So each packet is paid for, whether it
brings something or not, and who sends what no honest peer would is cut off soon.
"""

from mechdesign.group.tolerance import WORK_BURST, WORK_PER_S, Tolerance, asking, work
from mechdesign.group.views.packets import EpochPacket, Trail, decode_epoch_packet
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Instant

__all__ = ["Reception"]


class Reception:
    """The door for packets about the ends of epochs.

    Attributes:
        dropped: what was thrown away, by reason.
    """

    def __init__(self) -> None:
        self.dropped: dict[str, int] = {}
        self._tolerance = Tolerance()
        self._patience = Tolerance(WORK_PER_S, WORK_BURST)

    def reads(self, peer: MemberId, now: Instant) -> bool:
        """Whether a peer's packets are looked at, or it is cut off."""
        return self._tolerance.admits(peer, now) and self._patience.admits(peer, now)

    def packet(self, peer: MemberId, data: bytes, now: Instant) -> EpochPacket | None:
        """Read a packet; None where it is none, or its sender is cut off."""
        if not self.reads(peer, now):
            self.drop("cut off")
            return None
        packet = decode_epoch_packet(data)
        # Certificates consist of many small parts, and so does what only looks like a packet.
        parts = packet is None or isinstance(packet, Trail)
        self._patience.charge(peer, now, work(len(data), None, judged=False) if parts else asking(len(data)))
        if packet is None:
            self.drop("undecodable", peer, now)
        return packet

    def drop(self, reason: str, liar: MemberId | None = None, now: Instant = 0, cost: int = 1) -> None:
        """Count what is thrown away, and charge whoever sent what no honest peer would."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if liar is not None:
            self._tolerance.charge(liar, now, cost)
