"""The accepted blocks: by digest, by slot with twins kept, by author for those who fell behind.

Everything is indexed by round, so that rounds can be cut off from below.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from heapq import merge

from mechdesign.group.block import GENESIS_ROUND, Block, Reference
from mechdesign.group.roster import Roster

__all__ = ["Dag"]


class Dag:
    """Accepted blocks of one epoch.

    Attributes:
        collection: the collection round; what is older counts as held and is never followed. It moves with the
            sequence of commits only.
        floor: what is older is not kept any more: the collection round of a certified checkpoint, never above ours.
        highest: the highest round of an accepted block, or -1.
    """

    def __init__(self, roster: Roster) -> None:
        self._n = roster.n
        self.reset(0, 0, ())

    def reset(self, collection: int, floor: int, ordered: Iterable[bytes]) -> None:
        """Begin again without blocks at a collection round; ``ordered`` are out already, whether held or not."""
        self.collection = collection
        self.floor = floor
        self.highest = GENESIS_ROUND
        self._blocks: dict[bytes, Block] = {}
        self._rounds: dict[int, dict[int, list[Block]]] = {}
        self._chains: list[list[tuple[int, bytes]]] = [[] for _ in range(self._n)]
        self._tips = [GENESIS_ROUND] * self._n
        # Digests of what is out and may still be met, by round where that is known.
        self._ordered: dict[bytes, int] = dict.fromkeys(ordered, collection)

    def prune(self, floor: int) -> list[Block]:
        """Let go of the blocks below ``floor``, which is at most the collection round; gives them."""
        self.floor = max(self.floor, floor)
        gone = [
            block
            for round_ in sorted(round_ for round_ in self._rounds if round_ < floor)
            for _, twins in sorted(self._rounds.pop(round_).items())
            for block in twins
        ]
        for block in gone:
            del self._blocks[block.digest]
        for chain in self._chains:
            del chain[: bisect_right(chain, (floor - 1, b"\xff" * 33))]
        for named in [named for named, round_ in self._ordered.items() if round_ < floor]:
            del self._ordered[named]
        return gone

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._blocks

    def __len__(self) -> int:
        return len(self._blocks)

    def get(self, digest: bytes) -> Block | None:
        """The block of that digest."""
        return self._blocks.get(digest)

    def holds(self, reference: Reference) -> bool:
        """Whether a reference counts as held: too old to matter, or an accepted block of exactly that name."""
        if reference.round < self.collection:
            return True
        block = self._blocks.get(reference.digest)
        return block is not None and block.ref == reference

    def add(self, block: Block) -> None:
        """Take an accepted block; its references are held."""
        self._blocks[block.digest] = block
        self._rounds.setdefault(block.round, {}).setdefault(block.author, []).append(block)
        insort(self._chains[block.author], (block.round, block.digest))
        self.highest = max(self.highest, block.round)
        self._tips[block.author] = max(self._tips[block.author], block.round)
        if block.digest in self._ordered:
            self._ordered[block.digest] = block.round

    def slot(self, round_: int, author: int) -> list[Block]:
        """The author's blocks of a round, first accepted first; more than one are twins."""
        return self._rounds.get(round_, {}).get(author, [])

    def firsts(self, round_: int) -> list[Block]:
        """Of each author that has one, the block of the round that was accepted first; in roster order."""
        slots = self._rounds.get(round_, {})
        return [slots[author][0] for author in sorted(slots)]

    def authors(self, round_: int) -> int:
        """How many authors have a block of the round; the genesis counts for nobody here."""
        return len(self._rounds.get(round_, ()))

    def absent(self, round_: int) -> list[int]:
        """Who has no block of the round, ascending."""
        present = self._rounds.get(round_, {})
        return [author for author in range(self._n) if author not in present]

    @property
    def begun(self) -> int:
        """How many authors have made any block."""
        return sum(tip > GENESIS_ROUND for tip in self._tips)

    def tips(self) -> tuple[int, ...]:
        """The newest round of each author, -1 for none; what was let go counts."""
        return tuple(self._tips)

    def recent(self) -> list[int]:
        """The authors with a block in one of the two newest rounds."""
        return [author for author, tip in enumerate(self._tips) if tip >= max(0, self.highest - 1)]

    def blocks(self) -> Iterator[Block]:
        """Every block that is kept, in the order of acceptance."""
        return iter(self._blocks.values())

    def ordered(self) -> list[bytes]:
        """Digests of what is out at or above the collection round, ascending."""
        return sorted(named for named, round_ in self._ordered.items() if round_ >= self.collection)

    def newest(self, author: int) -> Block | None:
        """A newest block of an author."""
        chain = self._chains[author]
        return self._blocks[chain[-1][1]] if chain else None

    def newer(self, tips: tuple[int, ...]) -> Iterator[Block]:
        """Blocks newer than a vector of tips, by (round, digest): parents come before their children."""

        def tail(author: int) -> Iterator[tuple[int, bytes]]:
            chain = self._chains[author]
            for at in range(bisect_right(chain, (tips[author], b"\xff" * 33)), len(chain)):
                yield chain[at]

        for _, digest in merge(*(tail(author) for author in range(len(self._chains)))):
            yield self._blocks[digest]

    def history(self, top: Block, floor: int) -> Iterator[Block]:
        """The block and its ancestors of rounds at or above ``floor``, newest rounds not always first."""
        seen = {top.digest}
        stack = [top]
        floor = max(floor, 0)
        while stack:
            block = stack.pop()
            yield block
            for link in block.links:
                if link.round >= floor and link.digest not in seen:
                    below = self._blocks.get(link.digest)
                    if below is not None and below.ref == link:
                        seen.add(link.digest)
                        stack.append(below)

    def unordered_history(self, top: Block) -> list[Block]:
        """What of a block's history is not ordered yet and not older than the collection round; not sorted."""
        found: list[Block] = []
        seen = {top.digest}
        stack = [top] if top.digest not in self._ordered and top.round >= self.collection else []
        while stack:
            block = stack.pop()
            found.append(block)
            for link in block.links:
                if link.round >= self.collection and link.digest not in seen and link.digest not in self._ordered:
                    below = self._blocks.get(link.digest)
                    if below is not None and below.ref == link:
                        seen.add(link.digest)
                        stack.append(below)
        return found

    def mark_ordered(self, block: Block) -> None:
        """Remember that a block is out."""
        self._ordered[block.digest] = block.round

    def is_ordered(self, digest: bytes) -> bool:
        """Whether a block is out."""
        return digest in self._ordered
