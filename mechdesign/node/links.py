"""How a node gets its links: over sockets, or inside one process."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from mechdesign.group.channel import FRAME_BYTES_LEAST
from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import ConfigError
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

    Raises:
        ConfigError: a limit is lower than what a group sends.
    """
    limits = _sufficient(config)

    def make(on_event: Callable[[LinkEvent], None]) -> Transport:
        return ZeroMQTransport(identity, Ed25519(), listen, peers, limits, on_event, strangers=strangers)

    return make


def memory(network: MemoryNetwork, member: MemberId, config: TransportConfig | None = None) -> TransportFactory:
    """Links to the other nodes of this process that were made with the same network.

    Raises:
        ConfigError: a limit is lower than what a group sends.
    """
    limits = _sufficient(config)

    def make(on_event: Callable[[LinkEvent], None]) -> Transport:
        return MemoryTransport(network, member, on_event, config=limits)

    return make


def _sufficient(config: TransportConfig | None) -> TransportConfig:
    """The limits, where the longest frame of a group passes them."""
    config = config or TransportConfig()
    if config.frame_bytes_max < FRAME_BYTES_LEAST:
        raise ConfigError(
            f"frame_bytes_max is {config.frame_bytes_max} and has to be {FRAME_BYTES_LEAST} at least: a group says in "
            "one frame what it takes into its next epoch"
        )
    if config.bytes_per_s < config.frame_bytes_max:
        raise ConfigError(
            f"bytes_per_s is {config.bytes_per_s} and has to be frame_bytes_max, {config.frame_bytes_max}, at least: "
            "the longest frame would never be let in"
        )
    return config
