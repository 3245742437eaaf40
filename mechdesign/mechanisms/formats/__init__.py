"""Files that people have: elections of PrefLib, participatory budgets of Pabulib, tables of reports."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from mechdesign.mechanisms.formats.comma_separated import read_table
from mechdesign.mechanisms.formats.pabulib import read_pabulib
from mechdesign.mechanisms.formats.preflib import read_preflib

__all__ = ["READERS", "read_format"]

READERS: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = MappingProxyType(
    {
        ".soc": partial(read_preflib, ties=False),
        ".soi": partial(read_preflib, ties=False),
        ".toc": partial(read_preflib, ties=True),
        ".toi": partial(read_preflib, ties=True),
        ".cat": partial(read_preflib, ties=True, categories=True),
        ".pb": read_pabulib,
        ".csv": read_table,
    }
)
"""What reads a file, by the ending of its name: text to a document with ``parameters`` and ``reports``."""


def read_format(text: str, ending: str) -> dict[str, Any]:
    """Return the document that a file's text stands for.

    Args:
        text: the whole file.
        ending: the ending of its name, such as ``.soi``; one of :data:`READERS`.

    Raises:
        InputError: naming line and column of what is wrong.
    """
    return READERS[ending](text.removeprefix("\ufeff"))
