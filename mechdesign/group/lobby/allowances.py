"""Allowances of neighbours that outlast their links, so that nobody gains by coming again and again."""

from collections.abc import Callable, Container

from mechdesign.group.meter import Meter
from mechdesign.kernel.crypto import MemberId

__all__ = ["allowance"]

_UNLINKED_MAX = 4096
# So many are kept of players that have no link, the newest.


def allowance(
    kept: dict[MemberId, Meter], peer: MemberId, linked: Container[MemberId], make: Callable[[], Meter]
) -> Meter:
    """A neighbour's allowance: the one that it had, where that is kept still, else a new one.

    Args:
        kept: those that there are, oldest first; what is too much is taken out.
        peer: the neighbour.
        linked: who has a link.
        make: makes a new one.
    """
    meter = kept.get(peer)
    if meter is None:
        for other in [other for other in kept if other not in linked][:-_UNLINKED_MAX]:
            del kept[other]
        meter = kept[peer] = make()
    return meter
