"""What an honest member saw both halves of, it has convicted by the end of the same step.

The halves are blocks of one author and round, or on one own predecessor: two that it accepted in its present life and
epoch and still keeps, or such a one, or one that is parked, beside one that a liar sends it and that it looks at,
whatever becomes of that. Beside them stand two different submissions of ordered blocks under one number that it still
keeps, signatures under two checkpoints of one index, and a block that is invalid by its own bytes, which is its own
other half. :class:`~mechdesign.testing.forks.Forks` looks for two ends of one epoch.
"""

from collections.abc import Callable, Iterable, Sequence

from mechdesign.group.block import Block, check_header, intact, signed_by_author
from mechdesign.group.checkpoint import signed_checkpoint
from mechdesign.group.core import GroupCore
from mechdesign.group.evidence import (
    ConflictingSubmissions,
    Equivocation,
    Evidence,
    InvalidBlock,
    TwoCheckpoints,
    decode_evidence,
)
from mechdesign.group.leaf import decode_leaf
from mechdesign.group.messages import Append, Compact, EvidenceFound
from mechdesign.group.packets import Blocks, Vouch, decode_packet
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import DIGEST_BYTES
from mechdesign.testing.frames import Readers
from mechdesign.testing.simulator import Simulator, Violation
from mechdesign.transport.messages import Packet

__all__ = ["Faults"]

_Offence = tuple[int, type[Evidence]]


class _Seen:
    """What one member saw in one life and epoch."""

    def __init__(self, core: GroupCore | None = None) -> None:
        self.core = core
        # Whatever names a block that its author may make once: (author, round) or (author, predecessor).
        self.once: dict[tuple[int, object], bytes] = {}
        self.names_of: dict[bytes, tuple[tuple[int, object], ...]] = {}
        self.numbers: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        # Blocks of one author with different submissions under one number.
        self.conflicts: list[tuple[int, bytes, bytes]] = []
        # Invalid blocks behind others in a frame, each with who sent it: those before it may change what is looked at.
        self.behind: list[tuple[MemberId, Block]] = []
        self.owed: dict[_Offence, None] = {}
        self.proved: set[_Offence] = set()


class Faults:
    """Every commission fault of which an honest member holds both halves is convicted, at once.

    Args:
        simulator: whose steps are watched.
        honest: places of the members that are to convict.
        liars: places of those that may have to be convicted.
        scheme: checks signatures.
        cores: what runs in a member that is up, the one of the present epoch first.
        packet: what a frame is to a core, which may be nothing.
    """

    def __init__(
        self,
        simulator: Simulator,
        honest: Iterable[int],
        liars: Iterable[int],
        scheme: SignatureScheme,
        cores: Callable[[int], Sequence[GroupCore]],
        packet: Callable[[GroupCore, bytes], bytes] = lambda core, data: data,
    ) -> None:
        self._simulator = simulator
        self._processes = simulator.processes
        self._scheme = scheme
        self._cores = cores
        self._unpacked = packet
        self._readers = Readers()
        self._seen = {place: _Seen() for place in honest}
        self._liars = frozenset(simulator.processes[place].member for place in liars)
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

    def _current(self, place: int) -> tuple[_Seen, GroupCore] | None:
        """What an honest member has seen in its present epoch, and what it runs there."""
        seen = self._seen.get(place)
        cores = () if seen is None else self._cores(place)
        if seen is None or not cores:
            return None
        if seen.core is not cores[0]:
            seen = self._seen[place] = _Seen(cores[0])
        return seen, cores[0]

    def _append(self, place: int, record: Append) -> None:
        current = self._current(place) if record.table == "block" else None
        if current is None:
            return
        seen, core = current
        roster = core._roster
        block = self._readers.of(roster)(record.data)
        if block is None or roster.ids[block.author] not in self._liars:
            return
        names = ((block.author, block.round), (block.author, block.header.parents[0].digest))
        seen.names_of[block.digest] = names
        for name in names:
            if seen.once.setdefault(name, block.digest) != block.digest:
                seen.owed[block.author, Equivocation] = None
        for leaf in block.leaves:
            said = decode_leaf(leaf, roster)
            if said is not None and said.sender == roster.ids[block.author]:
                digest, other = seen.numbers.setdefault((block.author, said.sequence), (block.digest, leaf))
                if other != leaf:
                    seen.conflicts.append((block.author, digest, block.digest))

    def _compact(self, place: int, effect: Compact) -> None:
        seen = self._seen.get(place)
        if seen is None:
            return
        for _, key in effect.gone:
            digest = key[-DIGEST_BYTES:]
            for name in seen.names_of.pop(digest, ()):
                if seen.once.get(name) == digest:
                    del seen.once[name]
        # Where the order went on from a checkpoint, what was said below it is not compared any more.
        seen.numbers.clear()
        seen.conflicts.clear()

    def _packet(self, place: int, packet: Packet) -> None:
        current = self._current(place)
        if current is None:
            return
        seen, core = current
        roster = core._roster
        if roster.place(packet.peer) is None:
            return
        data = self._unpacked(core, packet.data)
        if packet.peer in self._liars and core._intake.reads(packet.peer, self._now(place)):
            content = decode_packet(roster, data)
            if isinstance(content, Vouch):
                self._vouch(seen, core, content)
            for index, wire in enumerate(content.blocks if isinstance(content, Blocks) else ()):
                block = self._readers.of(roster)(wire)
                if block is None or not _looked_at(core, block):
                    continue
                if not signed_by_author(block.encoded, block.header, block.signature, roster, self._scheme):
                    continue
                if check_header(block.header, roster) is None:
                    if not index and intact(block, roster) and self._excluded(core, block):
                        seen.owed[block.author, Equivocation] = None
                elif index:
                    seen.behind.append((packet.peer, block))
                else:
                    seen.owed[block.author, InvalidBlock] = None

    def _excluded(self, core: GroupCore, block: Block) -> bool:
        """Whether a member holds, accepted or parked, what the author of a block must not have signed beside it."""
        if core._roster.ids[block.author] not in self._liars or core._watch.equivocates(block.author):
            return False
        before = block.header.parents[0].digest
        held = (*core._dag.slot(block.round, block.author), *core._manager.parked_of(block.author))
        return any(
            other.digest != block.digest and (other.round == block.round or other.header.parents[0].digest == before)
            for other in held
        )

    def _vouch(self, seen: _Seen, core: GroupCore, vouch: Vouch) -> None:
        roster = core._roster
        for author, signature in vouch.signatures:
            if not signed_checkpoint(vouch.index, vouch.named, author, signature, roster, self._scheme):
                # Nobody honest passes that on, and nothing behind it is looked at.
                return
            held = core._keeping._certifier.signed(vouch.index, author)
            if held is not None and held[0] != vouch.named and roster.ids[author] in self._liars:
                seen.owed[author, TwoCheckpoints] = None

    def _now(self, place: int) -> Instant:
        process = self._processes[place]
        return self._simulator.now + process.clock_offset

    def _found(self, place: int, event: EvidenceFound) -> None:
        current, evidence = self._current(place), decode_evidence(event.data)
        author = None if current is None else current[1]._roster.place(event.member)
        if current is not None and evidence is not None and author is not None:
            current[0].proved.add((author, type(evidence)))

    def _step(self, place: int) -> None:
        current = self._current(place)
        if current is None:
            return
        seen, core = current
        if seen.conflicts:
            for author, one, other in seen.conflicts:
                if all(digest in core._dag and core._dag.is_ordered(digest) for digest in (one, other)):
                    seen.owed[author, ConflictingSubmissions] = None
        for peer, block in seen.behind:
            # What is looked at before the frame and after it was looked at when its turn came, twins apart.
            if (
                core._intake.reads(peer, self._now(place))
                and not core._watch.equivocates(block.author)
                and _looked_at(core, block)
            ):
                seen.owed[block.author, InvalidBlock] = None
        seen.behind.clear()
        if seen.owed:
            for author, kind in seen.owed:
                if (author, kind) not in seen.proved:
                    raise Violation(f"member {place} saw {author} do it and found no {kind.__name__}")
            seen.owed.clear()


def _looked_at(core: GroupCore, block: Block) -> bool:
    return core._manager.screen(block, core._order.committer.undecided_round, core._intake.ahead_max) is None
