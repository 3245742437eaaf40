"""Tenders: the reverse second price, and hiring under a budget."""

import random
from fractions import Fraction

import pytest

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.procurement.budget_feasible import BudgetFeasible


def decided(name, reports, **parameters):
    return decide(f"procurement.{name}", {"parameters": parameters, "reports": reports}).document()


@pytest.mark.parametrize(
    ("costs", "seller", "price"),
    [
        ({"a": 18, "b": 24, "c": 21}, "a", "21"),
        ({"a": 18, "b": 31}, "a", "30"),
        ({"a": 18}, "a", "30"),
        ({"a": 31}, None, "0"),
        ({"a": 5, "b": 5}, "a", "5"),
        ({"a": None, "b": 30}, "b", "30"),
        ({}, None, "0"),
    ],
)
def test_the_lowest_offer_is_paid_the_second_lowest(costs, seller, price):
    document = decided("reverse-second-price", costs, ceiling=30)
    assert document["outcome"] == {"seller": seller, "price": price}
    if seller:
        assert document["transfers"][seller] == price
        assert document["accounts"] == {"BUYER": f"-{price}"}


def test_equal_offers_follow_the_tie_rule():
    document = decided("reverse-second-price", {"a": 5, "b": 5}, ceiling=9, ties=["b"])
    assert document["outcome"] == {"seller": "b", "price": "5"}
    assert document["ties"][0]["among"] == ["a", "b"]


@pytest.mark.parametrize(
    ("costs", "budget", "payments"),
    [
        ({"a": 2, "b": 3, "c": 4, "d": 5}, 12, {"a": "4", "b": "4", "c": "4"}),
        ({"a": 2, "b": 3, "c": 5}, 12, {"a": "5", "b": "5"}),
        ({"a": 1, "b": 1, "c": 1}, 10, {"a": "10/3", "b": "10/3", "c": "10/3"}),
        ({"a": 5}, 5, {"a": "5"}),
        ({"a": 6, "b": None}, 5, {}),
        ({}, 5, {}),
        ({"a": 0, "b": 0}, 0, {"a": "0", "b": "0"}),
    ],
)
def test_hired_sellers_share_the_budget(costs, budget, payments):
    assert decided("budget-feasible", costs, budget=budget)["outcome"] == {"payments": payments}


def test_for_equal_values_singers_formula_gives_the_payments():
    draw = random.Random(1)
    for _ in range(200):
        costs = {f"p{number}": Fraction(draw.randint(0, 12)) for number in range(draw.randint(1, 6))}
        budget = Fraction(draw.randint(0, 20))
        result = run_pure(BudgetFeasible(budget=budget), Context(tuple(costs)), costs)
        ranked = sorted(costs.values())
        count = sum(cost * place <= budget for place, cost in enumerate(ranked, 1))
        # Costs rise and shares fall, so those that fit come first.
        assert len(result.outcome.payments) == count
        if count:
            following = ranked[count:][:1]
            assert set(result.outcome.payments.values()) == {min([budget / count, *following])}
        # Twice as many as are hired could not be had for the budget even at cost (Singer 2010: a factor of two).
        assert len(ranked) <= 2 * count or sum(ranked[: 2 * count + 1]) > budget


def test_with_unequal_values_payments_keep_to_the_budget_and_are_critical():
    draw = random.Random(2)
    for _ in range(150):
        costs = {f"p{number}": Fraction(draw.randint(0, 12)) for number in range(draw.randint(1, 5))}
        values = {player: Fraction(draw.randint(1, 4)) for player in costs}
        mechanism = BudgetFeasible(budget=Fraction(draw.randint(1, 20)), values=values)
        context = Context(tuple(costs))
        payments = run_pure(mechanism, context, costs).outcome.payments
        assert sum(payments.values()) <= mechanism.budget
        for player, paid in payments.items():
            assert paid >= costs[player]
            small = Fraction(1, 10**6)
            more = run_pure(mechanism, context, {**costs, player: paid + small}).outcome.payments
            less = run_pure(mechanism, context, {**costs, player: max(paid - small, Fraction(0))}).outcome.payments
            assert player not in more
            assert player in less


def test_sellers_of_equal_cost_of_which_not_all_fit_follow_the_tie_rule():
    document = decided("budget-feasible", {"a": 4, "b": 4, "c": 4}, budget=8, ties=["c", "b"])
    assert list(document["outcome"]["payments"]) == ["b", "c"]
    assert document["ties"][0]["order"] == ["c", "b", "a"]


def test_a_seller_worth_nothing_is_refused():
    with pytest.raises(InputError, match="must be more than 0"):
        decided("budget-feasible", {"a": 1}, budget=5, values={"a": 0})
