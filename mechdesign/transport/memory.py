"""The transport inside one process: no sockets and no handshake, one queue, one order.

All members of a :class:`MemoryNetwork` share one first-in first-out queue, which the loop empties a bounded number of
frames at a time. So what is delivered when depends on what was sent when and on nothing else.

Two members are linked while both are started and each knows the other. Who knows the other's address, carries an
introduction and is not known introduces itself, once at each change that could make a difference: there is no clock
here that it could try again by.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import fingerprint
from mechdesign.transport.counters import Counters, total
from mechdesign.transport.face import OnEvent, PeerAddress, Strangers
from mechdesign.transport.frames import OVERHEAD_BYTES, check_introduction
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet

__all__ = ["MemoryNetwork", "MemoryTransport"]

_TURN_EVENTS = 256


@dataclass(eq=False, slots=True)
class _Line:
    """One life of the link between two members.

    Attributes:
        over: whether an end has left it.
        outstanding: what each sender has on its way, in bytes of charge.
    """

    over: bool = False
    outstanding: dict[MemberId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Introduction:
    """What a member says to one that does not know it."""

    of: "MemoryTransport"
    data: bytes


@dataclass(frozen=True, slots=True)
class _Removed:
    """A member has a peer no more, whose link was up or not; what was queued of the peer before this is void."""

    peer: MemberId
    was_up: bool


_Event: TypeAlias = LinkEvent | _Introduction | _Removed


class MemoryNetwork:
    """What the members of one process are connected by."""

    def __init__(self) -> None:
        self._members: dict[MemberId, MemoryTransport] = {}
        self._lines: dict[tuple[MemberId, MemberId], _Line] = {}
        self._queue: deque[tuple[MemoryTransport, _Event, _Line | None]] = deque()
        self._scheduled = False

    def _join(self, transport: "MemoryTransport") -> None:
        if transport.member in self._members:
            raise LocalProtocolError(f"{fingerprint(transport.member)} is in this network already")
        self._members[transport.member] = transport
        self._meet_all(transport)

    def _leave(self, transport: "MemoryTransport") -> None:
        if self._members.get(transport.member) is transport:
            for other in self._members:
                self._part(transport.member, other)
            del self._members[transport.member]

    def _meet_all(self, transport: "MemoryTransport") -> None:
        for other in list(self._members):
            self._meet(transport.member, other)

    def _meet(self, newcomer: MemberId, other: MemberId) -> None:
        """Link two members that are here and know each other; let one that is not known introduce itself."""
        first, second = self._members.get(newcomer), self._members.get(other)
        if first is None or second is None or first is second or _pair(newcomer, other) in self._lines:
            return
        if first._knows(second) and second._knows(first):
            line = self._lines[_pair(newcomer, other)] = _Line()
            self._post(second, LinkUp(newcomer), line)
            self._post(first, LinkUp(other), line)
            return
        for dialler, listener in ((first, second), (second, first)):
            if dialler.introduction and dialler._dials(listener):
                self._post(listener, _Introduction(dialler, dialler.introduction), None)

    def _part(self, leaver: MemberId, other: MemberId) -> None:
        line = self._lines.pop(_pair(leaver, other), None)
        if line is not None:
            line.over = True
            self._post(self._members[other], LinkDown(leaver), line)

    def _post(self, receiver: "MemoryTransport", event: _Event, line: _Line | None) -> None:
        self._queue.append((receiver, event, line))
        self._soon()

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        try:
            for _ in range(min(_TURN_EVENTS, len(self._queue))):
                receiver, event, line = self._queue.popleft()
                receiver._take(event, line)
        finally:
            if self._queue:
                self._soon()


def _pair(one: MemberId, other: MemberId) -> tuple[MemberId, MemberId]:
    return (one, other) if one < other else (other, one)


class MemoryTransport:
    """One member's end of a :class:`MemoryNetwork`; see :class:`~mechdesign.transport.face.Transport`.

    Args:
        network: what to join.
        member: who we are; nobody else in the process can say so.
        on_event: takes LinkUp, Packet and LinkDown on the loop.
        peers: whom we talk to at first, by member or with addresses; everybody in the network, now and later, if not
            given. Whether an address is there decides, as with sockets, whether we introduce ourselves; the address
            itself leads nowhere.
        config: only the frame limit and the credit matter here.
        curve: the CURVE key that we are known by; our member key if not given.
        strangers: whether others may introduce themselves; its limits on numbers do not matter here.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        member: MemberId,
        on_event: OnEvent,
        *,
        peers: Iterable[MemberId] | Mapping[MemberId, PeerAddress] | None = None,
        config: TransportConfig | None = None,
        curve: bytes | None = None,
        strangers: Strangers | None = None,
    ) -> None:
        config = config or TransportConfig()
        self.member = member
        self._curve = member if curve is None else curve
        self._network = network
        self._on_event = on_event
        self._everybody = peers is None
        self._peers: dict[MemberId, PeerAddress | None] = {}  # None where any key will do
        self._removed: set[MemberId] = set()  # of everybody
        self._deaf: dict[MemberId, int] = {}  # to whom, since it was removed, and how often
        self._strangers = strangers
        self._introduction = b""
        self._frame_bytes_max = config.frame_bytes_max
        self._credit = config.credit_bytes
        self._up: dict[MemberId, _Line] = {}
        self._counters = Counters()
        self._met = {"strangers_admitted": 0, "strangers_refused": 0}
        self._running = self._closed = False
        addresses = peers if isinstance(peers, Mapping) else dict.fromkeys(peers or ())
        for peer, address in addresses.items():
            if peer != member:
                self._check(peer, address)
                self._peers[peer] = address

    def _knows(self, other: "MemoryTransport") -> bool:
        if other.member not in self._peers:
            return self._is_peer(other.member)
        address = self._peers[other.member]
        return address is None or address.curve == other._curve

    def _is_peer(self, peer: MemberId) -> bool:
        return peer in self._peers or (self._everybody and peer != self.member and peer not in self._removed)

    def _dials(self, other: "MemoryTransport") -> bool:
        address = self._peers.get(other.member)
        return self._knows(other) and (address is None or address.address is not None)

    def _check(self, peer: MemberId, address: PeerAddress | None) -> None:
        if address is not None:
            keys = [each.curve for other, each in self._peers.items() if each is not None and other != peer]
            if address.curve in (self._curve, *keys):
                raise ConfigError(f"member {fingerprint(peer)} has the CURVE key of another member")

    @property
    def peers_up(self) -> tuple[MemberId, ...]:
        """The peers whose links are up, in the order in which they came up."""
        return tuple(self._up)

    @property
    def counters(self) -> Mapping[str, int]:
        """Sums over all links; see :class:`~mechdesign.transport.counters.Counters`."""
        return {**total([self._counters]), **self._met}

    @property
    def introduction(self) -> bytes:
        """What we say to a peer that does not know us yet; empty for nothing."""
        return self._introduction

    @introduction.setter
    def introduction(self, introduction: bytes) -> None:
        check_introduction(introduction)
        if introduction != self._introduction:
            self._introduction = introduction
            self._meet_all()

    async def start(self) -> None:
        """Join the network; both ends of each new link hear of it in the next turns of the loop.

        Raises:
            LocalProtocolError: the member is in the network already, or this transport was started before.
        """
        if self._running or self._closed:
            raise LocalProtocolError("a transport is started once")
        self._network._join(self)
        self._running = True

    def _meet_all(self) -> None:
        if self._running:
            self._network._meet_all(self)

    def add(self, peer: MemberId, address: PeerAddress) -> None:
        """Have a peer, or know another key of it; see :meth:`mechdesign.transport.face.Transport.add`.

        Raises:
            ConfigError: another peer has that CURVE key, or we have; nothing was changed.
        """
        if peer == self.member or self._peers.get(peer) == address:
            return
        self._check(peer, address)
        self._peers[peer] = address
        self._removed.discard(peer)
        if self._running:
            other = self._network._members.get(peer)
            if other is not None and not self._knows(other):
                self._hang_up(peer)
            self._network._meet(self.member, peer)

    def remove(self, peer: MemberId) -> None:
        """Have a peer no more; see :meth:`mechdesign.transport.face.Transport.remove`."""
        self._peers.pop(peer, None)
        if self._everybody:
            self._removed.add(peer)
        if self._running:
            self._hang_up(peer)

    def _hang_up(self, peer: MemberId) -> None:
        self._network._part(self.member, peer)
        was_up = self._up.pop(peer, None) is not None
        self._counters.links_down += was_up
        self._deaf[peer] = self._deaf.get(peer, 0) + 1
        self._network._post(self, _Removed(peer, was_up), None)

    def send(self, peer: MemberId, data: bytes) -> bool:
        """Put a frame into the queue; False where it was dropped and counted.

        Raises:
            LocalProtocolError: the peer is unknown, or the frame passes the configured limit.
        """
        if not self._is_peer(peer):
            raise LocalProtocolError(f"{fingerprint(peer)} is not a peer of this transport")
        if len(data) > self._frame_bytes_max:
            raise LocalProtocolError(f"a frame of {len(data)} bytes passes the limit of {self._frame_bytes_max}")
        line = self._up.get(peer) if self._running else None
        if line is None or line.over:
            self._counters.dropped_down += 1
            return False
        outstanding = line.outstanding.get(self.member, 0)
        charge = len(data) + OVERHEAD_BYTES
        if outstanding and outstanding + charge > self._credit:
            self._counters.dropped_credit += 1
            return False
        line.outstanding[self.member] = outstanding + charge
        self._counters.sent += 1
        self._counters.sent_bytes += len(data)
        self._network._post(self._network._members[peer], Packet(self.member, data), line)
        return True

    async def close(self) -> None:
        """Leave the network; the others hear of it, no event arrives here any more."""
        self._running, self._closed = False, True
        self._up.clear()
        self._network._leave(self)

    def _take(self, event: _Event, line: _Line | None) -> None:
        if line is not None and isinstance(event, Packet):
            line.outstanding[event.peer] -= len(event.data) + OVERHEAD_BYTES
        if self._closed:
            return
        if isinstance(event, _Introduction):
            self._introduced(event.of, event.data)
        elif isinstance(event, _Removed):
            self._deaf[event.peer] -= 1
            if not self._deaf[event.peer]:
                del self._deaf[event.peer]
            if event.was_up:
                self._on_event(LinkDown(event.peer))
        elif line is not None and event.peer not in self._deaf:
            self._carried(event, line)

    def _carried(self, event: LinkEvent, line: _Line) -> None:
        if isinstance(event, Packet):
            self._counters.received += 1
            self._counters.received_bytes += len(event.data)
        elif isinstance(event, LinkUp):
            self._up[event.peer] = line
            self._counters.links_up += 1
        else:
            if self._up.pop(event.peer, None) is None:
                return
            self._counters.links_down += 1
        self._on_event(event)

    def _introduced(self, stranger: "MemoryTransport", introduction: bytes) -> None:
        """Judge who does not know whether it is known; by now it may be, or may be gone."""
        if self._strangers is None or not stranger._running or self._knows(stranger):
            return
        member = self._strangers.admit(stranger._curve, introduction) if stranger._curve != self._curve else None
        if member is not None and not self._is_peer(member):
            self.add(member, PeerAddress(stranger._curve))
        admitted = any(each is not None and each.curve == stranger._curve for each in self._peers.values())
        self._met["strangers_admitted" if admitted else "strangers_refused"] += 1
