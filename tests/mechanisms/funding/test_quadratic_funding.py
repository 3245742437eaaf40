"""Quadratic funding."""

import random
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from typing import Any

from mechdesign.kernel.money import Currency
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.funding.quadratic_funding import Funding, QuadraticFunding, geometric_mean
from mechdesign.mechanisms.play import run_pure

NAMES = ("A", "B", "C", "D", "E")


def funded(gifts: dict[str, Any], currency: Currency | None = None, **parameters: Any) -> Funding:
    rule = QuadraticFunding.model_validate({"options": ["x", "y"], **parameters})
    return run_pure(rule, Context(tuple(gifts), currency or Currency()), gifts).outcome


def test_square_gifts_give_the_square_of_the_sum_of_their_roots() -> None:
    outcome = funded({"A": {"x": 1}, "B": {"x": 4}, "C": {"x": 9}})
    assert outcome.given["x"] + outcome.matched["x"] == (1 + 2 + 3) ** 2


def test_many_small_gifts_draw_more_than_one_large_one() -> None:
    outcome = funded({**{name: {"x": 1} for name in "ABCDE"}, "F": {"y": 5}})
    assert outcome.matched == {"x": 20, "y": 0}


def test_a_geometric_mean_is_the_greatest_on_the_grid_that_is_not_above_the_root() -> None:
    draw = random.Random(6)
    with localcontext() as exact:
        exact.prec = 80
        for _ in range(300):
            one = Fraction(draw.randrange(1, 10**6), draw.choice((1, 7, 100)))
            other = Fraction(draw.randrange(1, 10**6), draw.choice((1, 3, 100)))
            decimals = draw.choice((0, 2, 4))
            product = one * other
            root = (Decimal(product.numerator) / Decimal(product.denominator)).sqrt()
            floor = root.quantize(Decimal(1).scaleb(-decimals), ROUND_FLOOR)
            assert geometric_mean(one, other, Currency(decimals=decimals)) == Fraction(floor)


def test_a_pool_that_is_too_small_is_shared_in_proportion_and_never_exceeded() -> None:
    gifts = {"A": {"x": 4, "y": 1}, "B": {"x": 4}, "C": {"y": 1}}
    assert funded(gifts).matched == {"x": 8, "y": 2}
    assert funded(gifts, pool=10).matched == {"x": 8, "y": 2}
    assert funded(gifts, pool=5).matched == {"x": 4, "y": 1}
    assert funded(gifts, pool=1).matched == {"x": Fraction(4, 5), "y": Fraction(1, 5)}
    third = funded({"A": {"x": 1, "y": 4}, "B": {"x": 1, "y": 4}}, Currency(decimals=0), pool=7)
    assert third.matched == {"x": 1, "y": 5}  # 7/5 and 28/5, rounded down


def test_money_comes_from_givers_and_the_pool_and_goes_to_the_projects() -> None:
    rule = QuadraticFunding.model_validate({"options": ["x", "y"]})
    result = run_pure(rule, Context(NAMES[:3]), {"A": {"x": 2}, "B": {"x": 3, "y": 1}})
    assert result.transfers(NAMES[:3]) == {"A": -2, "B": -4, "C": 0}
    assert result.net("FUNDER") == -sum(result.outcome.matched.values())
    assert result.net("PROVIDER") == rule.resource_cost(result.outcome)


def test_the_types_of_the_model_gain_nothing_by_another_gift_while_the_pool_lasts() -> None:
    rule = QuadraticFunding.model_validate({"options": ["x", "y"]})
    own = {"x": Fraction(9), "y": Fraction(0)}
    others = {"B": {"x": 4}, "C": {"x": 25}}
    truth = rule.utility("A", own, run_pure(rule, Context(NAMES[:3]), {"A": own, **others}))
    for gift in (0, 1, 4, "8.41", "9.61", 16, 25):
        lie = run_pure(rule, Context(NAMES[:3]), {"A": {"x": gift}, **others})
        assert rule.utility("A", own, lie) < truth
