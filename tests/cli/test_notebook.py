"""What a node writes down is there after every cut, and what it did not write is refused."""

from pathlib import Path

import pytest

from mechdesign.cli.notebook import Counted, HandedIn, Notebook
from mechdesign.kernel.errors import ConfigError

FIRST = Counted(session="00", mechanism="m/1", proposer="bob", key="02", nonce="03")
SECOND = HandedIn(proposal="0a", epoch="0b")


def test_both_kinds_of_lines_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "notebook.jsonl"
    assert (Notebook(path).counted, Notebook(path).handed_in) == ((), ())
    for line in (FIRST, SECOND, FIRST, HandedIn(proposal="0a", epoch="")):
        Notebook(path).write(line)
    again = Notebook(path)
    assert again.counted == (FIRST, FIRST)
    assert again.handed_in == (SECOND, HandedIn(proposal="0a", epoch=""))


def test_wherever_the_last_line_is_cut_off_the_others_are_there_and_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "notebook.jsonl"
    for line in (FIRST, SECOND):
        Notebook(path).write(line)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for size in range(first, len(whole)):
        path.write_bytes(whole[:size])
        torn = Notebook(path)
        assert (torn.counted, torn.handed_in) == ((FIRST,), ())
        torn.write(SECOND)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"\xff", b'{"proposal": "zz", "epoch": ""}', b"[" * 100_000])
def test_a_line_that_no_node_writes_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "notebook.jsonl"
    Notebook(path).write(FIRST)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(ConfigError, match=r"notebook\.jsonl: line 2: not what a node writes"):
        Notebook(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notebook.jsonl"
    path.mkdir()
    with pytest.raises(ConfigError, match=r"notebook\.jsonl: cannot be read"):
        Notebook(path)
