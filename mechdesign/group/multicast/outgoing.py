"""Letters of ours that are on their way, as they stand in the journal.

A record names its recipients by their keys, so that it can be read in a later epoch, where they have other places: what
a crash at the end of an epoch left behind is sent again in the next.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import DamagedError, WireError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import Value, decode, encode

__all__ = ["LETTER", "PREFIX_BYTES", "TABLE", "Direct", "Outgoing", "decoded", "left_behind", "of_epoch", "prefix_of"]

TABLE = "direct"
"""The journal's table of letters."""

PREFIX_BYTES = 4
"""A key in the table begins with the number of its epoch."""

LETTER = b"letter/"
"""What follows in the key of a letter's record; then comes the letter's own key."""


@dataclass(frozen=True, slots=True)
class Direct:
    """Request: carry ``data`` to some members.

    Attributes:
        key: names the letter in ``Acknowledged``; one that waits for receipts under this key already is not sent again.
        to: the recipients, one or more other members.
        data: the content, at most the roster's ``submission_bytes_max``.
    """

    key: bytes
    to: tuple[MemberId, ...]
    data: bytes


@dataclass(slots=True)
class Outgoing:
    """A letter of ours on its way; members are their index in roster order.

    Attributes:
        to: the recipients, ascending.
        sequences: for each of them the letter's number.
        data: the content.
        secret: of its envelope.
        due: when it is to be sent, again.
        posted: when it was sent last, or None.
        attempt: how often it was sent.
        missing: whose receipts are missing.
    """

    to: tuple[int, ...]
    sequences: tuple[int, ...]
    data: bytes
    secret: bytes
    due: Instant
    posted: Instant | None = None
    attempt: int = 0
    missing: set[int] = field(default_factory=set)

    def encode(self, roster: Roster) -> bytes:
        """The record."""
        to = tuple(roster.ids[place] for place in self.to)
        taken = tuple(roster.ids[place] for place in self.to if place not in self.missing)
        return encode((to, self.sequences, self.data, self.secret, taken))

    @classmethod
    def read(cls, data: bytes, roster: Roster, now: Instant) -> "Outgoing":
        """Take back a record of the epoch of a roster.

        Raises:
            JournalError: it is damaged.
        """
        match decoded(data):
            case (tuple(to), tuple(sequences), bytes(content), bytes(secret), tuple(taken)):
                places, done = _places(to, roster), _places(taken, roster)
                numbers = tuple(number for number in sequences if isinstance(number, int))
                if len(places) == len(to) == len(sequences) == len(numbers):
                    missing = {place for place in places if place not in done}
                    return cls(places, numbers, content, secret, now, missing=missing)
        raise DamagedError("the journal's record of a letter")


def decoded(data: bytes) -> Value:
    """The value of a record.

    Raises:
        JournalError: it is damaged.
    """
    try:
        return decode(data)
    except WireError as error:
        raise DamagedError("the journal's record of a letter", error) from error


def prefix_of(roster: Roster) -> bytes:
    """With what the keys of an epoch's records begin."""
    return roster.epoch.to_bytes(PREFIX_BYTES, "big")


def of_epoch(name: bytes, roster: Roster) -> bool:
    """Whether a record is one of the epoch of a roster, by its key."""
    return name.startswith(prefix_of(roster))


def left_behind(records: Iterable[tuple[str, bytes, bytes]], roster: Roster) -> list[Direct]:
    """The letters in a journal that wait for receipts, and whose epoch is another than that of a roster.

    Raises:
        JournalError: a record is damaged.
    """
    found = []
    for table, name, data in records:
        if table != TABLE or of_epoch(name, roster) or not name[PREFIX_BYTES:].startswith(LETTER):
            continue
        match decoded(data):
            case (tuple(to), tuple(), bytes(content), bytes(), tuple(taken)):
                missing = tuple(MemberId(each) for each in to if isinstance(each, bytes) and each not in taken)
                found.append(Direct(name[PREFIX_BYTES + len(LETTER) :], missing, content))
            case _:
                raise DamagedError("the journal's record of a letter")
    return found


def _places(members: Sequence[Value], roster: Roster) -> tuple[int, ...]:
    places = [roster.place(MemberId(member)) for member in members if isinstance(member, bytes)]
    return tuple(place for place in places if place is not None)
