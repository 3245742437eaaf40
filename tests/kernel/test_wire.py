from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.wire import DEPTH_MAX, INTEGER_BITS_MAX, Value, decode, digest, encode

GOLDEN = Path(__file__).parent.parent / "golden" / "wire.txt"
LINES = [line.split(" => ") for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**200), 2**200),
    st.fractions(),
    st.binary(max_size=40),
    st.text(st.characters(codec="utf-8"), max_size=40),
)
values = st.recursive(atoms, lambda inner: st.lists(inner, max_size=5).map(tuple), max_leaves=20)


@pytest.mark.parametrize(("source", "expected"), LINES)
def test_golden_bytes_stay(source, expected):
    value = eval(source, {"Fraction": Fraction})
    assert encode(value).hex() == expected
    assert decode(bytes.fromhex(expected)) == value


@given(values)
def test_what_is_encoded_decodes_to_itself(value):
    again = decode(encode(value))
    assert again == value
    assert encode(again) == encode(value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_decode_canonically_or_not_at_all(data):
    try:
        value = decode(data)
    except WireError:
        return
    assert encode(value) == data


@given(values, st.data())
def test_a_changed_byte_never_decodes_to_the_same_value(value, data):
    encoded = bytearray(encode(value))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        other = decode(bytes(encoded))
    except WireError:
        return
    assert encode(other) != encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x01",  # something after the value
        b"\xcc\x01",  # 1 in two bytes
        b"\xd9\x01a",  # short text in the longer form
        b"\x80",  # a map
        b"\x81\x01\x02",
        b"\xcb" + bytes(8),  # a float
        b"\xca" + bytes(4),
        b"\xd6\xff" + bytes(4),  # msgpack's timestamp
        b"\xd4\x05\x00",  # an extension nobody defined
        b"\xa1\xff",  # not UTF-8
        b"\xa3\xed\xa0\x80",  # a lone surrogate
        b"\xc1",
        b"\x91" * (DEPTH_MAX + 1) + b"\x01",
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",  # an array that claims four thousand million items
        b"\xc6\xff\xff\xff\xff",  # a byte string that claims as many bytes
        b"\xd5\x01\x00\x01",  # 1 as a wide integer
        b"\xc7\x03\x02\x92\x02\x04",  # 2/4
        b"\xc7\x03\x02\x92\x02\x01",  # 2/1
        b"\xc7\x03\x02\x92\x02\x00",  # 2/0
        b"\xc7\x03\x02\x92\x02\xff",  # a negative denominator
        b"\xc7\x02\x02\x91\x02",
        b"\xc7\x03\x02\x92\x02\xc3",  # True as a denominator
    ],
)
def test_what_is_not_canonical_is_refused(data):
    with pytest.raises(WireError):
        decode(data)


def test_input_past_the_bound_is_refused_unread():
    with pytest.raises(WireError, match="pass the limit of 4"):
        decode(encode(b"hello"), bytes_max=4)


@pytest.mark.parametrize(
    "value",
    [1.5, {"a": 1}, {1}, object(), 2 ** (INTEGER_BITS_MAX + 1), Fraction(1, 2 ** (INTEGER_BITS_MAX + 1)), "\ud800"],
)
def test_our_own_misuse_raises(value):
    with pytest.raises(LocalProtocolError):
        encode(value)


def test_a_value_nested_too_deep_is_refused_when_encoding():
    value: Value = ()
    for _ in range(DEPTH_MAX + 1):
        value = (value,)
    with pytest.raises(LocalProtocolError, match="deeper"):
        encode(value)


def test_a_number_past_the_bound_is_refused_when_decoding():
    wide = (b"\x01" + bytes(INTEGER_BITS_MAX // 8)).rjust(1, b"\0")
    with pytest.raises(WireError):
        decode(b"\xc8" + len(wide).to_bytes(2, "big") + b"\x01" + wide)


def test_digests_are_separated_by_domain_and_by_part():
    assert digest("a", b"bc") != digest("ab", b"c")
    assert digest("a", b"b", b"c") != digest("a", b"bc")
    assert digest("a", b"", b"b") != digest("a", b"b", b"")
    assert digest("mechdesign/test/1", b"x", b"y").hex() == (
        "08e3584eb258d3365516554c978e9c4349adf2125c671423221330872b93de31"
    )
