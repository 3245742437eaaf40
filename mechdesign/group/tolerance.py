"""How much nonsense, and how much that brings nothing, a peer may send before nothing more of it is read.

Nobody honest hands on what does not hold, so whoever sends a signature that is none, or bytes that nobody writes, lies.
It costs us what it takes to find that out, and so it may cost us that only so often; until its allowance comes back
its packets are dropped unread. A new link fills nothing up.

What is known already, too old or too far ahead comes from honest peers too, and is no lie. Yet it has to be read before
that is seen, so there is a second, far larger allowance for the work that it makes. What is asked and told beside the
blocks is paid from it too, each packet of it, whether it brings something or not: honest members ask and tell seldom,
and one that does so without end makes as much work as one that sends the same block again and again.
"""

from mechdesign.group.meter import Meter
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Instant

__all__ = ["WORK_BURST", "WORK_PER_S", "Tolerance", "asking", "work"]

WORK_PER_S = 200_000
"""Work for nothing that one peer may cause; of :func:`work`'s units a core does about a million a second."""

WORK_BURST = 2_000_000
"""And so much before that rate holds."""

_FAULTS_PER_S = 20
_FAULTS_BURST = 200
_PEERS_MAX = 1024
# Of so many peers faults are remembered; an operator admits few keys, and the oldest fault is forgotten first.

_READING = 16
_PER_BYTE = 4
_PER_LEAF = 2
_JUDGING, _HASHING = 60, 8
_ASKING, _BYTES_ASKED = 60, 64


class Tolerance:
    """The allowance of each peer that has used any of it.

    Args:
        rate: what is given back each second.
        burst: the whole allowance.
    """

    def __init__(self, rate: int = _FAULTS_PER_S, burst: int = _FAULTS_BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._meters: dict[MemberId, Meter] = {}

    def admits(self, peer: MemberId, now: Instant) -> bool:
        """Whether a peer's packets are still read."""
        meter = self._meters.get(peer)
        return meter is None or meter.allows(0, now)

    def charge(self, peer: MemberId, now: Instant, cost: int = 1) -> None:
        """A peer sent what does not hold, or brings nothing; ``cost`` is what it took to see it.

        Of what does not hold that is how many signatures had to be looked at, of what brings nothing :func:`work`.
        """
        if peer not in self._meters:
            self._meters[peer] = Meter(1, self._rate, self._burst)
            if len(self._meters) > _PEERS_MAX:
                del self._meters[next(iter(self._meters))]
        self._meters[peer].charge(0, cost, now)


def asking(length: int) -> int:
    """About how many microseconds it takes to read and answer a packet that brings no blocks; ``length`` is its bytes.

    What the answer takes to send is metered by its bytes, where there is one.
    """
    return _ASKING + length // _BYTES_ASKED


def work(length: int, leaves: int | None, *, judged: bool) -> int:
    """About how many microseconds it took to see that a block is of no use.

    Args:
        length: its bytes.
        leaves: how many leaves its payload has; None where it could not be read at all.
        judged: whether its payload was hashed and its signature looked at.
    """
    if leaves is None:
        return _READING + length // _PER_BYTE
    read = _READING + leaves // _PER_LEAF + length // 1024
    return read + _JUDGING + leaves * _HASHING if judged else read
