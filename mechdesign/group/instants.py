"""Instants at which something is due, where None stands for never."""

from mechdesign.kernel.machine import Instant

__all__ = ["earliest"]


def earliest(*dues: Instant | None) -> Instant | None:
    """The first of some instants, or None where nothing is ever due."""
    # Every driver asks every machine for its deadline after every event: a generator would be half of that.
    first = None
    for due in dues:
        if due is not None and (first is None or due < first):
            first = due
    return first
