"""What a member must not forget: its own blocks and submissions, the accepted blocks, the secrets of the layer above.

One SQLite file, written ahead and fully synced, held by one process at a time, bound to one member and one roster. What
was written without a sync becomes durable together with the next synced record, in one transaction, so a crash loses a
suffix of the records and never one from the middle. Once a checkpoint is certified it takes the place of the blocks
that it stands for, in one transaction; the pages that they leave are used again.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from mechdesign.group.messages import Append, Compact
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import JournalError
from mechdesign.kernel.wire import digest

__all__ = ["Journal"]

_FORMAT = b"mechdesign/journal/1"
_TAG = "mechdesign/journal/record/1"
_UNSYNCED_MAX = 1024
_CHECK_BYTES = 8


class Journal:
    """An append-mostly file of records (table, key, data).

    Args:
        path: the file; it is created if there is none, readable by its owner only.
        member: whose journal it is.
        roster: digest of the roster whose epoch it belongs to.

    Raises:
        JournalError: another process holds the file, it is damaged, or it is of another member or group.
    """

    def __init__(self, path: Path, member: MemberId, roster: bytes) -> None:
        self._path = path
        self._unsynced: list[Append | Compact] = []
        fresh = not path.exists()
        try:
            if fresh:
                path.touch(mode=0o600)
            self._database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"the journal {path} cannot be opened: {error}") from error
        try:
            self._open(member, roster)
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" in str(error):
                raise JournalError(
                    f"the journal {path} is in use by another process: stop that one first. Two processes with one key "
                    "would sign two blocks for one round, and be convicted"
                ) from error
            raise JournalError(f"the journal {path} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise self._damaged(error) from error
        except JournalError:
            self._database.close()
            raise

    def _open(self, member: MemberId, roster: bytes) -> None:
        run = self._database.execute
        # The lock is taken before the journal mode is set and kept until the file is closed.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("BEGIN EXCLUSIVE")
        run("CREATE TABLE IF NOT EXISTS head (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        run(
            "CREATE TABLE IF NOT EXISTS record (place INTEGER PRIMARY KEY AUTOINCREMENT, part TEXT NOT NULL, "
            "key BLOB NOT NULL, data BLOB NOT NULL, sum BLOB NOT NULL, UNIQUE (part, key))"
        )
        known = dict(run("SELECT name, value FROM head").fetchall())
        bound = {"format": _FORMAT, "member": bytes(member), "roster": bytes(roster)}
        if not known:
            self._database.executemany("INSERT INTO head VALUES (?, ?)", sorted(bound.items()))
        run("COMMIT")
        if known and known != bound:
            what = next(name for name in ("format", "member", "roster") if known.get(name) != bound[name])
            raise JournalError(
                f"the journal {self._path} belongs to another {what}: a journal serves one member in one group; "
                "choose another file"
            )
        verdict = run("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise self._damaged(verdict)

    def _damaged(self, why: object) -> JournalError:
        return JournalError(
            f"the journal {self._path} is damaged ({why}). Do not go on with this key, for what it signed may be "
            "forgotten: come back under a new key"
        )

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
        try:
            self._database.execute("BEGIN")
            rows: list[Append] = []
            for write in batch:
                if isinstance(write, Append):
                    rows.append(write)
                    continue
                self._insert([*rows, *write.records])
                rows = []
                self._database.executemany("DELETE FROM record WHERE part = ? AND key = ?", write.gone)
            self._insert(rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalError(f"the journal {self._path} cannot be written: {error}") from error
        finally:
            # Whatever went wrong before the end: nothing of the batch stays.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def _insert(self, rows: Sequence[Append]) -> None:
        self._database.executemany(
            "INSERT INTO record (part, key, data, sum) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (part, key) DO UPDATE SET data = excluded.data, sum = excluded.sum",
            [(row.table, row.key, row.data, _sum(row.table, row.key, row.data)) for row in rows],
        )

    def records(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Every record (table, key, data) in the order in which its key was first written.

        Raises:
            JournalError: a record is damaged.
        """
        self.flush()
        try:
            for part, key, data, total in self._database.execute(
                "SELECT part, key, data, sum FROM record ORDER BY place"
            ):
                if _sum(part, key, data) != total:
                    raise self._damaged(f"a record of table {part} has changed")
                yield part, key, data
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def flush(self) -> None:
        """Make everything durable."""
        if self._unsynced:
            self._commit(self._unsynced)
            self._unsynced = []

    def close(self) -> None:
        """Make everything durable and let the file go; a second call does nothing."""
        try:
            self.flush()
        except JournalError as error:
            if "closed" not in str(error):
                raise
        finally:
            self._database.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sum(part: str, key: bytes, data: bytes) -> bytes:
    """SQLite does not notice a flipped bit in a page; this does."""
    return digest(_TAG, part.encode(), key, data)[:_CHECK_BYTES]
