"""A transcript as it passes by: its entries one at a time, and a session that does not keep them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mechdesign.decision.certificate import Entry
from mechdesign.decision.inputs import Inputs
from mechdesign.decision.record import (
    FORMAT,
    MAGIC,
    TRANSCRIPT_BYTES_MAX,
    Chained,
    Record,
    chain,
    read_entry,
    read_later,
)
from mechdesign.decision.session import Session
from mechdesign.group.roster import Roster
from mechdesign.kernel.errors import VerificationError, WireError
from mechdesign.kernel.stream import Pieces

__all__ = ["Passing", "forgetful", "read_passing"]


@dataclass(frozen=True, slots=True)
class Passing:
    """What a transcript carries, to be read once.

    Attributes:
        roster: the group's.
        entries: each with whether it stands behind the freeze; reading them raises WireError where they are malformed.
    """

    roster: Roster
    entries: Iterator[tuple[Entry, bool]]


def read_passing(chunks: Iterable[bytes]) -> Passing:
    """Begin to read a transcript.

    Raises:
        VerificationError: it is none of this version.
        WireError: its bytes are not canonical.
    """
    pieces = Pieces(_bounded(chunks))
    head = pieces.array(), pieces.value(), pieces.value()
    if head[:2] != (5, MAGIC) or type(head[2]) is not int or head[2] != FORMAT:
        raise VerificationError("format", "not a transcript of this version")
    encoded = pieces.value()
    roster = Roster.parse(encoded) if isinstance(encoded, bytes) else None
    if roster is None or roster.encoded != encoded:
        raise WireError("its roster has another, canonical form")
    return Passing(roster, _entries(pieces))


def _bounded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > TRANSCRIPT_BYTES_MAX:
            raise WireError(f"it is longer than {TRANSCRIPT_BYTES_MAX >> 20} MB")
        yield chunk


def _entries(pieces: Pieces) -> Iterator[tuple[Entry, bool]]:
    last = -1
    frozen = pieces.array()
    for _ in range(frozen):
        entry = read_entry(pieces.value(), last)
        last = entry.position
        yield entry, False
    for place in range(pieces.array()):
        yield read_later(pieces.value(), frozen + place), True
    pieces.end()


@dataclass(slots=True)
class _Forgetful(Inputs):
    """The digest over the inputs, and the last of them; nothing of the others but their number."""

    passed: int = 0

    def add(self, entry: Entry) -> None:
        """Count an entry."""
        self.passed += 1
        if not self.frozen:
            self.entries[:] = [entry]
            self.digest = chain(self.digest, [Chained.of(entry).leaf])

    @property
    def counted(self) -> int:
        """How many entries counted."""
        return self.passed

    def record(self, roster: Roster) -> Record:
        """Nothing is left to be written down."""
        return Record(roster, (), ())


def forgetful(session: Session) -> Inputs:
    """Have a session that has just been founded forget its entries; gives what it counts them with."""
    known = session._inputs
    session._inputs = _Forgetful(known.digest, list(known.entries), [], known.frozen, len(known.entries))
    return session._inputs
