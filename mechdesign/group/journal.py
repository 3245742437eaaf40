"""What a member must not forget: its own blocks and submissions, the accepted blocks, the secrets of the layer above.

One SQLite file, written ahead and fully synced, held by one process at a time, bound to one member and one roster. What
was written without a sync becomes durable together with the next synced record, in one transaction, so a crash loses a
suffix of the records and never one from the middle. Once a checkpoint is certified it takes the place of the blocks
that it stands for, in one transaction; the pages that they leave are used again.

SQLite notices neither a flipped bit in a page nor a page that fell back to an older state. So every record carries a
sum over itself, its place and whose it is, and the head a total over all of them, changed in the same transaction: what
comes back is exactly what some transaction left, or nothing. That it was the *last* one no file can say by itself; a
journal that was rolled back is for the neighbours to notice, see :mod:`mechdesign.group.gate`.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType

from mechdesign.group.messages import Append, Compact
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import DamagedError, JournalError
from mechdesign.kernel.wire import digest

__all__ = ["Journal", "owner_of"]

_FORMAT = b"mechdesign/journal/4"
_TAG = "mechdesign/journal/record/2"
_UNSYNCED_MAX = 1024
_CHECK_BYTES = 8
_ID_BYTES = 32
_MODULUS = 1 << 8 * _CHECK_BYTES
_BINDING = ("format", "member", "roster")
_HEAD = "CREATE TABLE head (name TEXT PRIMARY KEY, value BLOB NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID"
_RECORD = (
    "CREATE TABLE record (place INTEGER PRIMARY KEY, part TEXT NOT NULL, key BLOB NOT NULL, data BLOB NOT NULL, "
    "sum BLOB NOT NULL, UNIQUE (part, key))"
)


def owner_of(path: Path) -> tuple[MemberId, bytes]:
    """Whose journal a file is, a stranger's too, and the digest of the roster with which it begins.

    Raises:
        JournalError: it is no journal.
        sqlite3.Error: it is no database.
    """
    with closing(sqlite3.connect(path)) as database:
        # What has the name of a table may be a view that never ends: the tables come first.
        database.execute("PRAGMA trusted_schema = OFF")
        head = (
            dict(database.execute("SELECT name, value FROM head WHERE name IN ('member', 'roster')"))
            if _has_tables(database)
            else {}
        )
    match head:
        case {"member": bytes(member), "roster": bytes(roster)} if len(member) == len(roster) == _ID_BYTES:
            return MemberId(member), roster
    raise JournalError(f"{path.name} is no journal of a member")


def _has_tables(database: sqlite3.Connection) -> bool:
    found = database.execute("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name LIMIT 3").fetchall()
    return found == [(_HEAD,), (_RECORD,)]


class Journal:
    """An append-mostly file of records (table, key, data).

    Args:
        path: the file; it is created if there is none, readable by its owner only.
        member: whose journal it is.
        roster: digest of the roster whose epoch it belongs to.

    Raises:
        JournalError: another process holds the file, it is damaged, or it is of another member or group. The message
            says which, and what to do.
    """

    def __init__(self, path: Path, member: MemberId, roster: bytes) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._bound = {"format": _FORMAT, "member": bytes(member), "roster": bytes(roster)}
        self._owner = digest(_TAG, member, roster)
        self._unsynced: list[Append | Compact] = []
        self._closed = False
        try:
            if not path.exists():
                self._create()
            logged = self._log.exists()
            if path.stat().st_size == 0:
                raise self._damaged("the file is empty")
            self._database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"the journal {path} cannot be opened: {error}") from error
        try:
            self._open(logged)
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" in str(error):
                raise JournalError(
                    f"the journal {path} is in use by another process: stop that one first. Two processes with one key "
                    "would sign two blocks for one round, and be convicted"
                ) from error
            raise JournalError(f"the journal {path} cannot be used: {error}") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # A message of SQLite may quote what it found, and that need not be a text any more.
            self._database.close()
            raise self._damaged(error) from error
        except JournalError:
            self._database.close()
            raise

    def _create(self) -> None:
        """Make the file under another name and link it into its place: an empty one never is what a crash left."""
        if self._log.exists():
            raise self._damaged(f"it is gone, and left {self._log.name} behind")
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        database = sqlite3.connect(draft, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN")
            database.execute(_HEAD)
            database.execute(_RECORD)
            for name, value in (*self._bound.items(), ("total", _total(0, 0)), ("state", b"closed")):
                database.execute("INSERT INTO head VALUES (?, ?, ?)", (name, value, _sum(b"", 0, name, b"", value)))
            database.execute("COMMIT")
        finally:
            database.close()
        try:
            os.link(draft, self._path)
        except FileExistsError:
            # Another process was faster: whoever gets the lock has it.
            pass
        finally:
            draft.unlink()

    def _open(self, logged: bool) -> None:
        """Lock the file and refuse it unless it is whole and ours; ``logged`` says whether there is a log beside it."""
        run = self._database.execute
        # The lock is taken before the journal mode is set and kept until the file is closed.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("BEGIN EXCLUSIVE")
        if not _has_tables(self._database):
            raise self._damaged("its tables are not those of a journal")
        head = self._read_head()
        what = next((name for name in _BINDING if head.get(name) != self._bound[name]), None)
        if what is not None:
            raise JournalError(
                f"the journal {self._path} belongs to another {what}: a journal serves one member in one group; "
                "choose another file"
            )
        if head.get("state") == b"open" and not logged:
            raise self._damaged(f"its last user did not close it, and its write-ahead log {self._log.name} is gone")
        verdict = run("PRAGMA integrity_check(1)").fetchone()[0]
        if verdict != "ok":
            raise self._damaged(verdict)
        self._count, self._amount = _parse_total(head.get("total", b""))
        (self._place,) = run("SELECT coalesce(max(place), 0) FROM record").fetchone()
        self._set_head("state", b"open")
        run("COMMIT")
        # From here on the file itself says that there must be a log beside it.
        run("PRAGMA wal_checkpoint(TRUNCATE)")

    def _read_head(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for name, value, total in self._database.execute("SELECT name, value, sum FROM head"):
            if type(name) is not str or type(value) is not bytes or _sum(b"", 0, name, b"", value) != total:
                raise self._damaged(f"the entry {name!r} of its head has changed")
            found[name] = value
        return found

    def _set_head(self, name: str, value: bytes) -> None:
        self._database.execute(
            "UPDATE head SET value = ?, sum = ? WHERE name = ?", (value, _sum(b"", 0, name, b"", value), name)
        )

    def _damaged(self, why: object) -> DamagedError:
        return DamagedError(f"the journal {self._path}", why)

    def write(self, batch: Iterable[Append | Compact]) -> None:
        """Perform appends and compactions in their order, in one transaction.

        On return every one up to the last that asks for a sync is durable; a compaction always does.

        Raises:
            JournalError: the disk refused; nothing may be sent after this.
        """
        batch = list(batch)
        last = max((at for at, write in enumerate(batch) if isinstance(write, Compact) or write.sync), default=-1)
        if last < 0 and len(self._unsynced) + len(batch) < _UNSYNCED_MAX:
            self._unsynced += batch
            return
        self._commit([*self._unsynced, *batch])
        self._unsynced = []

    def append_many(self, batch: Iterable[Append | Compact]) -> None:
        """The same as :meth:`write`."""
        self.write(batch)

    def _commit(self, batch: Sequence[Append | Compact]) -> None:
        before = self._count, self._amount, self._place
        try:
            self._database.execute("BEGIN")
            for write in batch:
                if isinstance(write, Append):
                    self._put(write)
                    continue
                for record in write.records:
                    self._put(record)
                for table, key in write.gone:
                    self._delete(table, key)
            self._set_head("total", _total(self._count, self._amount))
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalError(f"the journal {self._path} cannot be written: {error}") from error
        finally:
            # Whatever went wrong before the end: nothing of the batch stays.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
                self._count, self._amount, self._place = before

    def _find(self, part: str, key: bytes) -> tuple[int, bytes] | None:
        row: tuple[int, bytes] | None = self._database.execute(
            "SELECT place, sum FROM record WHERE part = ? AND key = ?", (part, key)
        ).fetchone()
        return row

    def _put(self, record: Append) -> None:
        known = self._find(record.table, record.key)
        place = self._place + 1 if known is None else known[0]
        total = _sum(self._owner, place, record.table, record.key, record.data)
        if known is None:
            self._database.execute(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?)", (place, record.table, record.key, record.data, total)
            )
            self._place = place
            self._weigh(1, total)
        else:
            self._database.execute("UPDATE record SET data = ?, sum = ? WHERE place = ?", (record.data, total, place))
            self._weigh(-1, known[1])
            self._weigh(1, total)

    def _delete(self, table: str, key: bytes) -> None:
        known = self._find(table, key)
        if known is not None:
            self._database.execute("DELETE FROM record WHERE place = ?", (known[0],))
            self._weigh(-1, known[1])

    def _weigh(self, sign: int, total: bytes) -> None:
        self._count += sign
        self._amount = (self._amount + sign * int.from_bytes(total, "big")) % _MODULUS

    def records(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Every record (table, key, data) in the order in which its key was first written.

        Whoever acts on them has read to the end, where the total is checked.

        Raises:
            JournalError: a record is damaged, or one is missing.
        """
        self.flush()
        count = amount = 0
        try:
            for place, part, key, data, total in self._database.execute(
                "SELECT place, part, key, data, sum FROM record ORDER BY place"
            ):
                if (type(part), type(key), type(data)) != (str, bytes, bytes) or (
                    _sum(self._owner, place, part, key, data) != total
                ):
                    named = key.hex() if type(key) is bytes else key
                    raise self._damaged(f"record {place} (table {part!r}, key {named!r}) has changed")
                yield part, key, data
                count += 1
                amount = (amount + int.from_bytes(total, "big")) % _MODULUS
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise self._damaged(error) from error
        if (count, amount) != (self._count, self._amount):
            raise self._damaged(f"it holds {count} records, and they are not the {self._count} that were written")

    def read(self, table: str, keys: Iterable[bytes], bytes_max: int) -> tuple[bytes, ...]:
        """The durable records of a table under these keys, in their order, up to the first that is not there.

        They end before the record that would make them longer than ``bytes_max`` together, unless it is the first.

        Raises:
            JournalError: a record is damaged.
        """
        found: list[bytes] = []
        size = 0
        try:
            for key in keys:
                row = self._database.execute(
                    "SELECT place, data, sum FROM record WHERE part = ? AND key = ?", (table, key)
                ).fetchone()
                if row is None:
                    break
                place, data, total = row
                if type(data) is not bytes or _sum(self._owner, place, table, key, data) != total:
                    raise self._damaged(f"record {place} (table {table!r}, key {key.hex()!r}) has changed")
                size += len(data)
                if found and size > bytes_max:
                    break
                found.append(data)
        except sqlite3.Error as error:
            raise JournalError(f"the journal {self._path} cannot be read: {error}") from error
        return tuple(found)

    def flush(self) -> None:
        """Make everything durable."""
        if self._unsynced:
            self._commit(self._unsynced)
            self._unsynced = []

    def close(self) -> None:
        """Make everything durable and let the file go; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self.flush()
            self._set_head("state", b"closed")
        except sqlite3.Error as error:
            raise JournalError(f"the journal {self._path} cannot be closed: {error}") from error
        finally:
            self._database.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sum(owner: bytes, place: int, part: str, key: bytes, data: bytes) -> bytes:
    return digest(_TAG, owner, b"%d" % place, part.encode(), key, data)[:_CHECK_BYTES]


def _total(count: int, amount: int) -> bytes:
    return b"%d %d" % (count, amount)


def _parse_total(value: bytes) -> tuple[int, int]:
    count, _, amount = value.partition(b" ")
    return int(count), int(amount)
