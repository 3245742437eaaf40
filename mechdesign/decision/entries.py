"""What members of a session say in the ordered log: the wire form of every kind of entry.

Every entry but PROPOSE (which founds a session) and EVIDENCE (which concerns all of them) begins with the identifier of
its session, and that covers roster, proposer, sequence number and proposal: an entry of another group, epoch or
session is an entry of no session here. :func:`parse` is total: whatever is not exactly one of these forms is None.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeAlias

from mechdesign.decision.custody.receipts import PayoutEntry, ReceiptEntry, read_payout, read_receipt
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode, encode

__all__ = [
    "ENTRY_BYTES_MAX",
    "REASON_BYTES_MAX",
    "STEPS_MAX",
    "AttestEntry",
    "CarryEntry",
    "CoinEntry",
    "DeclineEntry",
    "EnrolEntry",
    "EntryValue",
    "EvidenceEntry",
    "Kind",
    "OpenEntry",
    "ReportEntry",
    "SealEntry",
    "SessionEntry",
    "ShareEntry",
    "StepEntry",
    "TimerEntry",
    "Verdict",
    "parse",
]

STEPS_MAX = 1000
"""A session asks at most this often; a mechanism that wants more has failed."""

REASON_BYTES_MAX = 256
"""Longest reason of a refusal, in bytes of UTF-8."""

ENTRY_BYTES_MAX = 1 << 20
"""No entry is longer (the roster's limit on submissions is at most this)."""

_SALT_BYTES = 32
_POSITION_MAX = 2**63


class Kind(IntEnum):
    """The kinds of leaves that belong to the decision layer."""

    PROPOSE = 1
    ENROL = 2
    DECLINE = 3
    SEAL = 4
    REPORT = 5
    OPEN = 6
    TIMER = 7
    ATTEST = 8
    EVIDENCE = 9
    SHARE = 10
    COIN = 11
    CARRY = 12
    RECEIPT = 13
    PAYOUT = 14


class Verdict(StrEnum):
    """How a computation ended, at everyone alike."""

    SETTLED = "settled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EnrolEntry:
    """The sender takes part in ``session`` and accepts its terms."""

    session: bytes

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session,))


@dataclass(frozen=True, slots=True)
class DeclineEntry:
    """The sender takes no part in ``session``; ``follows``: it has the code and attests all the same."""

    session: bytes
    reason: str
    follows: bool

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.reason, self.follows))


@dataclass(frozen=True, slots=True)
class SealEntry:
    """The sender's commitment or sealed report (by the session's seal mode) for an ask, or None to pass."""

    session: bytes
    step: int
    sealed: bytes | None

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.step, self.sealed))


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """The sender's report to an ask that is not sealed, or None to pass."""

    session: bytes
    step: int
    report: bytes | None

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.step, self.report))


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """What the sender's commitment for an ask stands for."""

    session: bytes
    step: int
    salt: bytes
    padded: bytes

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.step, self.salt, self.padded))


@dataclass(frozen=True, slots=True)
class ShareEntry:
    """The sender's decryption shares of everything that was dealt in a step."""

    session: bytes
    step: int
    share: bytes

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.step, self.share))


@dataclass(frozen=True, slots=True)
class CoinEntry:
    """The sender's dealing for a coin."""

    session: bytes
    step: int
    dealing: bytes

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.step, self.dealing))


@dataclass(frozen=True, slots=True)
class CarryEntry:
    """Ballots of participants that are not members, which the sender carries into the log."""

    session: bytes
    step: int
    ballots: tuple[bytes, ...]

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.step, self.ballots))


@dataclass(frozen=True, slots=True)
class TimerEntry:
    """The sender's own clock says that a phase has lasted as long as the proposal allows."""

    session: bytes
    step: int
    phase: str

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.step, self.phase))


@dataclass(frozen=True, slots=True)
class AttestEntry:
    """What the sender computed from the inputs frozen at a log position.

    Attributes:
        session: the session.
        position: the log position at which the inputs were frozen.
        inputs: digest over the session's entries up to there.
        verdict: settled or failed.
        digest: over outcome and flows, by the session core.
    """

    session: bytes
    position: int
    inputs: bytes
    verdict: Verdict
    digest: bytes

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.session, self.position, self.inputs, self.verdict.value, self.digest))

    def contradicts(self, other: "AttestEntry") -> bool:
        """Whether this is another outcome of the same inputs, so that one of the two was not computed from them."""
        inputs = self.session, self.position, self.inputs
        return self != other and inputs == (other.session, other.position, other.inputs)


@dataclass(frozen=True, slots=True)
class EvidenceEntry:
    """A proof that the group layer found against a member, for all to check at this log position."""

    evidence: bytes

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.evidence,))


StepEntry: TypeAlias = SealEntry | ReportEntry | OpenEntry | ShareEntry | CoinEntry | CarryEntry
"""What belongs to one ask or toss."""

SessionEntry: TypeAlias = EnrolEntry | DeclineEntry | StepEntry | TimerEntry | AttestEntry | ReceiptEntry
"""What is said in one session."""

EntryValue: TypeAlias = SessionEntry | EvidenceEntry | PayoutEntry
"""Everything that :func:`parse` returns."""


def parse(kind: int, data: bytes) -> EntryValue | None:
    """Read an entry of any kind but PROPOSE; None if it is not exactly of that kind. Never raises."""
    if kind not in _READERS:
        return None
    try:
        value = decode(data, bytes_max=ENTRY_BYTES_MAX)
    except WireError:
        return None
    return _READERS[Kind(kind)](value)


def _is_id(value: bytes) -> bool:
    return len(value) == DIGEST_BYTES


def _is_step(value: int) -> bool:
    # ``True`` is an int in Python and a truth value on the wire.
    return type(value) is int and 0 <= value < STEPS_MAX


def _enrol(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session),) if _is_id(session):
            return EnrolEntry(session)
    return None


def _decline(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), str(reason), bool(follows)) if _is_id(session):
            return DeclineEntry(session, reason, follows) if len(reason.encode()) <= REASON_BYTES_MAX else None
    return None


def _seal(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), int(step), (None | bytes()) as sealed) if _is_id(session) and _is_step(step):
            return SealEntry(session, step, sealed)
    return None


def _share(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), int(step), bytes(share)) if _is_id(session) and _is_step(step):
            return ShareEntry(session, step, share)
    return None


def _coin(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), int(step), bytes(dealing)) if _is_id(session) and _is_step(step):
            return CoinEntry(session, step, dealing)
    return None


def _report(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), int(step), (None | bytes()) as report) if _is_id(session) and _is_step(step):
            return ReportEntry(session, step, report)
    return None


def _open(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), int(step), bytes(salt), bytes(padded)) if _is_id(session) and _is_step(step):
            return OpenEntry(session, step, salt, padded) if len(salt) == _SALT_BYTES else None
    return None


def _carry(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), int(step), tuple(values)) if _is_id(session) and _is_step(step):
            ballots = tuple(ballot for ballot in values if isinstance(ballot, bytes))
            return CarryEntry(session, step, ballots) if len(ballots) == len(values) > 0 else None
    return None


def _timer(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), int(step), str(phase)) if _is_id(session) and _is_step(step):
            return TimerEntry(session, step, phase)
    return None


def _attest(value: Value) -> EntryValue | None:
    match value:
        case (bytes(session), int(position), bytes(inputs), str(verdict), bytes(made)) if (
            _is_id(session) and type(position) is int and 0 <= position < _POSITION_MAX
        ):
            if _is_id(inputs) and _is_id(made) and verdict in {each.value for each in Verdict}:
                return AttestEntry(session, position, inputs, Verdict(verdict), made)
    return None


def _evidence(value: Value) -> EntryValue | None:
    match value:
        case (bytes(evidence),):
            return EvidenceEntry(evidence)
    return None


_READERS = {
    Kind.ENROL: _enrol,
    Kind.DECLINE: _decline,
    Kind.SEAL: _seal,
    Kind.REPORT: _report,
    Kind.OPEN: _open,
    Kind.TIMER: _timer,
    Kind.ATTEST: _attest,
    Kind.EVIDENCE: _evidence,
    Kind.SHARE: _share,
    Kind.COIN: _coin,
    Kind.CARRY: _carry,
    Kind.RECEIPT: read_receipt,
    Kind.PAYOUT: read_payout,
}
