"""What the operating system knows of a connection, by its descriptor: how much came in, and how to end it.

libzmq tells descriptors and nothing else of its connections. A descriptor may have been closed, and given to something
else, by the time it is used here; so nothing is raised, and only what is connected to our own port is ended.
"""

import contextlib
import socket
import struct
import sys

__all__ = ["came_in", "shut_down"]

_BYTES_RECEIVED = struct.Struct("=Q")
_AT = 128  # of that number in Linux's struct tcp_info, whose beginning never changes


def came_in(descriptor: int) -> int | None:
    """How many bytes came in over a TCP connection since it was made; None where nobody can say (outside Linux)."""
    if sys.platform != "linux":
        return None
    try:
        with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as connection:
            known = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _AT + _BYTES_RECEIVED.size)
    except OSError:
        return None
    return int(_BYTES_RECEIVED.unpack_from(known, _AT)[0]) if len(known) >= _AT + _BYTES_RECEIVED.size else None


def shut_down(descriptor: int, address: str) -> None:
    """End a connection that came in at an address of ours; libzmq then closes it as if the other side had hung up."""
    with contextlib.suppress(OSError), socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as connection:
        if address.endswith(f":{connection.getsockname()[1]}"):
            connection.shutdown(socket.SHUT_RDWR)
