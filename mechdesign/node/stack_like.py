"""What a node drives."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from mechdesign.kernel.machine import Instant
from mechdesign.mechanisms.events import UserRequest
from mechdesign.stack import StackEffect, StackStatus
from mechdesign.transport.messages import LinkEvent

__all__ = ["StackLike"]


class StackLike(Protocol):
    """A stack, or what an adversary makes of one."""

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do next."""
        ...

    def submit(self, request: UserRequest, now: Instant) -> Sequence[StackEffect]:
        """Take a request of the party."""
        ...

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[StackEffect]:
        """Take a link event."""
        ...

    def tick(self, now: Instant) -> Sequence[StackEffect]:
        """Do what was due."""
        ...

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[StackEffect]:
        """Rebuild from the journal, once."""
        ...

    def status(self) -> StackStatus:
        """The member's local view."""
        ...
