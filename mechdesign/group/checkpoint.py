"""The checkpoint: everything that the order of an epoch is at one commit, as bytes that all members sign alike.

All of it is a function of the sequence of commits, so members that agree on that sequence agree on the bytes. A quorum
of signatures makes it *certified*: at least one honest member vouches for it, and whoever holds it can go on from that
commit without the blocks below its collection round (DESIGN section 6.3, "Falling behind").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from mechdesign.group.block import ROUND_MAX
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import SIGNATURE_BYTES, SignatureScheme, Signer
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode, digest, encode

__all__ = [
    "ORDERED_MAX",
    "SEQUENCE_WINDOW",
    "Certified",
    "Checkpoint",
    "Count",
    "checkpoint_bytes_max",
    "commits_between",
    "parse_certified",
    "sign_checkpoint",
    "signed_checkpoint",
]

SEQUENCE_WINDOW = 4096
"""A submission whose number is so far past its sender's first missing one is void: what was counted stays countable."""

_TAG = "mechdesign/checkpoint/1"
_TAG_SIGN = "mechdesign/checkpoint/sign/1"
_BITMAP_BYTES = SEQUENCE_WINDOW // 8

ORDERED_MAX = 1 << 14
"""Where more blocks than this are out at or above the collection round no checkpoint is made: it must fit a frame."""


def commits_between(roster: Roster) -> int:
    """How many commits lie between two checkpoints: at least as many rounds as the collection depth."""
    return roster.depth * roster.slots_per_round


@dataclass(frozen=True, slots=True)
class Count:
    """Which submissions of one author are in the log, canonically.

    Attributes:
        base: the first number that is not.
        above: bit i is set when number ``base + 1 + i`` is; as few big-endian bytes as hold it.
    """

    base: int
    above: bytes

    def has(self, number: int) -> bool:
        """Whether a number is counted."""
        bit = number - self.base - 1
        return number < self.base or (bit >= 0 and bool(int.from_bytes(self.above, "big") >> bit & 1))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of the order after a commit.

    Attributes:
        index: how many leaders were committed, this one included.
        round: round of the next slot to be decided.
        place: its place within the round, 0 for the first.
        committed_round: round of the last committed leader.
        collection: the collection round.
        ordered: digests of the ordered blocks at or above the collection round, ascending.
        length: how many submissions were delivered.
        blocks: how many blocks the log took them from.
        chain: hash over those blocks in their order; see :mod:`mechdesign.group.chronicle`.
        counts: what is counted of each author, in roster order.
    """

    index: int
    round: int
    place: int
    committed_round: int
    collection: int
    ordered: tuple[bytes, ...]
    length: int
    blocks: int
    chain: bytes
    counts: tuple[Count, ...]

    def encode(self) -> bytes:
        """The canonical bytes."""
        counts: Value = tuple((count.base, count.above) for count in self.counts)
        slot: tuple[Value, ...] = (self.index, self.round, self.place, self.committed_round, self.collection)
        return encode((*slot, b"".join(self.ordered), self.length, self.blocks, self.chain, counts))

    @classmethod
    def parse(cls, data: bytes, roster: Roster) -> "Checkpoint | None":
        """Read the bytes of :meth:`encode`; None for bytes that no member of the roster would sign."""
        try:
            value = decode(data, bytes_max=checkpoint_bytes_max(roster))
        except WireError:
            return None
        if type(value) is not tuple or len(value) != 10:
            return None
        *numbers, ordered, length, blocks, chain, raw = value
        if any(type(number) is not int or not 0 <= number <= ROUND_MAX for number in (*numbers, length, blocks)):
            return None
        if type(ordered) is not bytes or len(ordered) % DIGEST_BYTES or type(chain) is not bytes:
            return None
        if len(chain) != DIGEST_BYTES or type(raw) is not tuple or len(raw) != roster.n:
            return None
        digests = tuple(ordered[at : at + DIGEST_BYTES] for at in range(0, len(ordered), DIGEST_BYTES))
        counts = tuple(count for count in map(_count, raw) if count is not None)
        if len(counts) != roster.n or any(one >= other for one, other in pairwise(digests)):
            return None
        index, round_, place, committed, collection = numbers
        if place >= roster.slots_per_round or not collection <= committed <= round_ or not index:  # type: ignore[operator]
            return None
        return cls(index, round_, place, committed, collection, digests, length, blocks, chain, counts)  # type: ignore[arg-type]


def _count(value: Value) -> Count | None:
    match value:
        case (int(base), bytes(above)) if type(base) is int and 0 <= base <= ROUND_MAX and len(above) <= _BITMAP_BYTES:
            return Count(base, above) if not above.startswith(b"\0") else None
    return None


def checkpoint_bytes_max(roster: Roster) -> int:
    """No checkpoint of the group is longer, in bytes."""
    return 256 + ORDERED_MAX * DIGEST_BYTES + roster.n * (_BITMAP_BYTES + 24)


def state_digest(state: bytes, roster: Roster) -> bytes:
    """What stands for a checkpoint in what members sign, 32 bytes."""
    return digest(_TAG, roster.digest, state)


def _message(index: int, named: bytes, roster: Roster) -> bytes:
    return digest(_TAG_SIGN, roster.digest, index.to_bytes(8, "big"), named)


def sign_checkpoint(index: int, named: bytes, roster: Roster, signer: Signer) -> bytes:
    """A member's signature over a checkpoint, named by index and digest."""
    return signer.sign(_message(index, named, roster))


def signed_checkpoint(
    index: int, named: bytes, place: int, signature: bytes, roster: Roster, scheme: SignatureScheme
) -> bool:
    """Whether the member at that place signed the checkpoint of that name."""
    return scheme.verify(roster.ids[place], _message(index, named, roster), signature)


@dataclass(frozen=True, slots=True)
class Certified:
    """A checkpoint with a quorum's signatures.

    Attributes:
        checkpoint: the state.
        encoded: its bytes.
        named: their digest.
        signatures: (index in roster order, signature), ascending.
    """

    checkpoint: Checkpoint
    encoded: bytes
    named: bytes
    signatures: tuple[tuple[int, bytes], ...]

    @classmethod
    def of(cls, checkpoint: Checkpoint, encoded: bytes, named: bytes, signatures: Mapping[int, bytes]) -> "Certified":
        """Put together what a quorum signed."""
        return cls(checkpoint, encoded, named, tuple(sorted(signatures.items())))


def parse_certified(
    state: bytes, signatures: tuple[tuple[int, bytes], ...], roster: Roster, scheme: SignatureScheme
) -> Certified | None:
    """Check a checkpoint with its signatures: None unless a quorum of different members signed exactly these bytes."""
    checkpoint = Checkpoint.parse(state, roster)
    places = [place for place, _ in signatures]
    if checkpoint is None or len(places) < roster.q or places != sorted(set(places)):
        return None
    named = state_digest(state, roster)
    for place, signature in signatures:
        if not 0 <= place < roster.n or len(signature) != SIGNATURE_BYTES:
            return None
        if not signed_checkpoint(checkpoint.index, named, place, signature, roster, scheme):
            return None
    return Certified(checkpoint, state, named, signatures)
