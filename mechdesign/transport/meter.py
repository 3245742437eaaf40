"""A token bucket in integers: how much of something is allowed a second, with one second's worth saved up at most."""

from mechdesign.kernel.machine import SECOND, Instant

__all__ = ["TokenBucket"]


class TokenBucket:
    """Admits ``rate`` units a second in the long run and ``burst`` units at once.

    The level is kept in units times microseconds, so that no fraction is ever lost and no float is needed.

    Args:
        rate: units a second.
        burst: the most that is saved up; one second's worth if not given.
        now: when the bucket is made, full.

    >>> bucket = TokenBucket(2, now=0)
    >>> [bucket.take(1, now=at) for at in (0, 0, 0, SECOND // 2)]
    [True, True, False, True]
    """

    __slots__ = ("_full", "_level", "_rate", "_then")

    def __init__(self, rate: int, *, burst: int | None = None, now: Instant) -> None:
        self._rate = rate
        self._full = (rate if burst is None else burst) * SECOND
        self._level = self._full
        self._then = now

    def take(self, units: int, now: Instant) -> bool:
        """Take ``units`` if they are there; a clock that runs backwards adds nothing."""
        passed = now - self._then
        if passed > 0:
            self._then = now
            level = self._level + passed * self._rate
            self._level = min(level, self._full)
        cost = units * SECOND
        if cost > self._level:
            return False
        self._level -= cost
        return True
