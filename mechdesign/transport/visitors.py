"""Strangers at the door: how many, from where, for how long, and what of what they say is read.

Who is no peer may connect where the owner allows it, and then say one thing, its introduction; nothing is ever sent to
it. A *visit* begins when the gate lets the connection through. It ends when the visitor becomes a peer, or at its time
limit, at which the connection is cut off as well; who was sent away counts until then. So visits bound what strangers
hold: they are few, all of different keys, and at most a quarter of them comes from one host, so that a single
host cannot keep all others out.
"""

from dataclasses import dataclass

from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Instant
from mechdesign.transport.face import Strangers
from mechdesign.transport.frames import INTRODUCE, INTRODUCTION_BYTES_MAX
from mechdesign.transport.meter import TokenBucket

__all__ = ["Visitors"]

_FRAMES_MAX = 16  # an honest dialler repeats its hello until it is answered; more than this is noise
_BYTES_MAX = 4 * INTRODUCTION_BYTES_MAX


@dataclass(slots=True)
class _Visit:
    host: bytes
    ends: Instant
    frames_left: int = _FRAMES_MAX
    bytes_left: int = _BYTES_MAX


class Visitors:
    """The visits that go on.

    Args:
        strangers: the owner's limits and judgement.
        own: our CURVE key, under which nobody else comes in good faith.
        hold: how long a visit lasts at most.
        now: the driver's clock.

    Attributes:
        admitted: how many became peers.
        refused: how many introductions were to no avail.
    """

    def __init__(self, strangers: Strangers, *, own: bytes, hold: Instant, now: Instant) -> None:
        self._admit = strangers.admit
        self._at_once = strangers.at_once
        self._from_one_host = -(-strangers.at_once // 4)
        self._rate = TokenBucket(strangers.per_s, now=now)
        self._own = own
        self._hold = hold
        self._visits: dict[bytes, _Visit] = {}
        self.admitted = self.refused = 0

    def __len__(self) -> int:
        return len(self._visits)

    def knock(self, key: bytes, host: bytes, now: Instant) -> bool:
        """Whether a stranger may come in; a key that is in, or was sent away a moment ago, may come again later."""
        self._visits = {other: visit for other, visit in self._visits.items() if visit.ends > now}
        hosts = [visit.host for visit in self._visits.values()]
        if (
            key == self._own
            or key in self._visits
            or len(hosts) >= self._at_once
            or hosts.count(host) >= self._from_one_host
        ):
            return False
        if not self._rate.take(1, now):
            return False
        self._visits[key] = _Visit(host, now + self._hold)
        return True

    def hear(self, key: bytes, frame: bytes, now: Instant) -> MemberId | None:
        """What to make of a frame that came in under the CURVE key of no peer.

        Returns:
            Who it comes from in the owner's judgement of the introduction in it; nothing (``b""``) where it is to be
            read past, as a hello whose introduction was lost is; None where its connection is to be cut off.
        """
        visit = self._visits.get(key)
        if visit is None or visit.ends <= now:
            return None
        visit.frames_left -= 1
        visit.bytes_left -= len(frame)
        if visit.frames_left < 0 or visit.bytes_left < 0:
            return None
        if frame[:1] != bytes((INTRODUCE,)):
            return MemberId(b"")
        visit.frames_left = 0  # one introduction a visit
        member = self._admit(key, frame[1:]) if 1 < len(frame) <= 1 + INTRODUCTION_BYTES_MAX else None
        self.refused += member is None
        return member

    def end(self, key: bytes, *, admitted: bool) -> None:
        """The visitor whom the owner named is a peer now, or cannot be one; only the former may come back at once."""
        if admitted:
            self._visits.pop(key, None)
        self.admitted += admitted
        self.refused += not admitted
