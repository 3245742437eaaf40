"""What of the group's state stands in the journal, and how it shrinks to a checkpoint.

======== ============================ ==========================================================
table    key                          record
======== ============================ ==========================================================
own      the broadcast's              an own submission, see :mod:`mechdesign.group.outbox`
ordered  number, 8 bytes              keys of own submissions that stand in the log below the checkpoint
block    digest                       an accepted block at or above the last compaction's floor
log      number, 8 bytes              a block of the log below the checkpoint, behind the hash before it
checkp.  ``newest``                   certified checkpoint, its signatures, own newest block if old
======== ============================ ==========================================================

What grows with the log is the log, and beside it the keys alone: whoever replays the log asks again under all of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mechdesign.group.block import Block, Standing, intact, judge, parse_block
from mechdesign.group.checkpoint import Certified, parse_certified
from mechdesign.group.chronicle import HASH_BYTES, Chronicle, beginning, link
from mechdesign.group.messages import Append, Compact
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.kernel.errors import DamagedError, WireError
from mechdesign.kernel.wire import decode, encode

__all__ = ["Records", "Restored", "log_keys", "read_records"]

_NEWEST = b"newest"


def _numbered(number: int) -> bytes:
    return number.to_bytes(8, "big")


def log_keys(numbers: Iterable[int]) -> tuple[str, tuple[bytes, ...]]:
    """Table and keys of the blocks of the log that have these numbers."""
    return "log", tuple(map(_numbered, numbers))


def _refused(table: str, key: bytes) -> DamagedError:
    return DamagedError(f"the journal's record {key.hex()} of table {table!r}", "lost, or of another group or epoch")


class Records:
    """Which blocks the journal has, and how many records of settled keys."""

    def __init__(self) -> None:
        self._rounds: dict[bytes, int] = {}
        self._settled = 0

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._rounds

    def note(self, block: Block) -> None:
        """A block is in the journal."""
        self._rounds[block.digest] = block.round

    def counted(self, settled: int) -> None:
        """So many records of settled keys are in the journal."""
        self._settled = settled

    def names(self, chronicle: Chronicle) -> Iterator[tuple[str, bytes]]:
        """(table, key) of every block, checkpoint and list of settled keys that the journal has."""
        yield from (("block", digest) for digest in self._rounds)
        yield from (("log", _numbered(number)) for number in range(chronicle.written))
        yield from (("ordered", _numbered(number)) for number in range(self._settled))
        yield "checkpoint", _NEWEST

    def compact(
        self, certified: Certified, chronicle: Chronicle, newest: Block | None, settled: Sequence[bytes]
    ) -> Compact:
        """Let a certified checkpoint that we reached take the place of the blocks below its collection round.

        Args:
            certified: the checkpoint.
            chronicle: the log, which goes at least as far.
            newest: our newest block; it says which rounds we must not sign again.
            settled: the keys of our submissions that it counts and the one before did not.
        """
        floor = certified.checkpoint.collection
        old = b"" if newest is None or newest.round >= floor else newest.wire
        log = [
            Append("log", _numbered(number), record)
            for number, record in chronicle.unwritten(certified.checkpoint.blocks)
        ]
        if settled:
            log.append(Append("ordered", _numbered(self._settled), encode(tuple(settled))))
            self._settled += 1
        head = Append("checkpoint", _NEWEST, encode((certified.encoded, certified.signatures, old)))
        gone = [digest for digest, round_ in self._rounds.items() if round_ < floor]
        for digest in gone:
            del self._rounds[digest]
        old_records = (*(("block", digest) for digest in gone), *(("own", key) for key in settled))
        return Compact((*log, head), old_records)


@dataclass(slots=True)
class Restored:
    """What a journal holds.

    Attributes:
        own: (key, record) of own submissions.
        settled: keys of those that stand in the log, a list of them for each record.
        blocks: accepted blocks, in the order in which they were accepted.
        log: the blocks of the log up to the checkpoint.
        certified: the checkpoint, or None before the first.
        newest: our newest block where it is older than ``blocks``.
    """

    own: list[tuple[bytes, bytes]] = field(default_factory=list)
    settled: list[tuple[bytes, ...]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    log: list[Block] = field(default_factory=list)
    certified: Certified | None = None
    newest: Block | None = None


def read_records(records: Iterable[tuple[str, bytes, bytes]], roster: Roster, scheme: SignatureScheme) -> Restored:
    """Read the group's tables of a journal.

    Raises:
        DamagedError: a record is damaged, or one is missing.
    """
    found = Restored()
    log: dict[bytes, bytes] = {}
    for table, key, data in records:
        if table == "own":
            found.own.append((key, data))
        elif table == "ordered":
            found.settled.append(_keys(key, data))
            if key != _numbered(len(found.settled) - 1):
                raise _refused(table, key)
        elif table == "block":
            found.blocks.append(_valid(table, key, data, roster, scheme))
            if found.blocks[-1].digest != key:
                raise _refused(table, key)
        elif table == "log":
            log[key] = data
        elif table == "checkpoint":
            found.certified, old = _checkpoint(key, data, roster, scheme)
            found.newest = _valid(table, key, old, roster, scheme) if old else None
    count = 0 if found.certified is None else found.certified.checkpoint.blocks
    before = beginning(roster)
    for number in range(count):
        key = _numbered(number)
        record = log.pop(key, b"")
        block = parse_block(record[HASH_BYTES:], roster)
        # The checkpoint's hash covers the header; its signature was checked when the block came.
        if block is None or not intact(block, roster):
            raise _refused("log", key)
        if record[:HASH_BYTES] != before:
            raise DamagedError("the journal's log", f"record {key.hex()} does not follow on the one before it")
        before = link(before, (block.digest,))
        found.log.append(block)
    for key in log:
        raise _refused("log", key)
    return found


def _valid(table: str, key: bytes, data: bytes, roster: Roster, scheme: SignatureScheme) -> Block:
    block = parse_block(data, roster)
    if block is None or judge(block, roster, scheme) is not Standing.VALID:
        raise _refused(table, key)
    return block


def _checkpoint(key: bytes, data: bytes, roster: Roster, scheme: SignatureScheme) -> tuple[Certified, bytes]:
    try:
        match decode(data, bytes_max=len(data)):
            case (bytes(state), tuple(signatures), bytes(old)):
                pairs = tuple((p, s) for p, s in (_pair(item) for item in signatures))
                certified = parse_certified(state, pairs, roster, scheme)
                if certified is not None:
                    return certified, old
    except (WireError, ValueError) as error:
        raise _refused("checkpoint", key) from error
    raise _refused("checkpoint", key)


def _keys(key: bytes, data: bytes) -> tuple[bytes, ...]:
    try:
        value = decode(data, bytes_max=len(data))
    except WireError as error:
        raise _refused("ordered", key) from error
    if type(value) is not tuple or not all(type(each) is bytes for each in value):
        raise _refused("ordered", key)
    return tuple(each for each in value if isinstance(each, bytes))


def _pair(item: object) -> tuple[int, bytes]:
    match item:
        case (int(place), bytes(signature)):
            return place, signature
    raise ValueError("not a signature of a member")
