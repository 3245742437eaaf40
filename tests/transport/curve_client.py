"""Either side of ZeroMQ's wire protocol with CURVE, on a bare socket: it can send what libzmq never would.

Written from the specifications 23/ZMTP and 26/CurveZMQ; after the handshake it reads nothing, as an attacker would not.
"""

import contextlib
import os
import socket
import struct
from types import TracebackType
from typing import Self

from nacl.public import Box, PrivateKey, PublicKey

from mechdesign.kernel.identity import Identity

__all__ = ["CurveClient", "CurveServer"]

_COMMAND, _LONG, _MORE = 4, 2, 1


class _End:
    """A connection on which the handshake is to be made; a context."""

    def __init__(self, connection: socket.socket, prefix: bytes) -> None:
        self._socket = connection
        self._prefix = prefix
        self._counter = 0
        self._box: Box

    def part(self, data: bytes, *, more: bool) -> None:
        """Send a part of a message.

        Raises:
            OSError: the other side has ended the connection.
        """
        body = b"\x07MESSAGE" + self._boxed(self._box, self._prefix, bytes((more * _MORE,)) + data)
        self._socket.sendall(self._framed(0, body))

    def hang_up(self) -> None:
        """End the connection, also from another thread; whoever sends gets an error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def _greet(self, *, serves: bool) -> None:
        mechanism = b"CURVE".ljust(20, b"\0")
        self._socket.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism + bytes((serves,)) + bytes(31))
        self._read(64)

    def _boxed(self, box: Box, prefix: bytes, said: bytes) -> bytes:
        self._counter += 1
        nonce = struct.pack(">Q", self._counter)
        return nonce + box.encrypt(said, prefix + nonce).ciphertext

    def _framed(self, flags: int, body: bytes) -> bytes:
        if len(body) < 256:
            return bytes((flags, len(body))) + body
        return bytes((flags | _LONG,)) + struct.pack(">Q", len(body)) + body

    def _command(self, body: bytes) -> None:
        self._socket.sendall(self._framed(_COMMAND, body))

    def _read_command(self) -> bytes:
        (flags,) = self._read(1)
        assert flags & _COMMAND
        length = struct.unpack(">Q", self._read(8))[0] if flags & _LONG else self._read(1)[0]
        return self._read(length)

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = self._socket.recv(length - len(data))
            assert piece, "the other side hung up"
            data += piece
        return data


class CurveClient(_End):
    """A connection to a ROUTER under somebody's CURVE key; a context.

    Args:
        address: where it listens.
        server: its CURVE public key.
        identity: whose key the client has.
    """

    def __init__(self, address: str, server: bytes, identity: Identity) -> None:
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        super().__init__(socket.create_connection((host, int(port)), timeout=30), b"CurveZMQMESSAGEC")
        self._greet(serves=False)
        own, short = PrivateKey(identity.curve_secret), PrivateKey.generate()
        public = PublicKey(server)
        box = self._boxed(Box(short, public), b"CurveZMQHELLO---", bytes(64))
        self._command(b"\x05HELLO\x01\x00" + bytes(72) + bytes(short.public_key) + box)
        welcome = self._read_command()
        assert welcome[:8] == b"\x07WELCOME"
        opened = Box(short, public).decrypt(welcome[24:], b"WELCOME-" + welcome[8:24])
        theirs, cookie = PublicKey(opened[:32]), opened[32:]
        nonce = os.urandom(16)
        vouch = Box(own, theirs).encrypt(bytes(short.public_key) + server, b"VOUCH---" + nonce).ciphertext
        metadata = b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER" + b"\x08Identity" + bytes(4)
        self._box = Box(short, theirs)
        said = bytes(own.public_key) + nonce + vouch + metadata
        self._command(b"\x08INITIATE" + cookie + self._boxed(self._box, b"CurveZMQINITIATE", said))
        assert self._read_command()[:6] == b"\x05READY"


class CurveServer(_End):
    """The end of a connection that somebody dialled; a context.

    Args:
        connection: where it came in.
        identity: whose key the server has.
    """

    def __init__(self, connection: socket.socket, identity: Identity) -> None:
        super().__init__(connection, b"CurveZMQMESSAGES")
        connection.settimeout(30)
        self._greet(serves=True)
        hello = self._read_command()
        assert hello[:6] == b"\x05HELLO"
        client, short = PublicKey(hello[80:112]), PrivateKey.generate()
        nonce, cookie = os.urandom(16), os.urandom(96)
        opened = bytes(short.public_key) + cookie
        box = Box(PrivateKey(identity.curve_secret), client).encrypt(opened, b"WELCOME-" + nonce).ciphertext
        self._command(b"\x07WELCOME" + nonce + box)
        initiate = self._read_command()
        assert initiate[:9] == b"\x08INITIATE"
        assert initiate[9:105] == cookie
        self._box = Box(short, client)
        metadata = b"\x0bSocket-Type" + struct.pack(">I", 6) + b"ROUTER" + b"\x08Identity" + bytes(4)
        self._command(b"\x05READY" + self._boxed(self._box, b"CurveZMQREADY---", metadata))
