"""How a node gets its links: over sockets, or inside one process."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.transport.face import PeerAddress, Strangers, Transport
from mechdesign.transport.memory import MemoryNetwork, MemoryTransport
from mechdesign.transport.messages import LinkEvent
from mechdesign.transport.zeromq import ZeroMQTransport

__all__ = ["TransportFactory", "memory", "tcp"]

TransportFactory: TypeAlias = Callable[[Callable[[LinkEvent], None]], Transport]
"""Makes a transport that reports to the callback."""


def tcp(
    identity: Identity,
    listen: str | None,
    peers: Mapping[MemberId, PeerAddress],
    config: TransportConfig | None = None,
    *,
    strangers: Strangers | None = None,
) -> TransportFactory:
    """Links over ZeroMQ and CURVE.

    Args:
        identity: our keys.
        listen: where we listen, such as ``"tcp://127.0.0.1:7001"``; None where we only dial.
        peers: where each peer listens.
        config: limits and heartbeats.
        strangers: whether and how others may introduce themselves; they are refused if not given.
    """

    def make(on_event: Callable[[LinkEvent], None]) -> Transport:
        limits = config or TransportConfig()
        return ZeroMQTransport(identity, Ed25519(), listen, peers, limits, on_event, strangers=strangers)

    return make


def memory(network: MemoryNetwork, member: MemberId, config: TransportConfig | None = None) -> TransportFactory:
    """Links to the other nodes of this process that were made with the same network."""

    def make(on_event: Callable[[LinkEvent], None]) -> Transport:
        return MemoryTransport(network, member, on_event, config=config)

    return make
