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
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.presence import KeyCheck, Presence, holds
from mechdesign.kernel.config import microseconds
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.machine import SECOND, Instant

__all__ = ["Book", "Sighting"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record that the book took, to be passed on.

    Attributes:
        record: what was taken.
        before: the live record of the same key that it took the place of, or None.
    """

    record: Presence
    before: Presence | None


@dataclass(slots=True)
class _Entry:
    record: Presence
    source: MemberId
    seen: Instant
    expires: Instant
    alive: bool
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
        self._entries: dict[MemberId, _Entry] = {}
        self._shares: dict[MemberId, int] = {}
        self._live = 0
        self._next: Instant | None = None

    def __len__(self) -> int:
        return self._live

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
            member: entry.record.sequence - (not entry.alive and now < entry.latest)
            for member, entry in self._entries.items()
        }

    def in_time(self, dated: int, now: Instant) -> bool:
        """Whether a date on a signer's wall clock is near enough to ours."""
        return abs(self._wall + now - dated) <= self._clocks

    def take(self, record: Presence, left: Instant, source: MemberId, now: Instant) -> Sighting | None:
        """Judge a record that a neighbour passed on; None where it brings nothing that others should hear of.

        Args:
            record: a parsed record of another's.
            left: what the neighbour says is left of its life, in microseconds.
            source: the neighbour.
            now: the time.
        """
        entry = self._entries.get(record.member)
        if entry is not None and record.sequence == entry.record.sequence:
            return self._again(entry, record, left, now)
        refusal = self._refusal(entry, record, left, source, now)
        if refusal:
            self._drop(refusal)
            return None
        return self._enter(entry, record, left, source, now)

    def _refusal(self, entry: _Entry | None, record: Presence, left: Instant, source: MemberId, now: Instant) -> str:
        if entry is not None and record.sequence < entry.record.sequence:
            return "stale"
        if record.lifetime_s and left <= 0:
            return "spent"
        # A farewell may follow at once, but only where there is somebody to take leave.
        if entry is not None and now < entry.seen + self._apart and (record.lifetime_s or not entry.alive):
            return "hasty"
        if not self.in_time(record.sequence, now):
            return "clock"
        if entry is None and not self._room(source):
            return "full"
        return "" if self._holds(record, entry) else "forged"

    def _enter(self, entry: _Entry | None, record: Presence, left: Instant, source: MemberId, now: Instant) -> Sighting:
        fresh = _Entry(record, source, seen=now, expires=now + left, alive=record.lifetime_s > 0)
        before = None
        if entry is None:
            self._shares[source] = self._shares.get(source, 0) + 1
        else:
            # The neighbour that brought the key first answers for it as long as it is kept.
            fresh.source, fresh.disputed = entry.source, entry.disputed
            if entry.alive:
                before, fresh.expires = entry.record, max(fresh.expires, entry.expires)
        fresh.expires = min(fresh.expires, fresh.latest)
        self._entries[record.member] = fresh
        self._live += fresh.alive - (before is not None)
        self._look(fresh.expires if fresh.alive else self._forgettable(fresh))
        return Sighting(record, before)

    def _again(self, entry: _Entry, record: Presence, left: Instant, now: Instant) -> Sighting | None:
        if record.signed != entry.record.signed:
            entry.disputed = entry.disputed or self._holds(record, entry)
            self._drop("disputed")
            return None
        until = min(now + left, entry.latest)
        if until <= max(now, entry.expires):
            if not entry.alive:
                self._drop("stale")
            return None
        entry.expires = until
        if entry.alive:
            return None
        entry.alive = True
        self._live += 1
        self._look(until)
        return Sighting(entry.record, None)

    def _holds(self, record: Presence, entry: _Entry | None) -> bool:
        if entry is not None:
            line, known = record.line, entry.record
            if (line.sealing, record.possession) == (known.line.sealing, known.possession):
                # The proof was checked when the key came first, and costs more than everything else here.
                return self._scheme.verify(line.id, record.signed, record.signature)
        return holds(record, self._scheme, self._holds_key)

    def _room(self, source: MemberId) -> bool:
        return (
            self._live < self._config.peers_max
            and len(self._entries) < self._config.remembered_max
            and self._shares.get(source, 0) < self._config.peers_max
        )

    def expire(self, now: Instant) -> list[Presence]:
        """End lives that ran out, forget the dead that nobody can replay any more; gives who died now."""
        if self._next is None or now < self._next:
            return []
        self._next = None
        gone: list[Presence] = []
        for member, entry in list(self._entries.items()):
            if entry.alive and entry.expires <= now:
                entry.alive = False
                self._live -= 1
                gone.append(entry.record)
            if entry.alive:
                self._look(entry.expires)
            elif now >= self._forgettable(entry):
                del self._entries[member]
                self._shares[entry.source] -= 1
                if not self._shares[entry.source]:
                    del self._shares[entry.source]
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
