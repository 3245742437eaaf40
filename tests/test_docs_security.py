"""The table of attacks names tests that exist, and enough of them."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "security.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith(("| attack |", "| --- |"))
]
AGAINST_MEMBERS = TEXT[: TEXT.index("## Checks on which the rows above rest")]
NODES = sorted(set(re.findall(r"`(tests/[^`:]+\.py::[^`]+)`", TEXT)))


@cache
def defined_in(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@cache
def decorators(path):
    tree = ast.parse((ROOT / path).read_text())
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: node.decorator_list for node in defined}


def test_there_are_at_least_as_many_attacks_as_were_promised():
    assert sum(f"\n| {row[0]} |" in AGAINST_MEMBERS for row in ROWS) >= 25
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_attack_says_how_it_is_performed_where_and_what_it_brings(row):
    assert len(row) == 4
    assert all(row)
    assert re.search(r"`tests/[^`]+::test_[^`]+`", row[2])


@pytest.mark.parametrize("node", NODES)
def test_every_test_that_the_table_names_exists(node):
    path, name = node.split("::")
    assert (ROOT / path).is_file()
    assert name in defined_in(path)


@pytest.mark.parametrize("node", NODES)
def test_every_test_that_the_table_names_is_played_in_the_short_form(node):
    """Neither skipped, nor left to `make thorough`; a long form of it beside the short one is another matter."""
    path, name = node.split("::")
    marks = [ast.unparse(mark) for mark in decorators(path)[name]]
    assert not [mark for mark in marks if re.match(r"(pytest\.mark\.)?(long|skip|skipif|xfail)\b", mark)]
    assert not re.search(r"^pytestmark\b.*\b(long|skip|xfail)\b", (ROOT / path).read_text(), re.MULTILINE)
