"""Participatory budgets in the format of Pabulib (``.pb``): sections META, PROJECTS and VOTES.

The projects' identifiers become the options, in file order; every voter a player. Approvals become lists, ordinal votes
lists from the best, points objects. What the file says of published results is not read.

**Source**: D. Stolicki, S. Szufa, N. Talmon, Pabulib: a participatory budgeting library, arXiv 2012.06539 (2020).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mechdesign.kernel.money import MoneyError, format_exact, parse_exact
from mechdesign.mechanisms.formats.place import wrong

__all__ = ["read_pabulib"]

_SECTIONS: Final = ("META", "PROJECTS", "VOTES")
_VOTE_TYPES: Final = ("approval", "choose-1", "ordinal", "cumulative", "scoring")


@dataclass(slots=True)
class _File:
    """What was read so far."""

    meta: dict[str, str] = field(default_factory=dict)
    costs: dict[str, str] = field(default_factory=dict)
    reports: dict[str, Any] = field(default_factory=dict)


def read_pabulib(text: str) -> dict[str, Any]:
    """Return the document of a participatory budget: options, costs and budget, and the voters' ballots.

    Raises:
        InputError: naming line and column of what is wrong.
    """
    file = _File()
    section = ""
    columns: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if line.strip() in _SECTIONS:
            section, columns = line.strip(), []
            continue
        if not section:
            raise wrong(number, 1, f"a Pabulib file starts with META, not with {line[:20]!r}")
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=";"))]
        if not columns:
            columns = cells
            _check_columns(section, columns, number)
            continue
        row = dict(zip(columns, cells, strict=False))
        place = _Place(line, number, columns)
        if section == "META":
            file.meta[cells[0]] = cells[1] if len(cells) > 1 else ""
        elif section == "PROJECTS":
            _project(file, row, place)
        else:
            _vote(file, row, place)
    if "budget" not in file.meta:
        raise wrong(1, 1, "the section META has no budget")
    try:
        budget = format_exact(parse_exact(file.meta["budget"].replace(",", ".")))
    except MoneyError as error:
        raise wrong(1, 1, f"META, budget: {error}") from None
    parameters: dict[str, Any] = {"options": list(file.costs), "costs": file.costs, "budget": budget}
    return {"parameters": parameters, "reports": file.reports}


@dataclass(frozen=True, slots=True)
class _Place:
    line: str
    number: int
    columns: list[str]

    def wrong(self, column: str, what: str) -> Exception:
        """Return the error for a cell."""
        before = ";".join(self.line.split(";")[: self.columns.index(column)])
        return wrong(self.number, len(before) + 2 if before else 1, what)


def _check_columns(section: str, columns: list[str], number: int) -> None:
    needed = {"META": ("key", "value"), "PROJECTS": ("project_id", "cost"), "VOTES": ("voter_id", "vote")}[section]
    for name in needed:
        if name not in columns:
            raise wrong(number, 1, f"the section {section} has no column {name}")


def _project(file: _File, row: Mapping[str, str], place: _Place) -> None:
    option = row["project_id"]
    if not option:
        raise place.wrong("project_id", "a project has no identifier")
    if option in file.costs:
        raise place.wrong("project_id", f"project {option} stands twice")
    try:
        cost = parse_exact(row.get("cost", "").replace(",", "."))
    except MoneyError as error:
        raise place.wrong("cost", f"the cost of {option}: {error}") from None
    if cost < 0:
        raise place.wrong("cost", f"the cost of {option} is negative")
    file.costs[option] = format_exact(cost)


def _vote(file: _File, row: Mapping[str, str], place: _Place) -> None:
    voter = row["voter_id"]
    if not voter:
        raise place.wrong("voter_id", "a voter has no identifier")
    if voter in file.reports:
        raise place.wrong("voter_id", f"voter {voter} stands twice")
    kind = file.meta.get("vote_type", "approval")
    if kind not in _VOTE_TYPES:
        raise wrong(1, 1, f"META, vote_type: {kind!r} is none of {', '.join(_VOTE_TYPES)}")
    named = [name.strip() for name in row.get("vote", "").split(",") if name.strip()]
    for name in named:
        if name not in file.costs:
            raise place.wrong("vote", f"there is no project {name}")
    if len(set(named)) != len(named):
        raise place.wrong("vote", "a project stands twice")
    if kind not in ("cumulative", "scoring"):
        file.reports[voter] = named
        return
    points = [point.strip() for point in row.get("points", "").split(",") if point.strip()]
    if len(points) != len(named) or not all(point.isdecimal() for point in points):
        column = "points" if "points" in place.columns else "vote"
        raise place.wrong(column, f"{len(named)} projects need as many whole numbers of points")
    file.reports[voter] = {name: int(point) for name, point in zip(named, points, strict=True)}
