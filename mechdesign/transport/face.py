"""The face that every transport shows to a driver: start, send, close, counters, and events through one callback."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import ConfigError
from mechdesign.transport.messages import LinkEvent

__all__ = ["OnEvent", "PeerAddress", "Transport"]

OnEvent: TypeAlias = Callable[[LinkEvent], None]
"""Called on the loop with each event, never from inside ``send``."""


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """How to reach one peer.

    Attributes:
        curve: the CURVE public key of its links, 32 bytes; what connects under another key is not this peer.
        address: where it listens, such as ``"tcp://192.0.2.7:7070"``; None where it does not listen and so dials.

    Raises:
        ConfigError: the key has another length.
    """

    curve: bytes
    address: str | None = None

    def __post_init__(self) -> None:
        if len(self.curve) != KEY_BYTES:
            raise ConfigError(f"a CURVE key has {KEY_BYTES} bytes, not {len(self.curve)}")


class Transport(Protocol):
    """Carries frames between this member and its peers; frames may be lost, and are never altered.

    Within one ``LinkUp``…``LinkDown`` frames of a peer arrive in the order in which it sent them.
    """

    @property
    def counters(self) -> Mapping[str, int]:
        """What was sent, received, dropped and refused since the start, by name."""
        ...

    async def start(self) -> None:
        """Listen and dial; returns before any link is up."""
        ...

    def send(self, peer: MemberId, data: bytes) -> bool:
        """Hand a frame over without blocking.

        Returns:
            False where it was dropped (the link is down or its credit is used up); the drop is counted.

        Raises:
            LocalProtocolError: the peer is unknown, or the frame passes the configured limit.
        """
        ...

    async def close(self) -> None:
        """Say goodbye, then free everything; no event arrives afterwards."""
        ...
