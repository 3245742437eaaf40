"""What linked players send each other before there is a group: records, waves, and what a formation consists of.

Limits are checked here; whether a record, an answer or an item is worth anything is judged elsewhere.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.lobby.presence import PRESENCE_BYTES_MAX
from mechdesign.group.lobby.shares import RANK_MAX
from mechdesign.kernel.crypto import KEY_BYTES, SIGNATURE_BYTES, MemberId
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode, encode

__all__ = [
    "ABOUT_BYTES_MAX",
    "LOBBY_PACKET_BYTES_MAX",
    "NAME_BYTES",
    "NONCE_BYTES",
    "Answer",
    "Items",
    "Lists",
    "LobbyPacket",
    "Probe",
    "Records",
    "Root",
    "batches",
    "decode_lobby_packet",
    "encode_lobby_packet",
]

LOBBY_PACKET_BYTES_MAX = 512 * 1024
"""No packet of the lobby is longer."""

ABOUT_BYTES_MAX = 16 * 1024
"""What a wave may carry to all whom it reaches."""

NONCE_BYTES = 16

NAME_BYTES = 16
"""Length of the names of items when neighbours compare what they have."""

_BATCH_BYTES = 256 * 1024
_PARTS_MAX = 64
_RECORDS_MAX = 64
_LISTED_MAX = 1 << 14
_REACHED_MAX = 4096
_MILLISECONDS_MAX = 2**32


@dataclass(frozen=True, slots=True)
class Records:
    """Presence records, each with what is left of its life at the sender in milliseconds, and with its rank there."""

    records: tuple[tuple[bytes, int, int], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """Signed parts of formations, as they were made."""

    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Root:
    """A digest of everything that the sender would list; equal roots need no lists."""

    root: bytes


@dataclass(frozen=True, slots=True)
class Lists:
    """What the sender has, so that the receiver can send what is missing.

    Attributes:
        numbers: (key, newest sequence number), also of the dead.
        names: the names of the items.
        reply: the sender asks for the receiver's lists.
    """

    numbers: tuple[tuple[MemberId, int], ...]
    names: tuple[bytes, ...]
    reply: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """A wave asks its next player.

    Attributes:
        initiator: who started it.
        nonce: tells its waves apart.
        about: what it carries to everybody.
        signature: the initiator's.
        left_ms: how long the asked may take to answer, in milliseconds.
    """

    initiator: MemberId
    nonce: bytes
    about: bytes
    signature: bytes
    left_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A wave comes back.

    Attributes:
        wave: its identifier.
        complete: whether everybody whom the sender asked answered in full.
        reached: the keys of the sender's part of the wave, each with its signature, ascending; only its own where
            it was asked by somebody else before.
    """

    wave: bytes
    complete: bool
    reached: tuple[tuple[MemberId, bytes], ...]


LobbyPacket: TypeAlias = Records | Items | Root | Lists | Probe | Answer
"""Everything that linked players send each other in the lobby."""

_RECORDS, _ITEMS, _ROOT, _LISTS, _PROBE, _ANSWER = range(1, 7)

_Fields: TypeAlias = "tuple[Value, ...]"


def encode_lobby_packet(packet: LobbyPacket) -> bytes:
    """The canonical bytes of a packet."""
    match packet:
        case Records(records):
            return encode((_RECORDS, records))
        case Items(items):
            return encode((_ITEMS, items))
        case Root(root):
            return encode((_ROOT, root))
        case Lists(numbers, names, reply):
            return encode((_LISTS, numbers, names, reply))
        case Probe(initiator, nonce, about, signature, left_ms):
            return encode((_PROBE, initiator, nonce, about, signature, left_ms))
        case Answer(wave, complete, reached):
            return encode((_ANSWER, wave, complete, reached))


def batches(items: Iterable[bytes]) -> list[Items]:
    """Items in as few packets as hold them."""
    packets: list[Items] = []
    batch: list[bytes] = []
    size = 0
    for item in items:
        if len(batch) == _PARTS_MAX or (batch and size + len(item) > _BATCH_BYTES):
            packets.append(Items(tuple(batch)))
            batch, size = [], 0
        batch.append(item)
        size += len(item)
    return [*packets, Items(tuple(batch))] if batch else packets


def decode_lobby_packet(data: bytes) -> LobbyPacket | None:
    """Read a packet; None for everything else. Never raises."""
    try:
        value = decode(data, bytes_max=LOBBY_PACKET_BYTES_MAX)
    except WireError:
        return None
    if type(value) is not tuple or not value or type(value[0]) is not int:
        return None
    reader = _READERS.get(value[0])
    return None if reader is None or len(value) != reader[0] + 1 else reader[1](value[1:])


def _string(value: Value, length: int) -> bytes | None:
    return value if type(value) is bytes and len(value) == length else None


def _number(value: Value, below: int) -> int | None:
    return value if type(value) is int and 0 <= value < below else None


def _pairs(value: Value, most: int) -> list[tuple[Value, Value]] | None:
    if type(value) is not tuple or len(value) > most:
        return None
    pairs = [(item[0], item[1]) for item in value if type(item) is tuple and len(item) == 2]
    return pairs if len(pairs) == len(value) else None


def _records(fields: _Fields) -> Records | None:
    records = []
    if type(fields[0]) is not tuple or len(fields[0]) > _RECORDS_MAX:
        return None
    for value in fields[0]:
        if type(value) is not tuple or len(value) != 3:
            return None
        data, left, rank = value[0], _number(value[1], _MILLISECONDS_MAX), _number(value[2], RANK_MAX)
        if type(data) is not bytes or len(data) > PRESENCE_BYTES_MAX or left is None or rank is None:
            return None
        records.append((data, left, rank))
    return Records(tuple(records)) if records else None


def _items(fields: _Fields) -> Items | None:
    items = fields[0]
    if type(items) is not tuple or not 0 < len(items) <= _PARTS_MAX:
        return None
    strings = tuple(item for item in items if type(item) is bytes)
    return Items(strings) if len(strings) == len(items) else None


def _root(fields: _Fields) -> Root | None:
    root = _string(fields[0], DIGEST_BYTES)
    return None if root is None else Root(root)


def _lists(fields: _Fields) -> Lists | None:
    pairs, names, reply = _pairs(fields[0], _LISTED_MAX), fields[1], fields[2]
    if pairs is None or type(names) is not tuple or len(names) > _LISTED_MAX or type(reply) is not bool:
        return None
    numbers = []
    for first, second in pairs:
        key, number = _string(first, KEY_BYTES), _number(second, 2**63)
        if key is None or number is None:
            return None
        numbers.append((MemberId(key), number))
    strings = tuple(name for name in names if type(name) is bytes and len(name) == NAME_BYTES)
    return Lists(tuple(numbers), strings, reply) if len(strings) == len(names) else None


def _probe(fields: _Fields) -> Probe | None:
    initiator, nonce, about = _string(fields[0], KEY_BYTES), _string(fields[1], NONCE_BYTES), fields[2]
    signature, left_ms = _string(fields[3], SIGNATURE_BYTES), _number(fields[4], _MILLISECONDS_MAX)
    if initiator is None or nonce is None or signature is None or left_ms is None:
        return None
    if type(about) is not bytes or len(about) > ABOUT_BYTES_MAX:
        return None
    return Probe(MemberId(initiator), nonce, about, signature, left_ms)


def _answer(fields: _Fields) -> Answer | None:
    wave, complete, pairs = _string(fields[0], DIGEST_BYTES), fields[1], _pairs(fields[2], _REACHED_MAX)
    if wave is None or type(complete) is not bool or pairs is None:
        return None
    reached: list[tuple[MemberId, bytes]] = []
    for first, second in pairs:
        key, signature = _string(first, KEY_BYTES), _string(second, SIGNATURE_BYTES)
        if key is None or signature is None or (reached and key <= reached[-1][0]):
            return None
        reached.append((MemberId(key), signature))
    return Answer(wave, complete, tuple(reached))


# Of each kind how many fields it has, and what reads them.
_READERS: dict[int, tuple[int, Callable[[_Fields], LobbyPacket | None]]] = {
    _RECORDS: (1, _records),
    _ITEMS: (1, _items),
    _ROOT: (1, _root),
    _LISTS: (3, _lists),
    _PROBE: (5, _probe),
    _ANSWER: (3, _answer),
}
