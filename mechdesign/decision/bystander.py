"""What a member without the code still learns of a session: that a quorum signed a digest."""

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import AttestEntry, Verdict
from mechdesign.decision.messages import Decided, DecisionEvent, PhaseChanged
from mechdesign.decision.phases import Phase
from mechdesign.decision.tally import Tally
from mechdesign.group.roster import Roster

__all__ = ["Bystander"]


class Bystander:
    """Waits for a certificate of one session and follows nothing else of it.

    Phases depend on what the mechanism asks, so they mean nothing without its code. A quorum of equal attestations
    does: at least one honest member computed it. How a session aborts is not visible from here.
    """

    def __init__(self, roster: Roster, session: bytes) -> None:
        self.roster = roster
        self.id = session
        self._tally = Tally(roster)

    def apply(self, entry: Entry, said: AttestEntry) -> list[DecisionEvent]:
        """Count an attestation; the last event is ``Decided`` when that made a quorum."""
        if not self._tally.add(entry, said) or (certificate := self._tally.certificate) is None:
            return []
        phase = Phase.SETTLED if certificate.verdict is Verdict.SETTLED else Phase.ABORTED
        missing = tuple(member for member in self.roster.ids if member not in self._tally.said)
        heard = self.roster.n - len(missing)
        return [
            PhaseChanged(self.id, phase, 0, heard, self.roster.n, missing),
            Decided(self.id, certificate.verdict, certificate.digest, certificate, False, (), b""),
        ]
