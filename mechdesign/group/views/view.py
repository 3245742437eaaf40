"""The change of the view, as the log tells it: who joins, who goes, who is ready, and who comes next.

Changes are entries of the log with kinds of their own. The first that holds opens the change; what holds and is ordered
before the epoch closes is part of it. The epoch closes with the commit in which the q-th member's READY for one and the
same state is ordered. All of it is a function of the log, so all members close at one commit with one next roster.

The next roster: joiners stand behind the members that stay, in log order. Its fault model follows its size, unless the
present one is not the usual one for the present size: that one was chosen and stays.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from typing import TypeAlias

from mechdesign.group.evidence import convict
from mechdesign.group.messages import Broadcast, Change, Delivered, Exclude, Expel, Join, Leave, Ready, ViewChanging
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.group.views.invitation import line_of, member_in, signed_by_quorum
from mechdesign.group.views.statement import carried_digest
from mechdesign.kernel.crypto import SIGNATURE_BYTES, MemberId, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.wire import DIGEST_BYTES, decode, digest, encode

__all__ = ["Convicts", "View", "ViewKind", "broadcast_of", "is_reserved", "is_view_key", "successor"]

Convicts: TypeAlias = Callable[[bytes, Roster], MemberId | None]
"""Whom a proof convicts by the rules of a roster, or None; the same at every member."""

_NONCE_BYTES = 16
_TAG_KEY = "mechdesign/view/key/1"
_KEY = digest(_TAG_KEY)[:16]
_TAG_NONCE = "mechdesign/view/nonce/1"
_VOID_MAX = 16
# So many changes of one sender may turn out not to hold; then it is heard no more where signatures have to be checked.


class ViewKind(IntEnum):
    """Kinds of entries that change the view."""

    EXPEL = 251
    JOIN = 252
    LEAVE = 253
    EXCLUDE = 254
    READY = 255


_CHECKED = (ViewKind.JOIN, ViewKind.EXCLUDE)
_FREE = (ViewKind.LEAVE, ViewKind.EXPEL)


def is_reserved(kind: int) -> bool:
    """Whether nobody but this module makes entries of the kind."""
    return kind >= min(ViewKind)


def broadcast_of(request: Change | Ready) -> Broadcast:
    """The entry that a request becomes; said twice in one epoch, it is ordered once."""
    match request:
        case Join(member, signatures):
            kind, data = ViewKind.JOIN, encode((line_of(member), signatures))
        case Leave():
            kind, data = ViewKind.LEAVE, b""
        case Exclude(evidence):
            kind, data = ViewKind.EXCLUDE, evidence
        case Expel(member, proof):
            kind, data = ViewKind.EXPEL, encode((member, proof))
        case Ready(state):
            kind, data = ViewKind.READY, carried_digest(state)
    # A member is ready once, whatever it says later.
    named = b"" if kind is ViewKind.READY else data
    return Broadcast(_KEY + digest(_TAG_KEY, bytes([kind]), named)[:16], kind, data)


def is_view_key(key: bytes) -> bool:
    """Whether a broadcast's key is one of :func:`broadcast_of`, and so means another act in each epoch."""
    return key.startswith(_KEY)


def successor(roster: Roster, members: tuple[Member, ...], checkpoint: bytes, state: bytes) -> Roster:
    """The roster of the next epoch.

    Args:
        roster: the present one.
        members: who belongs to the next.
        checkpoint: digest of the last checkpoint.
        state: digest of what the layers above take along.

    Raises:
        LocalProtocolError: no roster has such members.
    """
    n = len(members)
    usual = roster.faults is FaultModel.default(roster.n)
    return replace(
        roster,
        members=members,
        faults=FaultModel.default(n) if usual else roster.faults,
        epoch=roster.epoch + 1,
        slots=min(roster.slots, n),
        nonce=digest(_TAG_NONCE, roster.digest, checkpoint, state)[:_NONCE_BYTES],
    )


class View:
    """Follows the log of one epoch.

    Args:
        roster: of the epoch.
        scheme: checks signatures.
        convicts: judges the proofs of exclusions; by default the evidence of this layer.

    Attributes:
        since: the position of the first change, or None while the view stands.
        settled: digest of the state for which a quorum is ready, or None before.
        members: who belongs to the next epoch, by what was ordered so far.
    """

    def __init__(self, roster: Roster, scheme: SignatureScheme, convicts: Convicts | None = None) -> None:
        self.since: int | None = None
        self.settled: bytes | None = None
        self.members: tuple[Member, ...] = roster.members
        self._roster = roster
        self._scheme = scheme
        self._convicts = convicts or (lambda evidence, roster: convict(evidence, roster, scheme))
        self._ready: dict[MemberId, bytes] = {}
        self._void: dict[MemberId, int] = {}
        self._accusers: dict[MemberId, set[MemberId]] = {}

    @property
    def joined(self) -> tuple[Member, ...]:
        """Who comes in."""
        return tuple(member for member in self.members if member not in self._roster.members)

    @property
    def gone(self) -> tuple[Member, ...]:
        """Who goes."""
        return tuple(member for member in self._roster.members if member not in self.members)

    @property
    def ready(self) -> tuple[MemberId, ...]:
        """Who is ready, in roster order."""
        return tuple(member for member in self._roster.ids if member in self._ready)

    def enter(self, entry: Delivered) -> ViewChanging | None:
        """Take the next entry of the log; gives the event with which a change begins."""
        said = entry.submission
        if said.kind == ViewKind.READY:
            self._count(said.sender, said.data)
            return None
        if said.kind not in (*_CHECKED, *_FREE):
            return None
        void = self._void.get(said.sender, 0)
        if said.kind in _CHECKED and void >= _VOID_MAX:
            return None
        members = self._changed(ViewKind(said.kind), said.sender, said.data)
        if members is None:
            self._void[said.sender] = void + (said.kind in _CHECKED)
            return None
        self.members = members
        if self.since is not None:
            return None
        self.since = entry.position
        return ViewChanging(entry.position)

    def _count(self, sender: MemberId, state: bytes) -> None:
        if self.since is None or len(state) != DIGEST_BYTES or sender in self._ready:
            return
        self._ready[sender] = state
        alike = sum(other == state for other in self._ready.values())
        if self.settled is None and alike >= self._roster.q:
            self.settled = state

    def _accused(self, sender: MemberId, data: bytes) -> MemberId | None:
        """Count who says that a member has to go; gives that member once an honest one is certain to be among them.

        It costs no signatures and is kept once for each pair of members, so nobody gains by saying it in vain.
        """
        member = _parse_expel(data)
        if member is None or self._roster.place(member) is None:
            return None
        accusers = self._accusers.setdefault(member, set())
        known = sender in accusers
        accusers.add(sender)
        return member if not known and len(accusers) == self._roster.b + 1 else None

    def _changed(self, kind: ViewKind, sender: MemberId, data: bytes) -> tuple[Member, ...] | None:
        """The members after a change, or None where it does not hold."""
        if kind is ViewKind.JOIN:
            return self._with(data)
        goes = self._goes(kind, sender, data)
        rest = tuple(member for member in self.members if member.id != goes)
        return rest if rest and len(rest) < len(self.members) else None

    def _goes(self, kind: ViewKind, sender: MemberId, data: bytes) -> MemberId | None:
        match kind:
            case ViewKind.LEAVE:
                return sender
            case ViewKind.EXPEL:
                return self._accused(sender, data)
        return self._convicts(data, self._roster)

    def _with(self, data: bytes) -> tuple[Member, ...] | None:
        join = _parse_join(data)
        if join is None or not self._scheme.valid_key(join.member.id):
            return None
        if not signed_by_quorum(join.member, join.signatures, self._roster, self._scheme):
            return None
        members = (*self.members, join.member)
        try:
            # Names, keys and sizes are the roster's to judge.
            successor(self._roster, members, b"", b"")
        except LocalProtocolError:
            return None
        return members


def _parse_expel(data: bytes) -> MemberId | None:
    try:
        match decode(data):
            case (bytes(member), bytes(proof)) if len(proof) == DIGEST_BYTES:
                return MemberId(member)
    except WireError:
        pass
    return None


def _parse_join(data: bytes) -> Join | None:
    try:
        match decode(data):
            case (tuple(line), tuple(signatures)):
                member = member_in(line)
                pairs = tuple(map(_pair, signatures))
                return Join(member, pairs) if member is not None else None
    except (WireError, ValueError):
        pass
    return None


def _pair(item: object) -> tuple[int, bytes]:
    match item:
        case (int(place), bytes(signature)) if type(place) is int and len(signature) == SIGNATURE_BYTES:
            return place, signature
    raise ValueError("not a signature of a member")
