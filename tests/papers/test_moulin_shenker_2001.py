"""H. Moulin, S. Shenker, Strategyproof sharing of submodular costs, Economic Theory 18 (2001)."""

from fractions import Fraction
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.cost.equal_share import EqualShare
from mechdesign.mechanisms.cost.moulin import moulin
from mechdesign.mechanisms.play import run_pure
from mechdesign.testing.incentive_checks import attack

VALUES = st.lists(st.fractions(min_value=0, max_value=12, max_denominator=3), min_size=1, max_size=5)


@given(VALUES)
def test_the_largest_set_that_accepts_its_shares_is_served(values: list[Fraction]) -> None:
    cost = Fraction(12)
    players = tuple(f"p{number}" for number in range(len(values)))
    reports = dict(zip(players, values, strict=True))
    served = set(run_pure(EqualShare(cost=cost), Context(players), reports).outcome.served)
    for size in range(1, len(players) + 1):
        for group in combinations(players, size):
            if all(reports[player] >= cost / size for player in group):
                assert set(group) <= served
    assert all(reports[player] >= cost / len(served) for player in served)


def test_no_coalition_gains_on_the_grid() -> None:
    assert attack(EqualShare(cost=Fraction(12)), "group_strategyproof").violation is None


def test_rounds_go_on_until_all_that_are_left_accept() -> None:
    limits = {"a": Fraction(7), "b": Fraction(3), "c": Fraction(6), "d": None}
    service, why = moulin(limits, lambda served: dict.fromkeys(served, Fraction(18) / len(served)))
    assert service.served == ("a", "c", "d")
    assert [str(reason) for reason in why] == ["round 1: b would not pay the share"]
