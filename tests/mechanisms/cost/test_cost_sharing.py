"""Shapley shares and serial cost sharing."""

import random
from fractions import Fraction
from itertools import combinations, pairwise, permutations, product

import pytest

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.cost.serial import Serial
from mechdesign.mechanisms.cost.shapley import Shapley
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import run_pure

NAMES = ("A", "B", "C", "D")


def test_example_11_airport() -> None:
    document = decide("cost.airport", {"reports": {"A": 12, "B": 20, "C": 33}}).document()
    assert document["outcome"]["shares"] == {"A": "4", "B": "8", "C": "21"}


def test_example_12_serial() -> None:
    document = decide(
        "cost.serial", {"parameters": {"coefficients": [0, 1]}, "reports": {"A": 1, "B": 2, "C": 3}}
    ).document()
    assert document["outcome"] == {"quantity": "6", "cost": "36", "shares": {"A": "3", "B": "11", "C": "22"}}
    assert document["transfers"] == {"A": "-3", "B": "-11", "C": "-22"}


def average_over_orders(game: Shapley, served: tuple[str, ...]) -> dict[str, Fraction]:
    """The Shapley value by its definition."""
    shares = dict.fromkeys(served, Fraction(0))
    orders = list(permutations(served))
    for order in orders:
        for place, player in enumerate(order):
            shares[player] += game.cost(order[: place + 1]) - game.cost(order[:place])
    return {player: share / len(orders) for player, share in shares.items()}


def facilities(draw: random.Random) -> list[dict[str, object]]:
    return [
        {"cost": draw.randrange(20), "users": draw.sample(NAMES, draw.randrange(5))}
        for _ in range(draw.randrange(1, 6))
    ]


def as_table(game: Shapley) -> list[dict[str, object]]:
    sets = [members for size in range(1, 5) for members in combinations(NAMES, size)]
    return [{"served": members, "cost": game.cost(members)} for members in sets]


def test_shares_are_the_average_over_all_orders_and_a_table_says_the_same_as_facilities() -> None:
    draw = random.Random(2)
    for _ in range(40):
        game = Shapley.model_validate({"facilities": facilities(draw)})
        table = Shapley.model_validate({"table": as_table(game)})
        for size in range(1, 5):
            for served in combinations(NAMES, size):
                assert game.shares(served) == table.shares(served) == average_over_orders(game, served)


def test_shares_never_fall_when_somebody_leaves() -> None:
    draw = random.Random(3)
    for _ in range(40):
        game = Shapley.model_validate({"facilities": facilities(draw)})
        for gone in NAMES:
            rest = tuple(name for name in NAMES if name != gone)
            before, after = game.shares(NAMES), game.shares(rest)
            assert all(after[name] >= before[name] for name in rest)


def test_it_serves_the_largest_set_of_which_all_accept() -> None:
    draw = random.Random(4)
    for _ in range(60):
        game = Shapley.model_validate({"facilities": facilities(draw)})
        offers = {name: Fraction(draw.randrange(14)) for name in NAMES}
        served = run_pure(game, Context(NAMES), offers).outcome.served
        willing = [
            members
            for size in range(5)
            for members in combinations(NAMES, size)
            if all(share <= offers[name] for name, share in game.shares(members).items())
        ]
        assert set(served) == set().union(*willing)  # cross-monotonic shares: willing sets have a willing union


def test_airport_costs_are_the_shapley_value_of_the_stretches() -> None:
    for needs in product((5, 12, 20, 33), repeat=3):
        reports = dict(zip(NAMES, needs, strict=False))
        steps = [0, *sorted(set(needs))]
        stretches = [
            {"cost": up - low, "users": [name for name, need in reports.items() if need >= up]}
            for low, up in pairwise(steps)
        ]
        airport = decide("cost.airport", {"reports": reports}).result
        offers = dict.fromkeys(reports, Fraction(1000))
        game = run_pure(Shapley.model_validate({"facilities": stretches}), Context(tuple(reports)), offers)
        assert game.outcome.shares == airport.outcome.shares


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([{"served": ["A"], "cost": 1}, {"served": ["B"], "cost": 1}], "the cost of every set"),
        ([{"served": ["A"], "cost": 1}, {"served": ["A"], "cost": 2}], "the cost of every set"),
        (
            [{"served": ["A"], "cost": 1}, {"served": ["B"], "cost": 1}, {"served": ["A", "B"], "cost": 3}],
            "not submodular, B adds more to A than without A",
        ),
        (
            [{"served": ["A"], "cost": 5}, {"served": ["B"], "cost": 1}, {"served": ["B", "A"], "cost": 4}],
            "cannot cost less",
        ),
    ],
)
def test_a_table_that_would_not_be_cross_monotonic_is_refused(table: list[dict[str, object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Shapley.from_parameters({"table": table})


# --------------------------------------------------------------------------------------------------------------- serial


def test_serial_shares_follow_the_formula_of_the_paper() -> None:
    draw = random.Random(8)
    for _ in range(80):
        count = draw.randrange(1, 6)
        coefficients = [draw.randrange(4), draw.randrange(3), draw.randrange(2)]
        demands = sorted(Fraction(draw.randrange(12), 2) for _ in range(count))
        names = [f"p{number}" for number in range(count)]
        serial = Serial.model_validate({"coefficients": coefficients})
        result = run_pure(serial, Context(tuple(names)), dict(zip(names, demands, strict=True)))
        # q^k = q_1 + … + q_(k-1) + (n - k + 1) q_k; x_k = C(q^k)/(n+1-k) - sum of C(q^j)/((n+1-j)(n-j)), j < k
        steps = [sum(demands[:k], Fraction(0)) + (count - k) * demands[k] for k in range(count)]
        cost = [sum(c * step ** (power + 1) for power, c in enumerate(coefficients)) for step in steps]
        for k, name in enumerate(names):
            earlier = sum(Fraction(cost[j]) / ((count - j) * (count - j - 1)) for j in range(k))
            assert result.outcome.shares[name] == Fraction(cost[k]) / (count - k) - earlier


def test_a_serial_share_ignores_larger_demands_and_never_passes_the_unanimity_bound() -> None:
    serial = Serial.model_validate({"coefficients": [1, 1, 2]})
    for demands in product((0, 1, 3, 4), repeat=3):
        reports = dict(zip(NAMES, demands, strict=False))
        shares = run_pure(serial, Context(NAMES[:3]), reports).outcome.shares
        for name, demand in reports.items():
            assert shares[name] <= serial.cost(Fraction(3 * demand)) / 3
            larger = {other: 9 if own > demand else own for other, own in reports.items()}
            assert run_pure(serial, Context(NAMES[:3]), larger).outcome.shares[name] == shares[name]
