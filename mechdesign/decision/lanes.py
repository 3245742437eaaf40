"""What waits for the computation of a session: its own entries, and nothing else.

A *lane* is every entry that concerns one session, in log order. Sessions know nothing of each other, so one lane may
run ahead of another, and every session still has the same history at all members. A lane is *held* while the session
core computes what an entry of it has asked, or while it is not known whether its proposal founds it (``admission.py``);
its entries queue until then. A proof against a member concerns every session: it is kept once, and each lane that is
held comes to it in its turn.

Bounds. Whatever names no session that is open or coming is dropped before it gets here. What queues at one member takes
at most :data:`HELD_BYTES_MAX`; beyond, the member waits for the computation that the earliest lane is held for.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeAlias

from mechdesign.decision.bench import Sentence
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import SessionEntry
from mechdesign.decision.messages import SessionId

__all__ = ["HELD_BYTES_MAX", "Item", "Lanes", "Word", "room"]

HELD_BYTES_MAX = 64 << 20
"""What is queued or waits to be booked takes no more at one member, in bytes."""

_ITEM_BYTES = 1024
# An entry's signed header, its path in the block and its place in the queue.

_POSITION = attrgetter("entry.position")


def room(entry: Entry) -> int:
    """How many bytes an entry counts for while it waits."""
    return _ITEM_BYTES + len(entry.submission.data)


@dataclass(frozen=True, slots=True)
class Word:
    """An entry of a session.

    Attributes:
        entry: as it stands in the log.
        said: what it says.
    """

    entry: Entry
    said: SessionEntry


Item: TypeAlias = Word | Sentence
"""What a lane comes to."""


@dataclass(slots=True)
class _Lane:
    """A lane that is held, or works off what has queued: up to which log position."""

    at: int
    words: deque[Word] = field(default_factory=deque)


@dataclass(slots=True)
class Lanes:
    """The lanes that are held at one member.

    Attributes:
        size: how many bytes are queued.
    """

    size: int = 0
    _lanes: dict[SessionId, _Lane] = field(default_factory=dict)
    # Of those, the ones that are held for a computation, in the order in which they began to be.
    _computing: dict[SessionId, _Lane] = field(default_factory=dict)
    # In log order; those that no lane has yet to come to are dropped.
    _sentences: list[Sentence] = field(default_factory=list)

    def __contains__(self, session: SessionId) -> bool:
        return session in self._lanes

    @property
    def frontier(self) -> int | None:
        """The first log position at which a computation may have consequences, or None."""
        return min((lane.at for lane in self._computing.values()), default=None)

    @property
    def first(self) -> SessionId | None:
        """The session that computes at the frontier, or None."""
        return min(self._computing, key=lambda session: self._computing[session].at, default=None)

    def since(self, session: SessionId) -> int | None:
        """The log position of what is computed for a session, or None."""
        lane = self._computing.get(session)
        return lane.at if lane is not None else None

    def open(self, session: SessionId, position: int) -> None:
        """Let what follows a log position in a session queue until :meth:`take`, whatever its proposal comes to."""
        self._lanes[session] = _Lane(position)

    def hold(self, session: SessionId, position: int) -> None:
        """Hold a lane until what a log position asked is computed."""
        lane = self._computing[session] = self._lanes.setdefault(session, _Lane(position))
        lane.at = position

    def release(self, session: SessionId) -> int:
        """A computation is done, what has queued can be taken; gives the log position that asked for it."""
        return self._computing.pop(session).at

    def put(self, word: Word) -> None:
        """Queue an entry of a session whose lane is held."""
        self.size += room(word.entry)
        self._lanes[word.said.session].words.append(word)

    def judge(self, sentence: Sentence) -> None:
        """Have all lanes that are held come to a sentence."""
        if self._lanes:
            self.size += room(sentence.entry)
            self._sentences.append(sentence)

    def take(self, session: SessionId) -> Item | None:
        """What a lane comes to next; None if it is held again, or has come to the end of the log."""
        lane = self._lanes.get(session)
        if lane is None or session in self._computing:
            return None
        at = bisect_right(self._sentences, lane.at, key=_POSITION)
        sentence = self._sentences[at] if at < len(self._sentences) else None
        if sentence is not None and not (lane.words and lane.words[0].entry.position < sentence.entry.position):
            lane.at = sentence.entry.position
            return sentence
        if not lane.words:
            del self._lanes[session]
            return None
        word = lane.words.popleft()
        self.size -= room(word.entry)
        lane.at = word.entry.position
        return word

    def drop(self, session: SessionId) -> None:
        """What was said in a session is for nobody: it is not founded."""
        self.size -= sum(room(word.entry) for word in self._lanes.pop(session).words)

    def trim(self, frontier: int | None) -> None:
        """Forget the sentences up to a log position before which all lanes are worked off; None for all of them."""
        sentences = self._sentences
        over = len(sentences) if frontier is None else bisect_right(sentences, frontier, key=_POSITION)
        self.size -= sum(room(sentence.entry) for sentence in sentences[:over])
        del sentences[:over]
