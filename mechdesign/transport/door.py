"""The side of a transport that listens: who may connect, what strangers may do, and which connections end."""

from collections.abc import Callable, Collection

from mechdesign.kernel.config import TransportConfig, microseconds
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.transport.connections import Connections
from mechdesign.transport.face import Strangers
from mechdesign.transport.gate import Gate
from mechdesign.transport.visitors import Visitors

__all__ = ["GOODBYE", "Door"]

GOODBYE: Instant = SECOND // 4
"""How long a connection that is to end is left open, for what was said last."""


class Door:
    """The gate, the visitors who passed it, and the connections that came in.

    Args:
        keys: the CURVE public keys of the peers.
        own: our CURVE public key.
        strangers: whether and how others may introduce themselves.
        welcome: makes a peer of who was admitted under a CURVE key; whether it is one under that key now.
        config: what silence is.
        now: the driver's clock.

    Attributes:
        gate: answers authentication requests.
        connections: those that are open.
    """

    def __init__(
        self,
        keys: Collection[bytes],
        *,
        own: bytes,
        strangers: Strangers | None,
        welcome: Callable[[MemberId, bytes], bool],
        config: TransportConfig,
        now: Instant,
    ) -> None:
        # A dialler says something every heartbeat, so who was silent for that long says nothing that we understand.
        patience = microseconds(config.silence_s) + SECOND
        self._visitors = None if strangers is None else Visitors(strangers, own=own, hold=patience, now=now)
        self._welcome = welcome
        self._unattributed = 0
        self.gate = Gate(keys, visitors=self._visitors, now=now)
        self.connections = Connections(patience, 2 * config.credit_bytes + config.frame_bytes_max)

    def shut(self, key: bytes, now: Instant) -> None:
        """The peer with this CURVE key was removed: it passes no more, and what it has open ends."""
        self.gate.shut(key)
        self.connections.disown(key, now + GOODBYE)

    def visited(self, key: bytes, frame: bytes | None, connection: int, now: Instant) -> None:
        """Take a message under the CURVE key of no peer: who sent it may become one, else its connection ends.

        Args:
            key: the CURVE key.
            frame: what came; None where it was a message of several parts.
            connection: over which connection.
            now: the driver's clock.
        """
        heard = None if self._visitors is None or frame is None else self._visitors.hear(key, frame, now)
        if heard and self._visitors is not None:
            admitted = self._welcome(heard, key)
            self._visitors.end(key, admitted=admitted)
            if admitted:
                self.connections.claim(connection, key, now)
                return
        if heard != b"":
            self._unattributed += heard is None
            self.connections.end(connection, now + GOODBYE)

    def counters(self) -> dict[str, int]:
        """What was turned away and what was let in, by name."""
        return {
            "keys_refused": self.gate.refused,
            "keys_delayed": self.gate.delayed,
            "strangers_admitted": 0 if self._visitors is None else self._visitors.admitted,
            "strangers_refused": 0 if self._visitors is None else self._visitors.refused,
            "connections_cut": self.connections.cut,
            "unattributed": self._unattributed,
        }
