"""What others wrote is printed so that it neither hides nor steers a terminal."""

import pytest

from mechdesign.cli.output import Table, say, show, warn

HOSTILE = "tea\x1b[2J\u202e"
SHOWN = "tea\\x1b[2J\\u202e"


def test_lines_keep_their_ends_and_nothing_else_that_is_not_plain(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"first\n{HOSTILE}")
    warn(f"{HOSTILE}\r")
    told = capsys.readouterr()
    assert told.out == f"first\n{SHOWN}\n"
    assert told.err == f"{SHOWN}\\r\n"


def test_a_cell_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(Table(("name", ">amount"), [(f"a\n{HOSTILE}", "1")]))
    assert capsys.readouterr().out.splitlines()[1].startswith(f"a\\n{SHOWN}")
