"""Our next block: why it is due, its parents, and weak links to what no parent covers."""

from collections.abc import Iterable

from mechdesign.group.block import WEAK_PER_MEMBER, Block, Reference, genesis
from mechdesign.group.dag import Dag
from mechdesign.group.roster import Roster

__all__ = ["Proposer"]


class Proposer:
    """Keeps our newest block and what is not in its history.

    Attributes:
        newest: our newest block, or None before the first; the next one has it for its first parent.
    """

    def __init__(self, roster: Roster, me: int, dag: Dag) -> None:
        self.newest: Block | None = None
        self._roster = roster
        self._me = me
        self._dag = dag
        self._uncovered: dict[bytes, Block] = {}
        # Accepted blocks with a payload that are neither ordered nor collected: they keep the group awake.
        self._speaking: dict[bytes, Block] = {}
        # How many of them each author has.
        self._speakers = [0] * roster.n

    @property
    def round(self) -> int:
        """Round of our newest block, -1 before the first."""
        return -1 if self.newest is None else self.newest.round

    @property
    def anchored(self) -> bool:
        """Whether our newest block is accepted; after a crash its ancestors may have to be fetched first.

        One below the collection round counts as held, like every reference to what is so old.
        """
        return self.newest is None or self._dag.holds(self.newest.ref)

    def own(self, block: Block) -> None:
        """Take note of a block that we signed."""
        if self.newest is None or block.round > self.newest.round:
            self.newest = block

    def accepted(self, block: Block) -> None:
        """Take note of an accepted block."""
        if block.leaves and block.round >= self._dag.collection and not self._dag.is_ordered(block.digest):
            self._speaking[block.digest] = block
            self._speakers[block.author] += 1
        if block.author == self._me:
            self._cover(block.links)
        else:
            self._uncovered[block.digest] = block

    def ordered(self, block: Block) -> None:
        """A block is out: its payload keeps nobody awake any more."""
        self._silence(block.digest)

    def collected(self) -> None:
        """The collection round moved: payloads below it are for their authors to propose again."""
        for digest in [key for key, block in self._speaking.items() if block.round < self._dag.collection]:
            self._silence(digest)
        for digest in [key for key, block in self._uncovered.items() if block.round < self._dag.collection]:
            del self._uncovered[digest]

    def reset(self) -> None:
        """The DAG begins again without blocks; our newest block stays our newest."""
        self._uncovered.clear()
        self._speaking.clear()
        self._speakers = [0] * self._roster.n

    def _silence(self, digest: bytes) -> None:
        block = self._speaking.pop(digest, None)
        if block is not None:
            self._speakers[block.author] -= 1

    def causes(self, round_: int) -> list[int]:
        """Whose doing it is that a block of ours is due for a round; nobody's while it is not.

        Beside something of our own to say there are two reasons: a payload in our view that is neither ordered nor
        collected, and rounds that others have begun and we have not. The second raises no round, so it ends.
        """
        return [author for author, speaking in enumerate(self._speakers) if speaking] or self.fills(round_)

    def fills(self, round_: int) -> list[int]:
        """Who has begun rounds that we have not; nobody where our block would be the first of its round."""
        if self._dag.highest < round_:
            return []
        return [block.author for block in self._dag.firsts(self._dag.highest)]

    def parents(self, round_: int) -> list[Reference]:
        """The own predecessor, and of everybody else the first accepted block of the round before."""
        own = genesis(self._roster, self._me) if self.newest is None else self.newest.ref
        others = [block.ref for block in self._dag.firsts(round_ - 1) if block.author != self._me]
        return [own, *others]

    def weak(self, round_: int, parents: Iterable[Reference]) -> list[Reference]:
        """Links to blocks that neither the parents nor any earlier block of ours covers, the newest first.

        Everything in the history of what is returned, and of the parents, counts as covered from now on.
        """
        self._cover(parents)
        oldest = max(self._dag.collection, round_ - self._roster.depth)
        for digest in [
            block.digest
            for block in self._uncovered.values()
            if block.round < oldest or self._dag.is_ordered(block.digest)
        ]:
            del self._uncovered[digest]
        links: list[Reference] = []
        for block in sorted(self._uncovered.values(), key=lambda block: block.ref, reverse=True):
            if len(links) == WEAK_PER_MEMBER * self._roster.n:
                break
            if block.round < round_ and block.digest in self._uncovered:
                links.append(block.ref)
                self._cover([block.ref])
        return links

    def _cover(self, references: Iterable[Reference]) -> None:
        stack = list(references)
        while stack:
            block = self._uncovered.pop(stack.pop().digest, None)
            if block is not None:
                stack.extend(block.links)
