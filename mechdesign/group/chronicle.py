"""The log as the blocks that it was taken from: kept for those who fell behind, chained by a hash.

The hash after a block covers the hash before it and the block's digest. Whoever knows the hash at some point, from a
certified checkpoint, can therefore check the blocks before it batch by batch, backwards, whoever sends them. Blocks
that brought nothing new into the log are no part of it. From the same blocks everybody makes the same entries.

The newest blocks are in memory, all that a checkpoint stands for are in the journal, each with the hash before it: so
nothing of the older ones has to be in memory, however long the log. What was read of them, backwards, is believed as
far as it links to the hash that was asked for.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from mechdesign.group.block import Block, parse_block
from mechdesign.group.roster import Roster
from mechdesign.kernel.wire import digest

__all__ = ["HASH_BYTES", "Chronicle", "beginning", "link"]

HASH_BYTES = 32
"""A record of the log in the journal begins with the hash before its block."""

_TAG = "mechdesign/log/1"
_TAG_START = "mechdesign/log/start/1"


def beginning(roster: Roster) -> bytes:
    """The hash before the first block of a group's log."""
    return digest(_TAG_START, roster.digest)


def link(before: bytes, blocks: Iterable[bytes]) -> bytes:
    """The hash after blocks, given by their digests, from the hash before them."""
    for named in blocks:
        before = digest(_TAG, before, named)
    return before


class Chronicle:
    """The blocks of the log, the newest of them in memory.

    Args:
        roster: the group; its digest begins the chain.
        bytes_max: how much is kept in memory for others once it is written to the journal.

    Attributes:
        count: how many blocks the log has.
        chain: the hash after the last.
        written: how many of them are in the journal; older ones may leave memory.
    """

    def __init__(self, roster: Roster, bytes_max: int) -> None:
        self.count = 0
        self.chain = beginning(roster)
        self.written = 0
        self._roster = roster
        self._bytes_max = bytes_max
        self._bytes = 0
        # (hash before, the block's bytes) of the newest blocks.
        self._kept: deque[tuple[bytes, bytes]] = deque()

    def append(self, block: Block) -> None:
        """A block brought something into the log."""
        self._kept.append((self.chain, block.wire))
        self._bytes += len(block.wire)
        self.count += 1
        self.chain = link(self.chain, (block.digest,))

    def settle(self, written: int) -> None:
        """The first so many blocks are in the journal."""
        self.written = max(self.written, written)
        while self._bytes > self._bytes_max and self.first < self.written:
            _, wire = self._kept.popleft()
            self._bytes -= len(wire)

    @property
    def first(self) -> int:
        """The number of the oldest block in memory."""
        return self.count - len(self._kept)

    def unwritten(self, end: int) -> Iterator[tuple[int, bytes]]:
        """(number, record) of the blocks below ``end`` that the journal lacks."""
        for number in range(self.written, end):
            yield number, b"".join(self._kept[number - self.first])

    def hash_at(self, number: int) -> bytes | None:
        """The hash before the block of that number, or None where it is not in memory."""
        if number == self.count:
            return self.chain
        return self._kept[number - self.first][0] if self.first <= number < self.count else None

    def hashes(self) -> tuple[bytes, ...]:
        """The hash before each block in memory, and after the last."""
        return (*(before for before, _ in self._kept), self.chain)

    def before(
        self, end: int, named: bytes, begin: int, blocks_max: int, bytes_max: int
    ) -> tuple[bytes, list[bytes]] | None:
        """Blocks that end before number ``end`` where the hash is ``named``: (hash before them, oldest first).

        As many as the limits hold, at least one, none below ``begin``; None where they are not in memory.
        """
        if self.hash_at(end) != named or not max(self.first, begin) < end:
            return None
        batch: list[bytes] = []
        size, at = 0, end
        while at > max(self.first, begin):
            wire = self._kept[at - 1 - self.first][1]
            if len(batch) == blocks_max or (batch and size + len(wire) > bytes_max):
                break
            batch.append(wire)
            size += len(wire)
            at -= 1
        return self._kept[at - self.first][0], batch[::-1]

    def stored(self, end: int, begin: int, blocks_max: int) -> range:
        """The numbers from ``end`` backwards, none below ``begin``, of blocks that can be read; none if one is not."""
        return range(end - 1, max(begin, end - blocks_max) - 1, -1) if 0 <= begin < end <= self.written else range(0)

    def linked(self, named: bytes, records: Iterable[bytes]) -> tuple[bytes, list[bytes]] | None:
        """What :meth:`before` gives, from records as they were read: backwards from where the hash is ``named``.

        As many as link to it; None where the first does not.
        """
        batch: list[bytes] = []
        for record in records:
            before, wire = record[:HASH_BYTES], record[HASH_BYTES:]
            block = parse_block(wire, self._roster)
            if block is None or link(before, (block.digest,)) != named:
                break
            batch.append(wire)
            named = before
        return (named, batch[::-1]) if batch else None
