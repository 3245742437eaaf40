"""Who belongs to a group, and the rules that all of them signed up to.

The quorum arithmetic is DESIGN section 6.2: n members, at most b of them lie, a quorum is q = (n + b) // 2 + 1. Two
quorums share at least 2q - n > b members, so at least one honest one.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.text import is_plain
from mechdesign.kernel.wire import Value, decode, digest, encode

__all__ = ["MEMBERS_MAX", "PAYLOAD_BYTES_MAX", "PROTOCOL_VERSION", "FaultModel", "Member", "Roster", "is_member_name"]

PROTOCOL_VERSION = 1
"""Version of the bytes that members exchange; members of one group run the same."""

MEMBERS_MAX = 128
"""No roster is longer: every block names a quorum of parents."""

PAYLOAD_BYTES_MAX = 384 * 1024
"""No roster allows a longer payload: two blocks of that size still fit into one frame of the transport's default."""

_NAME_MAX = 64
_ORDERED_MAX = 128 * 64
_TAG = "mechdesign/roster/1"


def is_member_name(name: str) -> bool:
    """Whether a member may be called so; a mark in brackets behind a name is what layers above give to others."""
    return 0 < len(name) <= _NAME_MAX and is_plain(name) and not name.endswith(")")


class FaultModel(StrEnum):
    """What the group withstands.

    ``byzantine`` bears b = (n-1)//3 liars. ``unanimous`` bears any number of liars in safety (b = n-1), but any one
    member can stall everything. ``majority`` bears crashes only: every member's code is trusted.
    """

    BYZANTINE = "byzantine"
    UNANIMOUS = "unanimous"
    MAJORITY = "majority"

    @classmethod
    def default(cls, n: int) -> "FaultModel":
        """``byzantine`` from four members on, ``unanimous`` below."""
        return cls.BYZANTINE if n >= 4 else cls.UNANIMOUS

    def liars(self, n: int) -> int:
        """The bound b on lying members among n."""
        return {FaultModel.BYZANTINE: (n - 1) // 3, FaultModel.UNANIMOUS: n - 1, FaultModel.MAJORITY: 0}[self]


@dataclass(frozen=True, slots=True)
class Member:
    """One line of a roster.

    Attributes:
        id: Ed25519 public key, 32 bytes.
        name: what people call it; unique in the roster, 1 to 64 printable characters.
        curve: CURVE public key of its links, 32 bytes.
        sealing: the key that shares of sealed reports are encrypted to for it, 32 bytes. The decision layer knows what
            they mean, and that each came with a proof of possession is for whoever puts the roster together to check.
    """

    id: MemberId
    name: str
    curve: bytes
    sealing: bytes


@dataclass(frozen=True)
class Roster:
    """The signed basis of a group: whoever holds other bytes is in another group.

    Attributes:
        group: the group's name.
        members: in roster order; slots, ties and remainders follow it.
        faults: the fault model.
        epoch: counts the views of the group from 0.
        slots: leader slots a round (0 stands for n).
        depth: rounds below a commit that are still ordered with it (D of DESIGN section 6.3).
        submission_bytes_max: a longer submission makes no valid payload.
        payload_bytes_max: a longer payload makes no valid block.
        nonce: tells apart two groups of the same members; 16 bytes.

    Raises:
        LocalProtocolError: names or keys repeat, or a number is out of range.
    """

    group: str
    members: tuple[Member, ...]
    faults: FaultModel
    epoch: int = 0
    slots: int = 0
    depth: int = 64
    submission_bytes_max: int = 64 * 1024
    payload_bytes_max: int = 256 * 1024
    nonce: bytes = bytes(16)

    def __post_init__(self) -> None:
        """Refuse a roster that no honest member would sign."""
        names = [member.name for member in self.members]
        if not 1 <= len(self.members) <= MEMBERS_MAX:
            raise LocalProtocolError(f"a roster has 1 to {MEMBERS_MAX} members, not {len(self.members)}")
        if len({member.id for member in self.members}) < self.n or len(set(names)) < self.n:
            raise LocalProtocolError("two members of the roster share a name or a key")
        for member in self.members:
            if {len(member.id), len(member.curve), len(member.sealing)} != {KEY_BYTES}:
                raise LocalProtocolError(f"a key of {member.name!r} is not {KEY_BYTES} bytes long")
        for name in (*names, self.group):
            if not (0 < len(name) <= _NAME_MAX and is_plain(name)):
                raise LocalProtocolError(f"{name!r} is no name: 1 to {_NAME_MAX} printable characters")
        for name in names:
            if not is_member_name(name):
                raise LocalProtocolError(f"{name!r} is no name of a member: what ends in a bracket marks who is none")
        if not (0 <= self.slots <= self.n and 4 <= self.depth <= 4096 and 0 <= self.epoch < 2**32):
            raise LocalProtocolError("slots, depth or epoch is out of range (0 to n, 4 to 4096, 0 to 2**32-1)")
        if self.n * self.depth > _ORDERED_MAX:
            raise LocalProtocolError(f"members times depth is at most {_ORDERED_MAX}: a checkpoint has to fit a frame")
        if not 0 < self.submission_bytes_max <= self.payload_bytes_max <= PAYLOAD_BYTES_MAX or len(self.nonce) != 16:
            raise LocalProtocolError("submission and payload limits are out of range, or the nonce is not 16 bytes")

    def __hash__(self) -> int:
        """From the digest, which is computed once: rosters are keys of small caches."""
        return hash(self.digest)

    @cached_property
    def n(self) -> int:
        """How many members there are."""
        return len(self.members)

    @cached_property
    def b(self) -> int:
        """How many of them may lie without breaking agreement."""
        return self.faults.liars(self.n)

    @cached_property
    def q(self) -> int:
        """The quorum."""
        return (self.n + self.b) // 2 + 1

    @cached_property
    def slots_per_round(self) -> int:
        """Leader slots a round, with the default of n resolved."""
        return self.slots or self.n

    @cached_property
    def ids(self) -> tuple[MemberId, ...]:
        """The members' keys in roster order."""
        return tuple(member.id for member in self.members)

    @cached_property
    def _places(self) -> dict[MemberId, int]:
        return {member.id: place for place, member in enumerate(self.members)}

    def place(self, member: MemberId) -> int | None:
        """The member's index in roster order, or None for a stranger."""
        return self._places.get(member)

    def name(self, member: MemberId) -> str:
        """The member's name; a stranger is named by the start of its key."""
        place = self.place(member)
        return self.members[place].name if place is not None else f"stranger {member[:4].hex()}"

    def named(self, name: str) -> Member | None:
        """The member of that name."""
        return next((member for member in self.members if member.name == name), None)

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes that :attr:`digest` covers."""
        members = tuple((member.id, member.name, member.curve, member.sealing) for member in self.members)
        head: tuple[Value, ...] = (PROTOCOL_VERSION, self.group, members, self.faults.value, self.epoch)
        return encode((*head, self.slots, self.depth, self.submission_bytes_max, self.payload_bytes_max, self.nonce))

    @cached_property
    def digest(self) -> bytes:
        """The roster's hash, 32 bytes; it names the group and the epoch in everything that members sign."""
        return digest(_TAG, self.encoded)

    @classmethod
    def parse(cls, data: bytes) -> "Roster":
        """Read the bytes of :attr:`encoded`.

        Raises:
            WireError: they are not a roster of this protocol version.
        """
        match decode(data):
            case (
                int(version), str(group), tuple(members), str(faults), int(epoch),
                int(slots), int(depth), int(single), int(payload), bytes(nonce),
            ) if version == PROTOCOL_VERSION:  # fmt: skip
                try:
                    parsed = cls(group, tuple(map(_member, members)), FaultModel(faults), epoch, slots, depth)
                    return replace(parsed, submission_bytes_max=single, payload_bytes_max=payload, nonce=nonce)
                except (ValueError, LocalProtocolError) as error:
                    raise WireError(f"not a roster: {error}") from error
        raise WireError("not a roster of this protocol version")


def _member(value: Value) -> Member:
    match value:
        case (bytes(key), str(name), bytes(curve), bytes(sealing)):
            return Member(MemberId(key), name, curve, sealing)
    raise WireError("not a member of a roster")
