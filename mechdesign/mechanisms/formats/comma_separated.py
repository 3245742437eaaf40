"""Tables of reports as comma-separated values (``.csv``); the header says which shape a table has.

* ``player,bid`` (or any other second column): one report a row; an amount, a text, or JSON such as ``["tea","milk"]``;
* ``player,order``: an order such as ``tea > coffee = milk``;
* ``player,approvals``: approved options such as ``tea | milk``;
* ``player,tea,coffee,…`` (three columns or more): a number for each option; empty cells are left out;
* ``ballot_id,rank,choice``: one choice a row, rank 1 the best, equal ranks tied.

An empty second cell is an absent player. Lines before the header that start with ``#`` give parameters:
``# reserve: 5``, ``# options: ["tea","milk"]``.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from mechdesign.mechanisms import codec
from mechdesign.mechanisms.formats.place import wrong

__all__ = ["read_table"]

_PARAMETER = re.compile(r"#\s*([A-Za-z_][A-Za-z0-9_-]*)\s*:\s*(.*?)\s*")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_RANKED: Final = ("rank", "choice")
_OVER: Final = ("overvote", "over")
_UNDER: Final = ("undervote", "under", "skipped", "")

Row = tuple[int, list[str]]


def read_table(text: str) -> dict[str, Any]:
    r"""Return the document that a table stands for.

    Raises:
        InputError: naming line and column of what is wrong.

    >>> read_table("# reserve: 5\nplayer,bid\nalice,18\nbob,24.50\ncarol,\n")
    {'parameters': {'reserve': 5}, 'reports': {'alice': 18, 'bob': Decimal('24.50'), 'carol': None}}
    """
    lines = text.splitlines()
    parameters: dict[str, Any] = {}
    start = 0
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith("#")):
        if found := _PARAMETER.fullmatch(lines[start].rstrip()):
            parameters[found.group(1)] = _value(found.group(2))
        start += 1
    rows = list(_rows(lines, start))
    if not rows:
        raise wrong(len(lines) + 1, 1, "the table has no header such as player,bid")
    (first, header), *rows = rows
    names = [name.strip() for name in header]
    if len(set(names)) != len(names):
        raise wrong(first, 1, "two columns have the same name")
    if len(names) < 2:
        raise wrong(first, 1, "the table needs a column of players and at least one of reports")
    for number, row in rows:
        if len(row) > len(names) or len(row) < 2:
            raise wrong(number, 1, f"this row has {len(row)} cells, the header {len(names)}")
    if tuple(name.lower() for name in names[1:]) == _RANKED:
        found_options, reports = _ranked(rows)
    elif len(names) == 2:
        found_options, reports = _single(names[1].lower(), rows)
    else:
        found_options, reports = _matrix(names[1:], rows)
    if found_options:
        parameters.setdefault("options", found_options)
    return {"parameters": parameters, "reports": reports}


def _rows(lines: Sequence[str], start: int) -> Iterator[Row]:
    """Yield the rows of a table with their line numbers; empty lines are left out."""
    reader = csv.reader(lines[start:], strict=True)
    before = start
    try:
        for row in reader:
            if row:
                yield before + 1, row
            before = start + reader.line_num
    except csv.Error as error:
        raise wrong(before + 1, 1, f"this is no row of a table: {error}") from None


def _value(text: str) -> Any:
    """Return a cell as JSON would read it, numbers exactly, and anything else as a text."""
    if _NUMBER.fullmatch(text) or text[:1] in ("[", "{", '"'):
        try:
            return codec.read_json(text, Decimal)
        except ValueError:
            return text
    return text


def _column(row: Sequence[str], cell: int) -> int:
    return len(",".join(row[:cell])) + (2 if cell else 1)


def _player(row: Sequence[str], number: int, reports: dict[str, Any]) -> str:
    player = row[0].strip()
    if not player:
        raise wrong(number, 1, "a player has no name")
    if player in reports:
        raise wrong(number, 1, f"{player} stands twice")
    return player


def _single(kind: str, rows: Sequence[Row]) -> tuple[list[str], dict[str, Any]]:
    """Read one report a row."""
    readers: dict[str, Callable[[str], Any]] = {"order": _order, "ranking": _order, "approvals": _approvals}
    read = readers.get(kind, _value)
    reports: dict[str, Any] = {}
    for number, row in rows:
        player = _player(row, number, reports)
        cell = row[1].strip()
        reports[player] = read(cell) if cell else None
    if read is _value:
        return [], reports
    return _named(report for report in reports.values() if report), reports


def _named(reports: Iterator[Any]) -> list[str]:
    """Return the options in the order in which ballots name them."""
    found: dict[str, None] = {}
    for report in reports:
        for part in report:
            found |= dict.fromkeys([part] if isinstance(part, str) else part)
    return list(found)


def _order(cell: str) -> list[str | list[str]]:
    groups = [[name.strip() for name in group.split("=")] for group in cell.split(">")]
    return [group[0] if len(group) == 1 else group for group in groups]


def _approvals(cell: str) -> list[str]:
    return [name.strip() for name in cell.split("|") if name.strip()]


def _matrix(options: list[str], rows: Sequence[Row]) -> tuple[list[str], dict[str, Any]]:
    """Read a number for each option."""
    reports: dict[str, Any] = {}
    for number, row in rows:
        player = _player(row, number, reports)
        cells = [cell.strip() for cell in row[1:]]
        reports[player] = {option: _value(cell) for option, cell in zip(options, cells, strict=False) if cell} or None
    return options, reports


def _ranked(rows: Sequence[Row]) -> tuple[list[str], dict[str, Any]]:
    """Read one choice a row; a skipped rank is passed over, and at an overvote the ballot ends."""
    ballots: dict[str, dict[int, list[str]]] = {}
    for number, row in rows:
        ballot = row[0].strip()
        if not ballot:
            raise wrong(number, 1, "a ballot has no name")
        rank = row[1].strip()
        if not rank.isdecimal() or int(rank) < 1:
            raise wrong(number, _column(row, 1), f"a rank is a whole number from 1, not {rank!r}")
        choice = row[2].strip() if len(row) > 2 else ""
        ranks = ballots.setdefault(ballot, {})
        if any(choice in group for group in ranks.values()) and choice.lower().lstrip("$") not in (*_OVER, *_UNDER):
            raise wrong(number, _column(row, 2), f"ballot {ballot} names {choice} twice")
        ranks.setdefault(int(rank), []).append(choice)
    reports: dict[str, Any] = {}
    for ballot, ranks in ballots.items():
        order: list[str | list[str]] = []
        for rank_number in sorted(ranks):
            plain = [name.lower().lstrip("$") for name in ranks[rank_number]]
            if any(name in _OVER for name in plain):
                break
            group = [name for name, bare in zip(ranks[rank_number], plain, strict=True) if bare not in _UNDER]
            if group:
                order.append(group[0] if len(group) == 1 else group)
        reports[ballot] = order
    return _named(iter(reports.values())), reports
