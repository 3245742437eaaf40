"""The transport inside one process: no sockets and no handshake, one queue, one order.

All members of a :class:`MemoryNetwork` share one first-in first-out queue, which the loop empties a bounded number of
frames at a time. So what is delivered when depends on what was sent when and on nothing else.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.identity import fingerprint
from mechdesign.transport.counters import Counters, total
from mechdesign.transport.face import OnEvent
from mechdesign.transport.link import OVERHEAD_BYTES
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet

__all__ = ["MemoryNetwork", "MemoryTransport"]

_TURN_EVENTS = 256


class MemoryNetwork:
    """What the members of one process are connected by."""

    def __init__(self) -> None:
        self._members: dict[MemberId, MemoryTransport] = {}
        self._queue: deque[tuple[MemoryTransport, LinkEvent]] = deque()
        self._scheduled = False

    def _join(self, transport: "MemoryTransport") -> None:
        if transport.member in self._members:
            raise LocalProtocolError(f"{fingerprint(transport.member)} is in this network already")
        for other in self._members.values():
            if other._knows(transport.member) and transport._knows(other.member):
                self._post(other, LinkUp(transport.member))
                self._post(transport, LinkUp(other.member))
        self._members[transport.member] = transport

    def _leave(self, transport: "MemoryTransport") -> None:
        if self._members.get(transport.member) is not transport:
            return
        del self._members[transport.member]
        for other in self._members.values():
            if other._knows(transport.member) and transport._knows(other.member):
                self._post(other, LinkDown(transport.member))

    def _linked(self, sender: "MemoryTransport", peer: MemberId) -> "MemoryTransport | None":
        other = self._members.get(peer)
        return other if other is not None and other._knows(sender.member) else None

    def _post(self, receiver: "MemoryTransport", event: LinkEvent) -> None:
        self._queue.append((receiver, event))
        self._soon()

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        try:
            for _ in range(min(_TURN_EVENTS, len(self._queue))):
                receiver, event = self._queue.popleft()
                receiver._take(event)
        finally:
            if self._queue:
                self._soon()


class MemoryTransport:
    """One member's end of a :class:`MemoryNetwork`; see :class:`~mechdesign.transport.face.Transport`.

    Args:
        network: what to join.
        member: who we are; nobody else in the process can say so.
        on_event: takes LinkUp, Packet and LinkDown on the loop.
        peers: whom we talk to; everybody in the network if not given.
        config: only the frame limit and the credit matter here.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        member: MemberId,
        on_event: OnEvent,
        *,
        peers: Iterable[MemberId] | None = None,
        config: TransportConfig | None = None,
    ) -> None:
        config = config or TransportConfig()
        self.member = member
        self._network = network
        self._on_event = on_event
        self._peers = None if peers is None else {peer: None for peer in peers if peer != member}
        self._frame_bytes_max = config.frame_bytes_max
        self._credit = config.credit_bytes
        self._outstanding: dict[MemberId, int] = {}
        self._up: dict[MemberId, None] = {}
        self._counters = Counters()
        self._running = self._closed = False

    def _knows(self, peer: MemberId) -> bool:
        return self._peers is None or peer in self._peers

    @property
    def peers_up(self) -> tuple[MemberId, ...]:
        """The peers whose links are up, in the order in which they came up."""
        return tuple(self._up)

    @property
    def counters(self) -> Mapping[str, int]:
        """Sums over all links; see :class:`~mechdesign.transport.counters.Counters`."""
        return total([self._counters])

    async def start(self) -> None:
        """Join the network; both ends of each new link hear of it in the next turns of the loop.

        Raises:
            LocalProtocolError: the member is in the network already, or this transport was started before.
        """
        if self._running or self._closed:
            raise LocalProtocolError("a transport is started once")
        self._network._join(self)
        self._running = True

    def send(self, peer: MemberId, data: bytes) -> bool:
        """Put a frame into the queue; False where it was dropped and counted.

        Raises:
            LocalProtocolError: the peer is unknown, or the frame passes the configured limit.
        """
        if peer == self.member or not self._knows(peer):
            raise LocalProtocolError(f"{fingerprint(peer)} is not a peer of this transport")
        if len(data) > self._frame_bytes_max:
            raise LocalProtocolError(f"a frame of {len(data)} bytes passes the limit of {self._frame_bytes_max}")
        receiver = self._network._linked(self, peer) if self._running else None
        if receiver is None or peer not in self._up:
            self._counters.dropped_down += 1
            return False
        outstanding = self._outstanding.get(peer, 0)
        charge = len(data) + OVERHEAD_BYTES
        if outstanding and outstanding + charge > self._credit:
            self._counters.dropped_credit += 1
            return False
        self._outstanding[peer] = outstanding + charge
        self._counters.sent += 1
        self._counters.sent_bytes += len(data)
        self._network._post(receiver, Packet(self.member, data))
        return True

    async def close(self) -> None:
        """Leave the network; the others hear of it, no event arrives here any more."""
        self._running, self._closed = False, True
        self._up.clear()
        self._network._leave(self)

    def _take(self, event: LinkEvent) -> None:
        if isinstance(event, Packet):
            sender = self._network._members.get(event.peer)
            if sender is not None and self.member in sender._outstanding:
                left = sender._outstanding[self.member] - len(event.data) - OVERHEAD_BYTES
                sender._outstanding[self.member] = max(0, left)
            if self._closed:
                return
            self._counters.received += 1
            self._counters.received_bytes += len(event.data)
        elif self._closed:
            return
        elif isinstance(event, LinkUp):
            self._up[event.peer] = None
            self._counters.links_up += 1
        else:
            if event.peer not in self._up:
                return
            del self._up[event.peer]
            self._outstanding.pop(event.peer, None)
            self._counters.links_down += 1
        self._on_event(event)
