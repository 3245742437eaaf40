"""The presence records of others: the newest of each key, and the numbers of the dead.

**The dead stay dead.** The life of a record runs on our own monotonic clock from when we first saw its sequence number,
however often it comes again. When it ends the number is remembered, so that a replay does not bring the peer back. To
remember it for ever would let strangers fill our memory, so numbers are the signer's wall clock in microseconds: a
record dated further from our clock than a day (``clocks_s``) is refused, and after as long a dead number may be
forgotten. Clocks decide nothing else.

**Lives do not start again.** A record travels with what is left of its life at the sender, so that a chain of newcomers
does not keep it alive. A liar who understates that wins nothing: a more generous copy makes it good, and a newer record
never ends earlier than the one before it, unless its signer says so.

**Two records under one number** are the fault of their signer (or of a journal that was rolled back). Neither is newer:
the first that we saw stays until the next number, and the key is marked as disputed, which is a hint and no more.

**Room is fair.** Where more is brought than we keep, ``shares.py`` says what goes: of the living into the memory of
the dead, of the dead out of it. A number that is forgotten before its date alone would refuse it leaves a floor behind:
strangers' records that are older are not taken any more. So a flood that makes us forget lets nobody be brought back
from the dead for longer than the rest of a life, unless its clock went ahead of ours; and a stranger whose clock is
behind ours by more than a life waits until the flood is over.

The book itself is not in the journal, but the number of our own newest record is. After a restart nobody is believed
whose record was over an hour before that, so a clock may be so much behind ours and no more, or its owner waits.
Whoever died later, or before a newcomer came at all, can be shown once, for one life: to be known is a hint.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.presence import KeyCheck, Presence, holds
from mechdesign.group.lobby.shares import NOBODY, Shares
from mechdesign.kernel.config import microseconds
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.machine import SECOND, Instant

__all__ = ["Book", "Sighting"]

_SKEW = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record that the book took, to be passed on.

    Attributes:
        record: what was taken.
        before: the live record of the same key that it took the place of, or None.
        ousted: the live record of another key that had to go for it, or None.
    """

    record: Presence
    before: Presence | None = None
    ousted: Presence | None = None


@dataclass(slots=True)
class _Entry:
    record: Presence
    seen: Instant
    expires: Instant
    alive: bool
    named: Instant
    disputed: bool = False

    @property
    def latest(self) -> Instant:
        """When the record is dead, whatever anybody says."""
        return self.seen + self.record.lifetime_s * SECOND


class Book:
    """The records of others, the newest of each key, and the numbers of the dead.

    Args:
        scheme: how signatures are checked.
        holds_key: how proofs of possession are checked.
        config: bounds.
        wall: microseconds of the wall clock at instant 0 of the driver's clock.

    Attributes:
        dropped: what was refused, by reason.
    """

    def __init__(self, scheme: SignatureScheme, holds_key: KeyCheck, config: LobbyConfig, wall: int) -> None:
        self.dropped: dict[str, int] = {}
        self._scheme = scheme
        self._holds_key = holds_key
        self._config = config
        self._wall = wall
        self._clocks = microseconds(config.clocks_s)
        self._apart = microseconds(config.renewal_min_s)
        self._life = config.lifetime_s * SECOND
        self._entries: dict[MemberId, _Entry] = {}
        self._living: Shares[MemberId] = Shares()
        self._dead: Shares[MemberId] = Shares()
        self._live_max = min(config.peers_max, config.remembered_max - 1)
        self._floor = 0
        self._next: Instant | None = None

    def restored(self, number: int, now: Instant) -> None:
        """We were there last when our own record had that number: what was over long before is not believed."""
        # Our clock may have been ahead in that life.
        self._floor = max(self._floor, min(number, self._wall + now) - self._life - _SKEW)

    def __len__(self) -> int:
        return len(self._living)

    def __iter__(self) -> Iterator[Presence]:
        return (entry.record for entry in self._entries.values() if entry.alive)

    def get(self, member: MemberId) -> Presence | None:
        """The live record of a key, or None."""
        entry = self._entries.get(member)
        return entry.record if entry is not None and entry.alive else None

    def newest(self, member: MemberId) -> Presence | None:
        """The newest record of a key, alive or dead, or None."""
        entry = self._entries.get(member)
        return None if entry is None else entry.record

    @property
    def remembered(self) -> int:
        """How many keys are kept, alive or dead."""
        return len(self._entries)

    @property
    def disputed(self) -> tuple[MemberId, ...]:
        """Keys that signed two records under one number, ascending; a hint."""
        return tuple(sorted(member for member, entry in self._entries.items() if entry.disputed))

    @property
    def deadline(self) -> Instant | None:
        """When :meth:`expire` has something to look at."""
        return self._next

    def left(self, member: MemberId, now: Instant) -> Instant:
        """What is left of a live record's life, in microseconds."""
        return max(0, self._entries[member].expires - now)

    def numbers(self, now: Instant) -> dict[MemberId, int]:
        """Of each key the newest number that we need not be told again: a living one's, or one that is surely dead."""
        return {
            member: entry.record.sequence - (not entry.alive and max(now, entry.expires) < entry.latest)
            for member, entry in self._entries.items()
        }

    def rank(self, member: MemberId) -> int:
        """The rank of a live record in the share of the neighbour that brought it; 0 goes last."""
        return self._living.rank(member)

    def ranks(self) -> dict[MemberId, int]:
        """The ranks of all live records."""
        return self._living.ranks()

    def named(self, member: MemberId, name: str) -> Instant | None:
        """Since when a key, alive or dead, goes by a name in its own records; None where it does not."""
        entry = self._entries.get(member)
        return entry.named if entry is not None and entry.record.line.name == name else None

    def standing(self, member: MemberId) -> tuple[MemberId, int] | None:
        """Which neighbour answers for a live record, and its rank there; None where there is none."""
        source = self._living.source(member)
        return None if source is None else (source, self._living.rank(member))

    def in_time(self, dated: int, now: Instant) -> bool:
        """Whether a date on a signer's wall clock is near enough to ours."""
        return abs(self._wall + now - dated) <= self._clocks

    def take(self, record: Presence, left: Instant, source: MemberId, now: Instant, said: int = 0) -> Sighting | None:
        """Judge a record that a neighbour passed on; None where it brings nothing that others should hear of.

        Args:
            record: a parsed record of another's.
            left: what the neighbour says is left of its life, in microseconds.
            source: the neighbour.
            now: the time.
            said: the rank that it has at the neighbour.
        """
        entry = self._entries.get(record.member)
        if source == record.member:
            # Nobody else stands between us: the first that its share keeps is itself.
            said = -1
        if entry is not None and record.sequence == entry.record.sequence:
            return self._again(entry, record, left, source, now, said)
        refusal = self._refusal(entry, record, left, source, now, said)
        if refusal:
            self._drop(refusal)
            return None
        return self._enter(entry, record, left, source, now, said)

    def _refusal(
        self, entry: _Entry | None, record: Presence, left: Instant, source: MemberId, now: Instant, said: int
    ) -> str:
        if entry is not None and record.sequence < entry.record.sequence:
            return "stale"
        if record.lifetime_s and left <= 0:
            return "spent"
        # A farewell may follow at once, but only where there is somebody to take leave.
        if entry is not None and now < entry.seen + self._apart and (record.lifetime_s or not entry.alive):
            return "hasty"
        if not self.in_time(record.sequence, now):
            return "clock"
        if entry is None and record.sequence <= self._floor:
            return "stale"
        if not self._room(entry, record, source, said):
            return "full"
        return "" if self._holds(record, entry) else "forged"

    def _enter(
        self, entry: _Entry | None, record: Presence, left: Instant, source: MemberId, now: Instant, said: int
    ) -> Sighting:
        member = record.member
        fresh = _Entry(record, seen=now, expires=now + left, alive=record.lifetime_s > 0, named=now)
        before = None
        if entry is None:
            # The memory of the dead makes room first, so that nobody is forgotten who has only just been ousted.
            self._forget_for(source, now)
        else:
            fresh.disputed = entry.disputed
            if record.line.name == entry.record.line.name:
                fresh.named = entry.named
            if entry.alive:
                before, fresh.expires = entry.record, max(fresh.expires, entry.expires)
        fresh.expires = min(fresh.expires, fresh.latest)
        self._entries[member] = fresh
        if fresh.alive:
            return Sighting(record, before, self._settle(fresh, source, said))
        self._bury(member, source)
        return Sighting(record, before)

    def _again(
        self, entry: _Entry, record: Presence, left: Instant, source: MemberId, now: Instant, said: int
    ) -> Sighting | None:
        if record.signed != entry.record.signed:
            entry.disputed = entry.disputed or self._holds(record, entry)
            self._drop("disputed")
            return None
        until = min(now + left, entry.latest)
        if entry.alive:
            entry.expires = max(entry.expires, until)
            if self._moves(record.member, source):
                self._settle(entry, source, said)
            return None
        if until <= max(now, entry.expires):
            self._drop("stale")
            return None
        if not self._room(entry, record, source, said):
            self._drop("full")
            return None
        entry.expires, entry.alive = until, True
        return Sighting(entry.record, None, self._settle(entry, source, said))

    def _holds(self, record: Presence, entry: _Entry | None) -> bool:
        if entry is not None:
            line, known = record.line, entry.record
            ours = (known.line.curve, known.line.sealing, known.possession)
            if (line.curve, line.sealing, record.possession) == ours:
                # The proof was checked when the keys came first, and costs more than everything else here.
                return self._scheme.verify(line.id, record.signed, record.signature)
        return holds(record, self._scheme, self._holds_key)

    def unlinked(self, source: MemberId) -> None:
        """A neighbour is gone: what it brought is nobody's now, so that new links do not make new shares."""
        self._living.orphan(source)
        self._dead.orphan(source)

    # Room. -----------------------------------------------------------------------------------------------------------

    def _room(self, entry: _Entry | None, record: Presence, source: MemberId, said: int) -> bool:
        """Whether there is room for a record, or somebody who has to make it."""
        if not record.lifetime_s:
            return entry is not None or not self._crowded(source)
        if len(self._living) < self._live_max or (entry is not None and entry.alive):
            return True
        return self._living.spare(source, said) is not None

    def _crowded(self, source: MemberId) -> bool:
        share = self._living.size(source) + self._dead.size(source)
        return len(self._entries) >= self._config.remembered_max or share >= self._config.peers_max

    def _settle(self, entry: _Entry, source: MemberId, said: int) -> Presence | None:
        """Give the living a place in a share; gives who has to go for it."""
        member = entry.record.member
        ousted: MemberId | None = None
        known = self._living.source(member)
        if known is None:
            if len(self._living) >= self._live_max:
                ousted = self._living.spare(source, said)
            self._dead.leave(member)
        # Else the neighbour that brought it first answers for it: no liar draws others into its own share.
        if known in (None, source) or self._moves(member, source):
            self._living.enter(member, source, said)
        self._look(entry.expires)
        if ousted is None:
            return None
        gone = self._entries[ousted]
        # For good, until it says something newer: neighbours are not asked for it again.
        gone.alive, gone.expires = False, gone.latest
        self._bury(ousted, source)
        return gone.record

    def _moves(self, member: MemberId, source: MemberId) -> bool:
        """Whether a neighbour answers for a living peer from now on: for itself, or where nobody does any more."""
        known = self._living.source(member)
        return known != source and (source == member or known == NOBODY)

    def _bury(self, member: MemberId, source: MemberId) -> None:
        """Move somebody to the dead, into the share that it was in, which may be nobody's."""
        known = (self._living.source(member), self._dead.source(member))
        source = next((each for each in known if each is not None), source)
        self._living.leave(member)
        self._dead.enter(member, source, 0)
        self._look(self._forgettable(self._entries[member]))

    def _forget_for(self, source: MemberId, now: Instant) -> None:
        """Where the memory is full, forget the oldest of the dead, of whoever brought the most or too many."""
        if not self._crowded(source):
            return
        full = len(self._entries) >= self._config.remembered_max
        oldest = self._dead.first(self._dead.largest() if full else source)
        if oldest is not None:
            number = self._entries.pop(oldest).record.sequence
            self._dead.leave(oldest)
            self._floor = max(self._floor, min(number, self._wall + now - self._life))

    def expire(self, now: Instant) -> list[Presence]:
        """End lives that ran out, forget the dead that nobody can replay any more; gives who died now."""
        if self._next is None or now < self._next:
            return []
        self._next = None
        gone: list[Presence] = []
        for member, entry in list(self._entries.items()):
            if entry.alive and entry.expires <= now:
                entry.alive = False
                gone.append(entry.record)
                self._bury(member, member)
            if entry.alive:
                self._look(entry.expires)
            elif now >= self._forgettable(entry):
                del self._entries[member]
                self._dead.leave(member)
            else:
                self._look(self._forgettable(entry))
        return gone

    def _forgettable(self, entry: _Entry) -> Instant:
        """When a replay of the record would be refused by its date alone."""
        return entry.record.sequence - self._wall + self._clocks + 1

    def _look(self, at: Instant) -> None:
        self._next = at if self._next is None else min(self._next, at)

    def _drop(self, reason: str) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
