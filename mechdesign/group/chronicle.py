"""The log as the blocks that it was taken from: kept for those who fell behind, chained by a hash.

The hash after a block covers the hash before it and the block's digest. Whoever knows the hash at some point, from a
certified checkpoint, can therefore check the blocks before it batch by batch, backwards, whoever sends them. Blocks
that brought nothing new into the log are no part of it. From the same blocks everybody makes the same entries.

The newest blocks are in memory, all that a checkpoint stands for are in the journal. To answer from there it takes the
hash before what is read, and one for each block would fill the memory: so the hash is kept where every batch begins,
and a batch, which is what one answer holds, is read as a whole. What was read is believed only if it links that hash
with the one that was asked for.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from mechdesign.group.block import Block
from mechdesign.group.packets import BATCH_BLOCKS, BATCH_BYTES
from mechdesign.group.roster import Roster
from mechdesign.kernel.wire import digest

__all__ = ["Chronicle", "link"]

_TAG = "mechdesign/log/1"
_TAG_START = "mechdesign/log/start/1"


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
        self.chain = digest(_TAG_START, roster.digest)
        self.written = 0
        self._bytes_max = bytes_max
        self._bytes = 0
        # (hash before, the block's bytes) of the newest blocks.
        self._kept: deque[tuple[bytes, bytes]] = deque()
        # Where each batch begins, with the hash there, and how many bytes the newest of them has.
        self._batches: list[tuple[int, bytes]] = []
        self._batch_bytes = 0

    def append(self, block: Block) -> None:
        """A block brought something into the log."""
        begun = self._batches[-1][0] if self._batches else self.count - BATCH_BLOCKS
        self._batch_bytes += len(block.wire)
        if self.count - begun == BATCH_BLOCKS or self._batch_bytes > BATCH_BYTES:
            self._batches.append((self.count, self.chain))
            self._batch_bytes = len(block.wire)
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
        """(number, bytes) of the blocks below ``end`` that the journal lacks."""
        for number in range(self.written, end):
            yield number, self._kept[number - self.first][1]

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

    def batch(self, end: int) -> range:
        """The numbers, below ``end``, of the last batch before it; none where the journal lacks some of them."""
        if not 0 < end <= self.written:
            return range(0)
        return range(self._batches[self._batch_of(end)][0], end)

    def from_batch(
        self, end: int, named: bytes, begin: int, blocks: Sequence[Block]
    ) -> tuple[bytes, list[bytes]] | None:
        """What :meth:`before` gives, from the blocks of the last batch before ``end`` as they were read.

        None where they do not link our log with ``named``.
        """
        numbers = self.batch(end)
        skipped = max(0, begin - numbers.start)
        if not skipped < len(numbers) == len(blocks):
            return None
        digests = [block.digest for block in blocks]
        before = link(self._batches[self._batch_of(end)][1], digests[:skipped])
        if link(before, digests[skipped:]) != named:
            return None
        return before, [block.wire for block in blocks[skipped:]]

    def _batch_of(self, end: int) -> int:
        return bisect_left(self._batches, end, key=lambda batch: batch[0]) - 1
