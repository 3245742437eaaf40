"""Sockets on an event loop: each is read until it would block, a bounded number of frames in one turn.

ZeroMQ's descriptor is edge-triggered and any call on the socket may consume the edge. So a socket is read until it
would block, and looked at again soon after each send. Reading a bounded number and then letting the loop go on is what
keeps a flood from starving everything else. Loop and sockets are given: nothing here needs either library.
"""

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Loop", "Port", "Ports"]

_TURN_FRAMES = 256


class Loop(Protocol):
    """What of an event loop is used."""

    def add_reader(self, fd: int, callback: Callable[..., Any], /, *args: Any) -> None:
        """Call back whenever the descriptor is readable."""
        ...

    def remove_reader(self, fd: int, /) -> bool:
        """Undo ``add_reader``."""
        ...

    def call_soon(self, callback: Callable[..., Any], /, *args: Any) -> object:
        """Call back in the next turn."""
        ...

    def is_closed(self) -> bool:
        """Whether the loop is no more."""
        ...


class Port:
    """A socket on the loop.

    Attributes:
        socket: what was given.
        descriptor: what becomes readable.
        read: takes one message, or raises what says that the socket would block.
        scheduled: whether it will be read soon anyway.
        skipping: whether it is in the middle of a message whose parts are being thrown away.
        closed: whether the socket was closed.
    """

    __slots__ = ("closed", "descriptor", "read", "scheduled", "skipping", "socket")

    def __init__(self, socket: Any, descriptor: int, read: "Callable[[Port], None]") -> None:
        self.socket = socket
        self.descriptor = descriptor
        self.read = read
        self.scheduled = self.skipping = self.closed = False


class Ports:
    """The sockets of one transport.

    Args:
        loop: what calls back.
        would_block: the exception by which a socket says that there is nothing to read.
    """

    def __init__(self, loop: Loop, would_block: type[Exception]) -> None:
        self._loop = loop
        self._would_block = would_block
        self._ports: dict[Port, None] = {}

    def watch(self, socket: Any, descriptor: int, read: Callable[[Port], None]) -> Port:
        """Read a socket from now on."""
        port = Port(socket, descriptor, read)
        self._ports[port] = None
        self._loop.add_reader(descriptor, self.turn, port)
        self.soon(port)
        return port

    def soon(self, port: Port) -> None:
        """Look at a socket in the next turn of the loop."""
        if not port.scheduled:
            port.scheduled = True
            self._loop.call_soon(self.turn, port)

    def drop(self, port: Port) -> None:
        """Close a socket, once."""
        if port.closed:
            return
        del self._ports[port]
        port.closed = True
        if not self._loop.is_closed():
            self._loop.remove_reader(port.descriptor)
        port.socket.close(linger=0)

    def close(self) -> None:
        """Close every socket."""
        for port in list(self._ports):
            self.drop(port)

    def turn(self, port: Port) -> None:
        """Read what is there, or a bounded part of it and the rest soon."""
        port.scheduled = False
        drained = False
        try:
            for _ in range(_TURN_FRAMES):
                if port.closed:
                    return
                port.read(port)
        except self._would_block:
            drained = True
        finally:  # also where an event handler failed
            if not drained and not port.closed:
                self.soon(port)
