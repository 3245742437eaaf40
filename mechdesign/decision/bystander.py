"""What a member without the code still learns of a session: that a quorum signed a digest, or that none ever will."""

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import AttestEntry, DeclineEntry, SessionEntry, Verdict
from mechdesign.decision.messages import Aborted, Decided, DecisionEvent, PhaseChanged, SessionId
from mechdesign.decision.phases import Phase
from mechdesign.decision.session import Session
from mechdesign.decision.tally import Tally
from mechdesign.kernel.crypto import MemberId

__all__ = ["Bystander", "Bystanders"]

_BYSTANDERS_MAX = 1024


class Bystander:
    """Waits for a certificate of one session, or until none can come, and follows nothing else of it.

    Phases depend on what the mechanism asks, so they mean nothing without its code. A quorum of equal attestations
    does: at least one honest member computed it. So does a DECLINE that leaves fewer members than a quorum with the
    code: it ends the session for everybody, and nothing has flowed. How else a session aborts is not visible from here.

    Args:
        session: as it stood when enrolment had closed.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._tally = Tally(session.roster)
        self._spoken: dict[MemberId, None] = {}

    def apply(self, entry: Entry, said: SessionEntry) -> list[DecisionEvent]:
        """Take an entry; the last event is ``Decided`` or ``Aborted`` when that ended the session."""
        match said:
            case AttestEntry():
                return self._attested(entry, said)
            case DeclineEntry():
                return self._declined(entry, said)
        return []

    def _attested(self, entry: Entry, said: AttestEntry) -> list[DecisionEvent]:
        self._spoken[entry.sender] = None
        if not self._tally.add(entry, said) or (certificate := self._tally.certificate) is None:
            return []
        result = Decided(self.session.id, certificate.verdict, certificate.digest, certificate, False, (), b"")
        return self._over(Phase.SETTLED if certificate.verdict is Verdict.SETTLED else Phase.ABORTED, result)

    def _declined(self, entry: Entry, said: DeclineEntry) -> list[DecisionEvent]:
        if self.session.roster.place(entry.sender) is None:
            return []
        # Whether an attestation counts is not known here: whoever has made one is taken for a follower.
        attested = entry.sender in self._spoken
        if not self.session.enrolment.take(entry.sender, said, enrolling=False, attested=attested):
            return []
        if self.session.enrolment.followed:
            return []
        return self._over(Phase.ABORTED, Aborted(self.session.id, "fewer members than a quorum have the code", (), ()))

    def _over(self, phase: Phase, end: Decided | Aborted) -> list[DecisionEvent]:
        roster = self.session.roster
        missing = tuple(member for member in roster.ids if member not in self._tally.said)
        return [PhaseChanged(self.session.id, phase, 0, roster.n - len(missing), roster.n, missing), end]


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

    def hear(self, entry: Entry, said: SessionEntry) -> tuple[list[DecisionEvent], Session | None]:
        """Take what is said in a session that is not open here; gives also the session if it has ended empty."""
        bystander = self._left.get(said.session)
        if bystander is None or not (events := bystander.apply(entry, said)):
            return [], None
        del self._left[said.session]
        return events, bystander.session if isinstance(events[-1], Aborted) else None
