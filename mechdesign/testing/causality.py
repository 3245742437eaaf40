"""What honest blocks rest on comes into the log before what they carry, epoch by epoch.

A block that reached all honest members before their next blocks is below every later honest block (see
:mod:`mechdesign.testing.habits`), and so out with the first of those that is committed. Here the other half is checked,
entry by entry: nothing is told whose block rests on something that is not out.
"""

from collections.abc import Callable, Iterable, Sequence

from mechdesign.group.block import Block
from mechdesign.group.core import GroupCore
from mechdesign.group.leaf import decode_leaf
from mechdesign.group.messages import Append, Delivered
from mechdesign.group.roster import Roster
from mechdesign.testing.frames import Readers
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["Causality", "Told"]

Told = Callable[[Roster, tuple[bytes, int], int], bool]
"""Whether the submission of a (sender, number) stands before a position in the log of the epoch of a roster."""


class Causality:
    """An entry of the log comes after everything that the block which carries it rests on.

    Looked at for payloads of honest members, down to the collection round of whoever tells the entry first.

    Args:
        simulator: whose effects are watched.
        honest: places of the members that are looked at.
        cores: what runs in a member that is up, the one of the present epoch first.
        told: what the logs have told so far.
        readers: read blocks.
    """

    def __init__(
        self,
        simulator: Simulator,
        honest: Iterable[int],
        cores: Callable[[int], Sequence[GroupCore]],
        told: Told,
        readers: Readers,
    ) -> None:
        self._honest = frozenset(honest)
        self._truthful = frozenset(simulator.processes[place].member for place in self._honest)
        self._cores = cores
        self._told = told
        self._readers = readers
        self._known: dict[bytes, Block] = {}
        # Blocks of which everything below is known to be out.
        self._closed: set[bytes] = set()
        self._by_header: dict[bytes, Block] = {}
        simulator.watch(Append, self._append)
        simulator.watch(Delivered, self._delivered)

    def _append(self, place: int, record: Append) -> None:
        cores = self._cores(place) if place in self._honest and record.table == "block" else ()
        if cores:
            block = self._readers.of(cores[0]._roster)(record.data)
            if block is not None:
                self._known[block.digest] = self._by_header[block.encoded] = block

    def _delivered(self, place: int, event: Delivered) -> None:
        top = self._by_header.get(event.inclusion.header)
        if place not in self._honest or top is None or top.digest in self._closed:
            return
        core = self._cores(place)[0]
        roster, collection = core._roster, core._dag.collection
        stack = [link for link in top.links if link.round >= collection]
        self._closed.add(top.digest)
        while stack:
            link = stack.pop()
            block = self._known.get(link.digest)
            if block is None or link.digest in self._closed:
                continue
            self._closed.add(link.digest)
            stack += [below for below in block.links if below.round >= collection]
            for leaf in block.leaves if roster.ids[block.author] in self._truthful else ():
                said = decode_leaf(leaf, roster)
                if said is not None and not self._told(roster, (said.sender, said.sequence), event.position):
                    raise Violation(
                        f"position {event.position} rests on a block of round {block.round} of {block.author} whose "
                        "payload is not out yet"
                    )
