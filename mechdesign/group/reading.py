"""Reading a member's journal without taking part: the ordered log of its present epoch.

A member that comes back replays its journal and goes on; whoever only reads one needs neither its key nor a transport.
Blocks are judged, accepted and ordered by the same parts as in a member, and nothing is signed or sent.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mechdesign.group.block import Block
from mechdesign.group.block_manager import BlockManager
from mechdesign.group.linearizer import Conflict
from mechdesign.group.messages import Delivered, ViewChanging
from mechdesign.group.ordering import Entry, Ordered, Ordering
from mechdesign.group.records import Restored, read_records
from mechdesign.group.roster import Roster
from mechdesign.group.views.epoch import BEGINNING, read_beginning, records_of
from mechdesign.group.views.view import Convicts, View
from mechdesign.group.watch import Watch
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.kernel.errors import DamagedError

__all__ = ["Reading", "read_journal"]

_LOG_BYTES = 0
# Nobody is served from here.


@dataclass(frozen=True, slots=True)
class Reading:
    """What a journal shows of its present epoch.

    Attributes:
        roster: of the epoch.
        state: with which the layer above began it; empty in a group's first epoch.
        entries: the log as far as the journal's own blocks decide it, with the beginning of a change behind its entry.
    """

    roster: Roster
    state: bytes
    entries: tuple[Delivered | ViewChanging, ...]


def read_journal(
    records: Sequence[tuple[str, bytes, bytes]],
    first: Roster | None,
    scheme: SignatureScheme,
    convicts: Convicts | None = None,
) -> Reading | None:
    """The log that a journal holds, or None where the roster of its epoch is not known.

    Args:
        records: (table, key, data) in the order in which they were written.
        first: the roster with which its member began; it counts while the journal has come to no other epoch.
        scheme: checks signatures.
        convicts: judges the proofs of exclusions, as at the members.

    Raises:
        JournalError: a record is damaged.
    """
    begun = [read_beginning(data) for table, key, data in records if (table, key) == BEGINNING]
    roster, state = begun[-1] if begun else (first, b"")
    if roster is None:
        return None
    order = Ordering(roster, _LOG_BYTES, None, View(roster, scheme, convicts))
    found = read_records(records_of(roster, records), roster, scheme)
    return Reading(roster, state, tuple(_told(_log(order, roster, found))))


def _log(order: Ordering, roster: Roster, found: Restored) -> Iterator[Entry]:
    if found.certified is not None:
        for block in found.log:
            yield from order.enter(block)
        if not order.agrees(found.certified.checkpoint):
            raise DamagedError("the journal's log", "it is not the one of its checkpoint")
        order.resume(found.certified.checkpoint)
    watch = Watch(roster)
    manager = BlockManager(order.dag, roster.n, len(found.blocks), watch.equivocates)
    for block in found.blocks:
        if manager.is_missing(block.digest):
            yield from _absorb(order, manager, watch, manager.offer(block, None))


def _absorb(order: Ordering, manager: BlockManager, watch: Watch, acceptable: Iterator[Block]) -> Iterator[Entry]:
    """Accept what became acceptable, and what becomes so when the collection round moves on."""
    while True:
        collection = order.dag.collection
        for block in acceptable:
            watch.accepted(block)
            order.add(block)
            for event in order.decide():
                if isinstance(event, Ordered):
                    yield from event.entries
        if order.dag.collection == collection:
            return
        acceptable = manager.retry()


def _told(entries: Iterable[Entry]) -> Iterator[Delivered | ViewChanging]:
    return (entry for entry in entries if not isinstance(entry, Conflict))
