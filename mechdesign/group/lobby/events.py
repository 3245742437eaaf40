"""What a formation asks of the lobby and tells the layer above, and what a player brings to every formation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.lobby.convention import Announcement, Certificate, Item
from mechdesign.group.lobby.presence import KeyCheck
from mechdesign.group.messages import Append
from mechdesign.group.roster import Member, Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.machine import Instant

__all__ = [
    "Announced",
    "Flood",
    "FormationEffect",
    "FormationFailed",
    "Formed",
    "NamedSince",
    "Seat",
    "Standing",
    "record_key",
]

NamedSince: TypeAlias = Callable[[MemberId, str], Instant | None]
"""``named(player, name)``: since when we know a player by that name, or None where we do not."""

Standing: TypeAlias = Callable[[MemberId], tuple[MemberId, int] | None]
"""``standing(convener)``: which neighbour answers for its record and its rank there, or None where it is not known."""


@dataclass(frozen=True, slots=True)
class Announced:
    """Event: a group can be enrolled for; also raised for our own announcement.

    Attributes:
        id: the announcement's identifier.
        announcement: its convener and terms; ``announcement.terms.text`` says what to know before enrolling.
    """

    id: bytes
    announcement: Announcement


@dataclass(frozen=True, slots=True)
class Formed:
    """Event: we are a member of a group that exists now; comes again after a restart.

    Attributes:
        id: the announcement's identifier.
        roster: the group's.
        certificate: announcement, roster and every member's signature; ``valid_certificate`` checks it.
    """

    id: bytes
    roster: Roster
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class FormationFailed:
    """Event: a group that we convened or enrolled for does not come about, as far as we can tell.

    A member that is cut off from the others may hear of the group later all the same.

    Attributes:
        id: the announcement's identifier.
        why: what was missing.
    """

    id: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Flood:
    """Ask the lobby to send a part to all neighbours.

    Attributes:
        item: the part.
        ours: whether we made it; one of others does not go back to the neighbour that brought it.
    """

    item: Item
    ours: bool = False


FormationEffect: TypeAlias = Append | Flood | Announced | Formed | FormationFailed


@dataclass(frozen=True, slots=True)
class Seat:
    """What a player brings to every formation.

    Attributes:
        signer: signs for it.
        line: its line of a roster.
        possession: the proof that it knows its sealing and its CURVE key.
        scheme: how signatures are checked.
        holds_key: how proofs of possession are checked.
    """

    signer: Signer
    line: Member
    possession: bytes
    scheme: SignatureScheme
    holds_key: KeyCheck


def record_key(kind: str, announcement: bytes, attempt: int | None = None) -> bytes:
    """Where the journal keeps a record of a formation, in the table ``"lobby"``."""
    return kind.encode() + b"/" + announcement + (b"" if attempt is None else attempt.to_bytes(4, "big"))
