"""What honest members tell of their epochs, compared while it is told.

* Within an epoch the logs agree, position by position; no number of a sender stands there twice, and what comes with an
  entry proves to a stranger that it was said.
* Everybody goes through the same epochs: roster and state.
* What an honest member said is ordered once in all epochs together, where nothing is said anew after a change.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from mechdesign.group.channel import CHANNEL_BYTES, channel_of, unframe
from mechdesign.group.evidence import convict
from mechdesign.group.messages import Delivered, Submission, ViewChanged
from mechdesign.group.roster import Roster
from mechdesign.group.views.view import is_reserved
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import decode
from mechdesign.testing.checkers import BlockId
from mechdesign.testing.frames import frame_reader, proved, record_reader
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["Epochs"]

_ROUNDS = 1 << 32
_READERS_MAX, _RECORDS_MAX = 64, 4096


class Epochs:
    """The history of a group, as long as anybody honest has told it.

    Args:
        simulator: whose effects are watched.
        honest: places of the members that are to agree.
        first: the first roster.
        scheme: checks signatures.
        begins: with which roster the present life of a member begins.
        once: whether nothing may be ordered in two epochs.

    Attributes:
        chain: of each epoch its roster and the state with which it began.
        entries: of each epoch (by its roster's digest) the longest honest log so far.
        at: of each place the roster of its epoch, and how much of the log it has told.
    """

    def __init__(
        self,
        simulator: Simulator,
        honest: Iterable[int],
        first: Roster,
        scheme: SignatureScheme,
        begins: Callable[[int], Roster],
        *,
        once: bool,
    ) -> None:
        self.chain: dict[int, tuple[Roster, bytes]] = {0: (first, b"")}
        self.entries: dict[bytes, list[Submission]] = {}
        self.at: list[tuple[Roster, int]] = [(first, 0)] * len(simulator.processes)
        self._processes = simulator.processes
        self._honest = frozenset(honest)
        self._truthful = frozenset(simulator.processes[place].member for place in self._honest)
        self._scheme = scheme
        self._begins = begins
        self._once = once
        self._rosters: dict[bytes, Roster] = {channel_of(first): first}
        self._frame_reader = lru_cache(_READERS_MAX)(frame_reader)
        self._record_reader = lru_cache(_READERS_MAX)(record_reader)
        self._channel = lru_cache(_RECORDS_MAX)(_channel_of_record)
        self._contents: dict[tuple[MemberId, bytes], tuple[bytes, int]] = {}
        # By epoch, sender and number the position in the log.
        self._names: dict[tuple[bytes, bytes, int], int] = {}
        # By place and epoch how much of the log a member had told when it went on.
        self._left: dict[tuple[int, int], tuple[Roster, int]] = {}
        simulator.watch_lives(self._life)
        simulator.watch(ViewChanged, self._changed)
        simulator.watch(Delivered, self._delivered)

    @property
    def ordered(self) -> int:
        """How many entries all epochs together have."""
        return sum(map(len, self.entries.values()))

    def holds(self, sender: MemberId, data: bytes) -> bool:
        """Whether some epoch has ordered this."""
        return (sender, data) in self._contents

    def told_before(self, roster: Roster, name: tuple[bytes, int], position: int) -> bool:
        """Whether the submission of that (sender, number) stands before a position in the log of an epoch."""
        return self._names.get((roster.digest, *name), position) < position

    def skipped(self, place: int, since: int) -> bool:
        """Whether a member went on without the end of the log of an epoch, from one of these on."""
        return any(
            length < len(self.entries.get(roster.digest, ()))
            for (member, epoch), (roster, length) in self._left.items()
            if member == place and epoch >= since
        )

    def _life(self, place: int, begins: bool) -> None:
        self.at[place] = (self._begins(place), 0)

    def _changed(self, place: int, event: ViewChanged) -> None:
        roster, length = self.at[place]
        if length >= self._left.get((place, roster.epoch), (roster, 0))[1]:
            self._left[place, roster.epoch] = (roster, length)
        for epoch in range(roster.epoch + 1, event.roster.epoch):
            # Whoever was away for a whole epoch learns from its certificate that it was.
            missed = self.chain[epoch][0] if epoch in self.chain else None
            if missed is not None and missed.place(self._processes[place].member) is not None:
                self._left.setdefault((place, epoch), (missed, 0))
        self.at[place] = (event.roster, 0)
        if place not in self._honest:
            return
        self._rosters[channel_of(event.roster)] = event.roster
        known = self.chain.setdefault(event.roster.epoch, (event.roster, event.state))
        if known != (event.roster, event.state):
            raise Violation(f"member {place} begins another epoch {event.roster.epoch} than others")

    def _delivered(self, place: int, event: Delivered) -> None:
        if place not in self._honest:
            return
        roster, length = self.at[place]
        if event.position != length:
            raise Violation(
                f"member {place} tells position {event.position} after {length - 1} of epoch {roster.epoch}"
            )
        self.at[place] = (roster, length + 1)
        log = self.entries.setdefault(roster.digest, [])
        submission = event.submission
        if length < len(log):
            if log[length] != submission:
                raise Violation(f"logs of epoch {roster.epoch} differ at position {length}")
            return
        log.append(submission)
        name = (roster.digest, submission.sender, submission.sequence)
        earlier = self._names.setdefault(name, length)
        if earlier != length:
            raise Violation(f"positions {earlier} and {length} are both number {submission.sequence} of one sender")
        if not proved(roster, self._scheme, event):
            raise Violation(f"the proof that comes with position {length} of epoch {roster.epoch} does not hold")
        if is_reserved(submission.kind) or submission.sender not in self._truthful:
            return
        content = (submission.sender, submission.data)
        where = (roster.digest, length)
        if self._contents.setdefault(content, where) != where and self._once:
            raise Violation(f"{submission.data[:20]!r} is ordered twice, in epoch {roster.epoch} again")

    # -------------------------------------------------------------------------------------------------------- reading

    def convicts(self, data: bytes) -> MemberId | None:
        """Whom evidence convicts, for one who knows all rosters."""
        found = (convict(data, roster, self._scheme) for roster in self._rosters.values())
        return next((member for member in found if member is not None), None)

    def read_frame(self, data: bytes) -> tuple[BlockId, ...]:
        """The blocks in a frame of any epoch."""
        channel, packet = unframe(data)
        roster = self._rosters.get(channel)
        return () if roster is None else _numbered(roster, self._frame_reader(roster)(packet))

    def read_record(self, data: bytes) -> tuple[BlockId, ...]:
        """The block in a journal's record, of any epoch."""
        roster = self._rosters.get(self._channel(data))
        return () if roster is None else _numbered(roster, self._record_reader(roster)(data))


def _channel_of_record(data: bytes) -> bytes:
    """The channel of the epoch that a block names in its header; empty for other bytes."""
    try:
        block = decode(data, bytes_max=len(data))
        header = decode(block[0]) if isinstance(block, tuple) and isinstance(block[0], bytes) else None
    except (WireError, IndexError):
        return b""
    if not isinstance(header, tuple) or len(header) < 2 or not isinstance(header[1], bytes):
        return b""
    return header[1][:CHANNEL_BYTES]


def _numbered(roster: Roster, found: Iterable[BlockId]) -> tuple[BlockId, ...]:
    """Rounds of different epochs are different rounds."""
    return tuple((roster.epoch * _ROUNDS + round_, author, named) for round_, author, named in found)
