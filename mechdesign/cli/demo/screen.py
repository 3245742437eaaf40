"""The line of phases, as it grows: redrawn on a terminal, written piece by piece elsewhere."""

import sys
from typing import Any

from mechdesign.cli.output import is_terminal

__all__ = ["Phases", "Screen"]

_LAST = ("settled", "aborted")


class Phases:
    """The phases of one session as one member saw them, with when each began.

    Attributes:
        seen: phase, ask, how many were heard, how many were asked; in order.
        began_us: when each began, in microseconds of the member's monotonic clock.
    """

    def __init__(self) -> None:
        self.seen: list[list[Any]] = []
        self.began_us: list[int] = []

    def take(self, record: dict[str, Any]) -> None:
        """Add what a ``proposed``, ``progress``, ``settled`` or ``aborted`` record says."""
        kind = record["event"]
        phase, step = (record["phase"], record["step"]) if kind == "progress" else (kind, 0)
        if phase in ("proposed", *_LAST):
            step = 0
        if self.seen and self.seen[-1][0] in _LAST:
            return
        if not self.seen and phase != "proposed":
            self._begin("proposed", 0, record)
        if not self.seen or self.seen[-1][:2] != [phase, step]:
            self._begin(phase, step, record)
        if kind == "progress":
            self.seen[-1][2:] = [record["heard"], record["asked"]]

    def _begin(self, phase: str, step: int, record: dict[str, Any]) -> None:
        self.seen.append([phase, step, 0, 0])
        self.began_us.append(int(record["at_us"]))

    @property
    def words(self) -> list[str]:
        """The words of the line."""
        return [_word(phase, heard, asked) for phase, _, heard, asked in self.seen]

    @property
    def ended(self) -> bool:
        """Whether the session is over."""
        return bool(self.seen) and self.seen[-1][0] in _LAST

    def durations(self) -> list[tuple[str, float]]:
        """Each phase with how long it took, in milliseconds; the same phase of several asks is added up."""
        spans: dict[str, float] = {}
        for (phase, *_), began, ended in zip(self.seen, self.began_us, self.began_us[1:], strict=False):
            spans[phase] = spans.get(phase, 0.0) + (ended - began) / 1000
        return list(spans.items())


def _word(phase: str, heard: int, asked: int) -> str:
    if phase == "proposed":
        return "proposed ✓"
    return phase if phase in _LAST else f"{phase} {heard}/{asked}"


class Screen:
    """Shows phases while they happen.

    Args:
        quiet: show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._written = 0
        self._live: Any = None

    def update(self, phases: Phases, others: str) -> None:
        """Show the line as far as it is final; on a terminal also what is not final yet, and where the others are."""
        if self._quiet:
            return
        if is_terminal():
            self._draw(phases, others)
            return
        final = phases.words if phases.ended else phases.words[:-1]
        for word in final[self._written :]:
            sys.stdout.write((" " if self._written else "") + word)
            sys.stdout.flush()
            self._written += 1

    def _draw(self, phases: Phases, others: str) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.text import Text

        if self._live is None:
            self._live = Live(console=Console(highlight=False), auto_refresh=False, transient=True)
            self._live.start()
        words = Text(" ".join(phases.words), style="bold")
        self._live.update(Group(words, Text(others, style="dim")), refresh=True)

    def close(self, phases: Phases) -> None:
        """End the line, with all of it standing on the screen."""
        if self._quiet:
            return
        if self._live is not None:
            self._live.stop()
            self._live = None
            print(" ".join(phases.words), flush=True)
        elif self._written:
            print(flush=True)
        self._written = 0
