"""Acceptance: a valid block enters the DAG when all that it refers to is there; until then it is parked.

Acceptance is local and proves nothing about anybody. A block is accepted when every reference at or above the
collection round is an accepted block of exactly that name. Of one author and round two blocks are accepted; a third
only when a block of somebody who is not known to equivocate rests on it, for then others may have accepted it.

What is parked is bounded for each author, in blocks, in what they lack and in bytes. What finds no room is not lost: it
comes again when its turn is near, asked for by its name or by how far we are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mechdesign.group.block import Block, Reference, block_bytes_max
from mechdesign.group.dag import Dag
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId

__all__ = ["BlockManager", "Missing", "parked_bytes_max"]

_TWINS = 2
_LONGEST = 32


@dataclass(frozen=True, slots=True)
class Missing:
    """A block that a parked one refers to and that nobody has sent us yet.

    Attributes:
        reference: what is missing.
        source: the neighbour that sent the block that needs it, None after a restart.
        far: the block that needs it is several rounds ahead of us: catching up may bring what is missing anyway.
    """

    reference: Reference
    source: MemberId | None
    far: bool


def parked_bytes_max(roster: Roster) -> int:
    """How many bytes of one author's blocks may be parked: so much as some of the longest take, or many short ones."""
    return _LONGEST * block_bytes_max(roster)


class BlockManager:
    """Parks valid blocks and hands out those that have become acceptable, ancestors first.

    Args:
        dag: where accepted blocks go; the caller adds what :meth:`offer` and :meth:`retry` yield.
        per_author: how many blocks of one author may be parked; four times as many references may be missing.
        equivocates: whether an author is known to equivocate.
        bytes_max: how many bytes of one author may be parked, None for any number; at least one block's.

    Attributes:
        evicted: how many blocks were thrown away for lack of room.
    """

    def __init__(
        self,
        dag: Dag,
        members: int,
        per_author: int,
        equivocates: Callable[[int], bool],
        bytes_max: int | None = None,
    ) -> None:
        self._dag = dag
        self._per_author = per_author
        self._equivocates = equivocates
        self._members = members
        self._bytes_max = bytes_max
        self._lacks_max = max(4 * per_author, 8 * members)
        self.evicted = 0
        self._parked: dict[bytes, Block] = {}
        self.reset()

    def reset(self) -> list[Block]:
        """Begin again with nothing parked; gives what was, in the order of arrival."""
        parked = list(self._parked.values())
        self._parked = {}
        self._lacks: dict[bytes, dict[Reference, None]] = {}
        self._waiters: dict[Reference, dict[bytes, None]] = {}
        self._sources: dict[bytes, MemberId | None] = {}
        self._of_author: list[dict[bytes, None]] = [{} for _ in range(self._members)]
        self._lacking_of_author = [0] * self._members
        self._bytes_of_author = [0] * self._members
        # What blocks rested on that had to go, though a block of somebody who does not equivocate rests on those.
        self._vouched: dict[Reference, None] = {}
        return parked

    def __len__(self) -> int:
        return len(self._parked)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._parked

    def parked(self) -> Iterator[Block]:
        """Every parked block, in the order of arrival."""
        return iter(self._parked.values())

    def parked_of(self, author: int) -> Iterator[Block]:
        """The parked blocks of an author, in the order of arrival."""
        return (self._parked[digest] for digest in self._of_author[author])

    def get(self, digest: bytes) -> Block | None:
        """The parked block of that digest."""
        return self._parked.get(digest)

    def offer(self, block: Block, source: MemberId | None) -> Iterator[Block]:
        """Take a valid block that is neither accepted nor parked; yields what becomes acceptable.

        The caller must add each yielded block to the DAG before it asks for the next.
        """
        if block.round < self._dag.collection:
            return
        lacks = {link: None for link in block.links if not self._dag.holds(link)}
        if not lacks and self._room(block):
            yield from self._release(block)
            return
        if not self._park(block, lacks, source):
            return
        if lacks:
            # Somebody may now rest on a third twin that we had put aside.
            yield from self._reconsider(block)
        elif self._warranted(block, set(), set()):
            self._unpark(block)
            yield from self._release(block)

    def retry(self) -> Iterator[Block]:
        """After the collection round moved: references below it count as held, blocks below it are let go."""
        self._vouched = {link: None for link in self._vouched if link.round >= self._dag.collection}
        barren: set[bytes] = set()
        for block in list(self._parked.values()):
            if block.digest not in self._parked:
                continue
            if block.round < self._dag.collection:
                self._unpark(block)
                continue
            for link in [link for link in self._lacks[block.digest] if self._dag.holds(link)]:
                self._found(block, link)
            if not self._lacks[block.digest] and (self._room(block) or self._warranted(block, barren, set())):
                self._unpark(block)
                yield from self._release(block)

    def screen(self, block: Block, undecided: int, ahead_max: int) -> str | None:
        """Why a block that arrived is not worth a look, or None; ``undecided`` is the first round to be decided."""
        if not self.is_missing(block.digest):
            return "duplicate"
        if block.round < self._dag.collection:
            # Beside another of its author that is still kept it is a proof.
            proof = self._dag.slot(block.round, block.author) and not self._equivocates(block.author)
            return None if proof else "old"
        if block.round > max(self._dag.highest, undecided) + ahead_max:
            return "ahead"
        return "twin" if self.surplus(block) else None

    def surplus(self, block: Block) -> bool:
        """Whether a block is a third twin that nothing parked waits for: not worth a look until something does."""
        return not self._room(block) and self._equivocates(block.author) and block.ref not in self._waiters

    def missing(self, block: Block, far: bool) -> list[Missing]:
        """What a parked block lacks and nobody has sent: to be pulled."""
        lacks = self._lacks.get(block.digest, {})
        source = self._sources.get(block.digest)
        return [Missing(link, source, far) for link in lacks if self.is_missing(link.digest)]

    def all_missing(self) -> Iterator[Missing]:
        """What any parked block lacks, in the order in which blocks were parked."""
        for block in self._parked.values():
            yield from self.missing(block, far=False)

    def is_missing(self, digest: bytes) -> bool:
        """Whether neither an accepted nor a parked block has this digest."""
        return digest not in self._dag and digest not in self._parked

    def needs(self, reference: Reference) -> bool:
        """Whether a parked block still waits for this reference."""
        return reference in self._waiters

    def wants(self, reference: Reference) -> bool:
        """Whether a parked block waits for this reference and nobody sent the block."""
        return self.needs(reference) and self.is_missing(reference.digest)

    def _room(self, block: Block) -> bool:
        return len(self._dag.slot(block.round, block.author)) < _TWINS

    def _warranted(self, block: Block, barren: set[bytes], fruitful: set[bytes]) -> bool:
        """Whether a block of a non-equivocator that is parked has this one in its history, or one let go for room had.

        Who asks for many blocks passes the same sets, and each block is walked over once for all of them: else a chain
        of an equivocator costs its square. ``barren`` are digests of which the answer is no, which stays so while
        nothing is parked; ``fruitful`` those of which it is yes, which stays so while nothing is parked or let go.
        """
        if block.ref in self._vouched:
            return True
        path = [(block.digest, iter(self._waiters.get(block.ref, ())))]
        while path:
            digest = next(path[-1][1], None)
            if digest is None:
                barren.add(path.pop()[0])
                continue
            waiter = self._parked[digest]
            if digest in fruitful or not self._equivocates(waiter.author) or waiter.ref in self._vouched:
                fruitful.update(below for below, _ in path)
                return True
            if digest not in barren:
                path.append((digest, iter(self._waiters.get(waiter.ref, ()))))
        return False

    def _reconsider(self, newcomer: Block) -> Iterator[Block]:
        """Accept third twins in the history of a newly parked block, if that block warrants it."""
        if self._equivocates(newcomer.author) and not self._warranted(newcomer, set(), set()):
            return
        stack, seen = [newcomer], {newcomer.digest}
        while stack:
            block = stack.pop()
            if block.digest not in self._parked:
                continue
            lacks = self._lacks[block.digest]
            if not lacks and block is not newcomer:
                self._unpark(block)
                yield from self._release(block)
                continue
            for link in list(lacks):
                below = self._parked.get(link.digest)
                if below is not None and below.ref == link and link.digest not in seen:
                    seen.add(link.digest)
                    stack.append(below)

    def _release(self, block: Block) -> Iterator[Block]:
        """Yield a block and then everything parked that only waited for it."""
        ready, barren = [block], set[bytes]()
        while ready:
            here = ready.pop(0)
            if here.digest in self._dag:
                continue
            if here is not block:
                if here.digest not in self._parked:
                    continue
                if not (self._room(here) or self._warranted(here, barren, set())):
                    continue
                self._unpark(here)
            self._vouched.pop(here.ref, None)
            yield here
            for digest in list(self._waiters.get(here.ref, ())):
                waiter = self._parked[digest]
                self._found(waiter, here.ref)
                if not self._lacks[digest]:
                    ready.append(waiter)

    def _park(self, block: Block, lacks: dict[Reference, None], source: MemberId | None) -> bool:
        """Park a block, if its author's place has room or something of less worth can go."""
        own = self._of_author[block.author]
        while own and self._full(block, len(lacks)):
            self.evicted += 1
            victim = self._victim(block)
            if victim is None:
                return False
            self._let_go(victim)
        self._parked[block.digest] = block
        self._lacks[block.digest] = lacks
        self._sources[block.digest] = source
        own[block.digest] = None
        self._lacking_of_author[block.author] += len(lacks)
        self._bytes_of_author[block.author] += len(block.wire)
        for link in lacks:
            self._waiters.setdefault(link, {})[block.digest] = None
        return True

    def _let_go(self, victim: Block) -> None:
        """Make room, and remember what others wait for below: a chain may be longer than the place of its author.

        It then comes in from below, part by part. Without that the lower part would look like what nobody needs.
        """
        if self._equivocates(victim.author) and self._warranted(victim, set(), set()):
            self._vouched.update(self._lacks[victim.digest])
            for link in list(self._vouched)[: -self._lacks_max]:
                del self._vouched[link]
        self._unpark(victim)

    def _full(self, newcomer: Block, lacking: int) -> bool:
        """Whether the place of a block's author has no room for it."""
        author = newcomer.author
        if len(self._of_author[author]) >= self._per_author:
            return True
        if self._lacking_of_author[author] + lacking > self._lacks_max:
            return True
        return self._bytes_max is not None and self._bytes_of_author[author] + len(newcomer.wire) > self._bytes_max

    def _victim(self, newcomer: Block) -> Block | None:
        """Which parked block of the same author makes room for the newcomer, or None where it is not worth one.

        What others rest on stays before what nobody needs, else an equivocator could crowd out the very blocks that
        honest ones wait for; and low rounds stay before high ones, for those come again when their turn is near.
        """
        barren: set[bytes] = set()
        fruitful: set[bytes] = set()
        wanted = self._warranted(newcomer, barren, fruitful)
        if not wanted and self._equivocates(newcomer.author):
            return None
        parked = sorted((self._parked[digest] for digest in self._of_author[newcomer.author]), key=lambda b: b.ref)
        for block in reversed(parked):
            if (wanted or block.ref > newcomer.ref) and not self._warranted(block, barren, fruitful):
                return block
        return parked[-1] if wanted and parked[-1].ref > newcomer.ref else None

    def _found(self, block: Block, link: Reference) -> None:
        del self._lacks[block.digest][link]
        self._lacking_of_author[block.author] -= 1
        waiting = self._waiters[link]
        del waiting[block.digest]
        if not waiting:
            del self._waiters[link]

    def _unpark(self, block: Block) -> None:
        for link in list(self._lacks[block.digest]):
            self._found(block, link)
        del self._parked[block.digest], self._lacks[block.digest], self._sources[block.digest]
        del self._of_author[block.author][block.digest]
        self._bytes_of_author[block.author] -= len(block.wire)
