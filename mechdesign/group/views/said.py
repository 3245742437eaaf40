"""Keys under which a member had something ordered in earlier epochs: what is asked for under one again was said.

Bounded: the newest :data:`KEYS_KEPT` of them. A layer above that asks again for what is older says it twice.
"""

from collections.abc import Iterable, Iterator

from mechdesign.group.messages import Append

__all__ = ["KEYS_KEPT", "Said"]

KEYS_KEPT = 4096
"""Of the keys of earlier epochs so many are kept."""

_TABLE = "said"


class Said:
    """The keys of one member, oldest first."""

    def __init__(self) -> None:
        self._keys: dict[bytes, None] = {}

    def __iter__(self) -> Iterator[bytes]:
        """The keys that are kept."""
        return iter(self._keys)

    def restore(self, records: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Take back the journal's records; others than these are passed over."""
        self._keys.update((key, None) for table, key, _ in records if table == _TABLE)

    def add(self, used: Iterable[bytes]) -> tuple[list[Append], list[tuple[str, bytes]]]:
        """An epoch ended in which keys were used; gives the records to be written and those to be deleted."""
        new = list(used)[-KEYS_KEPT:]
        for key in new:
            self._keys[key] = None
        old = list(self._keys)[:-KEYS_KEPT]
        for key in old:
            del self._keys[key]
        return [Append(_TABLE, key, b"") for key in new], [(_TABLE, key) for key in old]
