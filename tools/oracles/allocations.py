"""Matching and allocation rules against libraries and against their definitions, tried out on everything possible.

Profiles are described in mechdesign/testing/allocation_profiles.py. Players are in roster order and names in the order
of the alphabet, so that "first" in a rule's order among ties means the first letter.
"""

import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, permutations, product

import networkx
from matching.games import HospitalResident
from scipy.optimize import linear_sum_assignment
from suite import Suite

from mechdesign.testing.allocation_profiles import ITEMS, PLAYERS, bids, fields, show_chances, show_placed, worths

Fields = Mapping[str, list[str]]


def _profile(draw: random.Random) -> str:
    def some(names: str, least: int = 0) -> str:
        return "".join(draw.sample(names, draw.choice((len(names), draw.randint(least, len(names))))))

    def rows(count: int, part: Callable[[], str]) -> str:
        return ".".join(part() for _ in range(count))

    def bid() -> str:
        bundles = {"".join(sorted(draw.sample(ITEMS[:4], draw.randint(1, 3)))) for _ in range(draw.randint(0, 3))}
        return "+".join(f"{bundle}{draw.randint(0, 5 * len(bundle))}" for bundle in sorted(bundles))

    left, right = PLAYERS[: draw.randint(2, 5)], ITEMS[: draw.randint(2, 4)]
    owners = PLAYERS[: draw.randint(2, 4)]
    pairs = PLAYERS[: draw.randint(3, 7)]
    takers = draw.randint(2, 4)
    items, top = draw.randint(2, 5), draw.choice((2, 9, 9))
    suits = (
        "".join(donor for donor in pairs if donor != patient and draw.random() < 0.35)  # few enough to leave some out
        for patient in pairs
    )
    lefts, rights = [some(right) for _ in left], [some(left) for _ in right]
    if draw.random() < 0.6:  # opposed sides, between which there are many stable matchings
        left = PLAYERS[: len(right)]
        lefts = ["".join(draw.sample(right, len(right))) for _ in left]
        places = {one: dict(zip(left, [order.index(one) for order in lefts], strict=True)) for one in right}
        rights = ["".join(sorted(left, key=places[one].__getitem__, reverse=True)) for one in right]
    parts = {
        "left": ".".join(lefts),
        "right": ".".join(rights),
        "seats": "".join(str(draw.choice((1, 1, 2, 3))) for _ in right),
        "homes": rows(len(owners), lambda: some(owners)),
        "wants": rows(takers, lambda: some(ITEMS[:4])),
        "turns": some(PLAYERS[:takers], takers),
        "suits": ".".join(suits),
        "cycle": str(draw.choice((2, 3, 3, 4))),
        "worth": rows(draw.randint(2, 4), lambda: "".join(str(draw.randint(0, top)) for _ in range(items))),
        "bids": rows(draw.randint(2, 4), bid),
        "peaks": rows(draw.randint(1, 6), lambda: str(draw.randint(-9, 9))),
        "phantoms": rows(draw.randint(0, 4), lambda: str(draw.randint(-9, 9))),
    }
    return " ".join(f"{name}={text}" for name, text in parts.items())


# ------------------------------------------------------------------------------------------------------------ matching


def _accepted(known: Fields, optimal: str) -> str:
    """The library wants orders of names that accept each other, and nobody whose order is empty."""
    left = dict(zip(PLAYERS, known["left"], strict=False))
    right = dict(zip(ITEMS, known["right"], strict=False))
    seats = dict(zip(right, map(int, known["seats"][0]), strict=True))
    mutual_left = {one: [other for other in order if one in right[other]] for one, order in left.items()}
    mutual_right = {one: [other for other in order if one in left[other]] for one, order in right.items()}
    mutual_left, mutual_right = ({one: x for one, x in side.items() if x} for side in (mutual_left, mutual_right))
    if not mutual_left:
        return "-"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the library warns of what it then changes
        game = HospitalResident.create_from_dictionaries(
            mutual_left, mutual_right, {one: seats[one] for one in mutual_right}
        )
        found = game.solve(optimal=optimal)
    pairs = [f"{resident.name}{hospital.name}" for hospital, residents in found.items() for resident in residents]
    return " ".join(sorted(pairs)) or "-"


def _core(known: Fields) -> str:
    """The only allocation that no coalition can improve on with its own homes, for one and at nobody's expense."""
    owners = PLAYERS[: len(known["homes"])]
    liking: dict[str, dict[str, int]] = {}
    for owner, order in zip(owners, known["homes"], strict=True):
        ranked = order if owner in order else order + owner
        better = ranked[: ranked.index(owner) + 1]
        liking[owner] = {home: len(better) - place for place, home in enumerate(better)}

    def blocked(got: Mapping[str, str]) -> bool:
        has = {owner: liking[owner].get(got[owner], 0) for owner in owners}
        for size in range(1, len(owners) + 1):
            for coalition in combinations(owners, size):
                for homes in permutations(coalition):
                    gains = [
                        liking[owner].get(home, 0) - has[owner] for owner, home in zip(coalition, homes, strict=True)
                    ]
                    if min(gains) >= 0 and max(gains) > 0:
                        return True
        return False

    left = [homes for homes in permutations(owners) if not blocked(dict(zip(owners, homes, strict=True)))]
    return " ".join("".join(homes) for homes in left)


def _dictated(known: Fields, turns: str) -> str:
    """Of all assignments the one that is best for the first, then for the second, and so on."""
    wants = dict(zip(PLAYERS, known["wants"], strict=False))

    def good(given: Sequence[str]) -> list[int]:
        got = dict(zip(wants, given, strict=True))
        return [wants[one].index(got[one]) if got[one] != "-" else len(wants[one]) for one in turns]

    return "".join(min(_assignments(list(wants.values())), key=good))


def _assignments(allowed: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for given in product(*(f"{items}-" for items in allowed)):
        taken = [item for item in given if item != "-"]
        if len(set(taken)) == len(taken):
            yield given


def _serial(known: Fields) -> str:
    """Bogomolnaia and Moulin 2001, section 3: the next time at which an item would be exhausted, again and again."""
    wants, items = known["wants"], set(ITEMS[:4])
    shares = [dict.fromkeys(ITEMS[:4], Fraction(0)) for _ in wants]
    now = Fraction(0)
    while now < 1:
        favourite = [next((item for item in order if item in items), None) for order in wants]
        ends: dict[str, Fraction] = {}
        for item in items:
            if eaters := favourite.count(item):
                ends[item] = now + (1 - sum(row[item] for row in shares)) / eaters
        if not ends:
            break
        until = min(Fraction(1), *ends.values())
        for row, item in zip(shares, favourite, strict=True):
            if item is not None:
                row[item] += until - now
        items -= {item for item, end in ends.items() if end == until}
        now = until
    return show_chances(shares)


def _transplants(known: Fields) -> str:
    """The most pairs that disjoint cycles can cover, by trying each cycle through the first pair, or none."""
    graph = networkx.DiGraph()
    for patient, donors in zip(PLAYERS, known["suits"], strict=False):
        graph.add_edges_from((patient, donor) for donor in donors)
    cycles = [frozenset(cycle) for cycle in networkx.simple_cycles(graph, length_bound=int(known["cycle"][0]))]

    def most(left: frozenset[str]) -> int:
        if not left:
            return 0
        first = min(left)
        through = {cycle for cycle in cycles if first in cycle and cycle <= left}
        return max([most(left - {first}), *(len(cycle) + most(left - cycle) for cycle in through)])

    return str(most(frozenset(graph)))


# ------------------------------------------------------------------------------------------------ auctions, division


def _welfare(rows: Sequence[Sequence[int]]) -> int:
    if not rows or not rows[0]:
        return 0
    taken = linear_sum_assignment(rows, maximize=True)
    return sum(rows[one][other] for one, other in zip(*taken, strict=True))


def _placed(known: Fields) -> str:
    """Each in turn has the first item that leaves the welfare what it was; prices are differences of welfare."""
    names = ITEMS[: len(known["worth"][0])]
    rows = [[row[item] for item in names] for row in worths(known["worth"])]
    total, fixed = _welfare(rows), 0
    got: dict[str, str] = {}
    paid: dict[str, int] = {}
    left = list(range(len(names)))
    for number, row in enumerate(rows):
        for column in left:
            others = [[other[item] for item in left if item != column] for other in rows[number + 1 :]]
            if row[column] and fixed + row[column] + _welfare(others) == total:
                got[PLAYERS[number]] = names[column]
                paid[PLAYERS[number]] = _welfare(rows[:number] + rows[number + 1 :]) - (total - row[column])
                left.remove(column)
                fixed += row[column]
                break
    return show_placed(got, paid, len(rows))


def _won(known: Fields) -> str:
    """All choices of a bid of each player or of none; of the best, earlier players have the earlier bundles."""
    rows = [sorted((items, amount) for items, amount in bids(text) if amount) for text in known["bids"]]
    none = ("", 0)

    def choices(some: Sequence[Sequence[tuple[str, int]]]) -> Iterator[tuple[tuple[str, int], ...]]:
        for choice in product(*([*row, none] for row in some)):
            items = "".join(bundle for bundle, _ in choice)
            if len(set(items)) == len(items):
                yield choice

    def worth(choice: Sequence[tuple[str, int]]) -> int:
        return sum(amount for _, amount in choice)

    # The choices come in the order that is wanted among equals, and max takes the first.
    best = max(choices(rows), key=worth)
    got = {player: items for player, (items, _) in zip(PLAYERS, best, strict=False) if items}
    paid = {}
    for number, (player, (_, amount)) in enumerate(zip(PLAYERS, best, strict=False)):
        without = max(map(worth, choices(rows[:number] + rows[number + 1 :])))
        paid[player] = without - (worth(best) - amount)
    return show_placed(got, paid, len(rows))


def _nash(known: Fields) -> str:
    """All ways to give the items that somebody values; most served, then the greatest product, then the first."""
    rows = worths(known["worth"])
    items = [item for item in rows[0] if any(row[item] for row in rows)]
    players = [number for number, row in enumerate(rows) if any(row.values())]

    def good(owners: Sequence[int]) -> tuple[int, int, list[list[bool]]]:
        values = [
            sum(rows[one][item] for item, owner in zip(items, owners, strict=True) if owner == one) for one in players
        ]
        served, gain = sum(value > 0 for value in values), 1
        for value in values:
            gain *= value or 1
        return served, gain, [[owner == one for owner in owners] for one in players]

    best = max(product(players, repeat=len(items)), key=good)
    return " ".join(
        "".join(item for item, owner in zip(items, best, strict=True) if owner == one) or "-"
        for one in range(len(rows))
    )


def _robin(known: Fields) -> str:
    """Each takes the next one of its own list, the best first, that nobody has."""
    rows = worths(known["worth"])
    lists = [iter(sorted(row, key=lambda item, row=row: (-row[item], item))) for row in rows]
    owner: dict[str, int] = {}
    for turn in range(len(rows[0])):
        number = turn % len(rows)
        owner[next(item for item in lists[number] if item not in owner)] = number
    return " ".join("".join(sorted(item for item in owner if owner[item] == one)) or "-" for one in range(len(rows)))


def _middle(known: Fields) -> str:
    """The lowest of the points from which the distances to all points sum to least."""
    points = [int(point) for point in [*known["peaks"], *known["phantoms"]] if point]
    return str(min(sorted(points), key=lambda here: sum(abs(here - point) for point in points)))


ORACLES: Mapping[str, Callable[[Fields], str]] = {
    "deferred-acceptance proposes=left": lambda known: _accepted(known, "resident"),
    "deferred-acceptance proposes=right": lambda known: _accepted(known, "hospital"),
    "top-trading-cycles": _core,
    "serial-dictatorship": lambda known: _dictated(known, PLAYERS[: len(known["wants"])]),
    "serial-dictatorship order=turns": lambda known: _dictated(known, known["turns"][0]),
    "probabilistic-serial": _serial,
    "kidney-exchange": _transplants,
    "unit-demand": _placed,
    "vcg": _won,
    "maximum-nash-welfare": _nash,
    "round-robin": _robin,
    "median": _middle,
}


def allocations() -> Suite:
    """Who gets what: every rule reads its own part of a profile."""

    def ask(profile: str) -> dict[str, str | None]:
        known = fields(profile)
        return {rule: oracle(known) for rule, oracle in ORACLES.items()}

    return Suite(tuple(ORACLES), _profile, ask, letters=False)
