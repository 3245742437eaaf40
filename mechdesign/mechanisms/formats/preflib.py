"""Elections in the formats of PrefLib: ``.soc .soi .toc .toi`` (orders, with or without ties) and ``.cat`` (approvals).

A line ``60: 3,1,{2,4}`` stands for 60 equal ballots. It becomes one player called ``60 x 3,1,{2,4}`` whose weight is
60.

**Source**: N. Mattei, T. Walsh, PrefLib: a library for preferences, ADT 2013; the format is described on its pages.
"""

import re
from collections.abc import Iterator
from typing import Any

from mechdesign.mechanisms.formats.place import wrong

__all__ = ["read_preflib"]

_HEADER = re.compile(r"#\s*([A-Z ]+?)\s*([0-9]*)\s*:\s*(.*?)\s*")
_TOKEN = re.compile(r"\s*([0-9]+|[{},])\s*")

Group = list[int]


def read_preflib(text: str, *, ties: bool, categories: bool = False) -> dict[str, Any]:
    r"""Return the document of an election: options in file order, a ballot a line, and how often each was cast.

    Args:
        text: the whole file.
        ties: whether orders may have ties, written in braces.
        categories: whether places are categories (``.cat``): the first one is then taken as the approved options.

    Raises:
        InputError: naming line and column of what is wrong.

    >>> text = "# NUMBER ALTERNATIVES: 2\n# ALTERNATIVE NAME 1: tea\n# ALTERNATIVE NAME 2: milk\n3: 2,1\n"
    >>> read_preflib(text, ties=False)["reports"]
    {'3 x 2,1': ['milk', 'tea']}
    """
    names: dict[int, str] = {}
    told: dict[str, tuple[int, int]] = {}
    reports: dict[str, Any] = {}
    weights: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if line.startswith("#"):
            _header(line, number, names, told)
            continue
        count, colon, order = line.partition(":")
        if not colon or not count.strip().isdecimal() or int(count) < 1:
            raise wrong(number, 1, f"a ballot looks like 60: 3,1,2 (how many, then their order), not {line[:40]!r}")
        start = len(line) - len(order.lstrip()) + 1
        groups = list(_groups(order.strip(), start, number, names))
        if not ties:
            for group in groups:
                if len(group) != 1:
                    raise wrong(number, start, "ties belong into a file ending in .toc or .toi")
        player = f"{int(count)} x {order.strip()}"
        if player in reports:
            raise wrong(number, 1, f"the ballot {order.strip()} stands twice, {int(count)} times each: add them up")
        options = [[names[one] for one in group] for group in groups]
        if categories:
            reports[player] = options[0] if options else []
        else:
            reports[player] = [group[0] if len(group) == 1 else group for group in options if group]
        weights[player] = int(count)
    _check(told, names, weights)
    parameters: dict[str, Any] = {"options": list(names.values())}
    if any(weight > 1 for weight in weights.values()):
        parameters["weights"] = {player: weight for player, weight in weights.items() if weight > 1}
    return {"parameters": parameters, "reports": reports}


def _header(line: str, number: int, names: dict[int, str], told: dict[str, tuple[int, int]]) -> None:
    found = _HEADER.fullmatch(line.rstrip())
    if found is None:
        return
    key, index, value = found.groups()
    column = line.index(":") + 3
    if key == "ALTERNATIVE NAME" and index:
        if not value:
            raise wrong(number, column, f"option {index} has no name")
        if value in names.values():
            raise wrong(number, column, f"two options are called {value!r}")
        if int(index) in names:
            raise wrong(number, 1, f"option {index} has two names")
        names[int(index)] = value
    elif key in ("NUMBER ALTERNATIVES", "NUMBER VOTERS", "NUMBER UNIQUE ORDERS") and value.isdecimal():
        told[key] = (int(value), number)


def _groups(order: str, start: int, number: int, names: dict[int, str]) -> Iterator[Group]:
    """Yield the groups of equals of an order, best first; a group in braces may be empty."""
    group: Group | None = None
    seen: set[int] = set()
    comma = True  # whether an option or a group may come next
    place = 0
    while place < len(order.rstrip()):
        column = start + place
        found = _TOKEN.match(order, place)
        if found is None:
            raise wrong(number, column, f"{order[place:].strip()[:10]!r} is no number of an option")
        token = found.group(1)
        column = start + found.start(1)
        place = found.end()
        if token == ",":
            if comma:
                raise wrong(number, column, "two commas without an option between them")
            comma = True
            continue
        if token == "}":
            if group is None:
                raise wrong(number, column, "this brace closes nothing")
            yield group
            group, comma = None, False
            continue
        if not comma:
            raise wrong(number, column, "a comma is missing")
        if token == "{":
            if group is not None:
                raise wrong(number, column, "a brace inside braces")
            group = []
            continue
        option = int(token)
        if option not in names:
            raise wrong(number, column, f"there is no option {option}; the header names {len(names)}")
        if option in seen:
            raise wrong(number, column, f"option {option} stands twice")
        seen.add(option)
        comma = False
        if group is None:
            yield [option]
        else:
            group.append(option)
    if group is not None:
        raise wrong(number, start + len(order.rstrip()), "a brace is not closed")


def _check(told: dict[str, tuple[int, int]], names: dict[int, str], weights: dict[str, int]) -> None:
    """Compare what the header says with what was read: a file that was cut off is noticed."""
    if not names:
        raise wrong(1, 1, 'no options: a line such as "# ALTERNATIVE NAME 1: tea" names one')
    found = {
        "NUMBER ALTERNATIVES": len(names),
        "NUMBER VOTERS": sum(weights.values()),
        "NUMBER UNIQUE ORDERS": len(weights),
    }
    for key, (count, line) in told.items():
        if found[key] != count:
            raise wrong(line, 1, f"{key} is {count}, but the file has {found[key]}")
