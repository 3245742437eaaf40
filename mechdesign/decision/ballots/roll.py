"""The roll: participants of a session that are not members of the group, an electorate larger than the committee.

A proposal names a roll by its Merkle root and its length. The lines themselves are not in the log: whoever takes part
shows the path of its own line with its ballot. Who stands on the roll is the proposer's word, which members accept by
enrolling; a key or a name that stands there twice takes part once, by its first line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mechdesign.decision.proposal import ROLL_MAX
from mechdesign.kernel import merkle
from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.flow import ACCOUNTS
from mechdesign.kernel.text import is_plain
from mechdesign.kernel.wire import decode, digest, encode

__all__ = ["ROLL_BYTES_MAX", "Roll", "is_name", "line_digest"]

ROLL_BYTES_MAX = 128 << 20
"""No roll is read that is longer."""

_MAGIC = "mechdesign roll"
_FORMAT = 1
_LINE = "mechdesign/roll-line/1"
_NAME_MAX = 64


def is_name(name: str) -> bool:
    """Whether a participant can be called so: 1 to 64 printable characters, and not as an account is."""
    return 0 < len(name) <= _NAME_MAX and is_plain(name) and name not in ACCOUNTS


def line_digest(index: int, key: MemberId, name: str) -> bytes:
    """The leaf of one line; its index is in it, so that no line stands at two places."""
    return digest(_LINE, encode((index, key, name)))


@dataclass(frozen=True)
class Roll:
    """All lines of a roll, as the proposer and the participants keep them.

    Attributes:
        lines: key and name of each participant.

    Raises:
        LocalProtocolError: there is none or are too many, or a key or a name repeats or is malformed.
    """

    lines: tuple[tuple[MemberId, str], ...]

    def __post_init__(self) -> None:
        """Refuse a roll on which somebody could not take part."""
        if not 1 <= len(self.lines) <= ROLL_MAX:
            raise LocalProtocolError(f"a roll has 1 to {ROLL_MAX} lines, not {len(self.lines)}")
        for index, (key, name) in enumerate(self.lines):
            if len(key) != KEY_BYTES or not is_name(name):
                raise LocalProtocolError(f"line {index} of the roll ({name!r}) has no key of 32 bytes or no fit name")
        if len({key for key, _ in self.lines}) < len(self.lines) or len(dict(self._by_name)) < len(self.lines):
            raise LocalProtocolError("two lines of the roll share a key or a name")

    @property
    def _by_name(self) -> Sequence[tuple[str, MemberId]]:
        return [(name, key) for key, name in self.lines]

    @cached_property
    def _leaves(self) -> list[bytes]:
        return [line_digest(index, key, name) for index, (key, name) in enumerate(self.lines)]

    @cached_property
    def root(self) -> bytes:
        """What a proposal names it by, 32 bytes."""
        return merkle.root(self._leaves)

    @cached_property
    def _places(self) -> dict[MemberId, int]:
        return {key: index for index, (key, _) in enumerate(self.lines)}

    def index(self, key: MemberId) -> int | None:
        """Where a key stands, or None."""
        return self._places.get(key)

    @cached_property
    def paths(self) -> list[tuple[bytes, ...]]:
        """The path of every line."""
        return merkle.paths(self._leaves)

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((_MAGIC, _FORMAT, self.lines))

    @classmethod
    def parse(cls, data: bytes) -> "Roll | None":
        """Read the bytes of :attr:`encoded`; None if they are no roll. Never raises."""
        try:
            match decode(data, bytes_max=ROLL_BYTES_MAX):
                case (str(magic), int(version), tuple(values)) if magic == _MAGIC and version == _FORMAT:
                    lines = [line for line in map(_line, values) if line is not None]
                    roll = cls(tuple(lines))
                    return roll if roll.encoded == data else None
        except (WireError, LocalProtocolError):
            return None
        return None


def _line(value: object) -> tuple[MemberId, str] | None:
    match value:
        case (bytes(key), str(name)):
            return MemberId(key), name
    return None
