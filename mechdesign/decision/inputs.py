"""The entries of a session that counted, and the digest over those that are its inputs."""

from dataclasses import dataclass, field

from mechdesign.decision.certificate import Entry
from mechdesign.decision.record import Chained, Record, chain
from mechdesign.group.roster import Roster

__all__ = ["Inputs"]


@dataclass(slots=True)
class Inputs:
    """What counted, in the order of the log; whatever does not count leaves no trace.

    Attributes:
        digest: over the entries before the freeze; it starts as the session's identifier.
        entries: those before the freeze.
        later: those after it.
        frozen: whether the inputs are complete.
    """

    digest: bytes
    entries: list[Entry] = field(default_factory=list)
    later: list[Entry] = field(default_factory=list)
    frozen: bool = False

    def add(self, entry: Entry) -> None:
        """Keep an entry that counted; until the freeze it is one of the inputs."""
        if self.frozen:
            self.later.append(entry)
            return
        self.entries.append(entry)
        self.digest = chain(self.digest, [Chained.of(entry).leaf])

    @property
    def position(self) -> int:
        """The log position of the last input."""
        return self.entries[-1].position

    @property
    def counted(self) -> int:
        """How many entries counted."""
        return len(self.entries) + len(self.later)

    def record(self, roster: Roster) -> Record:
        """What a transcript carries."""
        return Record(roster, tuple(self.entries), tuple(self.later))
