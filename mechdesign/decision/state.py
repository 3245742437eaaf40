"""What the decision layer takes from one epoch into the next: balances, pay-outs that are due, convictions."""

from collections.abc import Iterable
from dataclasses import dataclass

from mechdesign.decision.books import Books
from mechdesign.decision.offence import Offence
from mechdesign.group.roster import MEMBERS_MAX, Roster
from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import Value, decode, encode

__all__ = ["STATE_BYTES_MAX", "EpochState"]

STATE_BYTES_MAX = 960 * 1024
"""No state is longer: the fullest books, the largest roster and its convictions stay below, and it fits a frame."""

_MAGIC = "mechdesign/decision-state/1"


@dataclass(frozen=True, slots=True)
class EpochState:
    """The state of the decision layer at the end of an epoch, when no session is open.

    Attributes:
        books: the balances.
        members: names and keys of the epoch's members, in roster order.
        convicts: members of the epoch that were convicted in it or before, with their offences.
    """

    books: Books
    members: tuple[tuple[str, MemberId], ...]
    convicts: tuple[tuple[MemberId, str], ...]

    @classmethod
    def of(cls, books: Books, roster: Roster, convicts: Iterable[tuple[MemberId, str]]) -> "EpochState":
        """The state at the end of the epoch of a roster."""
        standing = sorted({each for each in convicts if roster.place(each[0]) is not None})
        return cls(books, tuple((member.name, member.id) for member in roster.members), tuple(standing))

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((_MAGIC, self.members, self.convicts, *self.books.packed))

    @classmethod
    def parse(cls, data: bytes) -> "EpochState | None":
        """Read the bytes of :attr:`encoded`; None if they are no state. Never raises."""
        try:
            value = decode(data, bytes_max=STATE_BYTES_MAX)
        except WireError:
            return None
        match value:
            case (str(magic), tuple(named), tuple(accused), tuple(lines), tuple(dues)) if magic == _MAGIC:
                members = [each for each in map(_member, named) if each]
                convicts = [each for each in map(_convict, accused) if each]
                books = Books.unpack(lines, dues)
                if books is None or len(members) < len(named) or len(convicts) < len(accused):
                    return None
                fits = len(members) <= MEMBERS_MAX and convicts == sorted(set(convicts))
                return cls(books, tuple(members), tuple(convicts)) if fits else None
        return None

    def carried(self, roster: Roster) -> tuple[Books, tuple[tuple[MemberId, str], ...]]:
        """Books and convictions as the next epoch begins with them."""
        standing = tuple(each for each in self.convicts if roster.place(each[0]) is not None)
        return self.books.renamed(self.members, roster), standing


def _member(value: Value) -> tuple[str, MemberId] | None:
    match value:
        case (str(name), bytes(key)) if len(key) == KEY_BYTES:
            return name, MemberId(key)
    return None


def _convict(value: Value) -> tuple[MemberId, str] | None:
    match value:
        case (bytes(key), str(offence)) if len(key) == KEY_BYTES and offence in tuple(Offence):
            return MemberId(key), offence
    return None
