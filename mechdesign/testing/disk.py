"""A fake disk: what was synced survives a crash, of the rest only a prefix that chance decides."""

from collections.abc import Iterable, Mapping
from itertools import accumulate, takewhile
from random import Random
from typing import Literal

from mechdesign.group.messages import Append, Compact

__all__ = ["Disk", "Tail", "read_from"]

Tail = Literal["lost", "part", "kept"]
"""What becomes of the writes that no sync followed: a power cut loses them or keeps a front part, a killed process
leaves them with the operating system."""


def read_from(held: Mapping[bytes, bytes], keys: Iterable[bytes], bytes_max: int) -> tuple[bytes, ...]:
    """What a journal's ``read`` gives: in the order of the keys, up to the first record that is not there or too much.

    The first is never too much.
    """
    there = [held[key] for key in takewhile(held.__contains__, keys)]
    sizes = accumulate(map(len, there))
    return tuple(
        data for place, (data, size) in enumerate(zip(there, sizes, strict=True)) if not place or size <= bytes_max
    )


class Disk:
    """The journal of one simulated member.

    Writes are kept in order. A synced one makes every earlier one durable too, as a write-ahead log does. A crash loses
    the tail of writes that no sync followed, but may keep the front of that tail: the operating system writes when it
    likes.
    """

    def __init__(self) -> None:
        self._writes: list[Append] = []
        self._durable = 0

    def __len__(self) -> int:
        return len(self._writes)

    def write(self, record: Append | Compact) -> None:
        """Take a record; with ``sync`` it and everything before it is durable, and so it is with a compaction."""
        if isinstance(record, Compact):
            gone = frozenset(record.gone)
            kept = {(write.table, write.key): write for write in self._writes}
            kept.update({(write.table, write.key): write for write in record.records})
            self._writes = [write for name, write in kept.items() if name not in gone]
            self._durable = len(self._writes)
            return
        self._writes.append(record)
        if record.sync:
            self._durable = len(self._writes)

    def crash(self, random: Random, tail: Tail | None = None) -> int:
        """Lose what was not synced, all but a front part of it, or nothing; chance decides if ``tail`` is None.

        Returns:
            How many writes are gone.
        """
        chosen = ("part" if random.random() < 0.5 else "lost") if tail is None else tail
        kept = len(self._writes) if chosen == "kept" else self._durable
        if chosen == "part":
            kept = random.randint(self._durable, len(self._writes))
        lost = len(self._writes) - kept
        del self._writes[kept:]
        self._durable = kept
        return lost

    def read(self, table: str, keys: Iterable[bytes], bytes_max: int) -> tuple[bytes, ...]:
        """The records of a table under these keys, in their order, up to the first that is not there.

        They end before the record that would make them longer than ``bytes_max`` together, unless it is the first.
        """
        return read_from({write.key: write.data for write in self._writes if write.table == table}, keys, bytes_max)

    def records(self) -> tuple[Append, ...]:
        """What a restarted member reads: one record for each (table, key), the newest, in order of first writing."""
        newest: dict[tuple[str, bytes], Append] = {}
        for record in self._writes:
            newest[record.table, record.key] = record
        return tuple(newest.values())
