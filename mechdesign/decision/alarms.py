"""When the phases of open sessions have lasted as long as their proposals allow, by this member's clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from mechdesign.decision.messages import SessionId
from mechdesign.decision.phases import Phase
from mechdesign.kernel.machine import Instant

__all__ = ["Alarm", "Alarms"]

Alarm: TypeAlias = tuple[Instant, int, SessionId, Phase, int]
"""When it is due, a number that tells alarms of one instant apart, and the phase of a session that it is for."""

_SLACK = 64


@dataclass(slots=True)
class Alarms:
    """A heap of alarms, those of phases that closed early among them.

    Attributes:
        runs: whether the phase of an alarm is still open.
        change: when a change of the members has waited for long enough, or None.
        overdue: whether one has.
    """

    runs: Callable[[Alarm], bool]
    change: Instant | None = None
    overdue: bool = False
    _heap: list[Alarm] = field(default_factory=list)
    _count: int = 0

    def set(self, due: Instant, session: SessionId, phase: Phase, step: int, sessions: int) -> None:
        """Set an alarm; ``sessions`` are open, and each has one phase, so that more alarms than that are stale."""
        self._count += 1
        heappush(self._heap, (due, self._count, session, phase, step))
        if len(self._heap) > 2 * sessions + _SLACK:
            self._heap = list(filter(self.runs, self._heap))
            heapify(self._heap)

    @property
    def deadline(self) -> Instant | None:
        """When the first that still runs is due, or None."""
        while self._heap and not self.runs(self._heap[0]):
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def overrun(self, now: Instant) -> bool:
        """Whether a change has waited for long enough now; said once."""
        over = self.change is not None and self.change <= now
        self.change = None if over else self.change
        self.overdue |= over
        return over

    def due(self, now: Instant) -> Alarm | None:
        """Take the first alarm that is due, or None."""
        deadline = self.deadline
        return heappop(self._heap) if deadline is not None and deadline <= now else None
