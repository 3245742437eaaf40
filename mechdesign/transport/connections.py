"""Whose the connections of a listening socket are, so that those of nobody come to an end.

libzmq accepts whoever passes the gate and keeps a connection for as long as the other side likes. So each one has a
time in which a frame of a peer must come over it; without one it is cut off. It is cut off too when its peer is
removed, and when a peer holds several: it needs one, and a little more while it changes from an old one to a new.

libzmq hands over whole messages only, and holds the parts of one that has not ended. It bounds the length of a part and
not their number, so a message without an end would fill memory. Over a connection no more may therefore come than a
peer has credit for, and less over one that is nobody's, before a message has come to its end.

A connection is a small number that its driver may use again once it was closed.
"""

from collections.abc import Callable

from mechdesign.kernel.machine import Instant

__all__ = ["Connections"]

_OF_ONE_PEER = 4
_NOBODYS_BYTES_MAX = 1 << 18  # many times what a handshake and an introduction take


class Connections:
    """The connections that came in and are open.

    Args:
        patience: how long a connection may be nobody's.
        unfinished_bytes_max: how much may come over a peer's since its last whole message.

    Attributes:
        cut: how many were to be cut off so far.
    """

    def __init__(self, patience: Instant, unfinished_bytes_max: int = 1 << 24) -> None:
        self._patience = patience
        self._unfinished_bytes_max = unfinished_bytes_max
        self.cut = 0
        self._ends: dict[int, Instant] = {}  # of those that are to be cut off
        self._peers: dict[int, bytes] = {}  # of the others, oldest first
        self._whole: set[int] = set()  # over which a whole message came since the last weighing
        self._came: dict[int, int] = {}  # how much had come when it was weighed after one

    def __len__(self) -> int:
        return len(self._ends) + len(self._peers)

    @property
    def unclaimed(self) -> bool:
        """Whether there is one that is nobody's."""
        return bool(self._ends)

    @property
    def deadline(self) -> Instant | None:
        """When the next one is to be cut off."""
        return min(self._ends.values(), default=None)

    def opened(self, connection: int, now: Instant) -> None:
        """A connection came in."""
        self.closed(connection)
        self._ends[connection] = now + self._patience

    def closed(self, connection: int) -> None:
        """A connection is no more."""
        self._whole.discard(connection)
        self._came.pop(connection, None)
        self._peers.pop(connection, None)
        self._ends.pop(connection, None)

    def claim(self, connection: int, key: bytes, now: Instant) -> None:
        """A frame of a peer, known by its CURVE key, came over a connection."""
        if self._ends.pop(connection, None) is None:
            return
        self._peers[connection] = key
        own = [other for other, owner in self._peers.items() if owner == key]
        for surplus in own[:-_OF_ONE_PEER]:
            self.end(surplus, now)

    def disown(self, key: bytes, at: Instant) -> None:
        """The peer of this key was removed; its connections are to be cut off at ``at``."""
        for connection in [each for each, owner in self._peers.items() if owner == key]:
            self.end(connection, at)

    def end(self, connection: int, at: Instant) -> None:
        """Have a connection cut off at ``at``, or earlier if that was due already."""
        if self._peers.pop(connection, None) is not None or connection in self._ends:
            self._ends[connection] = min(at, self._ends.get(connection, at))

    def heard(self, connection: int) -> None:
        """A whole message came over a connection."""
        self._whole.add(connection)

    def weigh(self, came_in: Callable[[int], int | None], now: Instant) -> None:
        """Have those connections cut off over which too much came since their last whole message.

        Args:
            came_in: how many bytes came over a connection since it was made; None where that is not known.
            now: the driver's clock.
        """
        for connection in (*self._ends, *self._peers):
            total = came_in(connection)
            if total is None:
                continue
            if connection in self._whole:
                self._came[connection] = total
            most = self._unfinished_bytes_max if connection in self._peers else _NOBODYS_BYTES_MAX
            if total - self._came.get(connection, 0) > most:
                self.end(connection, now)
        self._whole.clear()

    def due(self, now: Instant) -> list[int]:
        """The connections to cut off now; they are forgotten here."""
        due = [connection for connection, end in self._ends.items() if end <= now]
        for connection in due:
            self.closed(connection)
        self.cut += len(due)
        return due
