"""Deferred acceptance, against brute force and an independent library."""

import random
from itertools import permutations, product
from typing import Any

import pytest
from matching.games import HospitalResident, StableMarriage  # type: ignore[import-untyped]

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.matching.deferred_acceptance import DeferredAcceptance, Pairs
from mechdesign.mechanisms.play import run_pure

LEFT, RIGHT = ("a", "b", "c"), ("A", "B", "C")
CONTEXT = Context((*LEFT, *RIGHT))


def matched(rule: DeferredAcceptance, reports: dict[str, Any]) -> Pairs:
    return run_pure(rule, Context((*rule.left, *rule.right)), reports).outcome


def test_example_16() -> None:
    orders = {"a": "ABC", "b": "BCA", "g": "CAB", "A": "bga", "B": "gab", "C": "abg"}
    document = {
        "parameters": {"left": list("abg"), "right": list("ABC")},
        "reports": {player: list(order) for player, order in orders.items()},
    }
    decided = decide("matching.deferred-acceptance", document)
    assert str(decided.result.outcome) == "a-A, b-B, g-C"
    assert decided.document()["outcome"] == {"pairs": [["a", "A"], ["b", "B"], ["g", "C"]]}


def shuffled_orders(draw: random.Random, left: tuple[str, ...], right: tuple[str, ...]) -> dict[str, list[str]]:
    return {name: draw.sample(right, len(right)) for name in left} | {
        name: draw.sample(left, len(left)) for name in right
    }


def test_it_agrees_with_the_library_matching_on_marriages() -> None:
    draw = random.Random(10)
    for number in range(300):
        size = 2 + number % 5
        left = tuple(f"l{one}" for one in range(size))
        right = tuple(f"r{one}" for one in range(size))
        orders = shuffled_orders(draw, left, right)
        for side in ("left", "right"):
            game = StableMarriage.create_from_dictionaries(
                {name: orders[name] for name in left}, {name: orders[name] for name in right}
            )
            theirs = game.solve(optimal="suitor" if side == "left" else "reviewer")
            pairs = {(str(suitor), str(reviewer)) for suitor, reviewer in theirs.items()}
            assert set(matched(DeferredAcceptance(left=left, right=right, proposes=side), orders).pairs) == pairs


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_agrees_with_the_library_matching_on_hospitals_with_capacities() -> None:
    draw = random.Random(12)
    for number in range(300):
        doctors = tuple(f"d{one}" for one in range(3 + number % 5))
        hospitals = tuple(f"h{one}" for one in range(2 + number % 3))
        orders = {name: draw.sample(hospitals, draw.randrange(1, len(hospitals) + 1)) for name in doctors}
        asked = {name: [one for one in doctors if name in orders[one]] for name in hospitals}
        hospitals = tuple(name for name in hospitals if asked[name])
        orders |= {name: draw.sample(asked[name], len(asked[name])) for name in hospitals}
        capacities = {name: draw.randrange(1, 4) for name in hospitals}
        for side in ("left", "right"):
            game = HospitalResident.create_from_dictionaries(
                {name: orders[name] for name in doctors}, {name: orders[name] for name in hospitals}, capacities
            )
            theirs = game.solve(optimal="resident" if side == "left" else "hospital")
            pairs = {(str(one), str(hospital)) for hospital, held in theirs.items() for one in held}
            rule = DeferredAcceptance(left=doctors, right=hospitals, proposes=side, capacities=capacities)
            ours = matched(rule, orders)
            assert set(ours.pairs) == pairs
            assert list(rule.blocking({name: tuple(order) for name, order in orders.items()}, ours)) == []


def test_every_proposer_has_the_best_partner_of_all_stable_matchings() -> None:
    draw = random.Random(14)
    rule = DeferredAcceptance(left=LEFT, right=RIGHT)
    for _ in range(100):
        orders = {name: tuple(order) for name, order in shuffled_orders(draw, LEFT, RIGHT).items()}
        every = [Pairs(pairs=tuple(zip(LEFT, row, strict=True))) for row in permutations(RIGHT)]
        stable = [one for one in every if not list(rule.blocking(orders, one))]
        ours = matched(rule, orders)
        assert ours in stable
        for name in LEFT:
            best = min(orders[name].index(one.partners(name)[0]) for one in stable)
            assert orders[name].index(ours.partners(name)[0]) == best


def test_no_proposer_gains_by_any_report() -> None:
    draw = random.Random(15)
    rule = DeferredAcceptance(left=LEFT, right=RIGHT)
    lies = [order for size in range(4) for order in permutations(RIGHT, size)]
    for _ in range(30):
        orders = {name: tuple(order) for name, order in shuffled_orders(draw, LEFT, RIGHT).items()}
        for name, lie in product(LEFT, lies):
            truth, lied = matched(rule, orders), matched(rule, {**orders, name: lie})
            assert rule.valuation(name, orders[name], lied) <= rule.valuation(name, orders[name], truth)


def test_schools_have_priorities_and_no_player_of_their_own() -> None:
    rule = DeferredAcceptance(
        left=LEFT, right=("X", "Y"), capacities={"X": 2}, priorities={"X": ("c", "b", "a"), "Y": ("a", "b")}
    )
    result = run_pure(rule, Context(LEFT), {"a": ["X", "Y"], "b": ["X", "Y"], "c": ["X"]})
    assert result.outcome.pairs == (("a", "Y"), ("b", "X"), ("c", "X"))
    assert [reason.text for reason in result.why[1:]] == ["X rejects a for c"]


def test_who_is_absent_or_on_neither_side_or_unacceptable_is_not_matched() -> None:
    rule = DeferredAcceptance(left=LEFT, right=RIGHT)
    result = run_pure(
        rule, Context((*LEFT, *RIGHT, "z")), {"a": ["A", "B"], "b": ["B"], "A": ["b"], "B": ["a"], "z": ["A"]}
    )
    assert result.outcome.pairs == (("a", "B"),)
    assert run_pure(rule, CONTEXT, {}).outcome.pairs == ()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"left": ["a"], "right": ["a", "b"]}, "both sides"),
        ({"left": ["a"], "right": ["b"], "capacities": {"c": 2}}, "capacities: 'c' stands on neither side"),
        ({"left": ["a"], "right": ["b"], "priorities": {"c": ["a"]}}, "priorities: 'c' stands on neither side"),
        ({"left": ["a"], "right": ["b"], "priorities": {"b": ["b"]}}, "priorities.b: 'b' does not stand on the other"),
    ],
)
def test_sides_that_make_no_sense_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DeferredAcceptance.from_parameters(parameters)
