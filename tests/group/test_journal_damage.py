"""Whatever becomes of a journal's bytes: it gives back what a transaction left, or it says what is wrong."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from mechdesign.group.core import GroupCore
from mechdesign.group.journal import Journal
from mechdesign.group.messages import Append, Broadcast, Compact
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import JournalError
from tests.group.lockstep import CONFIG, make_roster, member, signer

Record = tuple[str, bytes, bytes]

ROSTER = make_roster(4)
EVERY = 101
"""The fuzz changes each so-manieth byte of a closed journal; 1 has been tried, and is a matter of two minutes."""

WHAT_TO_DO = "keep the file for a look at it, and come back under a new key"


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has one: the fuzz opens files by the hundred, and each waits for the disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as name:
        yield Path(name)


def open_at(path: Path, place: int = 0, roster: bytes = ROSTER.digest) -> Journal:
    return Journal(path, member(place), roster)


def read(path: Path, place: int = 0, roster: bytes = ROSTER.digest) -> list[Record]:
    with open_at(path, place, roster) as journal:
        return list(journal.records())


def batches() -> list[list[Append | Compact]]:
    """Transactions such as a member makes: submissions, blocks, a compaction, long and short records."""
    chance = Random(0)
    made: list[list[Append | Compact]] = []
    for at in range(12):
        made.append([Append("own", b"act %d" % at, chance.randbytes(20))])
        made.append([Append("block", chance.randbytes(32), chance.randbytes(chance.choice((90, 300, 2500))))])
    blocks = [(write.table, write.key) for batch in made for write in batch if isinstance(write, Append)][1:12:2]
    made.append([Compact((Append("checkpoint", b"newest", chance.randbytes(200)),), tuple(blocks))])
    made.append([Append("own", b"act 3", b"another content"), Append("secret", b"salt", bytes(32))])
    return made


def prefixes(path: Path) -> list[list[Record]]:
    """What a journal holds after each of its transactions, made in a file of its own."""
    with open_at(path) as journal:
        held = [list(journal.records())]
        for batch in batches():
            journal.write(batch)
            held.append(list(journal.records()))
    return held


def copy_crashed(path: Path, target: Path) -> None:
    """The files of a journal that is open, as a crash would leave them."""
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", f"{target}{suffix}")


def remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def damages(whole: bytes, every: int) -> Iterator[bytes]:
    """Single bytes changed all over, bits and whole bytes; then blocks zeroed, and the end cut off."""
    for at in range(0, len(whole), every):
        for changed in (whole[at] ^ 1 << at % 8, whole[at] ^ 0xFF):
            yield whole[:at] + bytes([changed]) + whole[at + 1 :]
    for at in range(0, len(whole), 512):
        yield whole[:at] + bytes(len(whole[at : at + 512])) + whole[at + 512 :]
    for length in range(0, len(whole), 701):
        yield whole[:length]


def test_a_closed_journal_with_any_byte_changed_gives_exactly_its_records_or_is_refused(quick_path: Path) -> None:
    expected = prefixes(quick_path / "journal")[-1]
    whole = (quick_path / "journal").read_bytes()
    assert not (quick_path / "journal-wal").exists()
    refused = harmless = 0
    for changed in damages(whole, EVERY):
        remove(quick_path / "changed")
        (quick_path / "changed").write_bytes(changed)
        try:
            found = read(quick_path / "changed")
        except JournalError:
            refused += 1
        else:
            assert found == expected
            harmless += 1
    assert refused > 100
    assert harmless > 100, "some bytes stand in free pages"


def test_a_damaged_write_ahead_log_gives_what_an_earlier_transaction_left_or_is_refused(quick_path: Path) -> None:
    allowed = prefixes(quick_path / "whole")
    journal = open_at(quick_path / "journal")
    for batch in batches():
        journal.write(batch)
    copy_crashed(quick_path / "journal", quick_path / "crashed")
    journal.close()
    whole, log = (quick_path / "crashed").read_bytes(), (quick_path / "crashed-wal").read_bytes()
    lengths = set()
    for changed in damages(log, 16 * EVERY):
        remove(quick_path / "changed")
        (quick_path / "changed").write_bytes(whole)
        (quick_path / "changed-wal").write_bytes(changed)
        try:
            found = read(quick_path / "changed")
        except JournalError:
            continue
        assert found in allowed
        lengths.add(allowed.index(found))
    assert len(lengths) == len(allowed), "a torn log is cut back to each transaction in turn"


def test_the_file_of_one_moment_never_mixes_with_the_log_of_another(quick_path: Path) -> None:
    allowed = prefixes(quick_path / "whole")
    with open_at(quick_path / "journal") as journal:
        for at, batch in enumerate(batches()):
            journal.write(batch)
            if at % 5 == 0:
                copy_crashed(quick_path / "journal", quick_path / f"crashed{at}")
            if at % 10 == 0:
                journal._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    moments = range(0, len(batches()), 5)
    for main in moments:
        for log in moments:
            remove(quick_path / "mixed")
            shutil.copyfile(quick_path / f"crashed{main}", quick_path / "mixed")
            shutil.copyfile(quick_path / f"crashed{log}-wal", quick_path / "mixed-wal")
            try:
                assert read(quick_path / "mixed") in allowed
            except JournalError:
                assert main != log


def test_a_journal_that_lost_its_write_ahead_log_is_refused(tmp_path: Path) -> None:
    with open_at(tmp_path / "journal") as journal:
        journal.write([Append("block", b"signed", b"and sent")])
        shutil.copyfile(tmp_path / "journal", tmp_path / "lost")
        copy_crashed(tmp_path / "journal", tmp_path / "kept")
    with pytest.raises(JournalError, match=f"write-ahead log lost-wal is gone.*{WHAT_TO_DO}"):
        read(tmp_path / "lost")
    assert read(tmp_path / "kept") == [("block", b"signed", b"and sent")]


def test_a_write_ahead_log_without_its_journal_is_refused(tmp_path: Path) -> None:
    with open_at(tmp_path / "journal") as journal:
        journal.write([Append("block", b"signed", b"and sent")])
        shutil.copyfile(tmp_path / "journal-wal", tmp_path / "other-wal")
    with pytest.raises(JournalError, match=f"it is gone, and left other-wal behind.*{WHAT_TO_DO}"):
        read(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_an_empty_file_is_no_new_journal(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    with pytest.raises(JournalError, match=f"the file is empty.*{WHAT_TO_DO}"):
        read(tmp_path / "journal")
    assert (tmp_path / "journal").read_bytes() == b""


def test_of_two_that_create_one_journal_neither_replaces_what_the_other_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_at(tmp_path / "other") as journal:
        journal.write([Append("block", b"signed", b"by the faster one")])
    link = os.link

    def late(source: Path, target: Path) -> None:
        shutil.copyfile(tmp_path / "other", target)
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert read(tmp_path / "journal") == [("block", b"signed", b"by the faster one")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "other"]


def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    text = b"this is no database, and long enough to be looked at " * 100
    (tmp_path / "text").write_bytes(text)
    with pytest.raises(JournalError, match=f"not a database.*{WHAT_TO_DO}"):
        read(tmp_path / "text")
    assert (tmp_path / "text").read_bytes() == text
    database = sqlite3.connect(tmp_path / "tables")
    database.execute("CREATE TABLE head (name TEXT PRIMARY KEY, value BLOB NOT NULL)")
    database.close()
    with pytest.raises(JournalError, match="its tables are not those of a journal"):
        read(tmp_path / "tables")


def test_a_folder_is_no_journal_but_no_damage_either(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="unable to open"):
        read(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE record SET data = X'00' WHERE place = 1",
        "UPDATE record SET key = X'00' WHERE place = 1",
        "UPDATE record SET part = 'block' WHERE place = 1",
        "UPDATE record SET data = 'text' WHERE place = 1",
        "UPDATE record SET place = 99 WHERE place = 1",
        "UPDATE record SET sum = X'0011223344556677' WHERE place = 1",
        "UPDATE record SET data = (SELECT data FROM record WHERE place = 3), "
        "sum = (SELECT sum FROM record WHERE place = 3) WHERE place = 1",
    ],
)
def test_a_changed_record_is_named(tmp_path: Path, change: str) -> None:
    prefixes(tmp_path / "journal")
    database = sqlite3.connect(tmp_path / "journal", isolation_level=None)
    assert database.execute(change).rowcount == 1
    database.close()
    with pytest.raises(JournalError, match=rf"record (1|99) \(table '\w+', key '.*'\) has changed.*{WHAT_TO_DO}"):
        read(tmp_path / "journal")


@pytest.mark.parametrize("lost", ["place = 3", "place = (SELECT max(place) FROM record)", "part = 'block'", "true"])
def test_a_lost_record_is_missed(tmp_path: Path, lost: str) -> None:
    records = prefixes(tmp_path / "journal")[-1]
    database = sqlite3.connect(tmp_path / "journal", isolation_level=None)
    gone = database.execute(f"DELETE FROM record WHERE {lost}").rowcount
    database.close()
    with pytest.raises(JournalError, match=f"it holds {len(records) - gone} records, .* not the {len(records)} that"):
        read(tmp_path / "journal")


def test_a_record_of_another_member_group_or_epoch_has_no_place_in_a_journal(tmp_path: Path) -> None:
    written = [Append("own", b"%d" % at, b"said by everybody") for at in range(3)]
    later = make_roster(4, epoch=1)
    for name, place, roster in (
        ("mine", 0, ROSTER),
        ("member", 1, ROSTER),
        ("group", 0, make_roster(5)),
        ("epoch", 0, later),
    ):
        with open_at(tmp_path / name, place, roster.digest) as journal:
            journal.write(written)
    for name in ("member", "group", "epoch"):
        remove(tmp_path / "mixed")
        shutil.copyfile(tmp_path / "mine", tmp_path / "mixed")
        database = sqlite3.connect(tmp_path / "mixed", isolation_level=None)
        database.execute("ATTACH ? AS other", (str(tmp_path / name),))
        database.execute("DELETE FROM record WHERE place = 1")
        database.execute("INSERT INTO record SELECT * FROM other.record WHERE place = 1")
        database.close()
        with pytest.raises(JournalError, match=r"record 1 \(table 'own'"):
            read(tmp_path / "mixed")


def test_a_head_that_changed_is_damage_and_not_another_member(tmp_path: Path) -> None:
    prefixes(tmp_path / "journal")
    database = sqlite3.connect(tmp_path / "journal", isolation_level=None)
    database.execute("UPDATE head SET value = X'00' WHERE name = 'member'")
    database.close()
    with pytest.raises(JournalError, match=f"entry 'member' of its head has changed.*{WHAT_TO_DO}"):
        read(tmp_path / "journal")


def test_a_member_of_which_each_record_is_changed_in_turn_refuses_to_start(tmp_path: Path) -> None:
    """Without the sums of the file: what the group's records say for themselves."""
    roster = make_roster(1, depth=4)
    records: dict[tuple[str, bytes], bytes] = {}
    core = GroupCore(roster, signer(0), KeyedHash(), CONFIG)
    core.restore((), 0)
    for at in range(20):
        for effect in [*core.submit(Broadcast(b"%d" % at, 1, b"%d" % at), at), *core.tick(at)]:
            match effect:
                case Append(table, key, data):
                    records[table, key] = data
                case Compact(written, gone):
                    records.update({(record.table, record.key): record.data for record in written})
                    for name in gone:
                        records.pop(name, None)
    assert {table for table, _ in records} == {"own", "ordered", "block", "log", "checkpoint"}
    foreign = make_roster(1, depth=4, epoch=1)
    chance = Random(0)
    for (table, key), whole in records.items():
        if table in ("own", "ordered"):
            # Only the file's sums can tell.
            continue
        # In what is hashed or signed; the signatures in the log were checked when its blocks came.
        at = chance.randrange(8, 80)
        changes = [whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :], whole[:-1], b""]
        if table == "block":
            others = [data for (other, name), data in records.items() if other == "block" and name != key]
            changes.append(chance.choice(others))
        for changed in changes:
            damaged = [(*name, changed if name == (table, key) else data) for name, data in records.items()]
            with pytest.raises(
                JournalError,
                match=rf"record {key.hex()} of table '{table}'|does not follow on the one before|is not the one of its",
            ):
                GroupCore(roster, signer(0), KeyedHash(), CONFIG).restore(damaged, 0)
    with pytest.raises(JournalError, match="of another group or epoch"):
        GroupCore(foreign, signer(0), KeyedHash(), CONFIG).restore([(*name, data) for name, data in records.items()], 0)
