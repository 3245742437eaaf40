"""Which bytes are points and scalars: exactly one encoding each, and nothing outside the prime-order group."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from mechdesign.decision.sealing import curve
from mechdesign.decision.sealing.curve import (
    IDENTITY,
    ORDER,
    G,
    H,
    PointError,
    add,
    encode_scalar,
    hash_to_scalar,
    is_point,
    looks_like_point,
    multiply,
    multiply_base,
    parse_scalar,
    scalars,
    subtract,
    total,
)
from tests.decision.sealing.sealing_kit import (
    NOT_CANONICAL,
    NOT_REDUCED,
    OFF_THE_CURVE,
    SMALL_ORDER,
    STRAY,
    lax_multiply,
    with_torsion,
)

MIXED = [with_torsion(point, stray) for point in (G, H) for stray in STRAY]
NUMBERS = st.integers(1, ORDER - 1)


def test_the_generators_are_two_different_points_of_the_group_and_stay_what_they_are() -> None:
    assert is_point(G)
    assert is_point(H)
    assert G.hex() == "5866666666666666666666666666666666666666666666666666666666666666"
    assert H.hex() == "2a26f83138c813ef5d226d120e82a961f371fb762bfcde86cd649ad74ef6f6cb"


@pytest.mark.parametrize("data", [IDENTITY, *SMALL_ORDER, *NOT_CANONICAL, OFF_THE_CURVE, *MIXED])
def test_what_is_no_point_of_prime_order_is_neither_accepted_nor_multiplied(data: bytes) -> None:
    assert not is_point(data)
    with pytest.raises(PointError):
        multiply(1, data)
    with pytest.raises(PointError):
        multiply(8, data)


@pytest.mark.parametrize("data", [b"", G[:31], G + b"\0", bytes(1 << 16)])
def test_bytes_of_another_length_are_no_point_and_no_scalar(data: bytes) -> None:
    assert not is_point(data)
    assert not looks_like_point(data)
    assert parse_scalar(data) is None
    with pytest.raises(PointError):
        multiply(3, data)


@pytest.mark.parametrize("data", NOT_REDUCED)
def test_a_scalar_that_is_not_reduced_is_refused(data: bytes) -> None:
    assert parse_scalar(data) is None


@given(data=st.binary(min_size=32, max_size=32))
def test_arbitrary_bytes_multiply_exactly_if_they_are_a_point(data: bytes) -> None:
    if is_point(data):
        assert multiply(1, data) == data
    else:
        with pytest.raises(PointError):
            multiply(1, data)


@given(left=NUMBERS, right=NUMBERS)
def test_points_follow_their_scalars(left: int, right: int) -> None:
    assert add(multiply(left, H), multiply(right, H)) == multiply(left + right, H)
    assert subtract(multiply_base(left), multiply_base(right)) == multiply_base(left - right)
    assert multiply(left, multiply_base(right)) == multiply_base(left * right)
    assert parse_scalar(encode_scalar(left)) == left


def test_zero_times_a_point_and_the_sum_of_nothing_are_the_identity() -> None:
    assert multiply(0, H) == multiply(ORDER, H) == multiply_base(0) == total([]) == IDENTITY
    assert total([G, subtract(G, G), G]) == multiply_base(2)
    assert add(G, multiply_base(-1)) == IDENTITY


def test_derived_scalars_are_reduced_never_zero_and_differ() -> None:
    made = scalars(bytes(32), 100)
    assert len(set(made)) == 100
    assert all(0 < scalar < ORDER for scalar in made)
    assert scalars(bytes(32), 3) == made[:3]
    assert not set(scalars(b"\1" * 32, 100)) & set(made)


def test_a_challenge_depends_on_its_tag_and_on_where_each_part_ends() -> None:
    assert len({hash_to_scalar("a", b"xy"), hash_to_scalar("b", b"xy"), hash_to_scalar("a", b"x", b"y")}) == 3


def test_a_library_that_overlooks_a_small_subgroup_is_refused_when_the_module_is_loaded(monkeypatch) -> None:
    curve._demand_a_strict_library()
    monkeypatch.setattr(bindings, "crypto_scalarmult_ed25519_noclamp", lax_multiply)
    with pytest.raises(ImportError, match="PyNaCl"):
        curve._demand_a_strict_library()
