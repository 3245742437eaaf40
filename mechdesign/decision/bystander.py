"""What a member without the code still learns of a session: that a quorum signed a digest."""

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import AttestEntry, SessionEntry, Verdict
from mechdesign.decision.messages import Decided, DecisionEvent, PhaseChanged, SessionId
from mechdesign.decision.phases import Phase
from mechdesign.decision.session import Session
from mechdesign.decision.tally import Tally

__all__ = ["Bystander", "Bystanders"]

_BYSTANDERS_MAX = 1024


class Bystander:
    """Waits for a certificate of one session, and follows nothing else of it.

    Phases depend on what the mechanism asks, so they mean nothing without its code. A quorum of equal attestations
    does: at least one honest member computed it. That a session aborts is not visible from here.

    Args:
        session: as it stood when enrolment had closed.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._tally = Tally(session.roster)

    def apply(self, entry: Entry, said: SessionEntry) -> list[DecisionEvent]:
        """Take an entry; the last event is ``Decided`` when that ended the session."""
        if not isinstance(said, AttestEntry) or not self._tally.add(entry, said):
            return []
        if (certificate := self._tally.certificate) is None:
            return []
        result = Decided(self.session.id, certificate.verdict, certificate.digest, certificate, False, (), b"")
        phase = Phase.SETTLED if certificate.verdict is Verdict.SETTLED else Phase.ABORTED
        roster = self.session.roster
        missing = tuple(member for member in roster.ids if member not in self._tally.said)
        return [PhaseChanged(self.session.id, phase, 0, roster.n - len(missing), roster.n, missing), result]


class Bystanders:
    """The sessions that a member has left; the oldest are forgotten where they are too many."""

    def __init__(self) -> None:
        self._left: dict[SessionId, Bystander] = {}

    def __contains__(self, session: SessionId) -> bool:
        return session in self._left

    def session(self, session: SessionId) -> Session | None:
        """A session as it stood when it was left; None if it was not, or is over."""
        bystander = self._left.get(session)
        return bystander.session if bystander is not None else None

    def stand_by(self, session: Session) -> None:
        """Wait for the certificate of a session whose enrolment has closed."""
        self._left[session.id] = Bystander(session)
        if len(self._left) > _BYSTANDERS_MAX:
            del self._left[next(iter(self._left))]

    def hear(self, entry: Entry, said: SessionEntry) -> list[DecisionEvent]:
        """Take what is said in a session that is not open here."""
        bystander = self._left.get(said.session)
        if bystander is None or not (events := bystander.apply(entry, said)):
            return []
        del self._left[said.session]
        return events
