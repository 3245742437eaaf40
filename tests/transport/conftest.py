"""Transports of both kinds, over loopback and inside the process, that are closed whatever happens to the test."""

import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeAlias

import pytest

from mechdesign.kernel.config import LOCAL, TransportConfig
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import Recorder
from mechdesign.transport.face import Admit, PeerAddress, Strangers, Transport
from mechdesign.transport.memory import MemoryNetwork, MemoryTransport
from mechdesign.transport.zeromq import ZeroMQTransport

Opener = Callable[..., Awaitable[tuple[ZeroMQTransport, Recorder]]]
Opened: TypeAlias = tuple[Transport, Recorder]


class Record:
    """Introductions as a layer above might make them: both keys of a member, signed by it."""

    @staticmethod
    def of(identity: Identity) -> bytes:
        """The record of a member."""
        body = identity.public + identity.curve_public
        return body + identity.sign(body)

    @staticmethod
    def admit(curve: bytes, introduction: bytes) -> MemberId | None:
        """Whom a record names, where it is signed by it and the key in it is the connection's."""
        member = MemberId(introduction[:32])
        signed = Ed25519().verify(member, introduction[:64], introduction[64:])
        return member if signed and introduction[32:64] == curve else None


@pytest.fixture
def record() -> type[Record]:
    """``record.of(identity)`` is an introduction, ``record.admit`` judges it."""
    return Record


@pytest.fixture
async def open_transport() -> AsyncIterator[Opener]:
    """``await open_transport(identity, peers, listen=..., config=...)`` gives a started transport and its recorder."""
    made: list[ZeroMQTransport] = []

    async def opener(
        identity: Identity,
        peers: dict[MemberId, PeerAddress],
        *,
        listen: str | None = None,
        config: TransportConfig = LOCAL.transport,
        strangers: Strangers | None = None,
        introduction: bytes = b"",
    ) -> tuple[ZeroMQTransport, Recorder]:
        recorder = Recorder()
        transport = ZeroMQTransport(identity, Ed25519(), listen, peers, config, recorder, strangers=strangers)
        transport.introduction = introduction
        made.append(transport)
        await transport.start()
        return transport, recorder

    yield opener
    for transport in made:
        await transport.close()


class Network(Protocol):
    """Opens transports of one kind that can reach one another."""

    def at(self, identity: Identity) -> PeerAddress:
        """How to reach a member, whether or not it is there."""
        ...

    async def open(
        self, identity: Identity, *peers: Identity, admit: Admit | None = None, introduction: bytes = b""
    ) -> Opened:
        """A started transport that listens and knows some peers."""
        ...


class _Network:
    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._memory = MemoryNetwork()
        self._addresses: dict[MemberId, str] = {}
        self._numbers = itertools.count(1)
        self.made: list[Transport] = []

    def at(self, identity: Identity) -> PeerAddress:
        if identity.public not in self._addresses:
            self._addresses[identity.public] = f"tcp://127.0.0.1:{self._port()}"
        return PeerAddress(identity.curve_public, self._addresses[identity.public])

    def _port(self) -> int:
        if self._kind == "memory":
            return next(self._numbers)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    async def open(
        self, identity: Identity, *peers: Identity, admit: Admit | None = None, introduction: bytes = b""
    ) -> Opened:
        recorder = Recorder()
        known = {peer.public: self.at(peer) for peer in peers}
        strangers = None if admit is None else Strangers(admit)
        transport: Transport
        if self._kind == "memory":
            transport = MemoryTransport(
                self._memory,
                identity.public,
                recorder,
                peers=known,
                curve=identity.curve_public,
                strangers=strangers,
            )
        else:
            listen, config = self.at(identity).address, LOCAL.transport
            transport = ZeroMQTransport(identity, Ed25519(), listen, known, config, recorder, strangers=strangers)
        transport.introduction = introduction
        self.made.append(transport)
        await transport.start()
        return transport, recorder


@pytest.fixture(params=["memory", "zeromq"])
async def network(request: pytest.FixtureRequest) -> AsyncIterator[Network]:
    """Either kind of transport, so that one test says what both do."""
    made = _Network(request.param)
    yield made
    for transport in made.made:
        await transport.close()
