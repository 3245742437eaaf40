"""What the books are told, in the order of the log, whatever order the lanes of the sessions run in.

A session may end while an earlier entry of another one still waits for its consequences (``lanes.py``). So
ends, pay-outs and the change of the members that was ordered wait here until every earlier entry has had its own: the
books of all members pass through the same states.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeAlias

from mechdesign.decision.bench import Bench
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.epoch import Ending, Epoch
from mechdesign.decision.messages import Booked, SessionId
from mechdesign.decision.session import Session
from mechdesign.group.messages import Ready
from mechdesign.kernel.crypto import MemberId

__all__ = ["Clearing"]

_ITEM_BYTES = 1024
_FLOW_BYTES = 256


@dataclass(frozen=True, slots=True)
class _Payout:
    sender: MemberId
    said: PayoutEntry


@dataclass(frozen=True, slots=True)
class _Change:
    """The members change: sessions that are founded later are refused."""


_Item: TypeAlias = Ending | _Payout | _Change


@dataclass(slots=True)
class Clearing:
    """What is to be booked.

    Attributes:
        epoch: whose books.
        bench: whose convictions go into the next epoch with them.
        size: about how many bytes wait.
    """

    epoch: Epoch
    bench: Bench
    size: int = 0
    _ends: int = 0
    _changing: bool = False
    # The custodians of sessions whose ends wait here, and the pay-outs that will count if one of their name is due.
    _custodians: dict[SessionId, str] = field(default_factory=dict)
    _sure: dict[PayoutEntry, None] = field(default_factory=dict)
    # Where the last session ended, or the change was ordered.
    _last: int = 0
    # By log position; at one position sessions end in the order in which they were founded, and the change comes last.
    _items: list[tuple[int, int, _Item]] = field(default_factory=list)

    def end(self, ending: Ending, founded: int) -> None:
        """Take the end of a session that was founded at a log position."""
        self._ends += 1
        self._custodians[ending.session] = ending.proposal.custodian
        self._push(ending.position, founded, ending)

    def pay(self, position: int, sender: MemberId, said: PayoutEntry, session: Session | None) -> None:
        """Take a pay-out that a custodian reports; what cannot count is not kept.

        Args:
            position: where in the log.
            sender: who reports it.
            said: what.
            session: the session, if it has not ended yet.
        """
        owing = self.epoch.books.owing(said.session, said.party) or self._custodians.get(said.session)
        later = session.proposal.custodian if session is not None else None
        if not self.epoch.owes(sender, owing or later) or said in self._sure:
            return
        if owing:
            # Where the session may still end behind it, a second one may be the one that counts.
            self._sure[said] = None
        self._push(position, 0, _Payout(sender, said))

    def change(self, position: int) -> None:
        """Take that a change of the members was ordered behind a position."""
        self._push(position, position + 1, _Change())

    def clear(self, frontier: int | None, open_sessions: Collection[SessionId]) -> list[Booked | Ready]:
        """Book everything before a log position, and say when nothing is left to book.

        Args:
            frontier: the first position that may still have consequences; None if there is none.
            open_sessions: what has not ended, by the entries that were worked off.
        """
        effects: list[Booked | Ready] = []
        while self._items and (frontier is None or self._items[0][0] < frontier):
            # First: a pay-out that was ordered behind the last end is for the next epoch.
            effects += self._ready(open_sessions)
            position, _, item = heappop(self._items)
            self.size -= _size(item)
            match item:
                case Ending():
                    self._ends, self._last = self._ends - 1, position
                    del self._custodians[item.session]
                    effects += self.epoch.book(item)
                case _Payout(sender, said):
                    self._sure.pop(said, None)
                    self.epoch.pay(sender, said)
                case _Change():
                    self._changing, self._last = True, position
        return [*effects, *self._ready(open_sessions)]

    def _ready(self, open_sessions: Collection[SessionId]) -> list[Ready]:
        if not self._changing or self._ends:
            return []
        return self.epoch.ready(open_sessions, self.bench.convicted_by(self._last))

    def _push(self, position: int, place: int, item: _Item) -> None:
        self.size += _size(item)
        heappush(self._items, (position, place, item))


def _size(item: _Item) -> int:
    if not isinstance(item, Ending):
        return _ITEM_BYTES
    return _ITEM_BYTES + len(item.proposal.parameters) + _FLOW_BYTES * (len(item.flows) + len(item.received))
