"""How honest members make their blocks: for a reason, and on top of all that they hold; and what that does to the log.

Whoever accepted a block before it made its own next one has it in the history of that one, and so of all its later
ones. What reached all honest members before their next blocks is therefore below every later honest block, and out with
the first of those that is committed. The first half is checked block by block, the second entry by entry.
"""

from collections.abc import Callable, Iterable, Sequence

from mechdesign.group.block import WEAK_PER_MEMBER, Block, Reference
from mechdesign.group.core import GroupCore
from mechdesign.group.leaf import decode_leaf
from mechdesign.group.messages import Append, Delivered
from mechdesign.group.roster import Roster
from mechdesign.testing.checkers import Log
from mechdesign.testing.frames import BlockOf, Readers
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["Causality", "Habits"]


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
    """

    def __init__(
        self, simulator: Simulator, honest: Iterable[int], cores: Callable[[int], Sequence[GroupCore]]
    ) -> None:
        self._cores = cores
        self._views: dict[int, _View | None] = dict.fromkeys(honest)
        self._readers = Readers()
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


class Causality:
    """An entry of the log comes after everything that the block which carries it rests on.

    Looked at for payloads of honest members, down to the collection round of whoever tells the entry first.
    """

    def __init__(self, simulator: Simulator, log: Log, honest: Iterable[int], roster: Roster, read: BlockOf) -> None:
        self._simulator = simulator
        self._log = log
        self._honest = frozenset(honest)
        self._roster = roster
        self._read = read
        self._known: dict[bytes, Block] = {}
        # Blocks of which everything below is known to be out.
        self._closed: set[bytes] = set()
        self._by_header: dict[bytes, Block] = {}
        simulator.watch(Append, self._append)
        simulator.watch(Delivered, self._delivered)

    def _append(self, place: int, record: Append) -> None:
        if place in self._honest and record.table == "block":
            block = self._read(record.data)
            if block is not None:
                self._known[block.digest] = self._by_header[block.encoded] = block

    def _delivered(self, place: int, event: Delivered) -> None:
        top = self._by_header.get(event.inclusion.header)
        if place not in self._honest or top is None or top.digest in self._closed:
            return
        core = self._simulator.processes[place].machine
        assert isinstance(core, GroupCore)
        collection = core._dag.collection
        stack = [link for link in top.links if link.round >= collection]
        self._closed.add(top.digest)
        while stack:
            link = stack.pop()
            block = self._known.get(link.digest)
            if block is None or link.digest in self._closed:
                continue
            self._closed.add(link.digest)
            stack += [below for below in block.links if below.round >= collection]
            for said in map(self._said, block.leaves if block.author in self._honest else ()):
                if said is not None and not self._log.told_before(said, event.position):
                    raise Violation(
                        f"position {event.position} rests on a block of round {block.round} of {block.author} whose "
                        "payload is not out yet"
                    )

    def _said(self, leaf: bytes) -> tuple[bytes, int] | None:
        submission = decode_leaf(leaf, self._roster)
        return None if submission is None else (submission.sender, submission.sequence)
