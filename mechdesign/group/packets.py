"""What neighbours send each other: blocks and requests for them, vectors of tips, checkpoints and the log behind them.

Every packet names the group, so that one of another group or epoch is dropped before anything else is looked at.
Limits are checked here; whether a block is worth anything is judged elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from mechdesign.group.block import ROUND_MAX, block_bytes_max
from mechdesign.group.checkpoint import checkpoint_bytes_max
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import SIGNATURE_BYTES
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode, encode

__all__ = [
    "BATCH_BLOCKS",
    "BATCH_BYTES",
    "PULL_DIGESTS",
    "Blocks",
    "GroupPacket",
    "LogPart",
    "LogWant",
    "Pull",
    "Snapshot",
    "Tips",
    "Vouch",
    "Want",
    "decode_packet",
    "encode_blocks",
    "encode_packet",
    "packet_bytes_max",
]

BATCH_BLOCKS = 256
"""Blocks in one packet at most."""

BATCH_BYTES = 256 * 1024
"""A packet is closed when its blocks pass this size; one block always fits."""

PULL_DIGESTS = 256
"""Digests in one pull at most."""

Fields: TypeAlias = "tuple[Value, ...]"

_PREFIX_BYTES = 8
_OVERHEAD_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks as they were signed, ancestors first."""

    blocks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Pull:
    """Ask for blocks by their digests."""

    digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Tips:
    """What the sender has.

    Attributes:
        rounds: of each author the newest round accepted, -1 for none.
        links: bit i is set when the sender has a direct link to member i.
        reply: the sender asks for the receiver's tips.
        floor: what is older the sender no longer serves, since a certified checkpoint stands for it.
    """

    rounds: tuple[int, ...]
    links: int
    reply: bool
    floor: int = 0


@dataclass(frozen=True, slots=True)
class Want:
    """Ask for blocks newer than these tips, oldest first, or for a snapshot where those are no longer served.

    Attributes:
        rounds: of each author the newest round that the sender has.
        collection: the sender's collection round: what is older it does not need.
    """

    rounds: tuple[int, ...]
    collection: int = 0


@dataclass(frozen=True, slots=True)
class Vouch:
    """Signatures over a checkpoint.

    Attributes:
        index: the checkpoint's.
        named: its digest.
        signatures: (index in roster order, signature), ascending.
    """

    index: int
    named: bytes
    signatures: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A certified checkpoint: its bytes and a quorum's signatures."""

    state: bytes
    signatures: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class LogWant:
    """Ask for blocks of the log.

    Attributes:
        begin: the first number that is wanted.
        end: the number before which the answer is to end.
        named: the hash of the log before number ``end``.
    """

    begin: int
    end: int
    named: bytes


@dataclass(frozen=True, slots=True)
class LogPart:
    """Blocks of the log, oldest first.

    Attributes:
        end: the number before which they end.
        before: the hash of the log before the first of them.
        blocks: their bytes.
    """

    end: int
    before: bytes
    blocks: tuple[bytes, ...]


GroupPacket: TypeAlias = Blocks | Pull | Tips | Want | Vouch | Snapshot | LogWant | LogPart
"""Everything that neighbours send each other."""

_BLOCKS, _PULL, _TIPS, _WANT, _VOUCH, _SNAPSHOT, _LOG_WANT, _LOG_PART = range(1, 9)


@lru_cache(maxsize=64)
def packet_bytes_max(roster: Roster) -> int:
    """No packet of the group is longer, in bytes."""
    blocks = max(block_bytes_max(roster), BATCH_BYTES) + block_bytes_max(roster)
    snapshot = checkpoint_bytes_max(roster) + roster.n * (SIGNATURE_BYTES + 8)
    return max(blocks, snapshot) + _OVERHEAD_BYTES


def encode_blocks(roster: Roster, blocks: Sequence[bytes]) -> bytes:
    """A packet of blocks."""
    return encode((_BLOCKS, roster.digest[:_PREFIX_BYTES], tuple(blocks)))


def encode_packet(roster: Roster, packet: GroupPacket) -> bytes:
    """The canonical bytes of a packet."""
    group = roster.digest[:_PREFIX_BYTES]
    match packet:
        case Blocks(blocks):
            return encode_blocks(roster, blocks)
        case Pull(digests):
            return encode((_PULL, group, digests))
        case Tips(rounds, links, reply, floor):
            # A bitmap of up to 128 members would need a wide integer; as bytes it has one length.
            return encode((_TIPS, group, rounds, links.to_bytes(_map_bytes(roster), "big"), reply, floor))
        case Want(rounds, collection):
            return encode((_WANT, group, rounds, collection))
        case Vouch(index, named, signatures):
            return encode((_VOUCH, group, index, named, signatures))
        case Snapshot(state, signatures):
            return encode((_SNAPSHOT, group, state, signatures))
        case LogWant(begin, end, named):
            return encode((_LOG_WANT, group, begin, end, named))
        case LogPart(end, before, blocks):
            return encode((_LOG_PART, group, end, before, blocks))


def _map_bytes(roster: Roster) -> int:
    return (roster.n + 7) // 8


def _rounds(value: Value, roster: Roster) -> tuple[int, ...] | None:
    if type(value) is not tuple or len(value) != roster.n:
        return None
    rounds = tuple(item for item in value if type(item) is int and -1 <= item <= ROUND_MAX)
    return rounds if len(rounds) == roster.n else None


def _strings(value: Value, most: int) -> tuple[bytes, ...] | None:
    if type(value) is not tuple or not 0 < len(value) <= most:
        return None
    strings = tuple(item for item in value if type(item) is bytes)
    return strings if len(strings) == len(value) else None


def _number(value: Value) -> int | None:
    return value if type(value) is int and 0 <= value <= ROUND_MAX else None


def _digest(value: Value) -> bytes | None:
    return value if type(value) is bytes and len(value) == DIGEST_BYTES else None


def _signatures(value: Value, roster: Roster) -> tuple[tuple[int, bytes], ...] | None:
    """Signatures of different members, in roster order."""
    if type(value) is not tuple or not 0 < len(value) <= roster.n:
        return None
    found: list[tuple[int, bytes]] = []
    for item in value:
        if type(item) is not tuple or len(item) != 2:
            return None
        place, signature = item
        if type(place) is not int or type(signature) is not bytes or len(signature) != SIGNATURE_BYTES:
            return None
        if not (found[-1][0] if found else -1) < place < roster.n:
            return None
        found.append((place, signature))
    return tuple(found)


def decode_packet(roster: Roster, data: bytes) -> GroupPacket | None:
    """Read a packet of this group; None for everything else."""
    try:
        value = decode(data, bytes_max=packet_bytes_max(roster))
    except WireError:
        return None
    if type(value) is not tuple or len(value) < 3 or value[1] != roster.digest[:_PREFIX_BYTES]:
        return None
    kind, fields = value[0], value[2:]
    reader = _READERS.get(kind) if type(kind) is int else None
    return None if reader is None or len(fields) != reader[0] else reader[1](roster, fields)


def _blocks(roster: Roster, fields: Fields) -> Blocks | None:
    blocks = _strings(fields[0], BATCH_BLOCKS)
    return None if blocks is None else Blocks(blocks)


def _pull(roster: Roster, fields: Fields) -> Pull | None:
    digests = _strings(fields[0], PULL_DIGESTS)
    if digests is None or any(len(digest) != DIGEST_BYTES for digest in digests):
        return None
    return Pull(digests)


def _tips(roster: Roster, fields: Fields) -> Tips | None:
    rounds, links, reply, floor = _rounds(fields[0], roster), fields[1], fields[2], _number(fields[3])
    if rounds is None or floor is None or type(links) is not bytes or type(reply) is not bool:
        return None
    return Tips(rounds, int.from_bytes(links, "big"), reply, floor) if len(links) == _map_bytes(roster) else None


def _want(roster: Roster, fields: Fields) -> Want | None:
    rounds, collection = _rounds(fields[0], roster), _number(fields[1])
    return None if rounds is None or collection is None else Want(rounds, collection)


def _vouch(roster: Roster, fields: Fields) -> Vouch | None:
    index, named, signatures = _number(fields[0]), _digest(fields[1]), _signatures(fields[2], roster)
    return None if index is None or named is None or signatures is None else Vouch(index, named, signatures)


def _snapshot(roster: Roster, fields: Fields) -> Snapshot | None:
    state, signatures = fields[0], _signatures(fields[1], roster)
    return Snapshot(state, signatures) if type(state) is bytes and signatures is not None else None


def _log_want(roster: Roster, fields: Fields) -> LogWant | None:
    begin, end, named = _number(fields[0]), _number(fields[1]), _digest(fields[2])
    return None if begin is None or end is None or named is None else LogWant(begin, end, named)


def _log_part(roster: Roster, fields: Fields) -> LogPart | None:
    end, before, blocks = _number(fields[0]), _digest(fields[1]), _strings(fields[2], BATCH_BLOCKS)
    return None if end is None or before is None or blocks is None else LogPart(end, before, blocks)


# Of each kind how many fields it has, and what reads them.
_READERS: dict[int, tuple[int, Callable[[Roster, Fields], GroupPacket | None]]] = {
    _BLOCKS: (1, _blocks),
    _PULL: (1, _pull),
    _TIPS: (4, _tips),
    _WANT: (2, _want),
    _VOUCH: (3, _vouch),
    _SNAPSHOT: (2, _snapshot),
    _LOG_WANT: (3, _log_want),
    _LOG_PART: (3, _log_part),
}
