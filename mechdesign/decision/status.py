"""What a person wants to know about an open session."""

from dataclasses import dataclass

from mechdesign.kernel.machine import Instant

__all__ = ["SessionStatus"]


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A local view of one open session; waiting is never an ordered fact.

    Attributes:
        session: its identifier.
        mechanism: name and version, such as ``auction.second-price/1``.
        phase: where it stands.
        step: the ask.
        heard: how many were heard in this phase.
        asked: how many it waits for.
        missing: names of the others, in roster order.
        since: when this member's own log entered the phase.
    """

    session: bytes
    mechanism: str
    phase: str
    step: int
    heard: int
    asked: int
    missing: tuple[str, ...]
    since: Instant
