"""The ballots that this member has been handed, on their way into the log."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mechdesign.decision.ballots.ballot import Ballot, fault
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.entries import CarryEntry
from mechdesign.decision.messages import Carried, Carry, SessionId
from mechdesign.decision.phases import Phase
from mechdesign.decision.session import Session

__all__ = ["WAITING_BYTES_MAX", "Carriage"]

WAITING_BYTES_MAX = 4 << 20
"""Ballots of a session that wait for its enrolment to close are refused beyond so many bytes."""

_ENTRY_OVERHEAD = 128
_BALLOT_OVERHEAD = 5


@dataclass(slots=True)
class Carriage:
    """What waits, by session; nothing of it is in the journal: whoever handed a ballot in does so again."""

    _waiting: dict[SessionId, dict[bytes, None]] = field(default_factory=dict)

    def take(self, session: Session | None, request: Carry) -> Carried:
        """Take ballots; those that are none of an open session, or say nothing new, are not kept."""
        refused: list[tuple[int, str]] = []
        known = 0
        waiting = self._waiting.get(request.session, {})
        room = WAITING_BYTES_MAX - sum(map(len, waiting))
        fresh: dict[bytes, None] = {}
        for place, data in enumerate(request.ballots):
            reason = _refusal(session, data)
            if not reason and (data in waiting or data in fresh or not _news(session, data)):
                known += 1
            elif not reason and len(data) > room:
                reason = "too many ballots wait already"
            elif not reason:
                fresh[data] = None
                room -= len(data)
            if reason:
                refused.append((place, reason))
        if fresh:
            self._waiting[request.session] = {**waiting, **fresh}
        return Carried(request.session, len(fresh), known, tuple(refused))

    def load(self, session: Session) -> list[CarryEntry]:
        """What is to be said now that ballots are gathered: as few entries as they fit into."""
        if session.phase is not Phase.GATHERING:
            return []
        waiting = self._waiting.pop(session.id, {})
        room = session.roster.submission_bytes_max - _ENTRY_OVERHEAD
        return [CarryEntry(session.id, session.step, batch) for batch in _batches(waiting, room)]

    def forget(self, session: SessionId) -> None:
        """The session is over for us."""
        self._waiting.pop(session, None)


def _refusal(session: Session | None, data: bytes) -> str:
    if session is None or not session.proposal.rolled:
        return "no open session with a roll is called so"
    if session.phase not in (Phase.ENROLLING, Phase.GATHERING):
        return "the ballots of this session are in"
    ballot = Ballot.parse(data)
    return "it is no ballot" if ballot is None else fault(ballot, session.setting) or ""


def _news(session: Session | None, data: bytes) -> bool:
    gathering = session.ask if session is not None else None
    return not isinstance(gathering, Gathering) or gathering.news(data)


def _batches(ballots: Iterable[bytes], room: int) -> list[tuple[bytes, ...]]:
    batches: list[list[bytes]] = []
    left = 0
    for data in ballots:
        size = len(data) + _BALLOT_OVERHEAD
        if size > left:
            batches.append([])
            left = room
        batches[-1].append(data)
        left -= size
    return [tuple(batch) for batch in batches]
