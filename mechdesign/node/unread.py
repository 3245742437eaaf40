"""What was heard and is not read yet: a bounded number of bytes, from which the oldest fall out where a reader is slow.

A reader may be as slow as it likes: that costs no other member anything, and this one no more memory than the bound.
What fell out is counted, and the reader is told at that very place, before it reads what came later.
"""

from collections import deque
from typing import Generic, Protocol, TypeVar

from mechdesign.kernel.errors import MissedError

__all__ = ["Unread"]

_OVERHEAD_BYTES = 256
# Counted for each message besides its content: about what it costs in memory.


class _Message(Protocol):
    @property
    def data(self) -> bytes | None: ...


MessageT = TypeVar("MessageT", bound=_Message)


class Unread(Generic[MessageT]):
    """Messages in the order in which they came.

    Args:
        bytes_max: how much is kept of what comes; what came last is kept whatever its length.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._missed = 0
        self._again: deque[MessageT] = deque()
        self._new: deque[MessageT] = deque()

    def __bool__(self) -> bool:
        return bool(self._again or self._new)

    def put(self, message: MessageT, *, again: bool = False) -> None:
        """A message came; one that is told again after a restart is kept until it is read, and comes before all others.

        What is told again is in the journal, and so has a bound already.
        """
        if again:
            self._again.append(message)
            return
        self._new.append(message)
        self._bytes += _size(message)
        while self._bytes > self._bytes_max and len(self._new) > 1:
            self._bytes -= _size(self._new.popleft())
            self._missed += 1

    def take(self) -> MessageT:
        """The oldest message; there is one.

        Raises:
            MissedError: messages before it fell out; the next call gives it.
        """
        if self._again:
            return self._again.popleft()
        if self._missed:
            missed, self._missed = self._missed, 0
            raise MissedError(missed)
        message = self._new.popleft()
        self._bytes -= _size(message)
        return message


def _size(message: _Message) -> int:
    return _OVERHEAD_BYTES + len(message.data or b"")
