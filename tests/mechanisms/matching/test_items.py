"""Trading cycles, dictators and lotteries."""

import random
from fractions import Fraction
from itertools import combinations, permutations, product

import pytest

from mechdesign import settle_sync
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.matching.lottery import decompose, drawn
from mechdesign.mechanisms.matching.probabilistic_serial import ProbabilisticSerial, eaten
from mechdesign.mechanisms.matching.serial_dictatorship import SerialDictatorship
from mechdesign.mechanisms.matching.top_trading_cycles import TopTradingCycles, Trades
from mechdesign.mechanisms.play import run_pure

NAMES = ("A", "B", "C", "D")
ITEMS = ("w", "x", "y", "z")


# --------------------------------------------------------------------------------------------------- top trading cycles


def in_the_core(orders: dict[str, tuple[str, ...]], owner: dict[str, str]) -> bool:
    """By the definition: no coalition exchanges its own items so that one gains and none loses."""
    for size in range(1, len(orders) + 1):
        for coalition in combinations(orders, size):
            for items in permutations(coalition):
                change = [
                    orders[player].index(owner[player]) - orders[player].index(item)
                    for player, item in zip(coalition, items, strict=True)
                ]
                if min(change) >= 0 and max(change) > 0:
                    return False
    return True


def test_the_result_is_the_only_allocation_in_the_core() -> None:
    draw = random.Random(20)
    rule = TopTradingCycles()
    for _ in range(300):
        orders = {name: tuple(draw.sample(NAMES, 4)) for name in NAMES}
        allocations = [dict(zip(NAMES, items, strict=True)) for items in permutations(NAMES)]
        core = [one for one in allocations if in_the_core(orders, one)]
        assert core == [run_pure(rule, Context(NAMES), orders).outcome.owner]
        other = draw.choice(allocations)
        assert in_the_core(orders, other) == (not list(rule.blocking(orders, Trades(owner=other))))


def test_names_that_are_left_out_are_worse_than_the_own_item() -> None:
    context = Context(NAMES)
    assert str(run_pure(TopTradingCycles(), context, {"A": ["B"], "B": []}).outcome) == "nothing is exchanged"
    assert run_pure(TopTradingCycles(), context, {"A": ["D", "B"], "B": ["A"]}).outcome.owner == {"A": "B", "B": "A"}
    assert run_pure(TopTradingCycles(), context, {"A": ["A", "B"], "B": ["A"]}).outcome.owner == {"A": "A", "B": "B"}


# -------------------------------------------------------------------------------------------------- serial dictatorship


def test_a_list_of_names_says_who_chooses_first() -> None:
    orders = {name: list(ITEMS) for name in NAMES}
    document = {"parameters": {"options": list(ITEMS), "order": ["C", "A"]}, "reports": orders}
    assert decide("matching.serial-dictatorship", document).document()["outcome"]["items"] == {
        "A": "x",
        "B": "y",
        "C": "w",
        "D": "z",
    }


def test_in_random_order_every_order_occurs_and_is_what_a_fixed_one_gives() -> None:
    orders = {"A": ["w", "x"], "B": ["w", "y"], "C": ["w", "x"]}
    context = Context(NAMES[:3])
    seen = set()
    for number in range(60):
        result = run_pure(SerialDictatorship(options=ITEMS, order="random"), context, orders, seed=Seed.of(number))
        turns = result.why[0].data["order"]
        fixed = run_pure(SerialDictatorship(options=ITEMS, order=turns), context, orders)
        assert fixed.outcome == result.outcome
        seen.add(turns)
    assert len(seen) == 6


def test_a_dictatorship_is_pareto_efficient() -> None:
    draw = random.Random(21)
    rule = SerialDictatorship(options=ITEMS)
    for _ in range(60):
        orders = {name: tuple(draw.sample(ITEMS, draw.randrange(1, 5))) for name in NAMES[:3]}
        taken = run_pure(rule, Context(NAMES[:3]), orders).outcome
        worth = {name: rule.valuation(name, orders[name], taken) for name in orders}
        for row in permutations((*ITEMS, None, None, None), 3):
            other = taken.model_copy(
                update={"items": {n: i for n, i in zip(NAMES, row, strict=False) if i is not None}}
            )
            change = [rule.valuation(name, orders[name], other) - worth[name] for name in orders]
            assert min(change) < 0 or max(change) == 0


# ------------------------------------------------------------------------------------------------- probabilistic serial


def test_example_14() -> None:
    orders = {"A": list("1234"), "B": list("1234"), "C": list("2143"), "D": list("2143")}
    document = {"parameters": {"options": list("1234"), "seed": 1}, "reports": orders}
    outcome = decide("matching.probabilistic-serial", document).document()["outcome"]
    odd, even = {"1": "1/2", "3": "1/2"}, {"2": "1/2", "4": "1/2"}
    assert outcome["lottery"] == {"A": odd, "B": odd, "C": even, "D": even}
    assert outcome["items"] in (
        {"A": "1", "B": "3", "C": "2", "D": "4"},
        {"A": "3", "B": "1", "C": "4", "D": "2"},
    )


def test_nobody_prefers_anothers_chances_whatever_its_utilities() -> None:
    draw = random.Random(22)
    for _ in range(100):
        orders = {name: tuple(draw.sample(ITEMS, draw.randrange(1, 5))) for name in NAMES}
        table, _ = eaten(orders, ITEMS)
        for one, other in permutations(NAMES, 2):
            for place in range(1, len(orders[one]) + 1):
                best = orders[one][:place]
                assert sum(table[one][item] for item in best) >= sum(table[other][item] for item in best)


def test_no_trade_of_chances_helps_everybody() -> None:
    """Bogomolnaia and Moulin 2001, lemma 3: "somebody prefers it to an item of which it has a chance" has no cycle."""
    draw = random.Random(23)
    for _ in range(100):
        orders = {name: tuple(draw.sample(ITEMS, 4)) for name in NAMES}
        table, _ = eaten(orders, ITEMS)
        reach = {
            (better, worse)
            for order in orders.items()
            for place, worse in enumerate(order[1])
            if table[order[0]][worse]
            for better in order[1][:place]
        }
        for _ in ITEMS:
            reach |= {(a, d) for (a, b), (c, d) in product(reach, repeat=2) if b == c}
        assert not any((item, item) in reach for item in ITEMS)


def test_the_decomposition_gives_back_the_table_and_only_possible_assignments() -> None:
    draw = random.Random(24)
    for number in range(200):
        players, items = 1 + number % 5, 1 + number % 4
        orders = {f"p{one}": tuple(draw.sample(ITEMS[:items], draw.randrange(items + 1))) for one in range(players)}
        table, _ = eaten(orders, ITEMS[:items])
        rows = [list(row.values()) for row in table.values()]
        parts = decompose(rows)
        assert sum(chance for chance, _ in parts) == 1
        assert len(parts) <= (players + items) ** 2
        total = [[Fraction(0)] * items for _ in range(players)]
        for chance, vector in parts:
            assert chance > 0
            given = [item for item in vector if item is not None]
            assert len(set(given)) == len(given)
            for player, item in enumerate(vector):
                if item is not None:
                    total[player][item] += chance
        assert total == rows


def test_the_first_part_is_the_lexicographically_first_assignment_in_the_support() -> None:
    draw = random.Random(25)
    for _ in range(60):
        orders = {name: tuple(draw.sample(ITEMS, 4)) for name in NAMES}
        rows = [list(row.values()) for row in eaten(orders, ITEMS)[0].values()]
        support = [
            vector for vector in permutations(range(4)) if all(rows[player][item] for player, item in enumerate(vector))
        ]
        assert decompose(rows)[0][1] == min(support)


def test_an_assignment_is_drawn_as_often_as_its_chance_says() -> None:
    parts = [(Fraction(1, 3), (0,)), (Fraction(1, 2), (1,)), (Fraction(1, 6), (2,))]
    count = {0: 0, 1: 0, 2: 0}
    for number in range(3000):
        (item,) = drawn(parts, Seed.of(number), "test")
        assert item is not None
        count[item] += 1
    assert [round(one / 300) for one in count.values()] == [3, 5, 2]


def test_chances_with_long_denominators_are_drawn_too() -> None:
    tiny = Fraction(1, 3**400)
    parts = [(tiny, (0,)), (1 - tiny, (1,))]
    assert {drawn(parts, Seed.of(number), "test") for number in range(50)} == {(1,)}


@pytest.mark.parametrize("orders", [{}, {"A": []}, {"A": ["x"], "B": []}])
def test_no_coin_is_tossed_where_only_one_assignment_is_possible(orders: dict[str, list[str]]) -> None:
    result = run_pure(ProbabilisticSerial(options=ITEMS), Context(NAMES), orders)
    assert result.outcome.items == {name: order[0] for name, order in orders.items() if order}


def test_a_group_tosses_the_coin_of_a_lottery_itself() -> None:
    orders = {"A": ["x", "y"], "B": ["x", "y"], "C": ["y", "x"], "D": ["y", "z"]}
    serial = ProbabilisticSerial(options=ITEMS)
    settled = settle_sync(serial, orders)
    pure = run_pure(serial, Context(NAMES), orders)
    assert settled.outcome.lottery == pure.outcome.lottery
    assert settled.outcome.items in [reason.data["items"] for reason in pure.why if "chance" in reason.data]

    dictators = settle_sync(SerialDictatorship(options=ITEMS, order="random"), orders)
    turns = dictators.why[0].data["order"]
    fixed = run_pure(SerialDictatorship(options=ITEMS, order=turns), Context(NAMES), orders)
    assert dictators.outcome == fixed.outcome
