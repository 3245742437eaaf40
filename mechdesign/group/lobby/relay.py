"""How much we pass on for others, so that what one liar floods does not use up what our neighbours take from us.

A neighbour hears so much from us a second and no more (``cost_per_s``), whoever it is from. If everything went on that
we take ourselves, a liar with many keys and many links would fill our allowance at our neighbours, and they would drop
what honest players say through us. So what is sent on at once is bounded over all who bring it: half the room is shared
equally by the links that we have, the other half goes to whoever comes first. A liar's links, however many keys it has,
thus cost the next hop a fixed amount, and leave each honest link its part of it.

What there is no room for is not lost: it is in the book, and neighbours find it missing when they compare
(``gossip.py``). There a budget of its own holds for each neighbour, and what ranks first goes first.
"""

from collections.abc import Mapping

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.meter import Meter
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Instant

__all__ = ["COST_BYTES", "Relay", "cost", "meter"]

COST_BYTES = 512
"""So many bytes cost as much to read as one signature costs to check."""

_PART = 4
# Relayed and compared: a quarter of what a neighbour takes each, the rest for waves and what we say ourselves.


def cost(length: int, records: int) -> int:
    """What a packet with so many signed things costs its receiver."""
    return 1 + length // COST_BYTES + records


def meter(config: LobbyConfig, *, spent: Instant | None = None) -> Meter:
    """A part of a neighbour's allowance for us, for one purpose; with ``spent``, nothing of it is left at that time."""
    burst = max(1, config.cost_burst // _PART)
    made = Meter(1, max(1, config.cost_per_s // _PART), burst)
    if spent is not None:
        made.charge(0, burst, spent)
    return made


class Relay:
    """What may be passed on at once.

    Args:
        config: what a neighbour takes.
    """

    def __init__(self, config: LobbyConfig) -> None:
        self._config = config
        self._common = meter(config)
        self._own: dict[MemberId, Meter] = {}

    def admits(self, source: MemberId, amount: int, linked: Mapping[MemberId, None], now: Instant) -> bool:
        """Whether something that ``source`` brought goes on at once; what goes is charged to it.

        Args:
            source: a neighbour.
            amount: what it costs whoever it is sent to.
            linked: our neighbours.
            now: the time.
        """
        for other in [other for other in self._own if other not in linked and other != source]:
            # With its link a neighbour's allowance goes, and a new one begins empty: nobody gains by coming again.
            del self._own[other]
        own = self._own.get(source)
        if own is None:
            own = self._own[source] = meter(self._config, spent=now)
        # Twice for the half, and as often as there are links that share it.
        share = 2 * amount * max(1, len(linked))
        for each, charge in ((own, share), (self._common, 2 * amount)):
            if each.allows(0, now):
                each.charge(0, charge, now)
                return True
        return False
