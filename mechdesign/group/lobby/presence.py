"""What a player says about where it is: signed presence records, and who makes our own.

A record is a hint. It says under which keys and addresses a player wants to be reached; only a completed handshake
shows that it is. Records are flooded, and the newest sequence number of a key wins; ``book.py`` keeps those of
others.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from mechdesign.group.messages import Append
from mechdesign.group.roster import Member, is_member_name
from mechdesign.kernel.crypto import KEY_BYTES, SIGNATURE_BYTES, MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import DamagedError, LocalProtocolError, WireError
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.kernel.text import is_plain
from mechdesign.kernel.wire import Value, decode, digest, encode

__all__ = [
    "LIFETIME_MAX_S",
    "PRESENCE_BYTES_MAX",
    "SEQUENCE_KEY",
    "Herald",
    "KeyCheck",
    "Presence",
    "holds",
    "introduced",
    "parse_presence",
    "well_formed_line",
]

KeyCheck: TypeAlias = Callable[[SignatureScheme, Member, bytes], bool]
"""``check(scheme, line, proof)``: whether the proof shows that a member knows the sealing and CURVE key of its line."""

PRESENCE_BYTES_MAX = 2048
"""No presence record is longer: it also introduces a stranger to a transport."""

LIFETIME_MAX_S = 3600
"""No record lives longer, in seconds."""

SEQUENCE_KEY = b"sequence"
"""Where the journal keeps the newest sequence number of ours, in the table ``"lobby"``."""

_POSSESSION_MAX = 512
_ADDRESSES_MAX = 4
_ADDRESS_MAX = 128
_SEQUENCE_MAX = 2**62
_TAG = "mechdesign/presence/1"


@dataclass(frozen=True, slots=True)
class Presence:
    """What a player says about where it is.

    Attributes:
        line: the player's keys and the name that it goes by, as they would stand in a roster; the name is a hint.
        possession: the proof that it knows its sealing and its CURVE key; opaque here.
        addresses: where it can be dialled, at most four; none where it only dials others.
        sequence: the newest wins; microseconds of the signer's wall clock.
        lifetime_s: how long it counts, in seconds; 0 is a farewell.
        signature: the identity's, over everything before it.
    """

    line: Member
    possession: bytes
    addresses: tuple[str, ...]
    sequence: int
    lifetime_s: int
    signature: bytes = b""

    @property
    def member(self) -> MemberId:
        """Whose record it is."""
        return self.line.id

    @property
    def _fields(self) -> tuple[Value, ...]:
        line = self.line
        keys = (line.id, line.name, line.curve, line.sealing, self.possession)
        return (*keys, self.addresses, self.sequence, self.lifetime_s)

    @property
    def signed(self) -> bytes:
        """What the signature covers."""
        return digest(_TAG, encode(self._fields))

    @property
    def wire(self) -> bytes:
        """The canonical bytes."""
        return encode((*self._fields, self.signature))

    def same_place(self, other: "Presence") -> bool:
        """Whether both say the same but for their number and life."""
        return (self.line, self.possession, self.addresses) == (other.line, other.possession, other.addresses)


def well_formed_line(line: Member, possession: bytes) -> bool:
    """Whether keys, name and proof have the sizes that a roster and a record allow."""
    keys = {len(line.id), len(line.curve), len(line.sealing)} == {KEY_BYTES}
    return keys and is_member_name(line.name) and len(possession) <= _POSSESSION_MAX


def _address(value: Value) -> bool:
    return type(value) is str and 0 < len(value) <= _ADDRESS_MAX and value.isascii() and is_plain(value)


def _well_formed(record: Presence) -> bool:
    addresses = record.addresses
    return (
        well_formed_line(record.line, record.possession)
        and len(set(addresses)) == len(addresses) <= _ADDRESSES_MAX
        and all(map(_address, addresses))
        and type(record.sequence) is int
        and 0 < record.sequence <= _SEQUENCE_MAX
        and type(record.lifetime_s) is int
        and 0 <= record.lifetime_s <= LIFETIME_MAX_S
    )


def parse_presence(data: bytes) -> Presence | None:
    """Read the bytes of :attr:`Presence.wire`; None if they are none. Checks no signature, never raises."""
    try:
        value = decode(data, bytes_max=PRESENCE_BYTES_MAX)
    except WireError:
        return None
    match value:
        case (
            bytes(key), str(name), bytes(curve), bytes(sealing), bytes(possession),
            tuple(addresses), int(sequence), int(lifetime_s), bytes(signature),
        ) if len(signature) == SIGNATURE_BYTES:  # fmt: skip
            where = tuple(each for each in addresses if isinstance(each, str))
            line = Member(MemberId(key), name, curve, sealing)
            record = Presence(line, possession, where, sequence, lifetime_s, signature)
            return record if len(where) == len(addresses) and _well_formed(record) else None
    return None


def holds(record: Presence, scheme: SignatureScheme, holds_key: KeyCheck) -> bool:
    """Whether a record is signed by its member, and the keys in it are the member's."""
    line = record.line
    return (
        scheme.valid_key(line.id)
        and scheme.verify(line.id, record.signed, record.signature)
        and holds_key(scheme, line, record.possession)
    )


def introduced(data: bytes, curve: bytes, scheme: SignatureScheme, holds_key: KeyCheck) -> Presence | None:
    """The record with which a stranger introduces itself over a link of that CURVE key, or None where it does not hold.

    Somebody else's record does not hold here: it names another CURVE key.
    """
    record = parse_presence(data)
    if record is None or record.line.curve != curve or not record.lifetime_s:
        return None
    return record if holds(record, scheme, holds_key) else None


class Herald:
    """Makes our own records.

    A restart must not use a sequence number again. The journal remembers the newest, which covers a wall clock that was
    set back; the wall clock covers a journal that was rolled back or lost; and a neighbour that shows us a newer record
    of our own covers what is left.

    Args:
        signer: signs for us.
        line: our line of a roster.
        possession: the proof that we know our sealing and our CURVE key.
        addresses: where we can be dialled.
        lifetime_s: of each record.
        wall: microseconds of the wall clock at instant 0 of the driver's clock.

    Raises:
        LocalProtocolError: a name, key or address has a size that no record allows.
    """

    def __init__(
        self, signer: Signer, line: Member, possession: bytes, addresses: tuple[str, ...], lifetime_s: int, wall: int
    ) -> None:
        self._signer = signer
        self._wall = wall
        self._base = Presence(line, possession, addresses, 1, lifetime_s)
        if not _well_formed(self._base) or line.id != signer.public:
            raise LocalProtocolError("our presence record would have a name, key or address out of range")
        self._newest = 0
        self._made: Instant = 0
        self._current: Presence | None = None
        self.due: Instant | None = 0

    @property
    def current(self) -> Presence | None:
        """Our newest record of this life, or None before the first and after a farewell."""
        return self._current

    def restore(self, data: bytes) -> int:
        """Take back the newest sequence number of an earlier life, and give it.

        Raises:
            JournalError: the record is damaged.
        """
        if len(data) != 8:
            raise DamagedError("the journal's record of our presence")
        self._newest = int.from_bytes(data, "big")
        return self._newest

    def overtaken(self, record: Presence) -> bool:
        """Whether a valid record of ours, shown by another, is one that we do not know; the next one goes past it."""
        if record == self._current or record.sequence < self._newest:
            return False
        self._newest = max(self._newest, min(record.sequence, _SEQUENCE_MAX - 2**32))
        return True

    def hurry(self, now: Instant) -> None:
        """The next record is wanted at once, but not sooner than a second after the last."""
        if self.due is not None:
            self.due = min(self.due, max(now, self._made + SECOND))

    def renew(self, now: Instant) -> tuple[Append, Presence]:
        """The next record, and what must be in the journal before it leaves."""
        append, record = self._next(self._base.lifetime_s, now)
        self._current, self._made = record, now
        self.due = now + record.lifetime_s * SECOND // 3
        return append, record

    def farewell(self, now: Instant) -> tuple[Append, Presence]:
        """A record that ends our presence; there are no more until :meth:`renew`."""
        made = self._next(0, now)
        self._current = self.due = None
        return made

    def _next(self, lifetime_s: int, now: Instant) -> tuple[Append, Presence]:
        self._newest = max(self._newest + 1, self._wall + now)
        record = replace(self._base, sequence=self._newest, lifetime_s=lifetime_s)
        record = replace(record, signature=self._signer.sign(record.signed))
        return Append("lobby", SEQUENCE_KEY, self._newest.to_bytes(8, "big")), record
