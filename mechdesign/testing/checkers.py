"""What must hold in every run, looked at while it happens.

Each checker watches the effects of the honest members and raises :class:`~mechdesign.testing.simulator.Violation` at
the first effect that breaks its guarantee, so that the end of the history is the place to look.
"""

from collections.abc import Callable, Iterable

from mechdesign.group.messages import Append, Delivered, EvidenceFound, Submission
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.simulator import Simulator, Violation
from mechdesign.transport.messages import Send

__all__ = ["BlockId", "BlockReader", "Blocks", "Evidence", "Log", "Promptness"]

BlockId = tuple[int, MemberId, bytes]
"""(round, author, digest) of a block."""

BlockReader = Callable[[bytes], Iterable[BlockId]]
"""Finds the blocks in a frame or a record; an empty answer for anything else. It must not raise."""


class Log:
    """The honest logs agree, position by position, and nothing stands in them twice.

    A restarted member tells its log from position 0 again and must tell the same one.

    Attributes:
        entries: the longest honest log so far.
        lengths: how much of it each member has told in its present life, by place.
    """

    def __init__(
        self, simulator: Simulator, honest: Iterable[int], proved: Callable[[Delivered], bool] | None = None
    ) -> None:
        self.entries: list[Submission] = []
        self.lengths: dict[int, int] = dict.fromkeys(honest, 0)
        self._names: dict[tuple[MemberId, int], int] = {}
        self._contents: dict[tuple[MemberId, int, bytes], int] = {}
        self._members = {process.member: process.place for process in simulator.processes}
        self._proved = proved
        simulator.watch(Delivered, self._delivered)
        simulator.watch_lives(self._life)

    def _life(self, place: int, begins: bool) -> None:
        if place in self.lengths:
            self.lengths[place] = 0

    def _delivered(self, place: int, event: Delivered) -> None:
        if place not in self.lengths:
            return
        position, submission = event.position, event.submission
        if position != self.lengths[place]:
            raise Violation(f"member {place} tells position {position} after {self.lengths[place] - 1}")
        self.lengths[place] += 1
        if position < len(self.entries):
            if self.entries[position] != submission:
                raise Violation(
                    f"logs differ at position {position}: {self.entries[position]} and {submission} at {place}"
                )
            return
        self._new(position, event)

    def _new(self, position: int, event: Delivered) -> None:
        submission = event.submission
        earlier = self._names.setdefault((submission.sender, submission.sequence), position)
        if earlier != position:
            raise Violation(f"positions {earlier} and {position} are both number {submission.sequence} of one sender")
        if self._members.get(submission.sender) in self.lengths:
            content = (submission.sender, submission.kind, submission.data)
            earlier = self._contents.setdefault(content, position)
            if earlier != position:
                raise Violation(f"what an honest member said once stands at {earlier} and {position}: {submission}")
        if self._proved is not None and not self._proved(event):
            raise Violation(f"the proof that comes with position {position} does not hold")
        self.entries.append(submission)

    def told_before(self, name: tuple[bytes, int], position: int) -> bool:
        """Whether the submission of that (sender, number) stands before a position."""
        return self._names.get((MemberId(name[0]), name[1]), position) < position

    def holds(self, place: int, sender: MemberId, data: Iterable[bytes]) -> bool:
        """Whether the member's log has all of these from that sender."""
        length = self.lengths[place]
        return all(self._contents.get((sender, 0, datum), length) < length for datum in data)


class Blocks:
    """No honest member signs two blocks for one round, in all its lives together, and none leaves before it is on disk.

    What counts is what left: a block that was made but lost with the crash of its maker binds nobody.

    Attributes:
        made: how many blocks the honest members have made so far.
        rounds: how many rounds they have begun, in all epochs together.
    """

    def __init__(
        self, simulator: Simulator, honest: Iterable[int], read_frame: BlockReader, read_record: BlockReader
    ) -> None:
        self.made = 0
        self.rounds = 0
        self._highest = -1
        self._read_frame = read_frame
        self._read_record = read_record
        self._members = [process.member for process in simulator.processes]
        self._left: dict[tuple[MemberId, int], bytes] = {}
        self._honest = frozenset(honest)
        self._frame: tuple[bytes, tuple[BlockId, ...]] = (b"", ())
        simulator.watch(Send, self._send)
        simulator.watch(Append, self._append)

    def _append(self, place: int, record: Append) -> None:
        if place not in self._honest or record.table != "block":
            return
        for round_, author, digest in self._read_record(record.data):
            if author == self._members[place]:
                self.made += 1
                if round_ > self._highest:
                    # A block rests on a quorum of the round before, with somebody honest in it: none is passed over.
                    self._highest = round_
                    self.rounds += 1
                if not record.sync:
                    raise Violation(f"member {place} does not sync its own block of round {round_}")
                self._leave(place, round_, digest)

    def _send(self, place: int, effect: Send) -> None:
        if place not in self._honest:
            return
        # One frame goes to many peers: read it once.
        if self._frame[0] is not effect.data:
            self._frame = (effect.data, tuple(self._read_frame(effect.data)))
        for round_, author, digest in self._frame[1]:
            if author == self._members[place]:
                if (author, round_) not in self._left:
                    raise Violation(f"member {place} sends its block of round {round_} before it is on disk")
                self._leave(place, round_, digest)

    def _leave(self, place: int, round_: int, digest: bytes) -> None:
        if self._left.setdefault((self._members[place], round_), digest) != digest:
            raise Violation(f"honest member {place} signed two blocks for round {round_}")


class Promptness:
    """In how many rounds what honest members say, or have said and not seen, is ordered at all of them.

    A member that is down is not waited for, and neither is what one has said that is down.

    Attributes:
        slowest: the most rounds that any submission took since :meth:`begin`.
    """

    def __init__(self, simulator: Simulator, blocks: Blocks, honest: Iterable[int]) -> None:
        self.slowest = 0
        self._counts = False
        self._blocks = blocks
        self._processes = simulator.processes
        self._honest = tuple(honest)
        # Of what is not ordered everywhere: since which round it waits, and at which places it does, a bit each.
        self._open: dict[tuple[MemberId, bytes], tuple[int, int]] = {}
        simulator.watch(Delivered, self._delivered)
        simulator.watch_lives(self._life)

    def said(self, place: int, data: bytes) -> None:
        """A member was asked to say this."""
        if place in self._honest:
            self._open[self._processes[place].member, data] = (self._blocks.rounds, self._up())

    def begin(self) -> None:
        """From now on rounds count: what waits waits from here."""
        self._counts = True
        up, rounds = self._up(), self._blocks.rounds
        heard = {self._processes[place].member for place in self._honest if up >> place & 1}
        self._open = {
            said: (rounds, where & up) for said, (_, where) in self._open.items() if said[0] in heard and where & up
        }

    @property
    def waiting(self) -> list[tuple[MemberId, bytes]]:
        """What is not ordered everywhere, with who said it."""
        return list(self._open)

    @property
    def longest(self) -> int:
        """The most rounds that anything took, or that anything waits already."""
        waits = [self._blocks.rounds - since for since, _ in self._open.values()] if self._counts else []
        return max(self.slowest, *waits, 0)

    def _up(self) -> int:
        return sum(1 << place for place in self._honest if self._processes[place].machine is not None)

    def _delivered(self, place: int, event: Delivered) -> None:
        said = (event.submission.sender, event.submission.data)
        if said in self._open:
            self._seen(said, place)

    def _life(self, place: int, begins: bool) -> None:
        if self._counts and not begins:
            mine = self._processes[place].member
            for said in list(self._open):
                if said[0] == mine:
                    del self._open[said]
                else:
                    self._seen(said, place)

    def _seen(self, said: tuple[MemberId, bytes], place: int) -> None:
        since, where = self._open[said]
        where &= ~(1 << place)
        if where:
            self._open[said] = (since, where)
            return
        del self._open[said]
        if self._counts:
            self.slowest = max(self.slowest, self._blocks.rounds - since)


class Evidence:
    """Whoever is convicted lied, and by a proof that a stranger can check.

    Attributes:
        convicted: by the place of the honest member that found it, whom it convicted in its present life.
    """

    def __init__(
        self,
        simulator: Simulator,
        honest: Iterable[int],
        liars: Iterable[int],
        convict: Callable[[bytes], MemberId | None],
    ) -> None:
        self.convicted: dict[int, list[MemberId]] = {place: [] for place in honest}
        self._liars = {simulator.processes[place].member for place in liars}
        self._convict = convict
        simulator.watch(EvidenceFound, self._found)
        simulator.watch_lives(self._life)

    def _life(self, place: int, begins: bool) -> None:
        if place in self.convicted and not begins:
            self.convicted[place] = []

    def _found(self, place: int, event: EvidenceFound) -> None:
        if place not in self.convicted:
            return
        if event.member not in self._liars:
            raise Violation(f"member {place} convicts honest {event.member[:4].hex()}")
        if self._convict(event.data) != event.member:
            raise Violation(f"evidence found by {place} against {event.member[:4].hex()} does not hold for others")
        self.convicted[place].append(event.member)
