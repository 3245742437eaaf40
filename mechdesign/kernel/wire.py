"""Canonical encoding: one value, one string of bytes.

msgpack restricted to nil, booleans, integers, byte strings, text and arrays, each in its shortest form. Two extension
types carry what msgpack lacks: integers past 64 bits and fractions. Maps and floats do not exist here. ``decode``
re-encodes what it read and refuses bytes that differ, so a digest of received bytes is a digest of the value.

Encodings of the extensions (golden bytes in ``tests/golden/wire``):

* type 1, big integer: two's complement, big endian, ``bit_length() // 8 + 1`` bytes; only for what
  does not fit in msgpack's 64 bits;
* type 2, fraction: the encoding of the array (numerator, denominator), lowest terms, denominator at least 2 (a
  fraction that is whole is encoded as that integer).
"""

import hashlib
from fractions import Fraction
from typing import TypeAlias, cast

import msgpack

from mechdesign.kernel.errors import LocalProtocolError, WireError

__all__ = ["BYTES_MAX", "DEPTH_MAX", "DIGEST_BYTES", "INTEGER_BITS_MAX", "Value", "decode", "digest", "encode"]

Value: TypeAlias = "bool | int | bytes | str | Fraction | tuple[Value, ...] | None"
"""What can be encoded; arrays are tuples, and lists are taken for tuples when encoding."""

BYTES_MAX = 4 * 1024 * 1024
"""Default bound of one encoded value, in bytes."""

DEPTH_MAX = 16
"""Arrays may nest this deep and no deeper."""

INTEGER_BITS_MAX = 4096
"""Integers (and parts of fractions) are refused beyond this size, so that arithmetic on them stays cheap."""

DIGEST_BYTES = 32
"""Length of every digest, in bytes (SHA-256)."""

_INTEGER = 1
_FRACTION = 2
_PLAIN = frozenset({type(None), bool, bytes, str})  # msgpack packs these as they are
_ATOMS = _PLAIN | {int, Fraction}
_UINT64_MAX = 2**64 - 1
_INT64_MIN = -(2**63)
_EXTENSION_BYTES_MAX = 2 * (INTEGER_BITS_MAX // 8 + 8)


def _plain(value: object, depth: int) -> object:
    """Turn a value into what msgpack packs in its canonical form; refuses what has none."""
    if value is None or isinstance(value, bool | bytes | str):
        return value
    if isinstance(value, int):
        if value.bit_length() > INTEGER_BITS_MAX:
            raise LocalProtocolError(f"an integer of {value.bit_length()} bits passes the limit of {INTEGER_BITS_MAX}")
        if _INT64_MIN <= value <= _UINT64_MAX:
            return int(value)
        return msgpack.ExtType(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if isinstance(value, tuple | list):
        if depth == 0:
            raise LocalProtocolError(f"arrays nest deeper than {DEPTH_MAX}")
        # Most items are texts and small integers, which stay as they are.
        return [
            item
            if (kind := type(item)) in _PLAIN or (kind is int and _INT64_MIN <= item <= _UINT64_MAX)
            else _plain(item, depth - 1)
            for item in value
        ]
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return _plain(value.numerator, depth)
        return msgpack.ExtType(_FRACTION, _pack([_plain(value.numerator, depth), _plain(value.denominator, depth)]))
    raise LocalProtocolError(
        f"{type(value).__name__} has no canonical encoding: use integers, fractions, bytes, text and arrays"
    )


def _pack(value: object) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def encode(value: Value) -> bytes:
    """Encode a value canonically.

    Raises:
        LocalProtocolError: the value has no canonical encoding (a float, a mapping, an integer past the limit).
    """
    try:
        return _pack(_plain(value, DEPTH_MAX))
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"text with lone surrogates has no canonical encoding: {error}") from error


def _unextend(code: int, data: bytes) -> int | Fraction:
    if len(data) > _EXTENSION_BYTES_MAX:
        raise WireError(f"a number of {len(data)} bytes passes the limit")
    if code == _INTEGER:
        return int.from_bytes(data, "big", signed=True)
    if code == _FRACTION:
        parts = msgpack.unpackb(data, use_list=False, ext_hook=_uninteger, max_array_len=2)
        if not (isinstance(parts, tuple) and len(parts) == 2 and all(type(part) is int for part in parts)):
            raise WireError("a fraction is a pair of integers")
        if parts[1] < 2:
            raise WireError("a fraction has a denominator of at least 2")
        return Fraction(parts[0], parts[1])
    raise WireError(f"unknown extension type {code}")


def _uninteger(code: int, data: bytes) -> int:
    if code != _INTEGER:
        raise WireError("a fraction is a pair of integers")
    return int.from_bytes(data, "big", signed=True)


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is tuple:
        if depth == 0:
            raise WireError(f"arrays nest deeper than {DEPTH_MAX}")
        for item in cast("tuple[object, ...]", value):
            if type(item) not in _ATOMS:
                _check(item, depth - 1)
    elif kind not in _ATOMS:
        raise WireError(f"{kind.__name__} does not belong to the encoding")


def _repack(value: Value) -> bytes:
    """Encode what :func:`_check` passed; only wide integers and fractions need the slower way."""
    try:
        return _pack(value)
    except (OverflowError, TypeError):
        return encode(value)


def _no_map(pairs: object) -> object:
    raise WireError("maps do not belong to the encoding")


def decode(data: bytes, *, bytes_max: int = BYTES_MAX) -> Value:
    """Decode canonical bytes; arrays come back as tuples.

    Args:
        data: what was received.
        bytes_max: refuse longer input without looking at it.

    Raises:
        WireError: too long, too deep, not msgpack, not in the permitted subset, or not canonical.
    """
    if len(data) > bytes_max:
        raise WireError(f"{len(data)} bytes pass the limit of {bytes_max}")
    try:
        value = msgpack.unpackb(data, raw=False, use_list=False, ext_hook=_unextend, object_pairs_hook=_no_map)
        _check(value, DEPTH_MAX)
        again = _repack(value)
    except WireError:
        raise
    except (LocalProtocolError, ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"not a canonical encoding: {error}") from error
    if again != data:
        raise WireError("not canonical: the value has another, shorter encoding")
    return value  # type: ignore[no-any-return]


def digest(tag: str, *parts: bytes) -> bytes:
    """SHA-256 over a domain tag and parts, each with its length before it.

    Args:
        tag: the domain, such as ``"mechdesign/block/1"``; two domains never share a digest.
        parts: byte strings; (b"ab", b"c") and (b"a", b"bc") differ.

    Returns:
        32 bytes.
    """
    state = hashlib.sha256()
    name = tag.encode()
    state.update(len(name).to_bytes(2, "big") + name)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()
