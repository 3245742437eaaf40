"""Which valid proposals found a session: a function of the log, so that all members admit the same ones.

How many sessions its proposer has open where a proposal stands decides. A member that still computes one of them may
not know whether that has ended by then: the proposal waits, unless it is admitted either way, or refused. Of a session
that it left for lack of the code it may never know. Where these decide, the proposal is in doubt; it does not wait, and
what others say of it tells, see ``hearsay.py``.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice

from mechdesign.decision.certificate import Entry
from mechdesign.decision.lanes import Lanes, room
from mechdesign.decision.messages import SessionId
from mechdesign.decision.session import Session
from mechdesign.kernel.crypto import MemberId

__all__ = [
    "SESSIONS_MAX",
    "SESSIONS_PER_PROPOSER",
    "Admission",
    "Founding",
    "Ruling",
    "refusal",
    "sessions_per_proposer",
]

SESSIONS_PER_PROPOSER = 64
"""A proposal of a member that has so many sessions open founds none, nor one that has its share of the following."""

SESSIONS_MAX = 1024
"""No more sessions are open at a time. Each member has an equal share of them for itself, at least one, which the
proposals of others cannot use up: however many liars propose, they leave the honest members' shares alone."""

_CHANGING = "the members are changing: propose it again when they have"


def sessions_per_proposer(n: int) -> int:
    """How many sessions of one proposer can be open in a group of n members."""
    return min(SESSIONS_PER_PROPOSER, max(1, SESSIONS_MAX // n))


def refusal(proposed: Session, sessions: Iterable[Session], closing: bool) -> str:
    """Why a proposal founds no session while these are open, or an empty text.

    Args:
        proposed: the session that it would found.
        sessions: those that are open.
        closing: whether a change of the view was ordered.
    """
    running = sum(other.proposer == proposed.proposer for other in sessions)
    return _CHANGING if closing else _crowd(running, sessions_per_proposer(proposed.roster.n))


def _crowd(running: int, limit: int) -> str:
    return f"its proposer has {running} sessions open already" if running >= limit else ""


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
class Ruling:
    """What becomes of a proposal at this member.

    Attributes:
        founding: the proposal.
        reason: why it is refused; empty if it is not.
        doubtful: whether it is in doubt; otherwise, and without a reason, it is admitted.
    """

    founding: Founding
    reason: str = ""
    doubtful: bool = False


@dataclass(slots=True)
class _Waiting:
    """A proposal that waits.

    Attributes:
        founding: the proposal.
        doubts: how many sessions of its proposer may be open where it stands, for all that this member will know.
        ended: how many sessions that were open where it stands have ended since.
    """

    founding: Founding
    doubts: int
    ended: int = 0


@dataclass(slots=True)
class Admission:
    """The proposals that are neither admitted nor refused yet at one member.

    Attributes:
        lanes: what waits for the computations of open sessions, and for these proposals.
        size: about how many bytes wait.
    """

    lanes: Lanes
    size: int = 0
    # In log order; and the same by their proposers.
    _coming: dict[SessionId, Founding] = field(default_factory=dict)
    _lines: dict[MemberId, dict[SessionId, _Waiting]] = field(default_factory=dict)
    # By proposers, at the end of the log.
    _doubts: Counter[MemberId] = field(default_factory=Counter)

    @property
    def coming(self) -> tuple[SessionId, ...]:
        """The sessions that may still be founded, in log order."""
        return tuple(self._coming)

    @property
    def frontier(self) -> int | None:
        """The first log position at which an entry has not had all its consequences, or None."""
        first, computing = next(iter(self._coming.values()), None), self.lanes.frontier
        waiting = first.entry.position if first is not None else None
        return min((position for position in (waiting, computing) if position is not None), default=None)

    def find(self, session: SessionId) -> Session | None:
        """A session that may still be founded, or None."""
        founding = self._coming.get(session)
        return founding.session if founding is not None else None

    def put(self, founding: Founding) -> list[MemberId]:
        """Take the proposal at the end of the log: news of its proposer, unless so many wait that it must, too."""
        session = founding.session
        self.size += room(founding.entry)
        self.lanes.open(session.id, founding.entry.position)
        self._coming[session.id] = founding
        line = self._lines.setdefault(session.proposer, {})
        line[session.id] = _Waiting(founding, self._doubts[session.proposer])
        return [session.proposer] if len(line) <= sessions_per_proposer(session.roster.n) else []

    def drop(self, founding: Founding) -> None:
        """A proposal is admitted or refused."""
        session = founding.session
        self.size -= room(founding.entry)
        del self._coming[session.id]
        line = self._lines[session.proposer]
        del line[session.id]
        if not line:
            del self._lines[session.proposer]

    def end(self, session: Session, position: int) -> None:
        """A session has ended at a log position, or is none of this member's from there on."""
        for waiting in self._lines.get(session.proposer, {}).values():
            waiting.ended += began(session) < waiting.founding.entry.position < position

    def doubt(self, proposer: MemberId, position: int) -> None:
        """From a log position on, this member does not know whether one more session of a proposer is open."""
        self._shift(proposer, position, 1)

    def resolve(self, proposer: MemberId, position: int) -> None:
        """From a log position on, it knows of one session fewer that it does not."""
        self._shift(proposer, position, -1)

    def _shift(self, proposer: MemberId, position: int, by: int) -> None:
        self._doubts[proposer] += by
        if not self._doubts[proposer]:
            del self._doubts[proposer]
        for waiting in self._lines.get(proposer, {}).values():
            waiting.doubts += by * (position < waiting.founding.entry.position)

    def decide(self, news: list[MemberId], sessions: Collection[Session]) -> Ruling | None:
        """A proposal whose fate is known, or that is in doubt though everything before it is known.

        Args:
            news: the proposers of what may have changed; taken off where nothing follows from it.
            sessions: those that are open, by what was worked off.
        """
        frontier = self.frontier
        first = next(iter(self._coming.values()), None)
        if first is not None and first.entry.position == frontier:
            news.append(first.session.proposer)
        while news:
            if (decided := self._next(news[-1], sessions, frontier)) is not None:
                return decided
            news.pop()
        return None

    def _next(self, proposer: MemberId, sessions: Collection[Session], frontier: int | None) -> Ruling | None:
        if (line := self._lines.get(proposer)) is None:
            return None
        of_it = [(began(each), self.lanes.since(each.id)) for each in sessions if each.proposer == proposer]
        limit = sessions_per_proposer(self._coming[next(iter(line))].session.roster.n)
        # Behind so many that may be admitted, none can be.
        for before, waiting in enumerate(islice(line.values(), limit)):
            founding, position = waiting.founding, waiting.founding.entry.position
            open_ = [since for began, since in of_it if began < position]
            unknown = sum(since is not None and since < position for since in open_)
            surely = len(open_) - unknown + waiting.ended
            if reason := _CHANGING if founding.closing else _crowd(surely, limit):
                return Ruling(founding, reason)
            # Whether the books have room for deposits depends on everything before.
            ripe = position == frontier or not founding.session.proposal.takes_deposits
            if ripe and surely + unknown + before + waiting.doubts < limit:
                return Ruling(founding)
            if position == frontier:
                return Ruling(founding, doubtful=True)
        return None


def began(session: Session) -> int:
    """The log position of the proposal that founded a session."""
    return session.setting.founding.position
