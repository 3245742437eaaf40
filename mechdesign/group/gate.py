"""Whether a member may sign: not before it asked the others, and never once somebody else signed with its key."""

from mechdesign.group.roster import Roster
from mechdesign.kernel.machine import Instant

__all__ = ["Gate"]


class Gate:
    """Opens when q - 1 others answered, or the round timeout after the first link came up.

    A journal that was restored from a backup would make us sign two blocks for one round; the others can tell, unless
    nobody who knows answers in time. So this is best effort.

    Attributes:
        refusal: why we never sign again in this life; empty while we may.
    """

    def __init__(self, roster: Roster, timeout: Instant) -> None:
        self.refusal = ""
        self._needed = roster.q - 1
        self._timeout = timeout
        self._answers: dict[int, None] = {}
        self._by: Instant | None = None
        self._open = roster.n == 1

    @property
    def asking(self) -> bool:
        """Whether we still wait for answers."""
        return not self._open

    @property
    def deadline(self) -> Instant | None:
        """When the wait for answers ends."""
        return None if self._open else self._by

    def linked(self, now: Instant) -> None:
        """A neighbour can be reached."""
        if self._by is None:
            self._by = now + self._timeout

    def answered(self, place: int, claimed: int, known: int) -> None:
        """A neighbour told its tips: of our blocks the newest that it claims, while ``known`` is the newest we know.

        Whoever claims a newer block of ours than we know of has not answered until we have seen it.
        """
        if claimed <= known:
            self._answers[place] = None

    def stolen(self, round_: int) -> None:
        """A valid block of ours arrived that is not in our journal; everything we sign is there before it leaves."""
        self.refusal = (
            f"a block of round {round_} carries our signature and is not in our journal: the journal was rolled back, "
            "or another process uses our key"
        )

    def forked(self) -> None:
        """A quorum certified a log that is not the one we know: more members lie than the fault model bears."""
        self.refusal = "a quorum signed a checkpoint of another log than ours: more members lie than the roster bears"

    def passes(self, now: Instant) -> bool:
        """Whether we may sign."""
        if not self._open:
            late = self._by is not None and self._by <= now
            self._open = late or len(self._answers) >= self._needed > 0
        return self._open and not self.refusal
