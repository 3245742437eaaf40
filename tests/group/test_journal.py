"""The journal keeps the order, holds the lock, and says what is wrong."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mechdesign.group.core import GroupCore
from mechdesign.group.journal import Journal
from mechdesign.group.messages import Append, Broadcast, Compact, Delivered
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import JournalError
from mechdesign.testing.disk import read_from
from tests.group.lockstep import CONFIG, make_roster, member, signer

ROSTER = make_roster(4).digest


def open_at(path: Path, place: int = 0, roster: bytes = ROSTER) -> Journal:
    return Journal(path, member(place), roster)


def test_records_come_back_in_the_order_of_their_first_writing(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with open_at(path) as journal:
        journal.write([Append("block", b"b", b"1"), Append("own", b"a", b"2")])
        journal.append_many([Append("secret", b"c", b"3"), Append("block", b"b", b"4")])
    with open_at(path) as journal:
        assert list(journal.records()) == [("block", b"b", b"4"), ("own", b"a", b"2"), ("secret", b"c", b"3")]


def test_what_needs_no_sync_is_written_with_the_next_that_does(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = open_at(path)
    journal.write([Append("block", b"1", b"", sync=False)])
    assert journal._database.execute("SELECT count(*) FROM record").fetchone() == (0,)
    journal.write([Append("block", b"2", b"", sync=False), Append("block", b"3", b"")])
    assert journal._database.execute("SELECT count(*) FROM record").fetchone() == (3,)
    journal.write([Append("block", b"4", b"", sync=False)])
    assert [key for _, key, _ in journal.records()] == [b"1", b"2", b"3", b"4"]
    journal.write([Append("block", b"%d" % at, b"", sync=False) for at in range(5, 2000)])
    assert journal._database.execute("SELECT count(*) FROM record").fetchone() == (1999,)
    journal.close()
    journal.close()


def test_a_second_opener_is_told_to_stop_the_first(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with open_at(path), pytest.raises(JournalError, match="in use by another process: stop that one first"):
        open_at(path)
    open_at(path).close()


def test_another_process_cannot_open_it_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    script = (
        "import sys, pathlib\nfrom mechdesign.group.journal import Journal\n"
        "from mechdesign.group.messages import Append\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), bytes([1]) * 32, bytes.fromhex(sys.argv[2]))\n"
        "journal.write([Append('own', b'k', b'v')])\njournal.write([Append('block', b'lost', b'', sync=False)])\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(path), ROSTER.hex()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(JournalError, match="in use"):
            open_at(path)
        child.kill()
    with open_at(path) as journal:
        assert list(journal.records()) == [("own", b"k", b"v")]


def test_a_journal_of_another_member_or_group_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    open_at(path).close()
    with pytest.raises(JournalError, match="another member"):
        open_at(path, place=1)
    with pytest.raises(JournalError, match="another roster"):
        open_at(path, roster=bytes(32))
    open_at(path).close()


def test_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with open_at(path) as journal:
        journal.write([Append("block", b"key", b"a block that will be changed")])
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE record SET data = X'00'")
    database.close()
    with open_at(path) as journal, pytest.raises(JournalError, match="damaged"):
        list(journal.records())
    path.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    with pytest.raises(JournalError, match="damaged"):
        open_at(path)
    with pytest.raises(JournalError, match="cannot be opened"):
        open_at(tmp_path / "nowhere" / "journal.sqlite3")


def test_a_compaction_writes_and_deletes_all_or_nothing(tmp_path: Path) -> None:
    roster = make_roster(1)
    with Journal(tmp_path / "journal", member(0), roster.digest) as journal:
        journal.write([Append("block", bytes([at]), b"block", sync=False) for at in range(5)])
        compact = Compact(
            (Append("log", b"0", b"from the block"), Append("checkpoint", b"newest", b"state")),
            (("block", bytes([0])), ("block", bytes([1])), ("block", b"never was")),
        )
        journal.write([compact])
        # What was appended before the compaction is durable with it, and the batch goes on after it.
        journal.write([Append("block", bytes([9]), b"later"), compact])
    with Journal(tmp_path / "journal", member(0), roster.digest) as journal:
        found = [(table, key) for table, key, _ in journal.records()]
    blocks = [("block", bytes([at])) for at in (2, 3, 4)]
    assert found == [*blocks, ("log", b"0"), ("checkpoint", b"newest"), ("block", bytes([9]))]


def test_a_compaction_that_the_disk_refuses_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    roster = make_roster(1)
    with Journal(tmp_path / "journal", member(0), roster.digest) as journal:
        journal.write([Append("block", b"0", b"block")])
        broken = Compact((Append("log", b"0", b"log"), Append("log", b"1", None)), (("block", b"0"),))  # type: ignore[arg-type]
        with pytest.raises((JournalError, TypeError)):
            journal.write([broken])
    with Journal(tmp_path / "journal", member(0), roster.digest) as journal:
        assert [table for table, _, _ in journal.records()] == ["block"]


def test_members_go_on_from_compacted_journals_on_a_real_disk(tmp_path: Path) -> None:
    roster = make_roster(1, depth=4)
    said = 0
    for life in range(3):
        with Journal(tmp_path / "journal", member(0), roster.digest) as journal:
            core = GroupCore(roster, signer(0), KeyedHash(), CONFIG)
            told = [effect for effect in core.restore(journal.records(), 0) if isinstance(effect, Delivered)]
            assert [entry.submission.data for entry in told] == [b"%d" % at for at in range(said)]
            for _ in range(30):
                effects = [*core.submit(Broadcast(b"%d" % said, 1, b"%d" % said), life), *core.tick(life)]
                journal.write(effect for effect in effects if isinstance(effect, Append | Compact))
                said += 1
            assert core.status().checkpoint > 0
    blocks = sum(table == "block" for table, _, _ in Journal(tmp_path / "journal", member(0), roster.digest).records())
    assert blocks < 20


def test_records_that_are_durable_can_be_read_by_their_keys_up_to_the_first_that_is_not_there(tmp_path: Path) -> None:
    with open_at(tmp_path / "journal.sqlite3") as journal:
        journal.write([Compact(tuple(Append("log", b"%d" % at, b"block %d" % at) for at in range(3)), ())])
        assert journal.read("log", [b"1", b"0"], 99) == (b"block 1", b"block 0")
        assert journal.read("log", [b"0", b"3", b"1"], 99) == (b"block 0",)
        assert journal.read("block", [b"0"], 99) == journal.read("log", [], 99) == ()
        journal.write([Append("log", b"3", b"later", sync=False)])
        assert journal.read("log", [b"3"], 99) == (), "a crash could still take it back"
        journal.write([Compact((), (("log", b"1"),))])
        assert journal.read("log", [b"0", b"1", b"2"], 99) == (b"block 0",)
        assert journal.read("log", [b"3"], 99) == (b"later",)


def test_no_more_is_read_than_was_asked_for_but_always_the_first(tmp_path: Path) -> None:
    records = {b"%d" % at: bytes(size) for at, size in enumerate((10, 10, 30, 5))}
    with open_at(tmp_path / "journal.sqlite3") as journal:
        journal.write([Compact(tuple(Append("log", key, data) for key, data in records.items()), ())])
        for bytes_max, count in [(0, 1), (19, 1), (20, 2), (49, 2), (50, 3), (54, 3), (55, 4), (99, 4)]:
            assert journal.read("log", records, bytes_max) == tuple(records.values())[:count]
            assert read_from(records, records, bytes_max) == tuple(records.values())[:count]


def test_a_record_that_has_changed_is_not_read_but_named(tmp_path: Path) -> None:
    with open_at(tmp_path / "journal.sqlite3") as journal:
        journal.write([Append("log", b"0", b"block 0"), Append("log", b"1", b"block 1")])
        journal._database.execute("UPDATE record SET data = ? WHERE key = ?", (b"block 2", b"1"))
        assert journal.read("log", [b"0"], 99) == (b"block 0",)
        with pytest.raises(JournalError, match=r"table 'log', key '31'.* has changed"):
            journal.read("log", [b"0", b"1"], 99)
