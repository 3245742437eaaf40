"""What an honest member saw both halves of, it has convicted by the end of the same step.

The halves are blocks that it accepted in its present life and still keeps: two of one author and round, two on one own
predecessor. Beside them stand two different submissions of ordered blocks under one number, and a block that is invalid
by its own bytes, which is its own other half.
"""

from collections.abc import Iterable

from mechdesign.group.block import Block, check_header, signed_by_author
from mechdesign.group.core import GroupCore
from mechdesign.group.evidence import ConflictingSubmissions, Equivocation, Evidence, InvalidBlock, decode_evidence
from mechdesign.group.leaf import decode_leaf
from mechdesign.group.messages import Append, Compact, EvidenceFound
from mechdesign.group.packets import Blocks, decode_packet
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.testing.habits import BlockOf
from mechdesign.testing.simulator import Simulator, Violation
from mechdesign.transport.messages import Packet

__all__ = ["Faults"]

_Offence = tuple[int, type[Evidence]]


class _Seen:
    """What one member saw in one life."""

    def __init__(self) -> None:
        # Whatever names a block that its author may make once: (author, round) or (author, predecessor).
        self.once: dict[tuple[int, object], bytes] = {}
        self.names_of: dict[bytes, tuple[tuple[int, object], ...]] = {}
        self.numbers: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        # Blocks of one author with different submissions under one number.
        self.conflicts: list[tuple[int, bytes, bytes]] = []
        self.owed: dict[_Offence, None] = {}
        self.proved: set[_Offence] = set()


class Faults:
    """Every commission fault of which an honest member holds both halves is convicted, at once."""

    def __init__(
        self,
        simulator: Simulator,
        honest: Iterable[int],
        liars: Iterable[int],
        roster: Roster,
        scheme: SignatureScheme,
        read: BlockOf,
    ) -> None:
        self._simulator = simulator
        self._roster = roster
        self._scheme = scheme
        self._read = read
        self._seen = {place: _Seen() for place in honest}
        self._liars = frozenset(liars)
        if not self._liars:
            return
        simulator.watch(Append, self._append)
        simulator.watch(Compact, self._compact)
        simulator.watch(EvidenceFound, self._found)
        simulator.watch(Packet, self._packet)
        simulator.watch_lives(self._life)
        simulator.watch_steps(self._step)

    def _life(self, place: int, begins: bool) -> None:
        if place in self._seen:
            self._seen[place] = _Seen()

    def _core(self, place: int) -> GroupCore:
        core = self._simulator.processes[place].machine
        assert isinstance(core, GroupCore)
        return core

    def _append(self, place: int, record: Append) -> None:
        seen = self._seen.get(place)
        block = self._read(record.data) if record.table == "block" else None
        if seen is None or block is None or block.author not in self._liars:
            return
        names = ((block.author, block.round), (block.author, block.header.parents[0].digest))
        seen.names_of[block.digest] = names
        for name in names:
            if seen.once.setdefault(name, block.digest) != block.digest:
                seen.owed[block.author, Equivocation] = None
        for leaf in block.leaves:
            said = decode_leaf(leaf, self._roster)
            if said is not None and said.sender == self._roster.ids[block.author]:
                digest, other = seen.numbers.setdefault((block.author, said.sequence), (block.digest, leaf))
                if other != leaf:
                    seen.conflicts.append((block.author, digest, block.digest))

    def _compact(self, place: int, effect: Compact) -> None:
        seen = self._seen.get(place)
        if seen is None:
            return
        for _, digest in effect.gone:
            for name in seen.names_of.pop(digest, ()):
                if seen.once.get(name) == digest:
                    del seen.once[name]
        # Where the order went on from a checkpoint, what was said below it is not compared any more.
        seen.numbers.clear()
        seen.conflicts.clear()

    def _packet(self, place: int, packet: Packet) -> None:
        if place not in self._seen or self._roster.place(packet.peer) not in self._liars:
            return
        content = decode_packet(self._roster, packet.data)
        # Of a longer frame the later blocks meet another state than this.
        block = self._read(content.blocks[0]) if isinstance(content, Blocks) else None
        if block is None or check_header(block.header, self._roster) is None or not self._looked_at(place, block):
            return
        if signed_by_author(block.encoded, block.header, block.signature, self._roster, self._scheme):
            self._seen[place].owed[block.author, InvalidBlock] = None

    def _looked_at(self, place: int, block: Block) -> bool:
        core = self._core(place)
        return core._manager.screen(block, core._order.committer.undecided_round, core._ahead_max) is None

    def _found(self, place: int, event: EvidenceFound) -> None:
        evidence, author = decode_evidence(event.data), self._roster.place(event.member)
        if place in self._seen and evidence is not None and author is not None:
            self._seen[place].proved.add((author, type(evidence)))

    def _step(self, place: int) -> None:
        seen = self._seen.get(place)
        if seen is None:
            return
        if seen.conflicts:
            dag = self._core(place)._dag
            for author, one, other in seen.conflicts:
                if all(digest in dag and dag.is_ordered(digest) for digest in (one, other)):
                    seen.owed[author, ConflictingSubmissions] = None
        if seen.owed:
            for author, kind in seen.owed:
                if (author, kind) not in seen.proved:
                    raise Violation(f"member {place} saw {author} do it and found no {kind.__name__}")
            seen.owed.clear()
