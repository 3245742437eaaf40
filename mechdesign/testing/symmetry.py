"""Schedules that differ only in who is who among the honest members, looked at as one.

Some members may change places: what one of them can make in a schedule, another can make in the schedule in which the
two have changed places. So of all schedules that come from one another in this way a single one has to be looked at,
the *representative*: the smallest when each is written as the ascending numbers of its tips.
"""

from collections.abc import Iterable
from itertools import permutations

from mechdesign.testing.small_groups import SmallGroup, Tips

__all__ = ["Symmetry"]

_KNOWN_MAX = 1_000_000


class Symmetry:
    """The ways to rename some members of a group, each known by its number; 0 leaves everybody in place.

    Args:
        group: the group.
        places: who may change places.
    """

    def __init__(self, group: SmallGroup, places: Iterable[int]) -> None:
        self._group = group
        movable = tuple(places)
        self.names: list[Tips] = []
        for moved in permutations(movable):
            names = list(range(group.roster.n))
            for place, other in zip(movable, moved, strict=True):
                names[place] = other
            self.names.append(tuple(names))
        self._back = [self.names.index(_inverse(names)) for names in self.names]
        self._images: list[dict[int, int]] = [{} for _ in self.names]
        self._known: dict[Tips, tuple[Tips, int]] = {}

    def representative(self, tips: Tips) -> tuple[Tips, int]:
        """Of the schedules that this one is renamed to, the one to look at, and the renaming that leads to it."""
        if len(self.names) == 1:
            return tips, 0
        known = self._known.get(tips)
        if known is None:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            known = self._known[tips] = min((self.renamed(tips, which), which) for which in range(len(self.names)))
        return known

    def renamed(self, tips: Tips, which: int) -> Tips:
        """A schedule with its members renamed."""
        images = self._images[which]
        return tuple(sorted([images[tip] if tip in images else self.image(tip, which) for tip in tips]))

    def orbit(self, tips: Tips) -> set[Tips]:
        """All schedules that a schedule is renamed to."""
        return {self.renamed(tips, which) for which in range(len(self.names))}

    def image(self, number: int, which: int) -> int:
        """The number of a block when members are renamed."""
        images = self._images[which]
        known = images.get(number)
        if known is None:
            links = [self.image(link, which) for link in self._group.made[number].links]
            known = images[number] = self._group.renamed(number, self.names[which], links)
        return known

    def back(self, which: int) -> int:
        """The renaming that undoes one."""
        return self._back[which]


def _inverse(names: Tips) -> Tips:
    return tuple(sorted(range(len(names)), key=names.__getitem__))
