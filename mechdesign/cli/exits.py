"""Exit codes of every command; scripts rely on them, so they are documented and never change their meaning."""

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """What the exit code of a command says."""

    OK = 0
    """Done; what was checked holds."""
    DOES_NOT_HOLD = 1
    """What was checked does not hold: a transcript, an evidence, or the agreement of the players of a demo."""
    USAGE = 2
    """A wrong option or an unusable file; the message names the value and says what to do."""
    STALLED = 3
    """Not finished in time: too few members were up and talking."""
    ABORTED = 4
    """A session ended without an outcome, at every member alike."""
    BUG = 70
    """An error in this program; the traceback belongs in a report."""
    INTERRUPTED = 130
    """Stopped from the keyboard or by a signal."""
