"""Shares of polynomials, and the check of their degree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.sealing.curve import ORDER, H, multiply
from mechdesign.decision.sealing.sharing import at_zero, dual_word, evaluate, interpolate

SEED = bytes(32)


@st.composite
def shared(draw) -> tuple[int, list[int]]:
    """(n, coefficients) with between 1 and n of them."""
    n = draw(st.integers(1, 12))
    return n, draw(st.lists(st.integers(0, ORDER - 1), min_size=1, max_size=n))


@given(made=shared(), data=st.data())
def test_any_t_values_give_the_value_at_zero(made, data) -> None:
    n, coefficients = made
    t = len(coefficients)
    places = tuple(sorted(data.draw(st.permutations(range(1, n + 1)))[:t]))
    weights = at_zero(places)
    values = (evaluate(coefficients, place) for place in places)
    assert sum(w * v for w, v in zip(weights, values, strict=True)) % ORDER == coefficients[0]


@given(made=shared(), seed=st.binary(min_size=32, max_size=32))
def test_a_dual_word_is_orthogonal_to_the_values_of_every_polynomial_of_low_degree(made, seed: bytes) -> None:
    n, coefficients = made
    word = dual_word(n, len(coefficients), seed)
    values = [evaluate(coefficients, place) for place in range(1, n + 1)]
    assert len(word) in (0, n)
    assert sum(w * v for w, v in zip(word, values, strict=False)) % ORDER == 0


@given(made=shared(), seed=st.binary(min_size=32, max_size=32), extra=st.integers(1, ORDER - 1))
def test_a_dual_word_finds_a_degree_that_is_one_too_high(made, seed: bytes, extra: int) -> None:
    n, coefficients = made
    t = len(coefficients)
    if t == n:
        return  # any n values lie on a polynomial of degree below n
    values = [evaluate([*coefficients, extra], place) for place in range(1, n + 1)]
    assert sum(w * v for w, v in zip(dual_word(n, t, seed), values, strict=True)) % ORDER != 0


def test_a_dual_word_finds_one_wrong_value_at_any_place() -> None:
    for n, t in ((4, 3), (7, 5), (10, 1)):
        for place in range(n):
            values = [evaluate([5, *range(1, t)], at) for at in range(1, n + 1)]
            values[place] += 1
            assert sum(w * v for w, v in zip(dual_word(n, t, SEED), values, strict=True)) % ORDER != 0


def test_with_threshold_n_there_is_nothing_to_check() -> None:
    assert dual_word(3, 3, SEED) == []


@pytest.mark.parametrize("places", [(1, 2, 3), (4, 9, 2), (7, 1, 128)])
def test_points_interpolate_as_their_scalars_do(places: tuple[int, ...]) -> None:
    coefficients = [11, 22, 33]
    points = {place: multiply(evaluate(coefficients, place), H) for place in places}
    assert interpolate(points) == multiply(11, H)
