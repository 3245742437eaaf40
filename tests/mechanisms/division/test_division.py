"""Division of items and rooms, against brute force and linear programming."""

import random
from fractions import Fraction
from itertools import permutations, product
from math import prod
from typing import Any

import numpy
import pytest
from scipy.optimize import linear_sum_assignment, linprog

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.division.adjusted_winner import AdjustedWinner
from mechdesign.mechanisms.division.envy_free_rent import EnvyFreeRent
from mechdesign.mechanisms.division.maximum_nash_welfare import MaximumNashWelfare
from mechdesign.mechanisms.division.round_robin import RoundRobin
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.ties import TieRule

NAMES = ("A", "B", "C", "D")
ITEMS = ("v", "w", "x", "y", "z")


def drawn_values(draw: random.Random, names: tuple[str, ...], items: tuple[str, ...], top: int) -> dict[str, Any]:
    return {name: {item: Fraction(draw.randrange(top)) for item in items} for name in names}


# ------------------------------------------------------------------------------------------------------ adjusted winner


def test_a_published_divorce() -> None:
    """Brams and Taylor, The Win-Win Solution (1999), chapter 6: an estate, a mansion, two flats, cash."""
    items = ["estate", "mansion", "flat", "triplex", "cash"]
    reports = {
        "A": dict(zip(items, (10, 40, 10, 38, 2), strict=True)),
        "B": dict(zip(items, (38, 20, 30, 10, 2), strict=True)),
    }
    result = decide("division.adjusted-winner", {"parameters": {"options": items}, "reports": reports}).result
    assert result.outcome.parts["A"] == {"mansion": Fraction(13, 15), "triplex": 1}
    assert result.outcome.parts["B"] == {"estate": 1, "mansion": Fraction(2, 15), "flat": 1, "cash": 1}
    assert result.why[0].data["points"] == Fraction(218, 3)


def points(draw: random.Random, count: int) -> dict[str, Fraction]:
    raw = [draw.randrange(6) for _ in range(count)]
    raw[draw.randrange(count)] += 1
    return {item: Fraction(100 * one, sum(raw)) for item, one in zip(ITEMS, raw, strict=False)}


def test_both_get_equal_points_at_most_one_item_is_split_and_no_other_division_is_better_for_both() -> None:
    draw = random.Random(50)
    for number in range(150):
        count = 1 + number % 5
        reports = {"A": points(draw, count), "B": points(draw, count)}
        rule = AdjustedWinner(options=ITEMS[:count])
        outcome = run_pure(rule, Context(("A", "B")), reports).outcome
        own, other = (rule.valuation(name, reports[name], outcome) for name in "AB")
        assert own == other >= 50
        assert sum(0 < part < 1 for part in outcome.parts["A"].values()) <= 1
        for item in ITEMS[:count]:
            if reports["A"][item] or reports["B"][item]:
                assert outcome.parts["A"].get(item, 0) + outcome.parts["B"].get(item, 0) == 1
        # The most that both can have, by linear programming: maximise t with a·x >= t and b·(1 - x) >= t.
        mine = [float(reports["A"][item]) for item in ITEMS[:count]]
        yours = [float(reports["B"][item]) for item in ITEMS[:count]]
        best = linprog(
            [*[0.0] * count, -1.0],
            A_ub=[[*(-one for one in mine), 1.0], [*yours, 1.0]],
            b_ub=[0.0, sum(yours)],
            bounds=[*[(0, 1)] * count, (None, None)],
        )
        assert abs(float(own) + best.fun) < 1e-6


def test_equal_ratios_go_by_the_tie_rule() -> None:
    reports = {name: {"x": 50, "y": 50} for name in "AB"}
    rule = AdjustedWinner(options=("x", "y"))
    for order, items in (
        ((), {"A": "x", "B": "y"}),
        (("y", "x"), {"A": "y", "B": "x"}),
        (("B",), {"A": "y", "B": "x"}),
    ):
        ties = TieRule("given", order) if order else TieRule()
        result = run_pure(rule, Context(("A", "B"), ties=ties), reports)
        assert result.outcome.parts == {name: {item: 1} for name, item in items.items()}
        assert [tie.among for tie in result.ties] == [("x", "y"), ("A", "B")]


def test_points_must_sum_to_what_there_is_and_two_players_divide() -> None:
    rule = AdjustedWinner(options=("x", "y"))
    with pytest.raises(InputError, match="the amounts sum to 90, not to 100"):
        run_pure(rule, Context(("A", "B")), {"A": {"x": 90}})
    alone = run_pure(rule, Context(NAMES), {"C": {"x": 100}})
    assert alone.outcome.parts == {"C": {"x": 1, "y": 1}}
    assert run_pure(rule, Context(NAMES), {name: {"x": 100} for name in NAMES}).outcome.parts["A"] == {}


# ----------------------------------------------------------------------------------------------------------------- rent


def test_rent_is_envy_free_sums_up_and_makes_the_worst_off_as_well_off_as_can_be() -> None:
    draw = random.Random(60)
    for number in range(100):
        count = 1 + number % 4
        names, rooms = NAMES[:count], ITEMS[:count]
        reports = drawn_values(draw, names, rooms, 12)
        rent = draw.randrange(25)
        rule = EnvyFreeRent(options=rooms, rent=rent)
        outcome = run_pure(rule, Context(names), reports).outcome
        assert sum(outcome.rents.values()) == rent
        price = {room: outcome.rents[name] for name, room in outcome.rooms.items()}
        gain = {name: reports[name][outcome.rooms[name]] - outcome.rents[name] for name in names}
        for name, room in product(names, rooms):
            assert gain[name] >= reports[name][room] - price[room]
        worths = numpy.array([[float(reports[name][room]) for room in rooms] for name in names])
        rows, columns = linear_sum_assignment(worths, maximize=True)
        assert sum(reports[name][outcome.rooms[name]] for name in names) == worths[rows, columns].sum()
        # Prices and the least gain t as variables; maximise t.
        upper, limits = [], []
        for row, column in zip(map(int, rows), map(int, columns), strict=True):
            for other in range(count):
                envy = [0.0] * (count + 1)
                envy[column] += 1
                envy[other] -= 1
                upper.append(envy)
                limits.append(worths[row, column] - worths[row, other])
            floor = [0.0] * (count + 1)
            floor[column], floor[count] = 1.0, 1.0
            upper.append(floor)
            limits.append(worths[row, column])
        best = linprog(
            [*[0.0] * count, -1.0],
            A_ub=upper,
            b_ub=limits,
            A_eq=[[*[1.0] * count, 0.0]],
            b_eq=[float(rent)],
            bounds=[(None, None)] * (count + 1),
        )
        assert abs(float(min(gain.values())) + best.fun) < 1e-6


def test_spare_rooms_stay_empty_and_who_gets_no_room_envies_nobody() -> None:
    more = run_pure(EnvyFreeRent(options=("x", "y", "z"), rent=4), Context(NAMES[:2]), {"A": {"x": 3}, "B": {"z": 3}})
    assert more.outcome.rooms == {"A": "x", "B": "z"}
    assert list(more.outcome.rents.values()) == [2, 2]
    fewer = run_pure(EnvyFreeRent(options=("x",), rent=4), Context(NAMES[:2]), {"A": {"x": 10}, "B": {"x": 8}})
    assert fewer.outcome.rooms == {"A": "x"}
    assert fewer.outcome.rents == {"A": 7, "B": -3}  # B has 3; it would have 8 - 7 in the room; A has 3 too
    assert run_pure(EnvyFreeRent(options=("x",), rent=4), Context(NAMES), {}).flows == ()


def test_rooms_worth_as_much_either_way_go_by_the_tie_rule() -> None:
    reports = {"A": {"x": 5, "y": 3}, "B": {"x": 5, "y": 3}}
    rule = EnvyFreeRent(options=("x", "y"), rent=8)
    for order, first in ((("A", "B"), "A"), (("B", "A"), "B")):
        result = run_pure(rule, Context(("A", "B"), ties=TieRule("given", order)), reports)
        assert result.outcome.rooms[first] == "x"
        assert result.outcome.rents[first] == 5
        assert [tie.order for tie in result.ties] == [order, ("x", "y")]
    turned = run_pure(rule, Context(("A", "B"), ties=TieRule("given", ("y", "B"))), reports)
    assert turned.outcome.rooms == {"A": "x", "B": "y"}
    assert [tie.chosen for tie in turned.ties] == ["B", "y"]


def test_rooms_worth_as_much_to_the_only_player_go_by_the_tie_rule() -> None:
    rule = EnvyFreeRent(options=("x", "y", "z"), rent=3)
    for order, room in ((("z", "y"), "y"), (("z", "x"), "x")):
        result = run_pure(rule, Context(("A",), ties=TieRule("given", order)), {"A": {"x": 5, "y": 5}})
        assert result.outcome.rooms == {"A": room}
        assert [tie.among for tie in result.ties] == [("x", "y")]


# ---------------------------------------------------------------------------------------------------------- round robin


def envy_up_to_one(values: dict[str, Any], bundles: dict[str, tuple[str, ...]]) -> bool:
    for one, other in permutations(values, 2):
        own = sum(values[one][item] for item in bundles[one])
        theirs = [values[one][item] for item in bundles[other]]
        if sum(theirs) - max(theirs, default=0) > own:
            return False
    return True


@pytest.mark.parametrize("order", ["roster", "random"])
def test_round_robin_is_envy_free_up_to_one_good(order: str) -> None:
    draw = random.Random(70)
    for number in range(80):
        names = NAMES[: 2 + number % 3]
        values = drawn_values(draw, names, ITEMS, 6)
        result = run_pure(RoundRobin(options=ITEMS, order=order), Context(names), values, seed=Seed.of(number))
        assert sorted(item for items in result.outcome.bundles.values() for item in items) == sorted(ITEMS)
        assert envy_up_to_one(values, result.outcome.bundles)


def test_equal_items_are_taken_in_the_order_of_the_tie_rule() -> None:
    values: dict[str, Any] = {"A": {}, "B": {}}
    plain = run_pure(RoundRobin(options=("x", "y", "z")), Context(("A", "B")), values)
    assert plain.outcome.bundles == {"A": ("x", "z"), "B": ("y",)}
    turned = run_pure(
        RoundRobin(options=("x", "y", "z")), Context(("A", "B"), ties=TieRule("given", ("z", "y"))), values
    )
    assert turned.outcome.bundles == {"A": ("x", "z"), "B": ("y",)}
    assert turned.ties[0].chosen == "z"


# ------------------------------------------------------------------------------------------------- maximum nash welfare


def best_divisions(values: dict[str, Any], items: tuple[str, ...]) -> list[dict[str, tuple[str, ...]]]:
    """Every division with the greatest product, by trying all."""
    names = list(values)
    found: dict[tuple[int, Fraction], list[dict[str, tuple[str, ...]]]] = {}
    for owners in product(names, repeat=len(items)):
        bundles = {name: tuple(i for i, owner in zip(items, owners, strict=True) if owner == name) for name in names}
        worths = [sum(values[name][item] for item in bundles[name]) for name in names]
        served = [worth for worth in worths if worth]
        found.setdefault((len(served), prod(served, start=Fraction(1))), []).append(bundles)
    return found[max(found)]


def test_nash_welfare_is_greatest_by_brute_force_and_the_division_is_the_canonical_one() -> None:
    draw = random.Random(80)
    ties = 0
    for number in range(150):
        names, items = NAMES[: 2 + number % 2], ITEMS[: 2 + number % 4]
        values = drawn_values(draw, names, items, 5)
        if any(not any(values[name].values()) for name in names):
            continue
        items = tuple(item for item in items if any(values[name][item] for name in names))
        every = best_divisions(values, items)
        order = tuple(draw.sample(names, len(names)))
        for rule in (TieRule(), TieRule("given", order)):
            result = run_pure(MaximumNashWelfare(options=ITEMS), Context(names, ties=rule), values)
            first = max(
                every,
                key=lambda one: [[item in one[name] for item in items] for name in rule.order or names],
            )
            assert result.outcome.bundles == first
            assert bool(result.ties) == (len(every) > 1)
            assert envy_up_to_one(values, result.outcome.bundles)
        ties += len(every) > 1
    assert ties > 20


def test_where_not_all_can_get_something_as_many_as_can_be_do() -> None:
    values = {"A": {"x": 9}, "B": {"x": 5}, "C": {"x": 9, "y": 1}, "D": {}}
    result = run_pure(MaximumNashWelfare(options=("x", "y")), Context(NAMES), values)
    assert result.outcome.bundles == {"A": ("x",), "B": (), "C": ("y",), "D": ()}
    assert [reason.text for reason in result.why[1:]] == ["no more than 2 players can get anything"]


def test_more_items_than_can_be_searched_are_refused() -> None:
    with pytest.raises(InputError, match="at most 12 items can be divided, not 13"):
        MaximumNashWelfare.from_parameters({"options": [f"i{number}" for number in range(13)]})
