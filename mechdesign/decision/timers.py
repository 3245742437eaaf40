"""Whose timers have run out, for the current phase of a session and for its stay while the members change."""

from dataclasses import dataclass, field

from mechdesign.decision.entries import TimerEntry
from mechdesign.decision.phases import DRAINING, Phase
from mechdesign.kernel.crypto import MemberId

__all__ = ["Timers"]


@dataclass(slots=True)
class Timers:
    """What the members' clocks say of one session.

    Attributes:
        out: who has signed that the current phase has lasted long enough, in log order.
        overrun: who has signed that a change of the members has waited long enough for the session, in log order.
    """

    out: dict[MemberId, None] = field(default_factory=dict)
    overrun: dict[MemberId, None] = field(default_factory=dict)

    def take(self, sender: MemberId, said: TimerEntry, phase: Phase, step: int, hidden: bool) -> bool:
        """Take an entry; False if it counts for nothing.

        Args:
            sender: whose clock it is.
            said: the entry.
            phase: where the session stands.
            step: its current ask.
            hidden: whether no report and no coin has begun to show; later no change ends it.
        """
        if said.phase == DRAINING:
            counts, heard = hidden and said.step == 0, self.overrun
        else:
            counts, heard = (said.phase, said.step) == (phase.value, step), self.out
        if not counts or sender in heard:
            return False
        heard[sender] = None
        return True

    def awaited(self, members: tuple[MemberId, ...]) -> tuple[MemberId, ...]:
        """Whose clocks have yet to run out, in the given order, once one has; before that nobody is late."""
        return tuple(member for member in members if member not in self.out) if self.out else ()

    def begin(self) -> None:
        """Begin a phase: no clock of it has run out."""
        self.out = {}
