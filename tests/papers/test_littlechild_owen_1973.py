"""S. Littlechild, G. Owen, A simple expression for the Shapley value in a special case (1973)."""

from fractions import Fraction
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.cost.airport import Airport
from mechdesign.mechanisms.play import run_pure

NEEDS = st.lists(st.fractions(min_value=0, max_value=40, max_denominator=3), min_size=1, max_size=5)


@given(NEEDS)
def test_the_simple_expression_is_the_shapley_value(needs: list[Fraction]) -> None:
    players = tuple(f"p{number}" for number in range(len(needs)))
    costs = dict(zip(players, needs, strict=True))
    shares = run_pure(Airport(), Context(players), costs).outcome.shares
    shapley = dict.fromkeys(players, Fraction(0))
    orders = list(permutations(players))
    for order in orders:
        built = Fraction(0)
        for player in order:
            shapley[player] += max(costs[player] - built, Fraction(0)) / len(orders)
            built = max(built, costs[player])
    assert shares == shapley
