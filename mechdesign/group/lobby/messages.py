"""What passes between the lobby and the layer above, and what the lobby asks of its driver."""

from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.lobby.dialing import Dial
from mechdesign.group.lobby.events import Announced, FormationFailed, Formed
from mechdesign.group.lobby.presence import Presence
from mechdesign.group.lobby.terms import Terms
from mechdesign.group.lobby.wave import WaveDone
from mechdesign.group.messages import Append, Compact
from mechdesign.kernel.crypto import MemberId
from mechdesign.transport.messages import Send

__all__ = [
    "Announce",
    "Enrol",
    "Leave",
    "LobbyEffect",
    "LobbyRequest",
    "LobbyStatus",
    "PeerGone",
    "PeerKnown",
    "StartWave",
]


@dataclass(frozen=True, slots=True)
class Announce:
    """Request: convene a group by these terms, enrol for it, and send a wave that tells who heard of it.

    The identifier comes back in :class:`Announced`; the wave's :class:`WaveDone` has it for its key.
    """

    terms: Terms


@dataclass(frozen=True, slots=True)
class Enrol:
    """Request: be a member of an announced group.

    Attributes:
        announcement: its identifier.
        invitation: where its admission asks for one.
    """

    announcement: bytes
    invitation: bytes = b""


@dataclass(frozen=True, slots=True)
class StartWave:
    """Request: find out who is reachable.

    Attributes:
        key: a name for it, given back in :class:`WaveDone`.
    """

    key: bytes


@dataclass(frozen=True, slots=True)
class Leave:
    """Request: tell everybody that we go, so that nobody waits for our record to run out."""


@dataclass(frozen=True, slots=True)
class PeerKnown:
    """Event: a player's record is new, or says something new."""

    record: Presence


@dataclass(frozen=True, slots=True)
class PeerGone:
    """Event: a player said farewell, or its record ran out."""

    record: Presence


LobbyRequest: TypeAlias = Announce | Enrol | StartWave | Leave
"""What the layer above asks."""

LobbyEffect: TypeAlias = (
    Append | Compact | Send | Dial | PeerKnown | PeerGone | WaveDone | Announced | Formed | FormationFailed
)
"""Everything that the lobby asks for, downward and upward."""


@dataclass(frozen=True, slots=True)
class LobbyStatus:
    """A snapshot of the lobby.

    Attributes:
        linked: our neighbours.
        known: keys with a live record.
        disputed: keys that signed two records under one number; a hint.
        waves: how many waves pass through us.
        formations: (identifier, group, where it stands and who is waited for).
        dropped: what was refused, by reason.
    """

    linked: tuple[MemberId, ...]
    known: tuple[MemberId, ...]
    disputed: tuple[MemberId, ...]
    waves: int
    formations: tuple[tuple[bytes, str, str], ...]
    dropped: tuple[tuple[str, int], ...]
