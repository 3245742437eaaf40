"""What is said about the end of an epoch, on its own channel: signatures, certificates and the state to begin with.

These packets share the channel with those of ``packets.py``; their kinds are other numbers. They do not name the group,
for the channel does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.channel import frame
from mechdesign.group.roster import MEMBERS_MAX
from mechdesign.group.views.succession import CERTIFICATE_BYTES_MAX
from mechdesign.kernel.crypto import SIGNATURE_BYTES, MemberId
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode, encode
from mechdesign.transport.messages import Send

__all__ = [
    "STATE_BYTES_MAX",
    "TRAIL_MAX",
    "Ask",
    "Begun",
    "EpochPacket",
    "Signatures",
    "State",
    "Trail",
    "decode_epoch_packet",
    "encode_epoch_packet",
    "is_epoch_packet",
    "say",
    "trail_of",
]

STATE_BYTES_MAX = 960 * 1024
"""The layers above take no more along into the next epoch: it fits into one frame of the transport's default."""

TRAIL_MAX = 64
"""No trail has more certificates, for nobody keeps more."""

_TRAIL_BYTES = 256 * 1024
_BYTES_MAX = max(STATE_BYTES_MAX, _TRAIL_BYTES + CERTIFICATE_BYTES_MAX) + 1024
_SIGNATURES, _ASK, _TRAIL, _STATE, _BEGUN = range(16, 21)


@dataclass(frozen=True, slots=True)
class Signatures:
    """Members' signatures under one end of the epoch.

    Attributes:
        checkpoint: as in :class:`~mechdesign.group.views.statement.Statement`.
        state: as there.
        successor: as there.
        signatures: (index in roster order, signature), ascending.
    """

    checkpoint: bytes
    state: bytes
    successor: bytes
    signatures: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask what came after the epoch, or for the state with which it began.

    Attributes:
        state: digest of that state; empty where only what came after is of interest.
    """

    state: bytes


@dataclass(frozen=True, slots=True)
class Trail:
    """How the epoch ended, and those after it, as encoded certificates."""

    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class State:
    """What the layers above took along into the epoch."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """A quorum of the next epoch has begun: the sender serves the old one no more."""


EpochPacket: TypeAlias = Signatures | Ask | Trail | State | Begun
"""Everything that is said about the end of an epoch."""


def is_epoch_packet(data: bytes) -> bool:
    """Whether bytes are meant to be a packet of this module: a short array that begins with one of its kinds."""
    return len(data) > 1 and data[0] >> 4 == 9 and _SIGNATURES <= data[1] <= _BEGUN


def trail_of(certificates: Sequence[bytes]) -> Trail:
    """As many certificates as one packet holds, at least one; the rest is asked for again."""
    batch: list[bytes] = []
    size = 0
    for certificate in certificates:
        if batch and size + len(certificate) > _TRAIL_BYTES:
            break
        batch.append(certificate)
        size += len(certificate)
    return Trail(tuple(batch))


def encode_epoch_packet(packet: EpochPacket) -> bytes:
    """The canonical bytes of a packet."""
    match packet:
        case Signatures(checkpoint, state, successor, signatures):
            return encode((_SIGNATURES, checkpoint, state, successor, signatures))
        case Ask(state):
            return encode((_ASK, state))
        case Trail(certificates):
            return encode((_TRAIL, certificates))
        case State(data):
            return encode((_STATE, data))
        case Begun():
            return encode((_BEGUN,))


def say(peers: Iterable[MemberId], channel: bytes, packet: EpochPacket) -> list[Send]:
    """One packet on a channel to several peers."""
    data = frame(channel, encode_epoch_packet(packet))
    return [Send(peer, data) for peer in peers]


def decode_epoch_packet(data: bytes) -> EpochPacket | None:
    """Read a packet; None for bytes that are none."""
    try:
        value = decode(data, bytes_max=_BYTES_MAX)
    except WireError:
        return None
    match value:
        case (int(kind), bytes(checkpoint), bytes(state), bytes(successor), tuple(raw)) if kind == _SIGNATURES:
            signatures = _signatures(raw)
            sizes = {len(checkpoint), len(state), len(successor)}
            return (
                Signatures(checkpoint, state, successor, signatures) if signatures and sizes == {DIGEST_BYTES} else None
            )
        case (int(kind), bytes(state)) if kind == _ASK:
            return Ask(state) if len(state) in (0, DIGEST_BYTES) else None
        case (int(kind), tuple(raw)) if kind == _TRAIL:
            certificates = tuple(item for item in raw if isinstance(item, bytes))
            return Trail(certificates) if 0 < len(certificates) == len(raw) <= TRAIL_MAX else None
        case (int(kind), bytes(state)) if kind == _STATE:
            return State(state) if len(state) <= STATE_BYTES_MAX else None
        case (int(kind),) if kind == _BEGUN:
            return Begun()
    return None


def _signatures(raw: tuple[Value, ...]) -> tuple[tuple[int, bytes], ...] | None:
    found: list[tuple[int, bytes]] = []
    for item in raw[:MEMBERS_MAX]:
        match item:
            case (int(place), bytes(signature)) if type(place) is int and len(signature) == SIGNATURE_BYTES:
                if not (found[-1][0] if found else -1) < place < MEMBERS_MAX:
                    return None
                found.append((place, signature))
            case _:
                return None
    return tuple(found) if len(found) == len(raw) else None
