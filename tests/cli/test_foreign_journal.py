"""A journal that somebody hands on for `audit` or `ledger` may be anything: it is refused by name, at once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mechdesign.cli.journal_files import read_journal_file
from mechdesign.kernel.errors import JournalError
from tests.cli.command_line import run

TABLES = "CREATE TABLE head (name TEXT PRIMARY KEY, value BLOB NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID;" + (
    "CREATE TABLE record (place INTEGER PRIMARY KEY, part TEXT NOT NULL, key BLOB NOT NULL, data BLOB NOT NULL, "
    "sum BLOB NOT NULL, UNIQUE (part, key));"
)
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT 'member' name, x value FROM c"
FORGED = {
    "nothing": "",
    "a view without end": f"CREATE VIEW head AS {ENDLESS};",
    "a text": TABLES + "INSERT INTO head VALUES ('member', 'text', x''), ('roster', 'text', x'');",
    "a number": TABLES + "INSERT INTO head VALUES ('member', 99999999999, x''), ('roster', 1, x'');",
    "no member": TABLES,
    "a short key": TABLES + "INSERT INTO head VALUES ('member', x'00', x''), ('roster', x'00', x'');",
    "no sums": TABLES + "INSERT INTO head VALUES ('member', zeroblob(32), x''), ('roster', zeroblob(32), x'');",
}


@pytest.mark.parametrize("made", FORGED)
def test_what_a_stranger_made_is_refused_with_its_name(made: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE other (x); DROP TABLE other;" + FORGED[made])
    with pytest.raises(JournalError, match=r"journal\.sqlite3 cannot be read"):
        read_journal_file(path)


def test_the_command_says_which_file_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(FORGED["a view without end"])
    ran = run("audit", path, path)
    assert ran.code == 2
    assert str(path) in ran.err
