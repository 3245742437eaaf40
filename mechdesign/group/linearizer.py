"""From committed leaders to the one log: whole histories in a fixed order, each submission once.

While a leader L is linearised the collection round is L.round - D: a function of the sequence of commits, taken for
each leader in turn however many are decided at once, never of local time or memory. What is older is collected: its
author proposes the payload again.

What is counted of an author is a base, below which all its numbers are in the log, and a window above it: so the count
has a bound, whoever numbers how.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mechdesign.group.block import Block, inclusions
from mechdesign.group.checkpoint import SEQUENCE_WINDOW, Count
from mechdesign.group.dag import Dag
from mechdesign.group.evidence import ConflictingSubmissions
from mechdesign.group.leaf import decode_leaf, said
from mechdesign.group.messages import Delivered, Inclusion, Submission
from mechdesign.group.roster import Roster

__all__ = ["Conflict", "Linearizer"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A second, different submission under a sequence number that was already ordered."""

    author: int
    evidence: ConflictingSubmissions


class _Numbers:
    """The numbers of one author that are in the log."""

    def __init__(self) -> None:
        self.base = 0
        self._above: set[int] = set()
        # Where a number was ordered (digest of the block, index of the leaf), as long as the block is kept: first, or
        # first of what is held.
        self.where: dict[int, tuple[bytes, int]] = {}

    def has(self, number: int) -> bool:
        return number < self.base or number in self._above

    def add(self, number: int) -> None:
        self._above.add(number)
        while self.base in self._above:
            self._above.remove(self.base)
            self.base += 1

    def count(self) -> Count:
        bits = sum(1 << number - self.base - 1 for number in sorted(self._above))
        return Count(self.base, bits.to_bytes((bits.bit_length() + 7) // 8, "big"))


class Linearizer:
    """Orders blocks and counts submissions.

    Attributes:
        length: how many submissions were delivered.
    """

    def __init__(self, roster: Roster, dag: Dag) -> None:
        self.length = 0
        self._roster = roster
        self._dag = dag
        self._numbers = [_Numbers() for _ in range(roster.n)]

    def linearise(self, leader: Block) -> list[Block]:
        """The blocks that a committed leader brings into the order, after moving the collection round to it."""
        self._dag.collection = max(self._dag.collection, leader.round - self._roster.depth)
        out = sorted(self._dag.unordered_history(leader), key=lambda block: block.ref)
        for block in out:
            self._dag.mark_ordered(block)
        return out

    def deliver(self, block: Block) -> list[Delivered | Conflict]:
        """The entries of the log that an ordered block makes, in order; void leaves and copies make none."""
        if not block.leaves:
            return []
        entries: list[Delivered | Conflict] = []
        proofs: list[Inclusion] | None = None
        numbers = self._numbers[block.author]
        for index, leaf in enumerate(block.leaves):
            submission = decode_leaf(leaf, self._roster)
            if submission is None or submission.sender != self._roster.ids[block.author]:
                continue
            number = submission.sequence
            if number >= numbers.base + SEQUENCE_WINDOW:
                continue
            if not numbers.has(number):
                proofs = proofs or inclusions(block)
                numbers.add(number)
                numbers.where[number] = (block.digest, index)
                entries.append(Delivered(self.length, submission, proofs[index]))
                self.length += 1
                continue
            if (other := self._other(block, index, number)) is not None:
                proofs = proofs or inclusions(block)
                entries.append(Conflict(block.author, self._conflict(*other, submission, proofs[index])))
        return entries

    def late(self, block: Block) -> Conflict | None:
        """What a block proves that was ordered before it was held: its entries came with the log of a checkpoint."""
        found: Conflict | None = None
        for index, leaf in enumerate(block.leaves):
            submission = decode_leaf(leaf, self._roster)
            if submission is None or submission.sender != self._roster.ids[block.author]:
                continue
            if not self._numbers[block.author].has(submission.sequence):
                continue
            other = self._other(block, index, submission.sequence)
            if other is not None and found is None:
                found = Conflict(block.author, self._conflict(*other, submission, inclusions(block)[index]))
        return found

    def limit(self, author: int) -> int:
        """A submission of the author with this number or a higher one would be void for now."""
        return self._numbers[author].base + SEQUENCE_WINDOW

    def counts(self) -> tuple[Count, ...]:
        """What is counted of each author, in roster order."""
        return tuple(numbers.count() for numbers in self._numbers)

    def resumed(self, ordered: Iterable[bytes]) -> None:
        """The DAG begins again at a checkpoint: of what is ordered only these blocks may still be shown to others."""
        kept = set(ordered)
        for numbers in self._numbers:
            numbers.where = {number: at for number, at in numbers.where.items() if at[0] in kept}

    def pruned(self, gone: Sequence[Block]) -> None:
        """Blocks are not kept any more: what stood in them proves nothing to others."""
        lost = {block.digest for block in gone if block.leaves}
        if not lost:
            return
        for numbers in self._numbers:
            numbers.where = {number: at for number, at in numbers.where.items() if at[0] not in lost}

    def _other(self, block: Block, index: int, number: int) -> tuple[Block, int] | None:
        """Where another submission stands than in this leaf of an ordered block, under the same number."""
        where = self._numbers[block.author].where
        digest, place = where.setdefault(number, (block.digest, index))
        before = self._dag.get(digest)
        if before is None:
            # What the log of a checkpoint has is not held, or not yet: when it comes, it is compared with this.
            where[number] = block.digest, index
            return None
        return None if before.leaves[place] == block.leaves[index] else (before, place)

    def _conflict(
        self, before: Block, index: int, submission: Submission, inclusion: Inclusion
    ) -> ConflictingSubmissions:
        one = decode_leaf(before.leaves[index], self._roster)
        # It was decoded when it was ordered.
        assert one is not None
        return ConflictingSubmissions(said(one), inclusions(before)[index], said(submission), inclusion)
