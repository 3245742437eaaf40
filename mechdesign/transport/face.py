"""The face that every transport shows to a driver: start, send, close, counters, and events through one callback."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import ConfigError
from mechdesign.transport.messages import LinkEvent

__all__ = ["Admit", "OnEvent", "PeerAddress", "Strangers", "Transport"]

_ADDRESS = re.compile(
    r"tcp://(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\]):(?P<port>[0-9]{1,5})"
)
_ADDRESS_CHARACTERS = 300

OnEvent: TypeAlias = Callable[[LinkEvent], None]
"""Called on the loop with each event, never from inside ``send``."""


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """How to reach one peer.

    Attributes:
        curve: the CURVE public key of its links, 32 bytes; what connects under another key is not this peer.
        address: where it listens, such as ``"tcp://192.0.2.7:7070"``; None where it does not listen and so dials.

    Addresses may be hearsay, so only what TCP can dial is one: ZeroMQ knows transports into this very process.

    Raises:
        ConfigError: the key has another length, or the address is none.

    >>> PeerAddress(bytes(32), "inproc://zeromq.zap.01")
    Traceback (most recent call last):
    mechdesign.kernel.errors.ConfigError: cannot dial 'inproc://zeromq.zap.01': not of the form tcp://host:port
    """

    curve: bytes
    address: str | None = None

    def __post_init__(self) -> None:
        if len(self.curve) != KEY_BYTES:
            raise ConfigError(f"a CURVE key has {KEY_BYTES} bytes, not {len(self.curve)}")
        if self.address is not None and not _dialable(self.address):
            raise ConfigError(f"cannot dial {self.address[:_ADDRESS_CHARACTERS]!r}: not of the form tcp://host:port")


def _dialable(address: str) -> bool:
    if len(address) > _ADDRESS_CHARACTERS:
        return False
    match = _ADDRESS.fullmatch(address)
    return match is not None and 0 < int(match["port"]) < 1 << 16


Admit: TypeAlias = Callable[[bytes, bytes], MemberId | None]
"""Judges a stranger by the CURVE key of its connection and its introduction: who it is, or None to send it away.

The introduction is whatever the stranger sent. Who answers must have checked that it is signed by the member that is
named, and that the key in it is the connection's; the link then proves that the other end holds both keys.
"""


@dataclass(frozen=True, slots=True)
class Strangers:
    """Lets connect who is not a peer yet, to introduce itself and nothing else.

    Attributes:
        admit: called on the loop with each introduction; who is named becomes a peer, unless it is one under another
            key already.
        at_once: how many strangers may be connected and not yet admitted; a quarter of them from one host.
        per_s: how many a second may connect.

    Raises:
        ConfigError: a limit is not positive.
    """

    admit: Admit
    at_once: int = 64
    per_s: int = 32

    def __post_init__(self) -> None:
        if min(self.at_once, self.per_s) <= 0:
            raise ConfigError("the limits on strangers must be positive")


class Transport(Protocol):
    """Carries frames between this member and its peers; frames may be lost, and are never altered.

    Within one ``LinkUp``…``LinkDown`` frames of a peer arrive in the order in which it sent them.
    """

    @property
    def counters(self) -> Mapping[str, int]:
        """What was sent, received, dropped and refused since the start, by name; those of removed peers are in it."""
        ...

    @property
    def introduction(self) -> bytes:
        """What precedes our hellos for a peer that may not know us yet; empty for nothing."""
        ...

    @introduction.setter
    def introduction(self, introduction: bytes) -> None:
        """Introduce ourselves by other bytes from now on; who knows us already does not mind.

        Raises:
            LocalProtocolError: it is longer than 4096 bytes.
        """
        ...

    async def start(self) -> None:
        """Listen and dial; returns before any link is up."""
        ...

    def add(self, peer: MemberId, address: PeerAddress) -> None:
        """Have a peer, or reach it in another way; what is known already changes nothing, and ourselves we leave out.

        A link over a connection that the change puts out of date goes down and is made again.

        Raises:
            ConfigError: another peer has that CURVE key, or we have; nothing was changed.
        """
        ...

    def remove(self, peer: MemberId) -> None:
        """Have a peer no more: its link goes down, and all that is kept for it is freed; who is no peer stays none.

        Of a link that was up ``LinkDown`` is still reported, in a later turn of the loop; nothing else of it is.
        """
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
