"""What commands print: tables for people (styled on a terminal, plain text elsewhere) and JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from mechdesign.kernel.text import visible

__all__ = ["Table", "emit_json", "exact", "is_terminal", "jsonable", "say", "show", "warn"]


def is_terminal() -> bool:
    """Whether standard output is a terminal that a person looks at."""
    return sys.stdout.isatty()


def _lines(text: str) -> str:
    # What others wrote may be in any line; it does not steer the terminal.
    return "\n".join(map(visible, text.split("\n")))


def say(text: str = "", *, style: str | None = None) -> None:
    """Print lines, styled where a person looks at them."""
    text = _lines(text)
    if style is None or not is_terminal():
        print(text, flush=True)
        return
    from rich.console import Console
    from rich.text import Text

    Console(soft_wrap=True, highlight=False).print(Text(text, style=style))


def warn(text: str) -> None:
    """Print lines on standard error."""
    print(_lines(text), file=sys.stderr, flush=True)


def exact(amount: Fraction | int) -> str:
    """The canonical exact text of an amount, such as ``-34/5``."""
    return str(Fraction(amount))


def jsonable(value: Any) -> Any:
    """Turn a value of this program into one that JSON has; amounts become exact texts, bytes become hexadecimal."""
    match value:
        case None | bool() | int() | str():
            return value
        case Fraction():
            return exact(value)
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): jsonable(each) for key, each in value.items()}
        case tuple() | list():
            return [jsonable(each) for each in value]
    if hasattr(value, "model_dump"):
        return jsonable(value.model_dump(mode="json"))
    return str(value)


def emit_json(value: Any, *, lines: bool = False) -> None:
    """Print a value as JSON, indented or (``lines``) on one line for a stream of events."""
    if lines:
        text = json.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":"))
    else:
        text = json.dumps(jsonable(value), ensure_ascii=False, indent=2)
    print(text, flush=True)


class Table:
    """Rows under headings.

    Args:
        columns: the headings; one that starts with ``>`` is aligned to the right.
        rows: texts, as many a row as there are headings.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.right = [column.startswith(">") for column in columns]
        self.columns = [column.removeprefix(">") for column in columns]
        self.rows = [[visible(str(cell)) for cell in row] for row in rows]

    def lines(self) -> list[str]:
        """The table as plain text: two spaces between columns, no trailing blanks."""
        from rich.cells import cell_len  # names may hold characters that are two cells wide

        table = [self.columns, *self.rows]
        widths = [max(cell_len(row[place]) for row in table) for place in range(len(self.columns))]

        def pad(cell: str, place: int) -> str:
            blank = " " * (widths[place] - cell_len(cell))
            return blank + cell if self.right[place] else cell + blank

        return ["  ".join(pad(cell, place) for place, cell in enumerate(row)).rstrip() for row in table]


def show(table: Table) -> None:
    """Print a table: rich on a terminal, plain text elsewhere."""
    if not is_terminal():
        print("\n".join(table.lines()), flush=True)
        return
    from rich.console import Console
    from rich.table import Table as RichTable

    rich = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading, right in zip(table.columns, table.right, strict=True):
        rich.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in table.rows:
        rich.add_row(*(cell.replace("[", r"\[") for cell in row))
    Console(highlight=False).print(rich)
