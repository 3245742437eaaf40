"""What a convener announces: for whom a group is meant, by which rules it will run, how long its forming may take."""

from dataclasses import dataclass, fields

from mechdesign.group.lobby.admission import Admission, Policy
from mechdesign.group.roster import MEMBERS_MAX, PAYLOAD_BYTES_MAX, FaultModel, Member, Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.text import is_plain
from mechdesign.kernel.wire import Value

__all__ = ["UNPOLICED", "Terms", "parse_terms"]

UNPOLICED = "the convener's choice of members is unpoliced"
"""To be shown wherever a group is announced."""

_NAME_MAX = 64
_NOTE_MAX = 512
_DURATION_MS_MAX = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Terms:
    """The parameters of a group that is yet to be formed.

    Attributes:
        group: its name.
        admission: who may enrol.
        size_min: with fewer members there is no group.
        size_max: no more are taken, in the order in which their enrolments reached the convener.
        faults: the fault model, or None for the default of the size that comes about.
        slots: leader slots a round at most; 0 stands for one a member.
        depth: see :class:`~mechdesign.group.roster.Roster`.
        submission_bytes_max: see there.
        payload_bytes_max: see there.
        enrol_ms: how long the convener waits for enrolments, in milliseconds.
        attempt_ms: how long it waits for the signatures of one attempt, in milliseconds.
        attempts: how many rosters it proposes at most.
        note: what the group is for.

    Raises:
        LocalProtocolError: no roster could come of this.
    """

    group: str
    admission: Admission
    size_min: int = 1
    size_max: int = 64
    faults: FaultModel | None = None
    slots: int = 0
    depth: int = 64
    submission_bytes_max: int = 64 * 1024
    payload_bytes_max: int = 256 * 1024
    enrol_ms: int = 30_000
    attempt_ms: int = 10_000
    attempts: int = 8
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse terms that no honest player would enrol for."""
        numbers = [getattr(self, each.name) for each in fields(self) if each.type is int]
        if any(type(number) is not int for number in numbers):
            raise LocalProtocolError("sizes, limits and durations of a group are whole numbers")
        if not (0 < len(self.group) <= _NAME_MAX and is_plain(self.group)):
            raise LocalProtocolError(f"the name of a group has 1 to {_NAME_MAX} printable characters")
        if not 1 <= self.size_min <= self.size_max <= MEMBERS_MAX:
            raise LocalProtocolError(f"a group has 1 to {MEMBERS_MAX} members, and its least size is not its greatest")
        if not 0 <= self.slots <= MEMBERS_MAX or not 4 <= self.depth <= 4096 or self.size_max * self.depth > 128 * 64:
            raise LocalProtocolError("slots or depth is out of range: members times depth is at most 8192")
        if not 0 < self.submission_bytes_max <= self.payload_bytes_max <= PAYLOAD_BYTES_MAX:
            raise LocalProtocolError("submission and payload limits are out of range")
        if not (self.enrol_ms > 0 and self.attempt_ms > 0 and 1 <= self.attempts <= MEMBERS_MAX):
            raise LocalProtocolError("durations are at least a millisecond, and there is at least one attempt")
        if self.duration_ms > _DURATION_MS_MAX:
            raise LocalProtocolError("forming a group takes a day at most")
        if len(self.note) > _NOTE_MAX or not (is_plain(self.note) or not self.note):
            raise LocalProtocolError(f"a note has at most {_NOTE_MAX} printable characters")

    @property
    def duration_ms(self) -> int:
        """How long the forming may take as a whole, in milliseconds."""
        return self.enrol_ms + self.attempts * self.attempt_ms

    @property
    def value(self) -> tuple[Value, ...]:
        """What is encoded."""
        admission = (self.admission.policy.value, self.admission.keys)
        sizes = (self.size_min, self.size_max, "" if self.faults is None else self.faults.value)
        limits = (self.slots, self.depth, self.submission_bytes_max, self.payload_bytes_max)
        return (self.group, admission, *sizes, *limits, self.enrol_ms, self.attempt_ms, self.attempts, self.note)

    @property
    def text(self) -> str:
        """What a player should know before it enrols, in one paragraph."""
        size = f"{self.size_min} to {self.size_max}" if self.size_min < self.size_max else str(self.size_min)
        trust = " (every member's code is trusted)" if self.faults is FaultModel.MAJORITY else ""
        model = "the default fault model of its size" if self.faults is None else f"fault model {self.faults}{trust}"
        note = f": {self.note}" if self.note else ""
        return f"{self.group}{note}; {size} members, {model}; {self.admission.text}; {UNPOLICED}"

    def roster(self, members: tuple[Member, ...], nonce: bytes) -> Roster:
        """The roster of these members under these terms.

        Raises:
            LocalProtocolError: two share a name or a key.
        """
        n = len(members)
        return Roster(
            group=self.group,
            members=members,
            faults=self.faults or FaultModel.default(n),
            slots=min(self.slots, n),
            depth=self.depth,
            submission_bytes_max=self.submission_bytes_max,
            payload_bytes_max=self.payload_bytes_max,
            nonce=nonce,
        )


def parse_terms(value: Value) -> Terms | None:
    """Read :attr:`Terms.value`; None for everything else. Never raises."""
    match value:
        case (
            str(group), (str(policy), tuple(keys)), int(size_min), int(size_max), str(faults),
            int(slots), int(depth), int(single), int(payload), int(enrol), int(attempt), int(attempts), str(note),
        ):  # fmt: skip
            known = tuple(MemberId(key) for key in keys if type(key) is bytes)
            if len(known) < len(keys):
                return None
            try:
                admission = Admission(Policy(policy), known)
                model = FaultModel(faults) if faults else None
                sizes = (size_min, size_max, model, slots, depth, single, payload)
                return Terms(group, admission, *sizes, enrol, attempt, attempts, note)
            except (ValueError, LocalProtocolError):
                return None
    return None
