"""Proposals in doubt: whether they found a session depends on others, whose end a member without their code never sees.

Whoever knows speaks: every honest member answers what is proposed, and says nothing in a session that was not founded.
So once b + 1 members have spoken in one, it was, and this member enters it where it stands. No session gets past its
enrolment without so many, since it takes a quorum to begin and a quorum's clocks to end; so this member misses
no more than the time until they have spoken. Nothing waits for a proposal in doubt, and a refused one stays in doubt.

Bounds. Of each proposer the latest are kept, as many as it may have open; of each no more than what enrolment keeps.
"""

from dataclasses import dataclass, field

from mechdesign.decision.admission import Admission, began, sessions_per_proposer
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import SessionEntry
from mechdesign.decision.messages import SessionId
from mechdesign.decision.session import Session
from mechdesign.kernel.crypto import MemberId

__all__ = ["Hearsay"]


@dataclass(slots=True)
class _Rumour:
    """A session that was founded, or not, and the members that have spoken in it."""

    session: Session
    speakers: dict[MemberId, None] = field(default_factory=dict)


class Hearsay:
    """The proposals in doubt at one member.

    Args:
        admission: is told of which sessions it is not known whether they were founded, those dropped here included.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        # In log order.
        self._rumours: dict[SessionId, _Rumour] = {}

    def session(self, session: SessionId) -> Session | None:
        """What a proposal in doubt founds, if it does; None if there is none such."""
        rumour = self._rumours.get(session)
        return rumour.session if rumour is not None else None

    def put(self, session: Session) -> None:
        """Take a proposal in doubt."""
        self._admission.doubt(session.proposer, began(session))
        self._rumours[session.id] = _Rumour(session)
        of_it = [name for name, rumour in self._rumours.items() if rumour.session.proposer == session.proposer]
        if len(of_it) > sessions_per_proposer(session.roster.n):
            del self._rumours[of_it[0]]

    def hear(self, entry: Entry, said: SessionEntry) -> Session | None:
        """Take an entry, unless it is the one by which the session is known to be founded: then gives that."""
        rumour = self._rumours.get(said.session)
        if rumour is None:
            return None
        rumour.speakers[entry.sender] = None
        if len(rumour.speakers) > rumour.session.roster.b:
            del self._rumours[said.session]
            self._admission.resolve(rumour.session.proposer, began(rumour.session))
            return rumour.session
        rumour.session.apply(entry, said)
        return None
