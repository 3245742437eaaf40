"""What stands above the group at a member that is not in it."""

from collections.abc import Iterable, Sequence

from mechdesign.decision.status import SessionStatus
from mechdesign.decision.suspicion import Delay
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Instant
from mechdesign.mechanisms.events import Asked
from mechdesign.mechanisms.work import Computed

__all__ = ["Outside"]


class Outside:
    """Stands for the two upper cores at one that is not in the group: not yet, or not any more."""

    deadline: Instant | None = None
    hindrance = ""
    overfull: bytes | None = None
    convicts: tuple[tuple[MemberId, str], ...] = ()
    open_sessions: tuple[bytes, ...] = ()

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Secrets of earlier epochs are of no use."""

    def submit(self, request: object, now: Instant) -> Sequence[object]:
        """Refuse.

        Raises:
            LocalProtocolError: always.
        """
        raise LocalProtocolError("this member is not in the group: not yet, or not any more")

    def receive(self, incoming: object, now: Instant) -> Sequence[object]:
        """What the group says on its way in or out concerns nobody."""
        return ()

    def tick(self, now: Instant) -> Sequence[object]:
        """Nothing is ever due."""
        return ()

    def status(self) -> tuple[SessionStatus, ...]:
        """No sessions."""
        return ()

    def suspicions(self) -> tuple[Delay, ...]:
        """Nobody is waited for."""
        return ()

    def setting(self, session: bytes) -> None:
        """No sessions."""

    def custody(self) -> tuple[()]:
        """Nothing is waited for."""
        return ()

    def asked_at(self, session: bytes) -> None:
        """Nothing is computed."""

    def is_open(self, asked: Asked) -> bool:
        """Nothing is asked."""
        return False

    def computed(self, done: Computed) -> tuple[()]:
        """What sessions of an earlier epoch computed concerns nobody any more."""
        return ()

    def finish(self, session: bytes) -> tuple[()]:
        """Nothing is computed."""
        return ()
