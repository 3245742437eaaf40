"""The lobby as a driver sees it: its packets travel on the channel of zeros."""

from collections.abc import Iterable, Sequence

from mechdesign.group.channel import CHANNEL_BYTES, frame, unframe
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.group.lobby.messages import LobbyRequest
from mechdesign.kernel.machine import Instant
from mechdesign.transport.messages import LinkEvent, Packet, Send

__all__ = ["LOBBY_CHANNEL", "LobbyMachine"]

LOBBY_CHANNEL = bytes(CHANNEL_BYTES)
"""The channel of discovery and formation."""


class LobbyMachine:
    """A :class:`~mechdesign.node.driver.Driven` lobby.

    Args:
        lobby: what is driven.
    """

    def __init__(self, lobby: Lobby) -> None:
        self.lobby = lobby

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do."""
        return self.lobby.deadline

    def submit(self, request: LobbyRequest, now: Instant) -> Sequence[object]:
        """Take a request."""
        return _framed(self.lobby.submit(request, now))

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[object]:
        """Take a link event; frames of other channels are none of the lobby's."""
        if isinstance(incoming, Packet):
            channel, packet = unframe(incoming.data)
            if channel != LOBBY_CHANNEL:
                return ()
            incoming = Packet(incoming.peer, packet)
        return _framed(self.lobby.receive(incoming, now))

    def tick(self, now: Instant) -> Sequence[object]:
        """Do what was due."""
        return _framed(self.lobby.tick(now))

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[object]:
        """Rebuild from the journal, once."""
        return _framed(self.lobby.restore(records, now))


def _framed(effects: Iterable[object]) -> list[object]:
    return [
        Send(effect.peer, frame(LOBBY_CHANNEL, effect.data)) if isinstance(effect, Send) else effect
        for effect in effects
    ]
