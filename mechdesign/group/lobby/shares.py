"""Fair room: whom to let go where neighbours bring more than there is place for.

Keys cost nothing, so a bound on how many strangers we keep is worth nothing unless it says *whose* strangers go. A
share for each neighbour is not enough: what a liar brings to one honest player is brought to the next by that honest
player, together with everybody else beyond it, and by first come, first served a flood leaves no place for who comes
later. Hence two rules.

* The **largest share** gives way: the neighbour that brought the most has one thing less. Whoever brings little loses
  nothing.
* Of a share the **last in rank** goes. A neighbour says of each thing the rank that it has in *its* share of whoever
  brought it there. So what comes from different sources is interleaved, and a flood stands in its own way: its
  hundredth key has rank 100 at the first honest player, and goes before the first keys of all others at every player
  behind that one.

A liar can say what ranks it likes: what it says counts within its own share only. So with one liar and room for a few
times as many as are honest, nobody honest is ousted whom a path without the liar leads to; with l liars a place is sure
for about one in l + 1. Whom only a liar leads to, it can hide in any case.
"""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeAlias, TypeVar

from mechdesign.kernel.crypto import MemberId

__all__ = ["NOBODY", "RANK_MAX", "Shares"]

NOBODY = MemberId(b"")
"""Whose share holds what neighbours brought that are neighbours no more."""

RANK_MAX = 2**16
"""No rank is as high: more is never kept."""

_Place: TypeAlias = tuple[int, int]
# The rank that the neighbour said, and a number that grows: of equal ranks who came first stays first.

K = TypeVar("K", bound=Hashable)


class Shares(Generic[K]):
    """Keys, each in the share of the neighbour that answers for it."""

    def __init__(self) -> None:
        self._shares: dict[MemberId, dict[K, _Place]] = {}
        self._source: dict[K, MemberId] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._source)

    def size(self, source: MemberId) -> int:
        """How many keys a neighbour answers for."""
        return len(self._of(source))

    def source(self, key: K) -> MemberId | None:
        """Who answers for a key, or None."""
        return self._source.get(key)

    def rank(self, key: K) -> int:
        """A key's rank in its share; 0 goes last."""
        share = self._shares[self._source[key]]
        own = share[key]
        return min(RANK_MAX - 1, sum(place < own for place in share.values()))

    def ranks(self) -> dict[K, int]:
        """The ranks of all keys, at the cost of sorting them."""
        each = (sorted(share, key=lambda key: share[key]) for share in self._shares.values())
        return {key: min(RANK_MAX - 1, rank) for keys in each for rank, key in enumerate(keys)}

    def enter(self, key: K, source: MemberId, said: int) -> None:
        """Put a key into a neighbour's share, behind all of which it said no more; or let it say another rank."""
        known = self._of(source).get(key)
        if known is None:
            self.leave(key)
            self._count += 1
            known = (said, self._count)
        self._shares.setdefault(source, {})[key] = (said, known[1])
        self._source[key] = source

    def leave(self, key: K) -> None:
        """Take a key out, if it is in."""
        source = self._source.pop(key, None)
        if source is not None:
            share = self._shares[source]
            del share[key]
            if not share:
                del self._shares[source]

    def orphan(self, source: MemberId) -> None:
        """Leave everything that a neighbour answers for to nobody."""
        share = self._shares.pop(source, {})
        self._source.update(dict.fromkeys(share, NOBODY))
        if share:
            self._shares.setdefault(NOBODY, {}).update(share)

    def largest(self, more: MemberId | None = None) -> MemberId | None:
        """Whose share is the largest; with ``more``, if that neighbour had one key more, and it of several such."""
        sizes = {source: len(share) for source, share in self._shares.items()}
        if more is not None:
            sizes[more] = sizes.get(more, 0) + 1
        return max(sizes, key=lambda source: (sizes[source], source == more, source), default=None)

    def last(self, source: MemberId | None) -> K | None:
        """The key of the highest rank in a share; None where there is none."""
        share = self._of(source)
        return max(share, key=lambda key: share[key], default=None)

    def first(self, source: MemberId | None) -> K | None:
        """The key that has been in a share for the longest time; None where there is none."""
        return next(iter(self._of(source)), None)

    def spare(self, source: MemberId, said: int) -> K | None:
        """The key that goes for one more of that neighbour; None where that one itself would have to go."""
        largest = self.largest(source)
        last = self.last(largest)
        if last is None or (largest == source and self._of(source)[last][0] <= said):
            return None
        return last

    def _of(self, source: MemberId | None) -> Mapping[K, _Place]:
        return {} if source is None else self._shares.get(source, {})
