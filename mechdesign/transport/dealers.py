"""The sockets with which this member dials: one for each peer, and what came over its connection.

A DEALER makes its connection again by itself, and libzmq tells no more of it than a descriptor in the monitor's events.
Too much without a whole message over one, and the socket is to be replaced: closing it lets go of all that libzmq holds
for it, whatever has become of the descriptor.

A dial may fail before it begins, such as where this process has no descriptor left: then nothing stays open, and the
link tries again as it does where nobody answers.
"""

import logging
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import zmq

from mechdesign.kernel.config import TransportConfig, microseconds
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Instant
from mechdesign.transport.connections import Connections
from mechdesign.transport.descriptors import came_in
from mechdesign.transport.ports import Port, Ports

__all__ = ["Dealers", "Watch"]

log = logging.getLogger(__name__)

Watch: TypeAlias = Callable[[int, Callable[[Port], None], Mapping[str, int | bytes]], Port]
"""Makes a socket of a kind with these options, and has it read from now on."""


@dataclass(slots=True)
class _Dealer:
    """A socket, its monitor once that is there, and the connection that it has now, if any."""

    port: Port
    connections: Connections
    monitor: Port | None = None
    connection: int | None = None


class Dealers:
    """The dialling sockets by peer.

    Args:
        watch: makes sockets.
        config: what a peer may send before it ends a message.
        clock: the driver's.

    Attributes:
        failed: how many dials could not even begin.
    """

    def __init__(self, watch: Watch, config: TransportConfig, clock: Callable[[], Instant]) -> None:
        self._watch = watch
        self._patience = microseconds(config.silence_s)
        self._unfinished_bytes_max = 2 * config.credit_bytes + config.frame_bytes_max
        self._clock = clock
        self._dealers: dict[MemberId, _Dealer] = {}
        self._made = 0
        self.failed = 0

    def __len__(self) -> int:
        return len(self._dealers)

    def get(self, peer: MemberId) -> Port | None:
        """The socket that dials a peer, or None."""
        dealer = self._dealers.get(peer)
        return None if dealer is None else dealer.port

    def dial(
        self,
        peer: MemberId,
        address: str,
        read: Callable[[Port], None],
        told: Mapping[str, int | bytes],
        ports: Ports,
    ) -> bool:
        """Dial a peer that is not dialled yet; whether that could begin."""
        try:
            dealer = self._dealers[peer] = _Dealer(
                self._watch(zmq.DEALER, read, told), Connections(self._patience, self._unfinished_bytes_max)
            )
            self._made += 1
            endpoint = f"inproc://dialled/{self._made}"
            dealer.port.socket.monitor(endpoint, zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED)
            # Without a limit, since libzmq would stop altogether where it cannot hand an event over.
            dealer.monitor = self._watch(zmq.PAIR, partial(self._read_monitor, peer), {"rcvhwm": 0})
            dealer.monitor.socket.connect(endpoint)
            dealer.port.socket.connect(address)
        except zmq.ZMQError as error:
            self.failed += 1
            log.warning("cannot dial %s: %s", address, error.strerror)
            if (port := self.hang_up(peer, ports)) is not None:
                ports.drop(port)
            return False
        return True

    def hang_up(self, peer: MemberId, ports: Ports) -> Port | None:
        """Dial a peer no more; gives the socket, which is to be closed by who asked, or None where there is none."""
        dealer = self._dealers.pop(peer, None)
        if dealer is None:
            return None
        # Before its other end goes: libzmq waits where it cannot hand an event over.
        dealer.port.socket.disable_monitor()
        if dealer.monitor is not None:
            ports.drop(dealer.monitor)
        return dealer.port

    def close(self, ports: Ports) -> None:
        """Close all."""
        for peer in list(self._dealers):
            port = self.hang_up(peer, ports)
            if port is not None:
                ports.drop(port)

    def heard(self, peer: MemberId) -> None:
        """A whole message came from a peer that is dialled."""
        dealer = self._dealers.get(peer)
        if dealer is not None and dealer.connection is not None:
            dealer.connections.heard(dealer.connection)

    def endless(self, now: Instant) -> list[MemberId]:
        """The peers that sent too much since their last whole message: they are to be dialled anew."""
        found = []
        for peer, dealer in self._dealers.items():
            dealer.connections.weigh(came_in, now)
            if dealer.connections.due(now):
                dealer.connection = None
                found.append(peer)
        return found

    def _read_monitor(self, peer: MemberId, port: Port) -> None:
        event, descriptor = struct.unpack("=hi", port.socket.recv_multipart(zmq.NOBLOCK)[0])
        dealer = self._dealers.get(peer)
        if dealer is None or dealer.monitor is not port:
            return
        dealer.connections.closed(descriptor)
        if event == zmq.EVENT_CONNECTED:
            now = self._clock()
            dealer.connection = descriptor
            dealer.connections.opened(descriptor, now)
            dealer.connections.claim(descriptor, peer, now)
        elif dealer.connection == descriptor:
            dealer.connection = None
