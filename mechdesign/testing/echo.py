"""What liars heard and said, to be said again: old frames, to whomever they have a link to."""

from random import Random

from mechdesign.kernel.crypto import MemberId
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp

__all__ = ["Echo"]

_SHARE = 0.3


class Echo:
    """Frames that one liar keeps, and its peers.

    Args:
        frames_max: it keeps so many, old and new.
        chance: the liar's own stream of chance.
    """

    def __init__(self, frames_max: int, chance: Random) -> None:
        self._frames_max = frames_max
        self._chance = chance
        self._frames: list[bytes] = []
        self._peers: dict[MemberId, None] = {}

    def link(self, event: LinkEvent) -> None:
        """Take note of a link that is up or down."""
        match event:
            case LinkUp(peer):
                self._peers[peer] = None
            case LinkDown(peer):
                self._peers.pop(peer, None)
            case _:
                pass

    def keep(self, data: bytes) -> None:
        """Keep a frame, in the place of any other once there are many."""
        if len(self._frames) < self._frames_max:
            self._frames.append(data)
        else:
            self._frames[self._chance.randrange(self._frames_max)] = data

    def again(self) -> tuple[MemberId, bytes] | None:
        """At times a frame that is to be said again, and to whom."""
        if not self._frames or not self._peers or self._chance.random() > _SHARE:
            return None
        data = self._chance.choice(self._frames)
        return self._chance.choice(list(self._peers)), data
