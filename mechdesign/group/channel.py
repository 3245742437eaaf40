"""Channels: whom a frame on a link is meant for, so that several groups and epochs share one transport.

A frame is a channel of 16 bytes and then a packet. The channel of an epoch is the start of its roster's digest.
"""

from mechdesign.group.roster import Roster

__all__ = ["CHANNEL_BYTES", "FRAME_BYTES_LEAST", "channel_of", "frame", "unframe"]

CHANNEL_BYTES = 16
"""Length of a channel."""

FRAME_BYTES_LEAST = 1 << 20
"""A transport has to carry frames of this length: every packet of any group and of the lobby then fits into one."""


def channel_of(roster: Roster) -> bytes:
    """The channel of an epoch."""
    return roster.digest[:CHANNEL_BYTES]


def frame(channel: bytes, packet: bytes) -> bytes:
    """A packet as it travels."""
    return channel + packet


def unframe(data: bytes) -> tuple[bytes, bytes]:
    """The channel and the packet of a frame; a frame that is too short is of no epoch's channel."""
    return data[:CHANNEL_BYTES], data[CHANNEL_BYTES:]
