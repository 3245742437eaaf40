"""Allocation problems as short texts, and what our rules make of them, for comparison with independent implementations.

A profile is ``FIELD=TEXT FIELD=TEXT …``; each rule reads the fields that it needs. Players are ``a``, ``b``, ``c`` …
and items ``u``, ``v``, ``w`` …; a field gives the players' parts one after the other, with dots between them:

- ``left=vu.u right=ab.b seats=12``: orders of two sides, whose right names are ``u``, ``v`` …, with as many seats;
- ``homes=ba.a``: orders of the owners of homes;
- ``wants=uv.v turns=ba``: orders of the items that are acceptable, and who comes when;
- ``suits=b.a cycle=3``: whose donors suit, and the longest cycle;
- ``worth=50.07``: a value from 0 to 9 for each item;
- ``bids=uv7+u3.v4``: bids for bundles, of which one wins at most;
- ``peaks=3.-1 phantoms=2.5``: points on a line.
"""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from mechdesign.mechanisms import registry
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.result import Result

__all__ = ["ITEMS", "PLAYERS", "allocate", "bids", "fields", "show_chances", "show_placed", "worths"]

PLAYERS: Final = "abcdefgh"
ITEMS: Final = "uvwxyz"


def fields(profile: str) -> dict[str, list[str]]:
    """Return the parts of each field.

    >>> fields("homes=ba..c cycle=3")
    {'homes': ['ba', '', 'c'], 'cycle': ['3']}
    """
    return {name: text.split(".") for name, text in (part.split("=") for part in profile.split())}


def bids(text: str) -> list[tuple[str, int]]:
    """Return bundles with the amounts bid for them.

    >>> bids("uv12+u3"), bids("")
    ([('uv', 12), ('u', 3)], [])
    """
    return [(items, int(amount)) for items, amount in re.findall(r"([a-z]+)(\d+)", text)]


def worths(rows: list[str]) -> list[dict[str, int]]:
    """Return what each item is worth to each player.

    >>> worths(["50", "07"])
    [{'u': 5, 'v': 0}, {'u': 0, 'v': 7}]
    """
    return [dict(zip(ITEMS, map(int, row), strict=False)) for row in rows]


def show_placed(got: Mapping[str, str], paid: Mapping[str, Fraction | int], count: int) -> str:
    """Return what each of the first players gets and pays as a text.

    >>> show_placed({"b": "uw"}, {"b": 2}, 2)
    '- uw:2'
    """
    return " ".join(f"{got[one]}:{paid[one]}" if one in got else "-" for one in PLAYERS[:count])


def show_chances(table: list[dict[str, Fraction]]) -> str:
    """Return the chances above 0 of each player as a text.

    >>> show_chances([{"v": Fraction(1, 2), "u": Fraction(1, 2)}, {}])
    'u:1/2+v:1/2 -'
    """
    rows = ("+".join(f"{item}:{row[item]}" for item in sorted(row) if row[item]) for row in table)
    return " ".join(row or "-" for row in rows)


@cache
def _load(rule: str) -> type[Mechanism[Any, Any, Any]]:
    """Load a rule once: a look-up reads the entry points of all installed packages."""
    return registry.load(rule)


def _run(rule: str, parameters: Mapping[str, Any], reports: Mapping[str, Any]) -> Result[Any]:
    return run_pure(_load(rule).from_parameters(parameters), Context(tuple(reports)), reports)


def _named(parts: list[Any]) -> dict[str, Any]:
    return dict(zip(PLAYERS, parts, strict=False))


def _accepted(known: dict[str, list[str]], proposes: str) -> str:
    right = ITEMS[: len(known["right"])]
    orders = _named(known["left"]) | dict(zip(right, known["right"], strict=True))
    parameters = {
        "left": list(PLAYERS[: len(known["left"])]),
        "right": list(right),
        "proposes": proposes,
        "capacities": dict(zip(right, map(int, known["seats"][0]), strict=True)),
    }
    outcome = _run(
        "matching.deferred-acceptance", parameters, {name: list(one) for name, one in orders.items()}
    ).outcome
    return " ".join(one + other for one, other in outcome.pairs) or "-"


def _traded(known: dict[str, list[str]]) -> str:
    reports = {player: list(order) for player, order in _named(known["homes"]).items()}
    owner = _run("matching.top-trading-cycles", {}, reports).outcome.owner
    return "".join(owner[player] for player in reports)


def _acceptable(known: dict[str, list[str]]) -> dict[str, list[str]]:
    return {player: list(order) for player, order in _named(known["wants"]).items()}


def _chosen(known: dict[str, list[str]], order: Any) -> str:
    reports = _acceptable(known)
    outcome = _run("matching.serial-dictatorship", {"options": list(ITEMS[:4]), "order": order}, reports).outcome
    return "".join(outcome.items.get(player, "-") for player in reports)


def _eaten(known: dict[str, list[str]]) -> str:
    """The chances that the lottery over definite assignments gives, where they are those that the outcome states."""
    reports = _acceptable(known)
    result = _run("matching.probabilistic-serial", {"options": list(ITEMS[:4])}, reports)
    table: dict[str, dict[str, Fraction]] = {player: {} for player in reports}
    for data in (reason.data for reason in result.why if "chance" in reason.data):
        for player, item in data["items"].items():
            table[player][item] = table[player].get(item, Fraction(0)) + data["chance"]
    if table != result.outcome.lottery:
        return "the lottery is not the table"
    if any(not table[player].get(item) for player, item in result.outcome.items.items()):
        return "drawn without a chance"
    return show_chances(list(table.values()))


def _received(known: dict[str, list[str]]) -> str:
    """The number of transplants, where all are possible."""
    suits = _named(known["suits"])
    longest = int(known["cycle"][0])
    donor = _run(
        "matching.kidney-exchange", {"cycle_max": longest}, {one: list(donors) for one, donors in suits.items()}
    ).outcome.donor
    if any(giver not in suits[patient] for patient, giver in donor.items()):
        return "a donor does not suit"
    for patient in donor:
        at, steps = donor[patient], 1
        while at != patient and at in donor and steps <= longest:
            at, steps = donor[at], steps + 1
        if at != patient or steps > longest:
            return "no cycle, or too long a one"
    return str(len(donor))


def _placed(known: dict[str, list[str]]) -> str:
    rows = worths(known["worth"])
    outcome = _run("auction.unit-demand", {"items": list(rows[0])}, _named(rows)).outcome
    return show_placed(outcome.items, outcome.payments, len(rows))


def _won(known: dict[str, list[str]]) -> str:
    reports = {
        player: [{"items": list(items), "value": value} for items, value in bids(text)]
        for player, text in _named(known["bids"]).items()
    }
    outcome = _run("auction.vcg", {"items": list(ITEMS[:4])}, reports).outcome
    got = {player: "".join(items) for player, items in outcome.bundles.items()}
    return show_placed(got, outcome.payments, len(reports))


def _divided(known: dict[str, list[str]], rule: str) -> str:
    rows = worths(known["worth"])
    bundles = _run(f"division.{rule}", {"options": list(rows[0])}, _named(rows)).outcome.bundles
    return " ".join("".join(items) or "-" for items in bundles.values())


def _middle(known: dict[str, list[str]]) -> str:
    phantoms = [int(point) for point in known["phantoms"] if point]
    reports = _named([int(point) for point in known["peaks"]])
    return str(_run("location.median", {"phantoms": phantoms}, reports).outcome.point)


_RULES: Final[Mapping[str, Callable[[dict[str, list[str]]], str]]] = MappingProxyType(
    {
        "deferred-acceptance proposes=left": lambda known: _accepted(known, "left"),
        "deferred-acceptance proposes=right": lambda known: _accepted(known, "right"),
        "top-trading-cycles": _traded,
        "serial-dictatorship": lambda known: _chosen(known, "roster"),
        "serial-dictatorship order=turns": lambda known: _chosen(known, list(known["turns"][0])),
        "probabilistic-serial": _eaten,
        "kidney-exchange": _received,
        "unit-demand": _placed,
        "vcg": _won,
        "maximum-nash-welfare": lambda known: _divided(known, "maximum-nash-welfare"),
        "round-robin": lambda known: _divided(known, "round-robin"),
        "median": _middle,
    }
)


def allocate(column: str, profile: str) -> str:
    """Return what one of our rules makes of a profile."""
    return _RULES[column](fields(profile))
