"""What a member without the code still learns of a session: that a quorum signed a digest."""

from mechdesign.decision.admission import Admission
from mechdesign.decision.ask import waits_for
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import AttestEntry, DeclineEntry, SessionEntry, Verdict
from mechdesign.decision.messages import Decided, DecisionEvent, Forgotten, PhaseChanged, SessionId
from mechdesign.decision.phases import Phase
from mechdesign.decision.session import Session
from mechdesign.decision.tally import ATTESTATIONS_MAX, Tally

__all__ = ["Bystander", "Bystanders"]

_BYSTANDERS_MAX = 1024


class Bystander:
    """Waits for a certificate of one session, and follows nothing else of it but who leaves it.

    Phases depend on what the mechanism asks, so they mean nothing without its code. A quorum of equal attestations
    does: at least one honest member computed it. That a session aborts is not visible from here.

    Those that follow the session count the same attestations, whatever liars say and when: of each member the first one
    that names the position of the freeze and comes behind it, if it has not left before, among as many as are looked at
    (:data:`ATTESTATIONS_MAX`). Here that position is not known, but what a quorum says names it; so there is
    a tally for each that is named, and no other than the right one ever gets a quorum, since no honest member is in it.

    Args:
        session: as it stood when enrolment had closed.

    Attributes:
        decided: whether a quorum has signed.
        over: whether the session has surely ended at those that follow it, since they wait for nobody any more; they
            may have ended it earlier, by their timers.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.decided = False
        self.over = False
        self._enrolment = session.enrolment
        self._looked_at = session.tally.void.copy()
        self._tallies: dict[int, Tally] = {}

    def apply(self, entry: Entry, said: SessionEntry) -> list[DecisionEvent]:
        """Take an entry; the last event is ``Decided`` when that is known by it, once."""
        sender = entry.sender
        if isinstance(said, DeclineEntry):
            # Who has attested does not leave, but it makes no difference: what it said stands.
            self._enrolment.take(sender, said, enrolling=False, attested=False)
        elif isinstance(said, AttestEntry) and self._looked_at[sender] < ATTESTATIONS_MAX:
            self._looked_at[sender] += 1
            if said.position < entry.position and sender not in self._enrolment.left:
                self._tallies.setdefault(said.position, Tally(self.session.roster)).add(entry, said)
        tally = next((each for each in self._tallies.values() if each.certified is not None), None)
        certificate = tally.certificate if tally is not None else None
        if tally is None or certificate is None:
            return []
        waits = waits_for(self._enrolment.followers, tally.said)
        self.over = not waits.missing
        if self.decided:
            return []
        self.decided = True
        result = Decided(self.session.id, certificate.verdict, certificate.digest, certificate, False, (), b"")
        phase = Phase.SETTLED if certificate.verdict is Verdict.SETTLED else Phase.ABORTED
        return [PhaseChanged(self.session.id, phase, 0, waits.heard, waits.needed, waits.missing), result]


class Bystanders:
    """The sessions that a member has left; the oldest are forgotten where they are too many.

    Args:
        admission: is told of which sessions the end is not known, those that are forgotten included.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._left: dict[SessionId, Bystander] = {}

    def __contains__(self, session: SessionId) -> bool:
        return session in self._left

    def session(self, session: SessionId) -> Session | None:
        """A session as it stood when it was left; None if it was not, or is over."""
        bystander = self._left.get(session)
        return bystander.session if bystander is not None else None

    def stand_by(self, session: Session, position: int) -> list[Forgotten]:
        """Wait for the certificate of a session left at a log position; gives what is waited for no more."""
        self._admission.doubt(session.proposer, position)
        self._left[session.id] = Bystander(session)
        if len(self._left) <= _BYSTANDERS_MAX:
            return []
        oldest = self._left.pop(next(iter(self._left)))
        return [] if oldest.decided else [Forgotten(oldest.session.id)]

    def hear(self, entry: Entry, said: SessionEntry) -> list[DecisionEvent]:
        """Take what is said in a session that is not open here."""
        bystander = self._left.get(said.session)
        if bystander is None:
            return []
        events = bystander.apply(entry, said)
        if bystander.over:
            del self._left[said.session]
            self._admission.resolve(bystander.session.proposer, entry.position)
        return events
