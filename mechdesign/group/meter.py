"""Allowances that refill with time: what one member may cost us."""

from mechdesign.kernel.machine import SECOND, Instant

__all__ = ["Meter"]


class Meter:
    """One allowance for each member; members are their index in roster order.

    Args:
        members: how many there are.
        rate: what is given back each second.
        burst: the whole allowance.
    """

    def __init__(self, members: int, rate: int, burst: int) -> None:
        self._rate = rate
        # In millionths, so that a microsecond gives back a whole number.
        self._full = burst * SECOND
        self._left = [self._full] * members
        self._at: list[Instant | None] = [None] * members

    def allows(self, place: int, now: Instant) -> bool:
        """Whether anything is left of a member's allowance."""
        self._refill(place, now)
        return self._left[place] > 0

    def full(self, place: int, now: Instant) -> bool:
        """Whether nothing of a member's allowance was used lately."""
        self._refill(place, now)
        return self._left[place] >= self._full

    def charge(self, place: int, cost: int, now: Instant) -> None:
        """Take from a member's allowance; it may be overdrawn by one charge."""
        self._refill(place, now)
        self._left[place] -= cost * SECOND

    def refund(self, place: int, amount: int) -> None:
        """Give something back at once."""
        self._left[place] = min(self._full, self._left[place] + amount * SECOND)

    def due(self, place: int, now: Instant) -> Instant:
        """When something will be left again, which is later than ``now`` while nothing is."""
        self._refill(place, now)
        return now + max(0, -self._left[place]) // self._rate + 1

    def _refill(self, place: int, now: Instant) -> None:
        before = self._at[place]
        self._at[place] = now if before is None else max(before, now)
        if before is not None and now > before:
            self._left[place] = min(self._full, self._left[place] + (now - before) * self._rate)
