"""Real transports on loopback that are closed whatever happens to the test."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from mechdesign.kernel.config import LOCAL, TransportConfig
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import Recorder
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.zeromq import ZeroMQTransport

Opener = Callable[..., Awaitable[tuple[ZeroMQTransport, Recorder]]]


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
    ) -> tuple[ZeroMQTransport, Recorder]:
        recorder = Recorder()
        transport = ZeroMQTransport(identity, Ed25519(), listen, peers, config, recorder)
        made.append(transport)
        await transport.start()
        return transport, recorder

    yield opener
    for transport in made:
        await transport.close()
