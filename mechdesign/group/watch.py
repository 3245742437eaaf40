"""Notices what can be proved against a member, and hands up the first proof of each kind."""

from collections.abc import Iterable, Sequence

from mechdesign.group.block import Block
from mechdesign.group.evidence import Equivocation, Evidence, InvalidBlock, Signed, encode_evidence
from mechdesign.group.linearizer import Conflict
from mechdesign.group.messages import EvidenceFound
from mechdesign.group.roster import Roster

__all__ = ["Watch"]


class Watch:
    """Compares blocks with one another; more proofs of a kind against one member would only cost memory."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._proved: dict[tuple[int, type[Evidence]], None] = {}
        self._slots: dict[tuple[int, int], Block] = {}
        self._predecessors: dict[tuple[int, bytes], Block] = {}

    @property
    def equivocators(self) -> tuple[int, ...]:
        """Who signed blocks that exclude each other, as indices in roster order."""
        return tuple(sorted(author for author, kind in self._proved if kind is Equivocation))

    def equivocates(self, author: int) -> bool:
        """Whether an author is known to equivocate."""
        return (author, Equivocation) in self._proved

    def arrived(self, block: Block, parked: Iterable[Block]) -> list[EvidenceFound]:
        """Compare a valid block, accepted one day or never, with what is accepted and its author's parked ones."""
        if self.equivocates(block.author):
            return []
        before = block.header.parents[0].digest
        kept = (self._slots.get((block.author, block.round)), self._predecessors.get((block.author, before)))
        for other in (*kept, *parked):
            if other is None or other.digest == block.digest:
                continue
            if other.round == block.round or other.header.parents[0].digest == before:
                return self._prove(block.author, Equivocation(_signed(other), _signed(block)))
        return []

    def accepted(self, block: Block) -> list[EvidenceFound]:
        """Compare an accepted block with its author's others for the round and on the same predecessor."""
        twin = self._slots.setdefault((block.author, block.round), block)
        if twin.digest == block.digest:
            twin = self._predecessors.setdefault((block.author, block.header.parents[0].digest), block)
        if twin.digest == block.digest:
            return []
        return self._prove(block.author, Equivocation(_signed(twin), _signed(block)))

    def pruned(self, gone: Sequence[Block]) -> None:
        """Blocks are not kept any more: nothing is compared with them."""
        for block in gone:
            named = (block.author, block.header.parents[0].digest)
            if (seen := self._slots.get((block.author, block.round))) and seen.digest == block.digest:
                del self._slots[block.author, block.round]
            if (seen := self._predecessors.get(named)) and seen.digest == block.digest:
                del self._predecessors[named]

    def invalid(self, block: Block) -> list[EvidenceFound]:
        """A block that is invalid by its own bytes, and signed."""
        return self._prove(block.author, InvalidBlock(_signed(block)))

    def conflict(self, found: Conflict) -> list[EvidenceFound]:
        """Two submissions under one sequence number."""
        return self._prove(found.author, found.evidence)

    def _prove(self, author: int, evidence: Evidence) -> list[EvidenceFound]:
        if (author, type(evidence)) in self._proved:
            return []
        self._proved[author, type(evidence)] = None
        return [EvidenceFound(self._roster.ids[author], encode_evidence(evidence))]


def _signed(block: Block) -> Signed:
    return Signed(block.encoded, block.signature)
