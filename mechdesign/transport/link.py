"""One link to one peer, without sockets: handshake, liveness, credit and limits.

A link is *down* or *up*. The end that dials repeats its hello while the link is down; the other end answers. A
completed handshake (see :mod:`mechdesign.transport.handshake`) names a session, and every later frame (see
:mod:`mechdesign.transport.frames`) carries that name, so frames of an earlier life of either end are told apart and
dropped. Either end may be the one that dials (see :mod:`mechdesign.transport.dialling`). A link knows its peer already,
so it reads past an INTRODUCE.

Credit: every DATA frame is charged its length plus a fixed overhead. What was charged and has not been reported as read
by an ALIVE may not pass ``credit_bytes``; beyond that frames are dropped here, before any socket queues them.

Which connection a frame came over (its *route*) is opaque; the driver guarantees that it was made under the peer's
CURVE key. A session lives on the route of its handshake and never follows a frame to another one. The empty route
is our own connection to the peer; every other one came in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.kernel.config import TransportConfig, microseconds
from mechdesign.kernel.crypto import SIGNATURE_BYTES, MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.transport.counters import Counters
from mechdesign.transport.dialling import FIRST_RETRY, Dialling
from mechdesign.transport.frames import (
    ALIVE,
    ANSWER,
    BYE,
    CONFIRM,
    DATA,
    FRAME_OVERHEAD_BYTES,
    INTRODUCE,
    INTRODUCTION_BYTES_MAX,
    OPEN,
    OVERHEAD_BYTES,
    RESET,
)
from mechdesign.transport.handshake import NONCE_BYTES, Hello, Proof
from mechdesign.transport.messages import LinkDown, LinkUp, Packet
from mechdesign.transport.meter import TokenBucket

__all__ = ["Arrival", "HangUp", "Link", "LinkEffect", "Redial", "Transmit"]

_PREFIX = FRAME_OVERHEAD_BYTES
_COUNT_BYTES = 8
_GRANT_BYTES = 1 << 16  # report what was read at least this often, whatever our own credit is
_HELLOS_PER_S = 4
_HELLOS_BURST = 16

Arrival: TypeAlias = tuple[bytes, bytes]
"""A frame from the socket: the route it came over, and its bytes."""


@dataclass(frozen=True, slots=True)
class Transmit:
    """Effect: hand ``data`` to the socket for ``route``, without blocking."""

    route: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Redial:
    """Effect: there is no connection of ours or it does not answer; put a fresh one in its place."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Effect: the peer dialled; close the connection that we made to it ourselves."""


LinkEffect: TypeAlias = Transmit | Redial | HangUp | Packet | LinkUp | LinkDown
"""Everything that a link asks for, downward and upward."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """The answerer's side of a handshake that waits for its confirmation."""

    hello: Hello
    route: bytes
    answer: bytes


class Link:
    """The state of the link to one peer; a machine with the three verbs of the kernel.

    Args:
        signer: our identity.
        curve: our CURVE public key.
        peer: who the other end must prove to be.
        peer_curve: the CURVE key that its connections are made under.
        scheme: how its signature is checked.
        config: heartbeat, silence, credit and limits.
        entropy: where nonces come from.
        dials: whether this end is the eager one, which opens at once; its driver connects it before the first hello.
        spare: whether this end knows an address too and opens where it is not dialled.
        introduction: what every hello is preceded by; empty for nothing.
        now: the driver's clock.

    Attributes:
        peer: whom it leads to.
        peer_curve: under which CURVE key.
        counters: what it carried and what not.
        dialling: its hellos; whether the driver is to hold a connection for it.
        parted: whether it is no more, so that nothing of it is performed any longer.
        told_up: kept by the driver: whether its latest event that was taken, packets apart, is ``LinkUp``.
    """

    def __init__(
        self,
        signer: Signer,
        curve: bytes,
        peer: MemberId,
        peer_curve: bytes,
        *,
        scheme: SignatureScheme,
        config: TransportConfig,
        entropy: Entropy,
        dials: bool,
        spare: bool = False,
        introduction: bytes = b"",
        now: Instant,
    ) -> None:
        if peer == signer.public or peer_curve == curve:
            raise LocalProtocolError("a link leads to somebody else, under another key")
        self.peer = peer
        self.peer_curve = peer_curve
        self.counters = Counters()
        self._me = signer.public
        self._curves = (curve, peer_curve)
        self._proof = Proof(signer, scheme)
        self._entropy = entropy
        self._frame_bytes_max = config.frame_bytes_max
        self._credit = config.credit_bytes
        self._grant_every = min(_GRANT_BYTES, max(1, config.credit_bytes // 4))
        self._heartbeat = microseconds(config.heartbeat_s)
        self._silence = microseconds(config.silence_s)
        self._messages = TokenBucket(config.messages_per_s, now=now)
        self._bytes = TokenBucket(config.bytes_per_s, now=now)
        self._hellos = TokenBucket(_HELLOS_PER_S, burst=_HELLOS_BURST, now=now)
        # Of its own, so that the stale frames of a restarted peer do not use up what its new hello needs.
        self._resets = TokenBucket(_HELLOS_PER_S, burst=1, now=now)
        self._pending: _Pending | None = None
        self._session = b""  # empty while down
        self._route = b""
        self._head = b""
        self._sent = self._acknowledged = 0  # charges of our frames, and what of them the peer reported as read
        self._read = self._reported = 0  # charges of its frames, and what of them we reported
        self._heard = self._alive_at = now
        self._leaving = False
        self.parted = self.told_up = False
        self._nonce = entropy(NONCE_BYTES)
        self.dialling = Dialling(eager=dials, able=spare, heartbeat=self._heartbeat, patience=self._silence, now=now)
        self._introduction = b""
        self.introduce(introduction, now)

    @property
    def up(self) -> bool:
        """Whether the peer has proved who it is and was heard lately."""
        return bool(self._session)

    @property
    def outstanding(self) -> int:
        """Charge of what was sent and is not yet known to have been read, in bytes."""
        return self._sent - self._acknowledged

    @property
    def deadline(self) -> Instant | None:
        """When a hello, a heartbeat or the verdict of silence is due; None while waiting to be dialled."""
        if self._session:
            return min(self._alive_at, self._heard + self._silence)
        return None if self._leaving else self.dialling.deadline

    # ------------------------------------------------------------------------------------------------ from above

    def submit(self, request: bytes, now: Instant) -> Sequence[LinkEffect]:
        """Send one frame; nothing comes back where it was dropped and counted.

        Raises:
            LocalProtocolError: the frame passes the configured limit.
        """
        length = len(request)
        if length > self._frame_bytes_max:
            raise LocalProtocolError(f"a frame of {length} bytes passes the limit of {self._frame_bytes_max}")
        counters = self.counters
        if not self._session:
            counters.dropped_down += 1
            return ()
        outstanding = self._sent - self._acknowledged
        charge = length + OVERHEAD_BYTES
        if outstanding + charge > self._credit and outstanding:  # a single frame may always go
            counters.dropped_credit += 1
            return ()
        self._sent += charge
        counters.sent += 1
        counters.sent_bytes += length
        return (Transmit(self._route, self._head + request),)

    def refused(self, transmit: Transmit) -> None:
        """Take back the charge of a frame that the socket did not take; other kinds are repeated by themselves."""
        if transmit.data[:_PREFIX] == self._head and self._session:
            length = len(transmit.data) - _PREFIX
            self._sent -= length + OVERHEAD_BYTES
            self.counters.sent -= 1
            self.counters.sent_bytes -= length
            self.counters.dropped_full += 1

    def introduce(self, introduction: bytes, now: Instant) -> None:
        """Precede every hello from now on by ``introduction``; who carries one does not wait long to be dialled."""
        self._introduction = introduction
        if introduction:
            self.dialling.hasten(now, self._heartbeat)

    def close(self) -> Sequence[LinkEffect]:
        """Say goodbye where the link is up, and make no new session from now on.

        The answer, a BYE in kind, proves that everything before it was read.
        """
        self._leaving = True
        return (self._say(BYE),) if self._session else ()

    def part(self, now: Instant) -> Sequence[LinkEffect]:
        """Say goodbye and be down at once, for good: the peer is no longer one of ours."""
        self.parted = True
        goodbye = self.close()
        return (*goodbye, *self._down(now)) if goodbye else ()

    def cut_off(self, now: Instant) -> Sequence[LinkEffect]:
        """Too much came over our own connection: give it up, and dial again after a pause."""
        self.dialling.cut_off(now)
        return (HangUp(), *(self._down(now) if self._session and not self._route else ()))

    # ------------------------------------------------------------------------------------------------ from below

    def receive(self, incoming: Arrival, now: Instant) -> Sequence[LinkEffect]:
        """Take a frame that arrived under the peer's CURVE key; never raises, whatever it holds."""
        route, data = incoming
        length = len(data)
        in_session = data[1:_PREFIX] == self._session and route == self._route and length >= _PREFIX
        admitted = self._messages.take(1, now) and self._bytes.take(length, now)
        if in_session:
            self._heard = now
            if data[0] == DATA:
                return self._data(data, length, now, admitted=admitted)
        if not admitted:
            self.counters.dropped_rate += 1
            return ()
        if self._leaving and not in_session:  # who leaves shakes no more hands
            return ()
        kind = data[0] if data else 0
        if kind in (DATA, ALIVE, RESET, BYE):
            return self._in_session(kind, data, now) if in_session else self._stale(kind, route, data, now)
        if kind == OPEN and length == 1 + NONCE_BYTES and route:
            return self._opened(route, data[1:], now)
        if kind == ANSWER and length == 1 + 2 * NONCE_BYTES + SIGNATURE_BYTES and not route:
            return self._answered(data, now)
        if kind == CONFIRM and length == 1 + NONCE_BYTES + SIGNATURE_BYTES and route:
            return self._confirmed(route, data, now)
        if kind == INTRODUCE and length <= 1 + INTRODUCTION_BYTES_MAX and route:
            return ()
        self.counters.malformed += 1
        return ()

    def tick(self, now: Instant) -> Sequence[LinkEffect]:
        """Send a hello or a heartbeat that is due, or find the peer silent."""
        if not self._session:
            return self._open(now) if self.dialling.due(now) and not self._leaving else ()
        stalled = now - self._alive_at
        if stalled > self._heartbeat:  # time in which we did not run ourselves is no silence of the peer's
            self._heard = min(now, self._heard + stalled)
        if now >= self._heard + self._silence:
            down = self._down(now)
            return (*down, *self._open(now)) if self.dialling.due(now) and not self._leaving else down
        if now >= self._alive_at:
            return (self._alive(now),)
        return ()

    # -------------------------------------------------------------------------------------------------- sessions

    def _data(self, data: bytes, length: int, now: Instant, *, admitted: bool) -> Sequence[LinkEffect]:
        counters = self.counters
        length -= _PREFIX
        # What is dropped was read all the same: the sender must not lose credit over it for ever.
        self._read += length + OVERHEAD_BYTES
        grant = (self._alive(now),) if self._read - self._reported >= self._grant_every else ()
        if not admitted:
            counters.dropped_rate += 1
            return grant
        if length > self._frame_bytes_max:
            counters.oversize += 1
            return grant
        counters.received += 1
        counters.received_bytes += length
        packet = Packet(self.peer, data[_PREFIX:])
        return (*grant, packet) if grant else (packet,)

    def _in_session(self, kind: int, data: bytes, now: Instant) -> Sequence[LinkEffect]:
        rest = len(data) - _PREFIX
        if kind == ALIVE and rest == _COUNT_BYTES:
            read = int.from_bytes(data[_PREFIX:], "big")
            self._acknowledged = max(self._acknowledged, min(read, self._sent))
            return ()
        if kind == BYE and rest == 0:
            effects = self._down(now) if self._leaving else (self._say(BYE), *self._down(now))
            self.dialling.postpone(now + FIRST_RETRY)  # who just left is not there at once
            return effects
        if kind == RESET and rest == 0 and not self._route and self._hellos.take(1, now):
            return (*self._down(now), *self._open(now))
        self.counters.malformed += 1
        return ()

    def _stale(self, kind: int, route: bytes, data: bytes, now: Instant) -> Sequence[LinkEffect]:
        self.counters.stale += 1
        # Only the end that dialled can make a new session, so only it is told; a RESET is never answered.
        if not route or kind in (RESET, BYE) or len(data) < _PREFIX or not self._resets.take(1, now):
            return ()
        return (Transmit(route, bytes((RESET,)) + data[1:_PREFIX]),)

    def _say(self, kind: int, rest: bytes = b"") -> Transmit:
        return Transmit(self._route, bytes((kind,)) + self._session + rest)

    def _alive(self, now: Instant) -> Transmit:
        self._alive_at = now + self._heartbeat
        self._reported = self._read
        return self._say(ALIVE, self._read.to_bytes(_COUNT_BYTES, "big"))

    def _down(self, now: Instant) -> tuple[LinkEffect, ...]:
        self._session = self._head = b""
        self.counters.links_down += 1
        self._nonce = self._entropy(NONCE_BYTES)
        self.dialling.restart(now)
        return (LinkDown(self.peer),)

    # ------------------------------------------------------------------------------------------------- handshake

    def _open(self, now: Instant) -> tuple[LinkEffect, ...]:
        redial = (Redial(),) if self.dialling.open(now) else ()
        introduction = (Transmit(b"", bytes((INTRODUCE,)) + self._introduction),) if self._introduction else ()
        return (*redial, *introduction, Transmit(b"", bytes((OPEN,)) + self._nonce))

    def _hello(self, dialler_nonce: bytes, answerer_nonce: bytes, *, dialled: bool) -> Hello:
        ours, theirs = self._curves
        if dialled:
            return Hello(self._me, self.peer, ours, theirs, dialler_nonce, answerer_nonce)
        return Hello(self.peer, self._me, theirs, ours, dialler_nonce, answerer_nonce)

    def _opened(self, route: bytes, nonce: bytes, now: Instant) -> Sequence[LinkEffect]:
        self.dialling.dialled(now)
        if self.dialling.young or not self._hellos.take(1, now):
            self.counters.hello_refused += 1
            return ()
        pending = self._pending
        if pending is None or pending.route != route or pending.hello.dialler_nonce != nonce:
            hello = self._hello(nonce, self._entropy(NONCE_BYTES), dialled=False)
            answer = bytes((ANSWER,)) + nonce + hello.answerer_nonce + self._proof.sign(hello)
            pending = self._pending = _Pending(hello, route, answer)
        return (Transmit(route, pending.answer),)

    def _answered(self, data: bytes, now: Instant) -> Sequence[LinkEffect]:
        nonce, rest = data[1 : 1 + NONCE_BYTES], data[1 + NONCE_BYTES :]
        if self._session:  # the answer to a hello that was repeated needlessly
            self.counters.stale += 1
            return ()
        hello = self._hello(self._nonce, rest[:NONCE_BYTES], dialled=True)
        if not self.dialling.connected or nonce != self._nonce or not self._checked(hello, rest[NONCE_BYTES:], now):
            self.counters.hello_refused += 1
            return ()
        confirm = Transmit(b"", bytes((CONFIRM,)) + hello.answerer_nonce + self._proof.sign(hello))
        return (confirm, *self._established(hello, b"", now))

    def _confirmed(self, route: bytes, data: bytes, now: Instant) -> Sequence[LinkEffect]:
        pending, self._pending = self._pending, None
        nonce, signature = data[1 : 1 + NONCE_BYTES], data[1 + NONCE_BYTES :]
        if (
            pending is None
            or pending.route != route
            or pending.hello.answerer_nonce != nonce
            or (self._session and not self._route and self.dialling.eager)  # both were completed: the eager end's stays
            or not self._checked(pending.hello, signature, now)
        ):
            self.counters.hello_refused += 1
            return ()
        # Only now does an older session end: an OPEN alone, which anything could have caused, ends nothing.
        down = self._down(now) if self._session else ()
        hang_up = (HangUp(),) if self.dialling.hang_up() else ()
        return (*down, *hang_up, *self._established(pending.hello, route, now))

    def _checked(self, hello: Hello, signature: bytes, now: Instant) -> bool:
        return self._hellos.take(1, now) and self._proof.verify(hello, signature)

    def _established(self, hello: Hello, route: bytes, now: Instant) -> tuple[LinkEffect, ...]:
        self._session, self._route = hello.session, route
        self._head = bytes((DATA,)) + self._session
        self._sent = self._acknowledged = self._read = self._reported = 0
        self._heard = now
        self.counters.links_up += 1
        return (self._alive(now), LinkUp(self.peer))
