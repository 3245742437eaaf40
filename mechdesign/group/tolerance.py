"""How much nonsense a peer may send before nothing more of it is read.

Nobody honest hands on what does not hold, so whoever sends a signature that is none, or bytes that nobody writes, lies.
It costs us what it takes to find that out, and so it may cost us that only so often; until its allowance comes back
its packets are dropped unread. A new link fills nothing up.
"""

from mechdesign.group.meter import Meter
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Instant

__all__ = ["Tolerance"]

_FAULTS_PER_S = 20
_FAULTS_BURST = 200
_PEERS_MAX = 1024
# Of so many peers faults are remembered; an operator admits few keys, and the oldest fault is forgotten first.


class Tolerance:
    """The allowance of each peer that has sent nonsense."""

    def __init__(self) -> None:
        self._meters: dict[MemberId, Meter] = {}

    def admits(self, peer: MemberId, now: Instant) -> bool:
        """Whether a peer's packets are still read."""
        meter = self._meters.get(peer)
        return meter is None or meter.allows(0, now)

    def charge(self, peer: MemberId, now: Instant, cost: int = 1) -> None:
        """A peer sent what does not hold; ``cost`` is how many signatures had to be looked at to see it."""
        if peer not in self._meters:
            self._meters[peer] = Meter(1, _FAULTS_PER_S, _FAULTS_BURST)
            if len(self._meters) > _PEERS_MAX:
                del self._meters[next(iter(self._meters))]
        self._meters[peer].charge(0, cost, now)
