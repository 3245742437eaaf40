"""The bytes of a transcript: the roster, and the session's entries with the proof that their senders signed them.

Nothing else is in it. Session identifier, certificate, reports, outcome, ledger and the digest over the inputs are all
derived, so there is no hash in the file that could be recomputed to cover a change. Up to the freeze an entry has its
log position, which the attested digest of the inputs covers; afterwards the order of the list is all that matters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mechdesign.decision.certificate import Entry
from mechdesign.group.messages import Inclusion, Submission
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import VerificationError, WireError
from mechdesign.kernel.wire import Value, decode, digest, encode

__all__ = [
    "FORMAT",
    "MAGIC",
    "TRANSCRIPT_BYTES_MAX",
    "Chained",
    "Record",
    "chain",
    "pack_signed",
    "read_entry",
    "read_later",
    "unpack_signed",
]

MAGIC = "mechdesign transcript"
"""What a transcript begins with."""

FORMAT = 2
"""And the number behind it: 1 had another digest over the inputs."""

TRANSCRIPT_BYTES_MAX = 256 << 20
"""No transcript is read that is longer."""

_INPUT = "mechdesign/input/1"
_INPUTS = "mechdesign/inputs/1"
_PATH_MAX = 32
_POSITION_MAX = 2**63


@dataclass(frozen=True, slots=True)
class Record:
    """What a transcript carries.

    Attributes:
        roster: the group's.
        frozen: the session's entries up to the freeze of its inputs, the proposal first.
        later: its entries after that, in their order; their positions stand nowhere and are made up on reading.
    """

    roster: Roster
    frozen: tuple[Entry, ...]
    later: tuple[Entry, ...]

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        frozen = tuple((entry.position, *pack_signed(entry.submission, entry.inclusion)) for entry in self.frozen)
        later = tuple(pack_signed(entry.submission, entry.inclusion) for entry in self.later)
        return encode((MAGIC, FORMAT, self.roster.encoded, frozen, later))

    @classmethod
    def parse(cls, data: bytes) -> "Record":
        """Read the bytes of :attr:`encoded`; whether they are its one spelling is for the audit to compare.

        Raises:
            VerificationError: they are no transcript of this version.
        """
        try:
            value = decode(data, bytes_max=TRANSCRIPT_BYTES_MAX)
            match value:
                case (str(magic), int(version), bytes(roster), tuple(frozen), tuple(later)) if (
                    magic == MAGIC and type(version) is int and version == FORMAT
                ):
                    return cls(Roster.parse(roster), _frozen(frozen), _later(later, len(frozen)))
        except WireError as error:
            raise VerificationError("format", f"not a transcript: {error}") from error
        raise VerificationError("format", "not a transcript of this version")


def _frozen(values: Sequence[Value]) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for value in values:
        entries.append(read_entry(value, entries[-1].position if entries else -1))
    return tuple(entries)


def read_entry(value: Value, last: int) -> Entry:
    """Read an entry up to the freeze, which stands behind the position of the last one.

    Raises:
        WireError: it is none, or does not.
    """
    match value:
        case (int(position), *rest) if type(position) is int and 0 <= position < _POSITION_MAX:
            # A quorum's digest covers the order too, but where a session aborted there is none.
            if position <= last:
                raise WireError("its entries are not in the order of the log")
            return _entry(position, tuple(rest))
    raise WireError("an entry has no position")


def _later(values: Sequence[Value], first: int) -> tuple[Entry, ...]:
    return tuple(read_later(value, first + place) for place, value in enumerate(values))


def read_later(value: Value, place: int) -> Entry:
    """Read an entry behind the freeze; its position is made up from its place in the transcript.

    Raises:
        WireError: it is none.
    """
    return _entry(_POSITION_MAX + place, value)


def _entry(position: int, value: Value) -> Entry:
    signed = unpack_signed(value)
    if signed is None:
        raise WireError("an entry is malformed")
    return Entry(position, *signed)


def pack_signed(submission: Submission, inclusion: Inclusion) -> tuple[Value, ...]:
    """A submission and its proof as a value with a canonical encoding."""
    said = submission.kind, submission.sender, submission.sequence, submission.data
    return (*said, inclusion.header, inclusion.signature, inclusion.index, inclusion.path)


def unpack_signed(value: Value) -> tuple[Submission, Inclusion] | None:
    """Read what :func:`pack_signed` made; None for anything else."""
    match value:
        case (
            int(kind), bytes(sender), int(sequence), bytes(data),
            bytes(header), bytes(signature), int(index), tuple(path),
        ) if _exact(kind, sequence, index) and len(path) <= _PATH_MAX:  # fmt: skip
            siblings = [sibling for sibling in path if isinstance(sibling, bytes)]
            if len(siblings) == len(path):
                submission = Submission(kind, MemberId(sender), sequence, data)
                return submission, Inclusion(header, signature, index, tuple(siblings))
    return None


@dataclass(frozen=True, slots=True)
class Chained:
    """An entry as it stands in the digest of the inputs: what was said, by whom, and where in the log."""

    position: int
    submission: Submission

    @classmethod
    def of(cls, entry: Entry) -> "Chained":
        """What the digest covers of an entry."""
        return cls(entry.position, entry.submission)

    @classmethod
    def unpack(cls, value: Value) -> "Chained | None":
        """Read what :attr:`packed` made; None for anything else."""
        match value:
            case (int(position), int(kind), bytes(sender), int(sequence), bytes(data)) if _exact(
                position, kind, sequence
            ):
                return cls(position, Submission(kind, MemberId(sender), sequence, data))
        return None

    @property
    def packed(self) -> tuple[Value, ...]:
        """The entry as a value with a canonical encoding."""
        sent = self.submission
        return (self.position, sent.kind, sent.sender, sent.sequence, sent.data)

    @property
    def leaf(self) -> bytes:
        """The entry's own digest, 32 bytes: all that a proof has to carry of an entry that it is not about."""
        return digest(_INPUT, encode(self.packed))


def chain(start: bytes, leaves: Iterable[bytes]) -> bytes:
    """The digest of the inputs after some more entries, by their leaves; the session's identifier is that of none."""
    for leaf in leaves:
        start = digest(_INPUTS, start, leaf)
    return start


def _exact(*numbers: int) -> bool:
    return all(type(number) is int and 0 <= number < 2**63 for number in numbers)
