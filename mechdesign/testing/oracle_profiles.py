"""Profiles as short texts, and what our votes make of them, for comparison with independent implementations.

A profile is ``OPTIONS SETTING=… BALLOT BALLOT …``. Options are single letters; a ballot ``3*abc`` was cast three
times. What ``abc`` stands for depends on the comparison: an order (``a(bc)``: b and c tied), approvals, or ``052``: a
score for each option. A column of a comparison names a rule and its parameters, such as ``nanson average=kept``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from mechdesign.mechanisms import codec, registry
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context
from mechdesign.testing.allocation_profiles import allocate

__all__ = ["ANSWERS", "UNDEFINED", "elect", "levels", "read_golden", "sets", "split"]

UNDEFINED: Final = "?"
"""The answer of an oracle that does not define one."""


def split(profile: str) -> tuple[str, list[tuple[int, str]], dict[str, str]]:
    """Return options, ballots with their counts, and settings.

    >>> split("abc seats=2 3*ab 1*c")
    ('abc', [(3, 'ab'), (1, 'c')], {'seats': '2'})
    """
    options, *parts = profile.split()
    settings = dict(part.split("=", 1) for part in parts if "=" in part)
    counted = [part.split("*", 1) for part in parts if "=" not in part]
    return options, [(int(count), ballot) for count, ballot in counted], settings


def levels(ballot: str) -> list[str | list[str]]:
    """Return the levels of an order, the best first.

    >>> levels("a(bc)d")
    ['a', ['b', 'c'], 'd']
    """
    found: list[str | list[str]] = []
    for part in ballot.replace("(", " (").replace(")", ") ").split():
        if part.startswith("("):
            found.append(list(part.strip("()")))
        else:
            found.extend(part)
    return found


def sets(found: Iterable[Iterable[str]]) -> str:
    """Return sets of options as a text.

    >>> sets([["c", "a"], [], ["a", "b"]])
    '-,ab,ac'
    """
    return ",".join(sorted({"".join(sorted(one)) or "-" for one in found}))


def elect(rule: str, parameters: Mapping[str, Any], ballots: Sequence[tuple[int, Any]]) -> Any:
    """Return the outcome of one of our rules; a ballot cast several times is one player with that weight."""
    players = tuple(f"p{number}" for number in range(len(ballots)))
    weights = {player: count for player, (count, _) in zip(players, ballots, strict=True)}
    mechanism = _load(rule).from_parameters({**parameters, "weights": weights})
    schema = mechanism.report_schema()
    reports = {
        player: codec.validate(schema, ballot, player) for player, (_, ballot) in zip(players, ballots, strict=True)
    }
    return mechanism.decide(reports, Context(players)).outcome


@cache
def _load(rule: str) -> type[Mechanism[Any, Any, Any]]:
    """Load a rule once: a look-up reads the entry points of all installed packages."""
    return registry.load(rule)


def _rule(column: str, options: str) -> tuple[str, dict[str, Any]]:
    rule, *given = column.split()
    parameters: dict[str, Any] = {"options": list(options)}
    for setting in given:
        key, value = setting.split("=")
        parameters[key] = int(value) if value.isdecimal() else value
    return rule, parameters


def _ranking(column: str, profile: str) -> str:
    options, ballots, _ = split(profile)
    rule, parameters = _rule(column, options)
    outcome = elect(f"voting.{rule}", parameters, [(count, levels(ballot)) for count, ballot in ballots])
    return "".join(sorted(outcome.elected)) if rule == "stv" else "".join(outcome.tied)


def _score(column: str, profile: str) -> str:
    """Scores from 0 to 5: 3 and more approve; less 2 they are votes bought with credits."""
    options, ballots, _ = split(profile)
    rule, parameters = _rule(column, options)
    converted: list[tuple[int, Any]] = []
    for count, ballot in ballots:
        given = dict(zip(options, map(int, ballot), strict=True))
        if rule == "approval":
            converted.append((count, [name for name, score in given.items() if score >= 3]))
        elif rule == "quadratic":
            converted.append((count, {name: score - 2 for name, score in given.items()}))
        else:
            converted.append((count, given))
    return "".join(elect(f"voting.{rule}", parameters, converted).tied)


def _judgment(column: str, profile: str) -> str:
    options, ballots, _ = split(profile)
    rule, parameters = _rule(column, options)
    names = [f"grade {number}" for number in range(6)]
    graded = [
        (count, {name: names[int(one)] for name, one in zip(options, ballot, strict=True)}) for count, ballot in ballots
    ]
    return "".join(elect(f"voting.{rule}", {**parameters, "grades": names}, graded).tied)


def _committee(column: str, profile: str) -> str:
    """All tied committees; where a completion follows, which oracles compute for one universe only, the elected."""
    options, ballots, settings = split(profile)
    rule, parameters = _rule(column, options)
    if "seats" in settings:
        parameters["seats"] = int(settings["seats"])
    else:
        priced = (pair.split(":") for pair in settings["costs"].split(","))
        parameters |= {"costs": {name: Fraction(cost) for name, cost in priced}, "budget": Fraction(settings["budget"])}
    outcome = elect(f"committee.{rule}", parameters, [(count, list(ballot)) for count, ballot in ballots])
    completes = parameters.get("completion", "none") != "none"
    return sets([outcome.elected] if completes else outcome.tied)


ANSWERS: Final[Mapping[str, Callable[[str, str], str]]] = MappingProxyType(
    {
        "rankings": _ranking,
        "weak-rankings": _ranking,
        "truncated": _ranking,
        "scores": _score,
        "judgment": _judgment,
        "committees": _committee,
        "budgets": _committee,
        "allocations": allocate,
    }
)
"""For each comparison what we answer to a column and a profile."""


def read_golden(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Return the kept answers of oracles: for each column the profiles with the oracle's answer."""
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    _, *columns = header.split("\t")
    found: dict[str, list[tuple[str, str]]] = {column: [] for column in columns}
    for row in rows:
        profile, *answers = row.split("\t")
        for column, answer in zip(columns, answers, strict=True):
            if answer != UNDEFINED:
                found[column].append((profile, answer))
    return found
