"""Reading what members send and store, for checkers: which blocks are in it, and whether proofs hold."""

from collections.abc import Callable
from functools import lru_cache

from mechdesign.group.block import Block, check_inclusion, parse_block
from mechdesign.group.evidence import convict
from mechdesign.group.messages import Delivered
from mechdesign.group.packets import Blocks, decode_packet
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.testing.checkers import BlockId

__all__ = ["BlockOf", "Readers", "convicted", "frame_reader", "proved", "record_reader"]

Reader = Callable[[bytes], tuple[BlockId, ...]]

BlockOf = Callable[[bytes], Block | None]
"""Reads a block from its bytes, remembering some: None for bytes that are none."""


class Readers:
    """Of each epoch what reads its blocks, shared by all members: each block goes to all of them."""

    def __init__(self) -> None:
        self._of: dict[bytes, BlockOf] = {}

    def of(self, roster: Roster) -> BlockOf:
        """What reads the blocks of the epoch of a roster."""
        if roster.digest not in self._of:
            self._of[roster.digest] = lru_cache(maxsize=4096)(lambda data: parse_block(data, roster))
        return self._of[roster.digest]


def record_reader(roster: Roster) -> Reader:
    """Reads the identity of the block in a journal record; nothing for other bytes."""

    @lru_cache(maxsize=4096)
    def read(data: bytes) -> tuple[BlockId, ...]:
        block = parse_block(data, roster)
        return () if block is None else ((block.round, roster.ids[block.author], block.digest),)

    return read


def frame_reader(roster: Roster) -> Reader:
    """Reads the identities of the blocks in a frame; nothing for other bytes."""
    record = record_reader(roster)

    @lru_cache(maxsize=4096)
    def read(data: bytes) -> tuple[BlockId, ...]:
        packet = decode_packet(roster, data)
        if not isinstance(packet, Blocks):
            return ()
        return tuple(found for wire in packet.blocks for found in record(wire))

    return read


def proved(roster: Roster, scheme: SignatureScheme, event: Delivered) -> bool:
    """Whether the proof of inclusion of a log entry holds for a stranger with the roster."""
    return check_inclusion(roster, scheme, event.submission, event.inclusion)


def convicted(roster: Roster, scheme: SignatureScheme, data: bytes) -> MemberId | None:
    """Whom the evidence convicts, for a stranger with the roster."""
    return convict(data, roster, scheme)
