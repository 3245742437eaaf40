"""How honest members make their blocks: for a reason, and on top of all that they hold.

Whoever accepted a block before it made its own next one has it in the history of that one, and so of all its later
ones. What that does to the log is looked at in :mod:`mechdesign.testing.causality`.
"""

from collections.abc import Callable, Iterable, Sequence

from mechdesign.group.block import WEAK_PER_MEMBER, Block, Reference
from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Append
from mechdesign.testing.frames import BlockOf, Readers
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["Habits"]


class _View:
    """What one member holds, in one life and epoch, as far as its next block is concerned."""

    def __init__(self, core: GroupCore, read: BlockOf) -> None:
        self.core = core
        self.me = core._me
        self.read = read
        # Accepted, and not in the history of its newest block.
        self.uncovered: dict[bytes, Block] = {}
        # Accepted, with a payload, and not known to be out.
        self.speaking: dict[bytes, Block] = {}
        self.highest = -1
        self.opened = False
        for block in core._dag.blocks():
            self.take(block)
            if block.author == self.me:
                self.cover(block.links)
        for block in core._manager.parked():
            # It is in the journal already: when it is accepted nobody will see that.
            self.highest = max(self.highest, block.round)
            if block.leaves:
                self.speaking[block.digest] = block

    def take(self, block: Block) -> None:
        self.uncovered[block.digest] = block
        self.highest = max(self.highest, block.round)
        self.opened = self.opened or block.author == self.me
        if block.leaves:
            self.speaking[block.digest] = block

    def cover(self, links: Iterable[Reference]) -> None:
        stack = list(links)
        while stack:
            block = self.uncovered.pop(stack.pop().digest, None)
            if block is not None:
                stack += block.links

    def forget(self) -> None:
        """Leave out of mind what was ordered, or collected."""
        dag = self.core._dag
        self.speaking = {
            digest: block
            for digest, block in self.speaking.items()
            if block.round >= dag.collection and not dag.is_ordered(digest)
        }


class Habits:
    """No honest block without something to decide, and none that leaves out what its maker holds.

    Reasons for a block are: something to say; a payload in view that is not out and not collected; a round that
    somebody else has begun; that an epoch which follows another has begun. What is older than the collection depth, or
    more than the links that a block may have, may be left out.

    Args:
        simulator: whose steps are watched.
        honest: places of the members that are looked at.
        cores: what runs in a member that is up, the one of the present epoch first.
        readers: read blocks.
    """

    def __init__(
        self,
        simulator: Simulator,
        honest: Iterable[int],
        cores: Callable[[int], Sequence[GroupCore]],
        readers: Readers | None = None,
    ) -> None:
        self._cores = cores
        self._views: dict[int, _View | None] = dict.fromkeys(honest)
        self._readers = readers or Readers()
        simulator.watch(Append, self._append)
        simulator.watch_lives(self._life)
        simulator.watch_steps(self._step)

    def _life(self, place: int, begins: bool) -> None:
        if place in self._views:
            self._views[place] = None

    def _step(self, place: int) -> None:
        if place not in self._views:
            return
        cores, view = self._cores(place), self._views[place]
        if not cores:
            self._views[place] = None
        elif view is None or view.core is not cores[0]:
            # It has just taken its journal back, or begun an epoch.
            self._views[place] = view = _View(cores[0], self._readers.of(cores[0]._roster))
        if view is not None and view.speaking:
            view.forget()

    def _append(self, place: int, record: Append) -> None:
        view = self._views.get(place)
        block = view.read(record.data) if view is not None and record.table == "block" else None
        if view is None or block is None:
            return
        if block.author == view.me:
            self._made(place, view, block)
        view.take(block)
        if block.author == view.me:
            del view.uncovered[block.digest]

    def _made(self, place: int, view: _View, block: Block) -> None:
        core, roster = view.core, view.core._roster
        opens = roster.epoch > 0 and not view.opened
        if not block.leaves and not view.speaking and view.highest < block.round and not opens:
            raise Violation(f"member {place} makes a block of round {block.round} with nothing to decide")
        view.cover(block.links)
        oldest = max(core._dag.collection, block.round - roster.depth)
        if len(block.header.weak) == WEAK_PER_MEMBER * roster.n:
            return
        for left in view.uncovered.values():
            if left.author == view.me or not oldest <= left.round < block.round or left.digest not in core._dag:
                continue
            if not core._dag.is_ordered(left.digest):
                raise Violation(
                    f"the block of round {block.round} of member {place} leaves out one of round {left.round} of "
                    f"{left.author} that it holds"
                )
