"""The log by proposers: what concerns the sessions of one waits for them, and for nobody else's.

A *lane* is every entry that concerns the sessions of one proposer, in log order. How many sessions a proposer has open
decides alone which of its proposals count (``admission.py``), so a lane is a function of its own entries: another lane
may run ahead of it. A lane is *held* while the session core computes what an entry of it has asked, or while the books
have to be known up to a proposal that takes deposits; its entries queue until then.

Bounds. Whatever names no session of the lane is dropped before it gets here. What queues at one member takes at most
:data:`HELD_BYTES_MAX`; beyond, the member waits for the computation that the earliest lane is held for.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TypeAlias

from mechdesign.decision.bench import Sentence
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import SessionEntry
from mechdesign.decision.messages import SessionId
from mechdesign.decision.session import Session
from mechdesign.kernel.crypto import MemberId

__all__ = ["HELD_BYTES_MAX", "Founding", "Item", "Lanes", "Word"]

HELD_BYTES_MAX = 64 << 20
"""What is queued or waits to be booked takes no more at one member, in bytes."""

_ITEM_BYTES = 1024
# An entry's signed header, its path in the block and its place in the queue.


@dataclass(frozen=True, slots=True)
class Founding:
    """A proposal that is valid.

    Attributes:
        entry: which carried it.
        session: that it founds, where it is admitted.
        closing: whether a change of the view had been ordered by then.
    """

    entry: Entry
    session: Session
    closing: bool


@dataclass(frozen=True, slots=True)
class Word:
    """An entry of a session.

    Attributes:
        entry: as it stands in the log.
        said: what it says.
    """

    entry: Entry
    said: SessionEntry


Item: TypeAlias = Founding | Word | Sentence
"""What queues in a lane."""


@dataclass(slots=True)
class _Lane:
    """A lane that is held, or works off what has queued (then ``since`` is None)."""

    since: int | None
    session: SessionId | None = None
    queue: deque[Item] = field(default_factory=deque)


@dataclass(slots=True)
class Lanes:
    """The lanes that are held at one member.

    Attributes:
        coming: the sessions that queued proposals would found.
        size: how many bytes are queued.
    """

    coming: dict[SessionId, Session] = field(default_factory=dict)
    size: int = 0
    # In how many lanes each sentence queues, by its log position: all of them hold the same one.
    _sentences: Counter[int] = field(default_factory=Counter)
    _lanes: dict[MemberId, _Lane] = field(default_factory=dict)

    def __contains__(self, proposer: MemberId) -> bool:
        return proposer in self._lanes

    @property
    def held(self) -> tuple[MemberId, ...]:
        """Whose lanes are held, in the order in which they began to be."""
        return tuple(self._lanes)

    @property
    def frontier(self) -> int | None:
        """The first log position at which an entry has not had all its consequences, or None."""
        return min((lane.since for lane in self._lanes.values() if lane.since is not None), default=None)

    @property
    def first(self) -> tuple[MemberId, SessionId | None] | None:
        """Whose lane is held at the frontier, and for which session's computation; None for the books."""
        since = self.frontier
        return next(((of, lane.session) for of, lane in self._lanes.items() if lane.since == since), None)

    def hold(self, proposer: MemberId, position: int, session: SessionId | None) -> None:
        """Hold a lane at a log position: until a session is computed, or with None until the books are known."""
        lane = self._lanes.setdefault(proposer, _Lane(position))
        lane.since, lane.session = position, session

    def release(self, proposer: MemberId) -> int:
        """End what a lane is held for; its queue can be worked off. Gives the position at which it was held."""
        lane = self._lanes[proposer]
        assert lane.since is not None  # whoever answers was asked
        since, lane.since, lane.session = lane.since, None, None
        return since

    def put(self, proposer: MemberId, item: Item, *, first: bool = False) -> None:
        """Queue an item, or put it back where it was taken."""
        queue = self._lanes[proposer].queue
        (queue.appendleft if first else queue.append)(item)
        self.size += self._room(item, 1)
        if isinstance(item, Founding):
            self.coming[item.session.id] = item.session

    def take(self, proposer: MemberId) -> Item | None:
        """The next item of a lane that is not held any more; None if it is held again, or there is none."""
        lane = self._lanes.get(proposer)
        if lane is None or lane.since is not None:
            return None
        if not lane.queue:
            del self._lanes[proposer]
            return None
        item = lane.queue.popleft()
        self.size -= self._room(item, -1)
        if isinstance(item, Founding):
            del self.coming[item.session.id]
        return item

    def earlier(self, position: int) -> bool:
        """Whether a lane is held at an earlier log position."""
        frontier = self.frontier
        return frontier is not None and frontier < position

    def _room(self, item: Item, change: int) -> int:
        """How many bytes an item takes that comes (1) or goes (-1), beside those that queue."""
        size = _ITEM_BYTES + len(item.entry.submission.data)
        if not isinstance(item, Sentence):
            return size
        others = self._sentences[item.entry.position] + min(change, 0)
        self._sentences[item.entry.position] += change
        if not self._sentences[item.entry.position]:
            del self._sentences[item.entry.position]
        return _ITEM_BYTES if others else size
