"""Our own submissions, from the request until they stand in the log.

A submission waits, is carried by a block of ours, and is delivered. When the block that carries it is collected before
it was ordered, the submission waits again: nothing submitted is lost, and copies are counted once.

Keys are remembered so that nothing is said twice. Of what a life said and what stands in the log below a certified
checkpoint the newest :data:`KEYS_KEPT` are in memory, and those that have to last. A layer above that is rebuilt from
the log asks again for all that it ever asked for, at once or when it has computed what it needs; so the journal keeps
all keys with the log, and a life knows those of earlier lives in the epoch until its own end.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from mechdesign.group.block import Block
from mechdesign.group.checkpoint import SEQUENCE_WINDOW, Count
from mechdesign.group.leaf import PAYLOAD_SLACK_BYTES, decode_leaf, encode_leaf
from mechdesign.group.messages import Broadcast, Submission
from mechdesign.group.roster import Roster
from mechdesign.group.views.view import ViewKind
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import CongestionError, DamagedError, LocalProtocolError, WireError
from mechdesign.kernel.wire import decode, encode

__all__ = ["KEYS_KEPT", "Outbox", "check_room"]

KEYS_KEPT = 4096
"""Of the keys of what was ordered long ago so many are remembered in one life, the newest ones."""


def check_room(roster: Roster, bytes_max: int) -> None:
    """See that one submission always has room where no other waits, so that what has to wait for room gets it.

    Raises:
        LocalProtocolError: the longest that the roster allows has not.
    """
    least = roster.submission_bytes_max + PAYLOAD_SLACK_BYTES
    if bytes_max < least:
        raise LocalProtocolError(f"pending_bytes_max is {bytes_max} and has to be {least} at least in this group")


class Outbox:
    """Numbers, keeps and hands out our own submissions.

    Args:
        roster: the group; bounds the size of a submission.
        me: our key.
        bytes_max: how much may wait or be under way, in bytes.
    """

    def __init__(self, roster: Roster, me: MemberId, bytes_max: int) -> None:
        self._roster = roster
        self._me = me
        self._bytes_max = bytes_max
        self._bytes = 0
        self._sequence = 0
        # Of each key its number, until a certified checkpoint counts it.
        self._keys: dict[bytes, int] = {}
        # Keys of this epoch that one counts, oldest first; those that last, or are of an earlier life; and keys of
        # earlier epochs.
        self._settled: dict[bytes, None] = {}
        self._lasting: dict[bytes, None] = {}
        self._past: dict[bytes, None] = {}
        self._open: dict[int, bytes] = {}
        self._waiting: dict[int, None] = {}
        self._carried: dict[bytes, tuple[int, list[int]]] = {}
        # How often blocks that carried a number were collected.
        self._collected: Counter[int] = Counter()
        # Numbers from here on would be void: the log lacks too many of ours below them.
        self._limit = SEQUENCE_WINDOW
        self._held_back = False

    def __len__(self) -> int:
        return len(self._open)

    @property
    def waiting(self) -> bool:
        """Whether something of ours is in no live block yet, and may be in the next."""
        return bool(self._waiting) and not self._held_back

    @property
    def losses(self) -> int:
        """How often at most something that waits was in a block that was collected before it was ordered."""
        return max((times for number, times in self._collected.items() if number in self._waiting), default=0)

    def add(self, request: Broadcast) -> bytes | None:
        """Number a submission; gives the record for the journal, or None where the key was used before.

        Raises:
            CongestionError: too much waits already.
            LocalProtocolError: the kind or the size is out of range.
        """
        if any(request.key in known for known in (self._keys, self._settled, self._lasting, self._past)):
            return None
        if not 0 <= request.kind <= 255 or len(request.data) > self._roster.submission_bytes_max:
            raise LocalProtocolError(
                f"a submission has a kind of 0 to 255 and at most {self._roster.submission_bytes_max} bytes"
            )
        leaf = encode_leaf(Submission(request.kind, self._me, self._sequence, request.data))
        # That we are ready for the next epoch is short, said once, and nobody could be told that there is no room.
        if self._bytes + len(leaf) > self._bytes_max and request.kind != ViewKind.READY:
            raise CongestionError(f"{self._bytes} bytes wait to be ordered: the group stalls or is overloaded")
        record = encode((self._sequence, leaf))
        if request.lasting:
            self._lasting[request.key] = None
        self._take_in(request.key, self._sequence, leaf)
        return record

    @property
    def keys(self) -> list[bytes]:
        """The keys that were used in this epoch, as far as they are remembered, oldest first."""
        return list(dict.fromkeys((*self._lasting, *self._settled, *self._keys)))

    def settle(self, counted: Count) -> list[bytes]:
        """A checkpoint was certified that counts so much of ours; gives the keys that it settles, oldest first.

        From now on they are the journal's to remember, and the oldest ones are forgotten here.
        """
        settled = [key for key, number in self._keys.items() if counted.has(number)]
        for key in settled:
            del self._keys[key]
        self._settled.update(dict.fromkeys(settled))
        for key in list(self._settled)[:-KEYS_KEPT]:
            del self._settled[key]
        return settled

    def remember(self, keys: Iterable[bytes]) -> None:
        """Keys of earlier lives in this epoch."""
        self._lasting.update(dict.fromkeys(keys))

    def pending(self, counted: Callable[[int], bool]) -> Iterator[tuple[bytes, Submission]]:
        """What of ours is not in the log, as far as we know and ``counted`` (a number is) does, oldest first."""
        for key, sequence in self._keys.items():
            leaf = self._open.get(sequence)
            submission = None if leaf is None or counted(sequence) else decode_leaf(leaf, self._roster)
            if submission is not None:
                yield key, submission

    def awaits(self, key: bytes) -> bool:
        """Whether what was submitted under a key does not stand in the log yet, as far as we know."""
        return self._keys.get(key, -1) in self._open

    def used(self, key: bytes) -> None:
        """A key was used in an earlier epoch."""
        self._past[key] = None

    def restore(self, key: bytes, record: bytes) -> None:
        """Take back a record of an earlier life.

        Raises:
            JournalError: the record is not what :meth:`add` made.
        """
        try:
            match decode(record):
                case (int(sequence), bytes(leaf)):
                    self._take_in(key, sequence, leaf)
                    self.remember((key,))
                    return
        except WireError as error:
            raise DamagedError("the journal's record of an own submission", error) from error
        raise DamagedError("the journal's record of an own submission")

    def _take_in(self, key: bytes, sequence: int, leaf: bytes) -> None:
        self._held_back = sequence >= self._limit and (self._held_back or not self._waiting)
        self._keys[key] = sequence
        self._open[sequence] = leaf
        self._waiting[sequence] = None
        self._bytes += len(leaf)
        self._sequence = max(self._sequence, sequence + 1)

    def take(self) -> list[bytes]:
        """The leaves for the next block: everything that waits, as far as one payload holds it."""
        room = self._roster.payload_bytes_max + PAYLOAD_SLACK_BYTES
        leaves: list[bytes] = []
        for sequence in sorted(self._waiting):
            leaf = self._open[sequence]
            if len(leaf) > room or sequence >= self._limit:
                break
            room -= len(leaf)
            leaves.append(leaf)
        return leaves

    def carried(self, block: Block) -> None:
        """A block of ours was accepted: what it carries waits no more."""
        sequences = []
        for leaf in block.leaves:
            submission = decode_leaf(leaf, self._roster)
            if submission is None or submission.sender != self._me:
                continue
            # A number that we signed once is never given again, whatever became of its record.
            self._sequence = max(self._sequence, submission.sequence + 1)
            if submission.sequence in self._open:
                self._waiting.pop(submission.sequence, None)
                sequences.append(submission.sequence)
        if sequences:
            self._carried[block.digest] = (block.round, sequences)
            self._look()

    def delivered(self, sequence: int) -> None:
        """A submission of ours stands in the log."""
        # Its record may be gone; its number is never given again.
        self._sequence = max(self._sequence, sequence + 1)
        leaf = self._open.pop(sequence, None)
        self._waiting.pop(sequence, None)
        self._collected.pop(sequence, None)
        if leaf is not None:
            self._bytes -= len(leaf)

    def ordered(self, digest: bytes) -> None:
        """A block of ours is out, and so is everything that it carries."""
        self._carried.pop(digest, None)

    def widen(self, limit: int) -> None:
        """More of ours is in the log: numbers below ``limit`` are not void."""
        if limit > self._limit:
            self._limit = limit
            self._look()

    def _look(self) -> None:
        self._held_back = bool(self._waiting) and min(self._waiting) >= self._limit

    def collected(self, collection: int) -> None:
        """The collection round moved: what blocks below it carried, and nobody ordered, waits again."""
        for digest in [digest for digest, (round_, _) in self._carried.items() if round_ < collection]:
            for sequence in self._carried.pop(digest)[1]:
                if sequence in self._open:
                    self._waiting[sequence] = None
                    self._collected[sequence] += 1
                    self._held_back = False
