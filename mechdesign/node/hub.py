"""Shares one transport among the lobby and the groups of a node: each has a line of its own.

Every line hears of all links; a frame goes to the lines that listen on its channel, the first 16 bytes. A peer stays as
long as any line wants it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping

from mechdesign.group.channel import CHANNEL_BYTES
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.node.links import TransportFactory
from mechdesign.transport.face import OnEvent, PeerAddress, Transport
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet

__all__ = ["Channels", "Hub", "Line"]

Channels = Callable[[], Collection[bytes]]
"""The channels that a line listens on at present."""


class Hub:
    """Owns the transport.

    Args:
        transport: how to make it.

    Attributes:
        unclaimed: frames of channels that no line listens on.
    """

    def __init__(self, transport: TransportFactory) -> None:
        self.transport: Transport = transport(self._arrived)
        self.unclaimed = 0
        self._lines: list[Line] = []
        self._up: dict[MemberId, None] = {}
        self._where: dict[MemberId, PeerAddress] = {}
        self._wanted: dict[MemberId, dict[Line, None]] = {}

    async def start(self) -> None:
        """Open the links; lines may be opened before or after."""
        await self.transport.start()

    async def close(self) -> None:
        """Close all lines and the links."""
        for line in list(self._lines):
            await line.close()
        await self.transport.close()

    def line(self, channels: Channels) -> TransportFactory:
        """What makes a line, in the place of a transport."""
        return lambda on_event: Line(self, on_event, channels)

    # What lines ask for

    def _open(self, line: "Line") -> None:
        self._lines.append(line)
        for peer in self._up:
            line.hear(LinkUp(peer))

    def _shut(self, line: "Line") -> None:
        if line in self._lines:
            self._lines.remove(line)
            for peer in [peer for peer, lines in self._wanted.items() if line in lines]:
                self._release(line, peer)

    def _want(self, line: "Line", peer: MemberId, address: PeerAddress) -> None:
        known = self._where.get(peer)
        # Whoever does not know where a peer listens takes nothing away from who does.
        if known is not None and known.curve == address.curve and address.address is None:
            address = known
        self.transport.add(peer, address)
        self._where[peer] = address
        self._wanted.setdefault(peer, {})[line] = None

    def _release(self, line: "Line", peer: MemberId) -> None:
        lines = self._wanted.get(peer, {})
        lines.pop(line, None)
        if peer in self._wanted and not lines:
            del self._wanted[peer], self._where[peer]
            self._up.pop(peer, None)
            self.transport.remove(peer)

    # What the transport reports

    def _arrived(self, event: LinkEvent) -> None:
        match event:
            case LinkUp(peer):
                self._up[peer] = None
            case LinkDown(peer):
                self._up.pop(peer, None)
            case Packet(_, data):
                channel = data[:CHANNEL_BYTES]
                listening = [line for line in self._lines if channel in line.channels()]
                self.unclaimed += not listening
                for line in listening:
                    line.hear(event)
                return
        for line in self._lines:
            line.hear(event)


class Line:
    """One user's share of a hub; see :class:`~mechdesign.transport.face.Transport`.

    Args:
        hub: whose transport it uses.
        on_event: takes link events and the frames of our channels, on the loop.
        channels: which these are.
    """

    def __init__(self, hub: Hub, on_event: OnEvent, channels: Channels) -> None:
        self.channels = channels
        self._hub = hub
        self._on_event = on_event
        self._open = False
        self._waiting: list[LinkEvent] = []

    @property
    def counters(self) -> Mapping[str, int]:
        """The transport's, and the frames that nobody claimed."""
        return {**self._hub.transport.counters, "unclaimed": self._hub.unclaimed}

    @property
    def introduction(self) -> bytes:
        """The transport's, which all lines share."""
        return self._hub.transport.introduction

    @introduction.setter
    def introduction(self, introduction: bytes) -> None:
        self._hub.transport.introduction = introduction

    async def start(self) -> None:
        """Begin to hear; links that are up are reported in the next turn of the loop.

        Raises:
            LocalProtocolError: it was started before.
        """
        if self._open:
            raise LocalProtocolError("a line is started once")
        self._open = True
        self._hub._open(self)

    def add(self, peer: MemberId, address: PeerAddress) -> None:
        """Want a peer; see :meth:`Transport.add`."""
        self._hub._want(self, peer, address)

    def remove(self, peer: MemberId) -> None:
        """Want a peer no more; it stays while another line wants it."""
        self._hub._release(self, peer)

    def send(self, peer: MemberId, data: bytes) -> bool:
        """Hand a frame over; False where it was dropped, also where the peer has just been removed."""
        if peer not in self._hub._up:
            return False
        return self._hub.transport.send(peer, data)

    async def close(self) -> None:
        """Hear nothing more and want nobody; the links stay."""
        self._open = False
        self._waiting.clear()
        self._hub._shut(self)

    def hear(self, event: LinkEvent) -> None:
        """Take an event of the hub; it is passed on in a later turn of the loop where this turn is ``start``'s."""
        self._waiting.append(event)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        events, self._waiting = self._waiting, []
        for event in events:
            if self._open:
                self._on_event(event)
