"""Counting attestations until a quorum says the same."""

from dataclasses import dataclass, field

from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.entries import AttestEntry
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """The first attestation of each member, in log order.

    Two statements never both reach a quorum: two quorums share an honest member, and it attests once.

    Attributes:
        roster: who counts, and what a quorum is.
        said: statement and entry of each.
    """

    roster: Roster
    said: dict[MemberId, tuple[AttestEntry, Entry]] = field(default_factory=dict)

    def add(self, entry: Entry, statement: AttestEntry) -> bool:
        """Count an attestation; False if its sender is counted already or is no member."""
        if entry.sender in self.said or self.roster.place(entry.sender) is None:
            return False
        self.said[entry.sender] = statement, entry
        return True

    @property
    def most(self) -> int:
        """How many the most frequent statement has."""
        return max(self._counts().values(), default=0)

    @property
    def certified(self) -> AttestEntry | None:
        """The statement that a quorum signed, if there is one."""
        return next((statement for statement, count in self._counts().items() if count >= self.roster.q), None)

    @property
    def certificate(self) -> Certificate | None:
        """Every equal signature on the certified statement, in roster order."""
        statement = self.certified
        if statement is None:
            return None
        heard = (self.said.get(member) for member in self.roster.ids)
        equal = [each[1] for each in heard if each is not None and each[0] == statement]
        return Certificate(statement, tuple((entry.submission, entry.inclusion) for entry in equal))

    @property
    def wrong(self) -> tuple[Entry, ...]:
        """Attestations that say other than a quorum does, in log order; empty while there is no quorum."""
        statement = self.certified
        if statement is None:
            return ()
        return tuple(entry for said, entry in self.said.values() if said != statement)

    def _counts(self) -> dict[AttestEntry, int]:
        counts: dict[AttestEntry, int] = {}
        for statement, _ in self.said.values():
            counts[statement] = counts.get(statement, 0) + 1
        return counts
