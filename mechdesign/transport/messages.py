"""What passes between the transport and the group: frames to and from peers that are known by their identity."""

from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.kernel.crypto import MemberId

__all__ = ["LinkDown", "LinkEvent", "LinkUp", "Packet", "Send"]


@dataclass(frozen=True, slots=True)
class Send:
    """Ask the transport to send one frame to a peer; it may be lost, repeated or reordered.

    Attributes:
        peer: the receiver.
        data: the frame, at most the transport's frame limit in bytes.
    """

    peer: MemberId
    data: bytes


@dataclass(frozen=True, slots=True)
class Packet:
    """A frame arrived over a link whose other end proved to be ``peer``.

    Attributes:
        peer: the sender, as proved by the link hello.
        data: the frame as received; nothing in it can be trusted.
    """

    peer: MemberId
    data: bytes


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A link to ``peer`` works: its hello was checked and it was heard."""

    peer: MemberId


@dataclass(frozen=True, slots=True)
class LinkDown:
    """Nothing was heard from ``peer`` for the configured silence, or its link closed."""

    peer: MemberId


LinkEvent: TypeAlias = Packet | LinkUp | LinkDown
"""What a transport reports."""
