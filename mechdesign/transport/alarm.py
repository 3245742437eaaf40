"""One timer of an event loop for the earliest of many deadlines."""

from collections.abc import Callable
from typing import Any, Protocol

from mechdesign.kernel.machine import SECOND, Instant

__all__ = ["Alarm", "Clock", "Timer"]


class Timer(Protocol):
    """A call that an event loop has promised."""

    def when(self) -> float:
        """The time of the call, in seconds of the loop's clock."""
        ...

    def cancel(self) -> None:
        """Call off."""
        ...


class Clock(Protocol):
    """What of an event loop is used."""

    def time(self) -> float:
        """The loop's clock in seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], Any], /) -> Timer:
        """Call back at a time of the loop's clock."""
        ...


class Alarm:
    """Calls ``ring`` once, no later than the earliest deadline that it was given.

    Args:
        loop: whose timer it is.
        ring: what to call; it sets the alarm again.
    """

    def __init__(self, loop: Clock, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._timer: Timer | None = None

    def set(self, deadline: Instant | None, now: Instant) -> None:
        """Ring at ``deadline`` or earlier, both on the driver's clock; nothing changes where there is no deadline."""
        if deadline is None:
            return
        when = self._loop.time() + max(0, deadline - now) / SECOND
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._go)

    def stop(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go(self) -> None:
        self._timer = None
        self._ring()
