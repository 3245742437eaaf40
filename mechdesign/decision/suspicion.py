"""Whom this member waited for, and how long: suspicion, by its own clock.

Silence and delay prove nothing, so nothing here leaves the member or changes what it does. It is for people: who keeps
a group waiting, session by session and phase by phase. A member whose entries are withheld by others looks late
here, and one that is late does too; the entries themselves do not tell which it was.
"""

from dataclasses import dataclass, field

from mechdesign.decision.messages import PhaseChanged, SessionId, Waited
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Instant

__all__ = ["Delay", "Suspicions"]


@dataclass(frozen=True, slots=True)
class Delay:
    """How much one member made us wait, over all sessions since this process started.

    Attributes:
        member: who.
        total_us: the sum of the times from the beginning of a phase until it was heard or the phase closed.
        longest_us: the longest of them.
        unheard: how many phases closed without it.
    """

    member: MemberId
    total_us: Instant = 0
    longest_us: Instant = 0
    unheard: int = 0


@dataclass(slots=True)
class _Phase:
    mark: tuple[str, int]
    since: Instant
    expected: tuple[MemberId, ...]
    heard: dict[MemberId, Instant] = field(default_factory=dict)


@dataclass(slots=True)
class Suspicions:
    """What one member's clock says about the others.

    Attributes:
        totals: by member, in the order in which they were first waited for.
    """

    totals: dict[MemberId, Delay] = field(default_factory=dict)
    _open: dict[SessionId, _Phase] = field(default_factory=dict)

    def see(self, progress: PhaseChanged, now: Instant) -> Waited | None:
        """Take the progress of a session: what is known of the phase that is over by it, if one is."""
        mark, known = (progress.phase, progress.step), self._open.get(progress.session)
        if known is not None and known.mark == mark:
            for member in known.expected:
                if member not in progress.missing:
                    known.heard.setdefault(member, now)
            return None
        self._open[progress.session] = _Phase(mark, now, progress.missing)
        return self._close(progress.session, known, now) if known is not None else None

    def forget(self, session: SessionId) -> None:
        """The session is over for us."""
        self._open.pop(session, None)

    def _close(self, session: SessionId, phase: _Phase, now: Instant) -> Waited | None:
        if not phase.expected:
            return None
        waits: list[tuple[MemberId, Instant, bool]] = []
        for member in phase.expected:
            waited = phase.heard.get(member, now) - phase.since
            waits.append((member, waited, member in phase.heard))
            old = self.totals.get(member, Delay(member))
            unheard = old.unheard + (member not in phase.heard)
            self.totals[member] = Delay(member, old.total_us + waited, max(old.longest_us, waited), unheard)
        return Waited(session, *phase.mark, now - phase.since, tuple(waits))
