"""Counting attestations until a quorum says the same."""

from collections import Counter
from dataclasses import dataclass, field

from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.entries import AttestEntry
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId

__all__ = ["ATTESTATIONS_MAX", "Tally"]

ATTESTATIONS_MAX = 8
"""No more attestations of a member are looked at in a session, void ones included; nobody honest needs a second one.

Whoever lacks the code cannot tell which ones are void before it has heard a quorum. So it has to keep what may count,
and what those that follow the session count must be among that, however much a liar says.
"""


@dataclass(slots=True)
class Tally:
    """The first attestation of each member that counts, in log order.

    Two statements never both reach a quorum: two quorums share an honest member, and it attests once.

    Attributes:
        roster: who counts, and what a quorum is.
        said: statement and entry of each.
        void: how many attestations of a member counted for nothing before.
    """

    roster: Roster
    said: dict[MemberId, tuple[AttestEntry, Entry]] = field(default_factory=dict)
    void: Counter[MemberId] = field(default_factory=Counter)

    def add(self, entry: Entry, statement: AttestEntry, *, holds: bool = True) -> bool:
        """Count an attestation; False if it is void, or its sender is counted, is no member, or has said enough.

        Args:
            entry: which carried it.
            statement: what it says.
            holds: whether it was said in its time and of it, by a member that may.
        """
        sender = entry.sender
        if sender in self.said or self.void[sender] >= ATTESTATIONS_MAX or self.roster.place(sender) is None:
            return False
        if not holds:
            self.void[sender] += 1
            return False
        self.said[sender] = statement, entry
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
        """Attestations of another outcome of the quorum's inputs, in log order; empty while there is no quorum.

        One of other inputs shows no lie: after a fork, which takes more than b liars, honest members have seen others.
        """
        statement = self.certified
        if statement is None:
            return ()
        return tuple(entry for said, entry in self.said.values() if said.contradicts(statement))

    def _counts(self) -> dict[AttestEntry, int]:
        counts: dict[AttestEntry, int] = {}
        for statement, _ in self.said.values():
            counts[statement] = counts.get(statement, 0) + 1
        return counts
