"""Who may connect: the answers to ZeroMQ's authentication requests (ZAP), as a function of frames.

libzmq asks once a CURVE handshake has proved that the client holds the secret of the key it shows. The gate admits the
known keys and names the connection by its key: libzmq puts that name, the User-Id, on every frame that arrives over it,
and only by this name are frames attributed. It also meters handshakes for each key, so that a known key cannot
make connections faster than an honest peer could ever need. An unknown key passes where a
:class:`~mechdesign.transport.visitors.Visitors` lets it.

**Source**: ZeroMQ RFC 27 (ZAP), RFC 26 (CurveZMQ).
"""

from collections.abc import Collection, Sequence

from mechdesign.kernel.crypto import KEY_BYTES
from mechdesign.kernel.machine import Instant
from mechdesign.transport.meter import TokenBucket
from mechdesign.transport.visitors import Visitors

__all__ = ["DOMAIN", "Gate"]

DOMAIN = b"mechdesign"
"""The ZAP domain that sockets of this program ask under."""

_CONNECTIONS_PER_S = 2
_CONNECTIONS_BURST = 16
_ENVELOPE = 2  # the routing id of the asking session and the empty delimiter
_REQUEST_FRAMES = 7  # version, request id, domain, address, routing id, mechanism, client key


class Gate:
    """Answers authentication requests.

    Args:
        keys: the CURVE public keys that may connect, 32 bytes each.
        visitors: who of the others may; nobody if not given.
        now: the driver's clock.

    Attributes:
        refused: how many requests were turned away because of their key.
        delayed: how many were turned away because their key, or strangers, connect too often; such a client may come
            again.
    """

    def __init__(self, keys: Collection[bytes], *, visitors: Visitors | None = None, now: Instant) -> None:
        self._meters: dict[bytes, TokenBucket] = {}
        self._visitors = visitors
        self.refused = 0
        self.delayed = 0
        for key in keys:
            self.open(key, now)

    def open(self, key: bytes, now: Instant) -> None:
        """Let a key pass."""
        self._meters[key] = TokenBucket(_CONNECTIONS_PER_S, burst=_CONNECTIONS_BURST, now=now)

    def shut(self, key: bytes) -> None:
        """Let a key pass no more; its connections are not touched."""
        self._meters.pop(key, None)

    def answer(self, frames: Sequence[bytes], now: Instant) -> list[bytes] | None:
        """The reply to one request with its envelope, or None where the frames are no request at all."""
        if len(frames) < _ENVELOPE + 2 or frames[1] != b"":
            return None
        envelope, request = frames[:_ENVELOPE], frames[_ENVELOPE:]
        status, text, user = self._judge(request, now)
        return [*envelope, b"1.0", request[1], status, text, user, b""]

    def _judge(self, request: Sequence[bytes], now: Instant) -> tuple[bytes, bytes, bytes]:
        if len(request) == _REQUEST_FRAMES and request[0] == b"1.0" and request[2] == DOMAIN and request[5] == b"CURVE":
            key, meter = request[6], self._meters.get(request[6])
            if meter is not None or (self._visitors is not None and len(key) == KEY_BYTES):
                if meter.take(1, now) if meter is not None else self._visit(key, request[3], now):
                    return b"200", b"OK", key.hex().encode()
                self.delayed += 1
                # 300 makes libzmq close without an error command, so that an honest client tries again.
                return b"300", b"too many connections", b""
        self.refused += 1
        return b"400", b"unknown key", b""

    def _visit(self, key: bytes, host: bytes, now: Instant) -> bool:
        return self._visitors is not None and self._visitors.knock(key, host, now)
