"""The transport over real sockets: ZeroMQ with CURVE, driven by asyncio without a future or a thread of its own.

One ROUTER is bound where this member listens, one DEALER is made for each peer that it dials; one connection a pair.
The state of each link is a :class:`~mechdesign.transport.link.Link`; this file owns sockets, clock and loop only.

What to know about the sockets:

* ZeroMQ's descriptor is edge-triggered and any call on the socket may consume the edge. So a socket is always read
  until it would block, and is looked at again soon after each send.
* One turn reads a bounded number of frames and then lets the loop go on, so that a flood starves nothing else. ROUTER
  takes turns among its connections by itself.
* Frames of the ROUTER are attributed by User-Id, which the gate sets from the CURVE key. A routing id serves as
  the return address of a session only. Dialling sockets choose none, so each connection has a fresh one.
* ``IMMEDIATE`` and ``ROUTER_MANDATORY`` make a send fail that would wait for a connection: nothing is
  queued for a peer that is away.

Known limit: libzmq bounds the size of a part and the number of complete messages, not the number of parts of a message
that never ends. A *known* peer can make it hold such a message in memory; strangers cannot, they fail at the gate.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import zmq

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.transport.face import OnEvent, PeerAddress
from mechdesign.transport.gate import DOMAIN, Gate
from mechdesign.transport.link import FRAME_OVERHEAD_BYTES, OVERHEAD_BYTES, Link, LinkEffect, Redial, Transmit
from mechdesign.transport.messages import LinkDown, Packet
from mechdesign.transport.peers import Peers

__all__ = ["ZeroMQTransport", "monotonic"]

_TURN_FRAMES = 256  # read in one turn of the loop from one socket
_BACKLOG = 64
_HANDSHAKE_MS = 5_000  # a stranger that connects and says nothing holds a descriptor for this long
_RECONNECT_MS, _RECONNECT_MS_MAX = 100, 1_000
_RECEIVE_FRAMES = 256  # complete frames that libzmq holds for us per connection before TCP pushes back
_GOODBYE_S = 0.25
_CURVE_BYTES = 64  # what CURVE adds to a frame, rounded up
_ZAP_ENDPOINT = "inproc://zeromq.zap.01"


def monotonic() -> Instant:
    """The machine's monotonic clock in microseconds."""
    return time.monotonic_ns() // 1_000


class _Port:
    """A socket on the loop, with the function that takes its frames."""

    __slots__ = ("descriptor", "scheduled", "skipping", "socket", "turn")

    def __init__(self, socket: "zmq.Socket[bytes]", turn: "Callable[[_Port], bool]") -> None:
        self.socket = socket
        self.descriptor = int(socket.getsockopt(zmq.FD))
        self.turn = turn
        self.scheduled = False
        self.skipping = False  # in the middle of a message whose parts are being thrown away


class ZeroMQTransport:
    """Links to a fixed set of peers over TCP; see :class:`~mechdesign.transport.face.Transport`.

    Args:
        identity: our keys.
        scheme: how hellos of peers are checked.
        listen: where to bind, such as ``"tcp://0.0.0.0:7070"`` or ``"tcp://127.0.0.1:*"`` for any free port; None
            where this member cannot be reached and so only dials.
        peers: who they are and how to reach them; our own entry is left out. Where both ends have an address
            the smaller key dials, else the end that knows an address.
        config: heartbeat, silence, credit and limits.
        on_event: takes LinkUp, Packet and LinkDown on the loop.
        clock: microseconds that never run backwards.
        entropy: where the nonces of hellos come from.

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
        self._gate = Gate(self._peers.curves, now=now)
        self._unattributed = 0
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ports: list[_Port] = []
        self._router: _Port | None = None
        self._dealers: dict[MemberId, _Port] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._address: str | None = None
        self._closing = False
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
        gate = {"keys_refused": self._gate.refused, "keys_delayed": self._gate.delayed}
        return {**self._peers.counters(), **gate, "unattributed": self._unattributed}

    # --------------------------------------------------------------------------------------------- start and close

    async def start(self) -> None:
        """Listen and dial; returns before any link is up.

        Raises:
            ConfigError: an address is malformed, or the one to listen on is taken.
            LocalProtocolError: it was started before.
        """
        if self._context is not None or self._closing:
            raise LocalProtocolError("a transport is started once")
        self._loop = asyncio.get_running_loop()
        self._context = zmq.Context()
        try:
            if self._listen is not None:
                self._bind(self._listen)
            for link in self._peers:
                if link.dials:
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
        if self._timer is not None:
            self._timer.cancel()
        now = self._clock()
        for link in self._peers:
            self._perform(link, link.close(), now)
        if self._context is not None and self.peers_up:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), _GOODBYE_S)
        self._free()

    def _free(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for port in list(self._ports):
            self._drop(port)
        self._dealers.clear()
        self._router = None
        if self._context is not None:
            self._context.term()
            self._context = None
        self._closing = True

    # ---------------------------------------------------------------------------------------------------- sockets

    def _plain(self, kind: int) -> "zmq.Socket[bytes]":
        if self._context is None:
            raise LocalProtocolError("the transport is not running")
        socket = self._context.socket(kind)
        socket.linger = 0
        return socket

    def _socket(self, kind: int) -> "zmq.Socket[bytes]":
        config, socket = self._config, self._plain(kind)
        socket.maxmsgsize = config.frame_bytes_max + FRAME_OVERHEAD_BYTES + _CURVE_BYTES
        socket.rcvhwm = _RECEIVE_FRAMES
        # The credit bounds what we queue in bytes; this bounds answers to a peer that never reads them.
        socket.sndhwm = config.credit_bytes // OVERHEAD_BYTES + 16
        socket.handshake_ivl = _HANDSHAKE_MS
        socket.curve_secretkey = self._identity.curve_secret
        socket.curve_publickey = self._identity.curve_public
        # A connection into a black hole is given up by the kernel when its link was silent for long enough.
        socket.tcp_maxrt = 2 * max(1, round(1_000 * config.silence_s))
        socket.tcp_keepalive = 1
        socket.tcp_keepalive_idle = 30
        socket.tcp_keepalive_intvl = 10
        return socket

    def _watch(self, port: _Port) -> None:
        if self._loop is not None:
            self._ports.append(port)
            self._loop.add_reader(port.descriptor, self._turn, port)
            self._soon(port)

    def _drop(self, port: _Port) -> None:
        self._ports.remove(port)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(port.descriptor)
        port.socket.close(linger=0)

    def _bind(self, listen: str) -> None:
        zap = self._plain(zmq.ROUTER)  # the gate stands before the door opens
        self._watch(_Port(zap, self._turn_gate))
        zap.bind(_ZAP_ENDPOINT)
        socket = self._socket(zmq.ROUTER)
        self._router = _Port(socket, self._turn_router)
        self._watch(self._router)
        socket.curve_server = 1
        socket.zap_domain = DOMAIN
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.router_mandatory = 1
        socket.backlog = _BACKLOG
        socket.ipv6 = "[" in listen
        try:
            socket.bind(listen)
        except zmq.ZMQError as error:
            raise ConfigError(f"cannot listen on {listen}: {error.strerror}") from error
        self._address = socket.get_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def _dial(self, link: Link) -> None:
        curve, address = self._peers.at(link.peer)
        if link.peer in self._dealers:
            self._drop(self._dealers.pop(link.peer))
        socket = self._socket(zmq.DEALER)
        port = self._dealers[link.peer] = _Port(socket, partial(self._turn_dealer, link))
        self._watch(port)
        socket.curve_serverkey = curve
        socket.immediate = 1
        socket.reconnect_ivl = _RECONNECT_MS
        socket.reconnect_ivl_max = _RECONNECT_MS_MAX
        socket.ipv6 = "[" in address
        try:
            socket.connect(address)
        except zmq.ZMQError as error:
            raise ConfigError(f"cannot dial {address}: {error.strerror}") from error

    # ----------------------------------------------------------------------------------------------------- reading

    def _soon(self, port: _Port) -> None:
        if not port.scheduled and self._loop is not None:
            port.scheduled = True
            self._loop.call_soon(self._turn, port)

    def _turn(self, port: _Port) -> None:
        """Read a bounded number of frames; come back soon unless the socket would block."""
        port.scheduled = False
        if port.socket.closed:
            return
        drained = False
        try:
            drained = port.turn(port)
        finally:
            if not drained and not port.socket.closed:
                self._soon(port)

    def _turn_router(self, port: _Port) -> bool:
        receive, now = port.socket.recv, self._clock()
        for _ in range(_TURN_FRAMES):
            try:
                if port.skipping:
                    port.skipping = receive(zmq.NOBLOCK, copy=False).more
                    continue
                route = receive(zmq.NOBLOCK)
            except zmq.Again:
                return True
            frame = receive(zmq.NOBLOCK, copy=False)  # parts of one message arrive together
            try:
                link = self._peers.of_user(str(frame.get("User-Id")))
            except zmq.ZMQError:
                link = None
            port.skipping = frame.more
            if link is None:
                self._unattributed += 1
            elif frame.more:
                link.counters.malformed += 1
            else:
                self._perform(link, link.receive((route, frame.bytes), now), now)
        return False

    def _turn_dealer(self, link: Link, port: _Port) -> bool:
        receive, now = port.socket.recv, self._clock()
        for _ in range(_TURN_FRAMES):
            try:
                frame = receive(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return True
            if port.skipping or frame.more:
                link.counters.malformed += not port.skipping
                port.skipping = frame.more
            else:
                # The socket talks only to the holder of the CURVE key that it dialled.
                self._perform(link, link.receive((b"", frame.bytes), now), now)
        return False

    def _turn_gate(self, port: _Port) -> bool:
        for _ in range(_TURN_FRAMES):
            try:
                frames = port.socket.recv_multipart(zmq.NOBLOCK)
                reply = self._gate.answer(frames, self._clock())
                if reply is not None:
                    port.socket.send_multipart(reply, zmq.NOBLOCK)
            except zmq.Again:
                return True
        return False

    # ----------------------------------------------------------------------------------------------------- writing

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
        port = self._dealers.get(link.peer) if link.dials else self._router
        if port is None or port.socket.closed:
            link.refused(transmit)
            return False
        if not port.scheduled:
            self._soon(port)
        try:
            if not link.dials:
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
            if isinstance(effect, Transmit):
                self._transmit(link, effect)
            elif isinstance(effect, Redial):
                self._dial(link)
            else:
                if not isinstance(effect, Packet) and link.deadline is not None:
                    self._arm(link.deadline, now)
                if not self._closing:
                    self._on_event(effect)
                elif isinstance(effect, LinkDown) and not self.peers_up:
                    self._quiet.set()

    # -------------------------------------------------------------------------------------------------------- time

    def _arm(self, deadline: Instant, now: Instant) -> None:
        """Have the timer fire no later than ``deadline``."""
        if self._loop is None or self._closing:
            return
        when = self._loop.time() + max(0, deadline - now) / SECOND
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._clock()
        try:
            for link in self._peers.due(now):
                self._perform(link, link.tick(now), now)
        finally:  # an event handler that fails must not stop the heartbeats
            if (deadline := self._peers.deadline) is not None:
                self._arm(deadline, now)
