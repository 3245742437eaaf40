"""The transport over real sockets: ZeroMQ with CURVE, driven by asyncio without a future or a thread of its own.

One ROUTER is bound where this member listens, one DEALER is made for each peer that it dials; one connection a pair.
The state of each link is a :class:`~mechdesign.transport.link.Link`; this file owns sockets, clock and loop only.

What to know about the sockets:

* How they are read is said in :mod:`mechdesign.transport.ports`. ROUTER takes turns among its connections by itself.
* Frames of the ROUTER are attributed by User-Id, which the gate sets from the CURVE key. A routing id is the return
  address of a session and no more. Dialling sockets choose none, so each connection has a fresh one.
* Sends fail that would wait for a connection: nothing is queued for a peer that is away.
* libzmq cannot close one connection of a ROUTER. It names descriptors, in its monitor's events and on every frame, and
  shutting one down ends the connection as the other side's hanging up would.
* libzmq holds a message that never ends. A connection that came in is cut off when too much of one came, and one that
  we made is given up and made anew (on Linux; see :mod:`.connections` and :mod:`.dealers`).
"""

import asyncio
import contextlib
import os
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import zmq

from mechdesign.kernel.config import TransportConfig, microseconds
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.transport import descriptors, options
from mechdesign.transport.alarm import Alarm
from mechdesign.transport.dealers import Dealers
from mechdesign.transport.door import GOODBYE, Door
from mechdesign.transport.face import OnEvent, PeerAddress, Strangers
from mechdesign.transport.link import HangUp, Link, LinkEffect, Redial, Transmit
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet
from mechdesign.transport.peers import Peers
from mechdesign.transport.ports import Port, Ports

__all__ = ["ZeroMQTransport", "monotonic"]

_ZAP_ENDPOINT, _MONITOR_ENDPOINT = "inproc://zeromq.zap.01", "inproc://connections"
_WEIGHINGS = 4  # a heartbeat


def monotonic() -> Instant:
    """The machine's monotonic clock in microseconds."""
    return time.monotonic_ns() // 1_000


class ZeroMQTransport:
    """Links to peers over TCP; see :class:`~mechdesign.transport.face.Transport`.

    Args:
        identity: our keys.
        scheme: how hellos of peers are checked.
        listen: where to bind, such as ``"tcp://0.0.0.0:7070"`` or ``"tcp://127.0.0.1:*"`` for any free port; None
            where this member cannot be reached and so only dials.
        peers: who they are and how to reach them at first; our own entry is left out. Where both have an address
            the smaller key dials, and the other one if it is not dialled; else the end that knows an address.
        config: heartbeat, silence, credit and limits.
        on_event: takes LinkUp, Packet and LinkDown on the loop.
        strangers: whether and how others may introduce themselves; they are refused if not given.
        clock: microseconds that never run backwards.
        entropy: where nonces come from.

    Raises:
        ConfigError: two members share a CURVE key, or one has ours.
    """

    def __init__(
        self,
        identity: Identity,
        scheme: SignatureScheme,
        listen: str | None,
        peers: Mapping[MemberId, PeerAddress],
        config: TransportConfig,
        on_event: OnEvent,
        *,
        strangers: Strangers | None = None,
        clock: Callable[[], Instant] = monotonic,
        entropy: Entropy = os.urandom,
    ) -> None:
        self._identity = identity
        self._listen = listen
        self._config = config
        self._on_event = on_event
        self._clock = clock
        now = clock()
        listens = listen is not None
        self._peers = Peers(identity, scheme, listens=listens, addresses=peers, config=config, entropy=entropy, now=now)
        own, welcome = identity.curve_public, self._welcome
        self._door = Door(self._peers.curves, own=own, strangers=strangers, welcome=welcome, config=config, now=now)
        self._connections = self._door.connections
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ports: Ports | None = None
        self._alarm: Alarm | None = None
        self._router: Port | None = None
        self._monitor: Port | None = None
        self._dealers = Dealers(self._watch, config, clock)
        self._address: str | None = None
        self._closing, self._weigh_at = False, now
        self._quiet = asyncio.Event()

    @property
    def address(self) -> str | None:
        """Where this member listens, with the real port; None before the start and where it does not listen."""
        return self._address

    @property
    def peers_up(self) -> tuple[MemberId, ...]:
        """The peers whose links are up, in the order in which they were given."""
        return self._peers.up

    @property
    def counters(self) -> Mapping[str, int]:
        """Sums over all links, and what the gate refused; see :class:`~mechdesign.transport.counters.Counters`."""
        return {**self._peers.counters(), **self._door.counters(), "dials_failed": self._dealers.failed}

    @property
    def introduction(self) -> bytes:
        """What precedes our hellos for a peer that may not know us yet; empty for nothing."""
        return self._peers.introduction

    @introduction.setter
    def introduction(self, introduction: bytes) -> None:
        now = self._clock()
        self._peers.introduce(introduction, now)
        self._arm(self._peers.deadline, now)

    # --------------------------------------------------------------------------------------------- start and close

    async def start(self) -> None:
        """Listen and dial; returns before any link is up.

        Raises:
            ConfigError: the address to listen on is malformed or taken.
            LocalProtocolError: it was started before.
        """
        if self._context is not None or self._closing:
            raise LocalProtocolError("a transport is started once")
        self._loop = asyncio.get_running_loop()
        self._ports, self._alarm = Ports(self._loop, zmq.Again), Alarm(self._loop, self._tick)
        self._context = zmq.Context()
        try:
            if self._listen is not None:
                self._bind(self._listen)
            for link in self._peers:
                if link.dialling.connected:
                    self._dial(link)
        except Exception:
            self._free()
            raise
        self._tick()

    async def close(self) -> None:
        """Say goodbye to the peers that are up, wait a quarter of a second at most for theirs, free everything."""
        if self._closing:
            return
        self._closing = True
        now = self._clock()
        for link in self._peers:
            self._perform(link, link.close(), now)
        if self._context is not None and self.peers_up:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), GOODBYE / SECOND)
        self._free()

    def _free(self) -> None:
        self._closing = True
        if self._alarm is not None:
            self._alarm.stop()
        if self._ports is not None:
            self._dealers.close(self._ports)
            self._ports.close()
        self._router = self._monitor = None
        if self._context is not None:
            self._context.term()
            self._context = None

    # ------------------------------------------------------------------------------------------------------- peers

    def add(self, peer: MemberId, address: PeerAddress) -> None:
        """Have a peer, or reach it in another way; see :meth:`mechdesign.transport.face.Transport.add`.

        Raises:
            ConfigError: another peer has that CURVE key, or we have; nothing was changed.
        """
        now = self._clock()
        replaced = self._peers.find(peer)
        link = self._peers.add(peer, address, now)
        if link is not None:
            if replaced is not None:
                self._part(replaced, now)
            self._door.gate.open(link.peer_curve, now)
            if link.dialling.connected and self._context is not None:
                self._dial(link)
        self._arm(self._peers.deadline, now)

    def remove(self, peer: MemberId) -> None:
        """Have a peer no more; see :meth:`mechdesign.transport.face.Transport.remove`."""
        link = self._peers.remove(peer)
        if link is not None:
            self._part(link, self._clock())

    def _part(self, link: Link, now: Instant) -> None:
        for effect in link.part(now):
            if isinstance(effect, Transmit):
                self._transmit(link, effect)
            elif isinstance(effect, LinkDown) and link.told_up and self._loop is not None:
                self._loop.call_soon(self._report, effect)
        self._peers.retire(link.counters)
        self._hang_up(link)
        self._door.shut(link.peer_curve, now)
        self._arm(self._connections.deadline, now)

    def _welcome(self, member: MemberId, key: bytes) -> bool:
        if self._peers.find(member) is None:
            self.add(member, PeerAddress(key))
        return self._peers.of_user(key.hex()) is not None  # it is not where the member is a peer under another key

    def _report(self, event: LinkEvent) -> None:
        if not self._closing:
            self._on_event(event)

    # ---------------------------------------------------------------------------------------------------- sockets

    def _watch(self, kind: int, read: Callable[[Port], None], told: Mapping[str, int | bytes]) -> Port:
        if self._context is None or self._ports is None:
            raise LocalProtocolError("the transport is not running")
        socket = self._context.socket(kind)
        for name, value in {"linger": 0, **told}.items():
            setattr(socket, name, value)
        return self._ports.watch(socket, int(socket.getsockopt(zmq.FD)), read)

    def _bind(self, listen: str) -> None:
        # The gate stands before the door opens.
        self._watch(zmq.ROUTER, self._read_gate, {}).socket.bind(_ZAP_ENDPOINT)
        told = options.listening(self._config, self._identity, listen)
        self._router = self._watch(zmq.ROUTER, self._read_router, told)
        self._router.socket.monitor(_MONITOR_ENDPOINT, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        # Without a limit, since libzmq would stop altogether where it cannot hand an event over.
        self._monitor = self._watch(zmq.PAIR, self._read_monitor, {"rcvhwm": 0})
        self._monitor.socket.connect(_MONITOR_ENDPOINT)
        try:
            self._router.socket.bind(listen)
        except zmq.ZMQError as error:
            raise ConfigError(f"cannot listen on {listen}: {error.strerror}") from error
        self._address = self._router.socket.get_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def _dial(self, link: Link) -> None:
        assert self._ports is not None
        curve, address = self._peers.at(link.peer)
        self._hang_up(link)
        told = options.dialling(self._config, self._identity, address, curve)
        if not self._dealers.dial(link.peer, address, partial(self._read_dealer, link), told, self._ports):
            link.dialling.hang_up()

    def _hang_up(self, link: Link) -> None:
        if self._ports is not None and (port := self._dealers.hang_up(link.peer, self._ports)) is not None:
            if link.parted and self._loop is not None:
                # TCP drops what was sent last where a connection is closed on what came in unread.
                self._loop.call_later(GOODBYE / SECOND, self._ports.drop, port)
            else:
                self._ports.drop(port)

    def _cut_off(self, now: Instant) -> None:
        if not len(self._connections) + len(self._dealers):
            return
        if self._monitor is not None and self._ports is not None:
            self._ports.turn(self._monitor)  # so that no descriptor is meant that was closed and used again
        if now >= self._weigh_at:
            self._weigh_at = now + microseconds(self._config.heartbeat_s) // _WEIGHINGS
            self._connections.weigh(descriptors.came_in, now)
            for link in map(self._peers.link, self._dealers.endless(now)):
                self._connections.cut += 1
                self._perform(link, link.cut_off(now), now)
        for connection in self._connections.due(now):
            descriptors.shut_down(connection, self._address or "")
        self._arm(min(self._weigh_at, self._connections.deadline or self._weigh_at), now)

    # ------------------------------------------------------------------------------------------ reading and writing

    def _read_router(self, port: Port) -> None:
        receive = port.socket.recv
        if port.skipping:
            port.skipping = receive(zmq.NOBLOCK, copy=False).more
            return
        route = receive(zmq.NOBLOCK)
        frame = receive(zmq.NOBLOCK, copy=False)  # parts of one message arrive together
        port.skipping = frame.more
        try:
            user = str(frame.get("User-Id"))
        except zmq.ZMQError:
            return  # nothing that the gate let pass
        now, link, connection = self._clock(), self._peers.of_user(user), int(frame.get(zmq.SRCFD))
        self._connections.heard(connection)
        if link is None:
            self._door.visited(bytes.fromhex(user), None if frame.more else frame.bytes, connection, now)
            self._arm(self._connections.deadline, now)
            return
        if self._connections.unclaimed:
            self._connections.claim(connection, link.peer_curve, now)
            self._arm(self._connections.deadline, now)
        if frame.more:
            link.counters.malformed += 1
        else:
            self._perform(link, link.receive((route, frame.bytes), now), now)

    def _read_dealer(self, link: Link, port: Port) -> None:
        frame = port.socket.recv(zmq.NOBLOCK, copy=False)
        if port.skipping or frame.more:
            link.counters.malformed += not port.skipping
            port.skipping = frame.more
            return
        # The socket talks only to the holder of the CURVE key that it dialled.
        self._dealers.heard(link.peer)
        now = self._clock()
        self._perform(link, link.receive((b"", frame.bytes), now), now)

    def _read_gate(self, port: Port) -> None:
        reply = self._door.gate.answer(port.socket.recv_multipart(zmq.NOBLOCK), self._clock())
        if reply is not None:
            port.socket.send_multipart(reply, zmq.NOBLOCK)

    def _read_monitor(self, port: Port) -> None:
        now = self._clock()
        event, descriptor = struct.unpack("=hi", port.socket.recv_multipart(zmq.NOBLOCK)[0])
        if event == zmq.EVENT_ACCEPTED:
            self._connections.opened(descriptor, now)
            self._arm(min(now, self._weigh_at), now)
        else:
            self._connections.closed(descriptor)

    def send(self, peer: MemberId, data: bytes) -> bool:
        """Hand a frame over without blocking; False where it was dropped and counted.

        Raises:
            LocalProtocolError: the peer is unknown, or the frame passes the configured limit.
        """
        link = self._peers.link(peer)
        for effect in link.submit(data, 0):
            if isinstance(effect, Transmit):
                return self._transmit(link, effect)
        return False

    def _transmit(self, link: Link, transmit: Transmit) -> bool:
        port = self._router if transmit.route else self._dealers.get(link.peer)
        if port is None or port.closed or self._ports is None:
            link.refused(transmit)
            return False
        if not port.scheduled:
            self._ports.soon(port)
        try:
            if transmit.route:
                port.socket.send(transmit.route, zmq.NOBLOCK | zmq.SNDMORE)
            port.socket.send(transmit.data, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                raise
            link.refused(transmit)
            return False
        return True

    def _perform(self, link: Link, effects: Sequence[LinkEffect], now: Instant) -> None:
        for effect in effects:
            if link.parted:  # by whoever took the event before
                return
            if isinstance(effect, Transmit):
                self._transmit(link, effect)
            elif isinstance(effect, Redial):
                self._dial(link)
            elif isinstance(effect, HangUp):
                self._hang_up(link)
            else:
                if not isinstance(effect, Packet):
                    link.told_up = isinstance(effect, LinkUp)
                    self._arm(link.deadline, now)
                if not self._closing:
                    self._on_event(effect)
                elif isinstance(effect, LinkDown) and not self.peers_up:
                    self._quiet.set()

    def _arm(self, deadline: Instant | None, now: Instant) -> None:
        if self._alarm is not None and not self._closing:
            self._alarm.set(deadline, now)

    def _tick(self) -> None:
        now = self._clock()
        try:
            self._cut_off(now)
            for link in self._peers.due(now):
                if not link.parted:
                    self._perform(link, link.tick(now), now)
        finally:  # an event handler that fails must not stop the heartbeats
            self._arm(self._peers.deadline, now)
