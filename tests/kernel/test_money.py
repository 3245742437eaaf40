from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mechdesign.kernel.money import (
    Amount,
    Currency,
    MoneyError,
    SignedAmount,
    format_exact,
    parse_exact,
    round_flows,
)

AMOUNT = TypeAdapter(Amount)
SIGNED = TypeAdapter(SignedAmount)
F = Fraction


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        (21, F(21)),
        ("18.50", F(37, 2)),
        ("1/3", F(1, 3)),
        ("-34/5", F(-34, 5)),
        ("+7", F(7)),
        ("0.1", F(1, 10)),
        (Decimal("18.50"), F(37, 2)),
        (Decimal("1e3"), F(1000)),
        (F(2, 6), F(1, 3)),
    ],
)
def test_exact_amounts_are_read_from_numbers_and_texts(written: object, exact: Fraction) -> None:
    assert parse_exact(written) == exact


@pytest.mark.parametrize(
    "written",
    [
        0.1,
        True,
        None,
        "",
        "1e3",
        "1/0",
        " 1",
        "1_000",
        "١",
        "NaN",
        ".5",
        "5.",
        "--1",
        b"1",
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1e999999999"),
        Decimal("1e-999999999"),
        "9" * 61,
        10**60,
        "1/" + "9" * 61,
    ],
)
def test_what_is_not_exact_or_too_long_is_refused(written: object) -> None:
    with pytest.raises(MoneyError):
        parse_exact(written)


def test_a_float_is_told_how_to_be_written() -> None:
    with pytest.raises(MoneyError, match=r"write it as a string"):
        parse_exact(18.5)


@given(st.fractions(max_denominator=10**20))
def test_the_canonical_text_of_an_amount_reads_back(amount: Fraction) -> None:
    assert parse_exact(format_exact(amount)) == amount


def test_the_amount_type_validates_serialises_and_describes_itself() -> None:
    assert AMOUNT.validate_python("18.50") == F(37, 2)
    assert AMOUNT.dump_python(F(37, 2), mode="json") == "37/2"
    assert AMOUNT.json_schema()["type"] == ["string", "number"]
    assert AMOUNT.json_schema()["minimum"] == 0
    assert SIGNED.validate_python(-3) == -3


@pytest.mark.parametrize("written", [-1, "-1/2", 1.5, False, [1], {"a": 1}])
def test_the_amount_type_refuses_negative_values_floats_and_truth_values(written: object) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(written)


@pytest.mark.parametrize(("code", "decimals"), [("E U", 2), ("EUR", -1), ("EUR", 19), ("EUR", True)])
def test_a_currency_that_cannot_be_settled_is_refused(code: str, decimals: int) -> None:
    with pytest.raises(MoneyError):
        Currency(code, decimals)


def test_critical_values_round_to_the_grid_of_the_currency() -> None:
    assert Currency(decimals=2).round_up(F(1414, 100) + F(1, 10**6)) == F(1415, 100)
    assert Currency(decimals=0).round_up(F(1414, 100)) == 15
    assert Currency(decimals=0).round_down(F(1414, 100)) == 14


def test_amounts_for_people_show_decimals_where_they_are_exact() -> None:
    euro = Currency("EUR")
    shown = [euro.format(amount) for amount in (F(21), F(37, 2), F(-37, 2), F(-1, 20), F(1, 3))]
    assert shown == ["21 EUR", "18.50 EUR", "-18.50 EUR", "-0.05 EUR", "1/3 EUR"]
    assert Currency(decimals=0).format(F(1, 2)) == "1/2"


def test_leftover_minor_units_go_to_the_largest_remainders() -> None:
    net = {"a": F(1004, 1000), "b": F(2008, 1000), "SINK": F(-3012, 1000)}
    assert round_flows(net, Currency()) == {"a": 100, "b": 201, "SINK": -301}


def test_equal_remainders_are_told_apart_by_the_given_order() -> None:
    net = {"a": F(1, 2), "b": F(1, 2), "SINK": F(-1)}
    assert round_flows(net, Currency(decimals=0), order=("a", "b")) == {"a": 1, "b": 0, "SINK": -1}
    assert round_flows(net, Currency(decimals=0), order=("b", "a")) == {"a": 0, "b": 1, "SINK": -1}


def test_nobody_is_rounded_past_its_limit_and_accounts_give_what_that_costs() -> None:
    third = F(-10, 3)
    net = {"a": third, "b": third, "c": third, "SELLER": F(10)}
    limits = dict.fromkeys("abc", third)
    rounded = round_flows(net, Currency(decimals=0), order=("a", "b", "c"), limits=limits)
    assert rounded == {"a": -3, "b": -3, "c": -3, "SELLER": 9}


def test_limits_that_no_rounding_keeps_are_an_error() -> None:
    net = {"a": F(1, 2), "b": F(-1, 2)}
    with pytest.raises(MoneyError, match="no rounding"):
        round_flows(net, Currency(decimals=0), limits=net)
    with pytest.raises(MoneyError, match="below its limit"):
        round_flows(net, Currency(decimals=0), limits={"b": F(0)})


def test_transfers_that_do_not_sum_to_zero_are_an_error() -> None:
    with pytest.raises(MoneyError, match="sum to zero"):
        round_flows({"a": F(1)}, Currency())


@given(
    st.lists(st.fractions(min_value=-100, max_value=100, max_denominator=1000), max_size=8),
    st.integers(0, 3),
)
def test_rounding_sums_to_zero_moves_nobody_a_whole_unit_and_leaves_whole_amounts_alone(
    amounts: list[Fraction], decimals: int
) -> None:
    net = {f"p{place}": amount for place, amount in enumerate(amounts)}
    net["SINK"] = -sum(amounts, F(0))
    currency = Currency(decimals=decimals)
    rounded = round_flows(net, currency, order=sorted(net))
    assert sum(rounded.values()) == 0
    assert list(rounded) == list(net)
    for party, minor in rounded.items():
        exact = currency.to_minor(net[party])
        assert abs(minor - exact) < 1
        assert exact.denominator > 1 or minor == exact


@given(st.lists(st.fractions(min_value=-20, max_value=0, max_denominator=60), min_size=1, max_size=6))
def test_no_declared_limit_is_ever_passed(amounts: list[Fraction]) -> None:
    net = {f"p{place}": amount for place, amount in enumerate(amounts)}
    limits = dict(net)
    net["SELLER"] = -sum(amounts, F(0))
    rounded = round_flows(net, Currency(decimals=0), limits=limits)
    assert sum(rounded.values()) == 0
    assert all(rounded[party] >= limits[party] for party in limits)
