"""Medians with phantoms."""

import random
from fractions import Fraction
from itertools import product
from statistics import median_low

from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.location.median import Median
from mechdesign.mechanisms.play import run_pure
from mechdesign.testing.incentive_checks import attack

NAMES = ("A", "B", "C", "D", "E")


def point(phantoms: tuple[int, ...], peaks: list[int]) -> Fraction | None:
    names = tuple(f"p{number}" for number in range(len(peaks)))
    return run_pure(Median(phantoms=phantoms), Context(names), dict(zip(names, peaks, strict=True))).outcome.point


def test_it_is_the_lower_median_of_peaks_and_phantoms() -> None:
    draw = random.Random(1)
    for _ in range(200):
        peaks = [draw.randrange(-9, 9) for _ in range(draw.randrange(1, 7))]
        phantoms = tuple(draw.randrange(-9, 9) for _ in range(draw.randrange(6)))
        assert point(phantoms, peaks) == median_low([*peaks, *phantoms])


def test_n_minus_1_far_phantoms_give_any_order_statistic() -> None:
    for peaks in product(range(3), repeat=4):
        for low in range(4):
            phantoms = (-100,) * low + (100,) * (3 - low)
            assert point(phantoms, list(peaks)) == sorted(peaks)[3 - low]


def test_n_minus_1_phantoms_never_choose_a_point_outside_the_peaks() -> None:
    for peaks in product((0, 2, 5), repeat=3):
        for phantoms in product((-1, 1, 7), repeat=2):
            chosen = point(phantoms, list(peaks))
            assert chosen is not None
            assert min(peaks) <= chosen <= max(peaks)


def test_no_coalition_gains_with_any_phantoms() -> None:
    for phantoms in ((), (1,), (0, 4), (2, 2, 5)):
        assert attack(Median(phantoms=phantoms), "group_strategyproof").violation is None


def test_the_plain_median_keeps_the_sum_of_distances_least() -> None:
    assert attack(Median(), "efficient").violation is None


def test_without_a_peak_there_is_no_point() -> None:
    assert point((3,), []) is None
    assert run_pure(Median(phantoms=(3,)), Context(NAMES), {"B": 5}).outcome.point == 3
