"""The contract of every protocol core: three verbs, a deadline, and effects performed in order.

A core knows no socket, no clock and no source of randomness. Time is an argument, entropy is a function given on
construction, and everything it wants done comes back as a sequence of frozen effects. The asyncio node and the
simulator drive the same objects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

__all__ = ["SECOND", "Again", "Entropy", "Instant", "Machine"]

Instant: TypeAlias = int
"""Microseconds on the driver's monotonic clock; only differences mean anything."""

SECOND: Instant = 1_000_000
"""One second as a difference of two instants."""

Entropy: TypeAlias = Callable[[int], bytes]
"""``entropy(n)`` returns n fresh random bytes; seeded in the simulator."""


@dataclass(frozen=True, slots=True)
class Again:
    """Something to be told that an earlier life has told already, after that life's journal was taken back.

    Attributes:
        effect: what is told.
    """

    effect: object


RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
IncomingT_contra = TypeVar("IncomingT_contra", contravariant=True)
EffectT_co = TypeVar("EffectT_co", covariant=True)


class Machine(Protocol[RequestT_contra, IncomingT_contra, EffectT_co]):
    """A deterministic state machine between the layer above and the layer below.

    Effects are performed in the order in which they are returned: an ``Append`` is durable before any later ``Send``
    leaves. ``receive`` never raises, whatever a peer sent; ``submit`` raises ``LocalProtocolError`` when the layer
    above breaks the contract.
    """

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do next, or None."""
        ...

    def submit(self, request: RequestT_contra, now: Instant) -> Sequence[EffectT_co]:
        """Take a request from the layer above."""
        ...

    def receive(self, incoming: IncomingT_contra, now: Instant) -> Sequence[EffectT_co]:
        """Take an event from the layer below."""
        ...

    def tick(self, now: Instant) -> Sequence[EffectT_co]:
        """Do what was due at ``deadline``."""
        ...
