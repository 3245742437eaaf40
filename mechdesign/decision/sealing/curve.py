"""The group that secrets are shared in: points of prime order on edwards25519, and scalars modulo that order.

A point is its canonical encoding of 32 bytes, a scalar is a Python integer. libsodium does the arithmetic of points;
Python does that of scalars, which is not constant in time: whoever can time our own process to nanoseconds is outside
the model.

Two generators are in use: ``G``, the usual base point, and ``H``, made from a hash so that nobody knows its
logarithm to base ``G``.
"""

import hashlib
from collections.abc import Iterable

from nacl import bindings, exceptions

from mechdesign.kernel.wire import digest

__all__ = [
    "IDENTITY",
    "ORDER",
    "POINT_BYTES",
    "SCALAR_BYTES",
    "G",
    "H",
    "PointError",
    "add",
    "encode_scalar",
    "hash_to_scalar",
    "is_point",
    "looks_like_point",
    "multiply",
    "multiply_base",
    "parse_scalar",
    "scalars",
    "subtract",
    "total",
]

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The prime order of the group (L of RFC 8032)."""

POINT_BYTES = 32
SCALAR_BYTES = 32

IDENTITY = b"\1" + bytes(31)
"""The neutral element; never accepted from a peer."""

_P = 2**255 - 19
_SIGN = 1 << 255
# The y coordinates of the eight points of small order; with canonical encodings (y < p) these are all there are.
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})
# One point each of order 2, 4 and 8.
_STRAY = tuple(y.to_bytes(32, "little") for y in (_P - 1, 0, _Y8))


class PointError(ValueError):
    """Bytes that were multiplied are not a point of the group; never leaves this package."""


def looks_like_point(data: bytes) -> bool:
    """Whether 32 bytes are a canonical y coordinate of no point of small order: the checks that cost nothing.

    It does not say that such a point exists or that it lies in the group; :func:`multiply` and :func:`is_point` do.
    """
    if len(data) != POINT_BYTES:
        return False
    y = int.from_bytes(data, "little") & (_SIGN - 1)
    return y < _P and y not in _SMALL_ORDER_Y


def is_point(data: bytes) -> bool:
    """Whether bytes are the canonical encoding of a point of prime order (so not the identity). Costs 60 µs."""
    return looks_like_point(data) and bool(bindings.crypto_core_ed25519_is_valid_point(data))


def encode_scalar(scalar: int) -> bytes:
    """The 32 bytes of a scalar, little endian, reduced."""
    return (scalar % ORDER).to_bytes(SCALAR_BYTES, "little")


def parse_scalar(data: bytes) -> int | None:
    """The scalar in exactly 32 bytes, or None where it is not reduced: one scalar has one encoding."""
    if len(data) != SCALAR_BYTES:
        return None
    scalar = int.from_bytes(data, "little")
    return scalar if scalar < ORDER else None


def multiply(scalar: int, point: bytes) -> bytes:
    """``scalar`` times ``point``.

    The library checks the point: canonical, on the curve, of prime order. That it does so is checked when this module
    is loaded, because members must agree about which points exist. A scalar of zero skips the check.

    Raises:
        PointError: the bytes are no point of the group.
    """
    if scalar % ORDER == 0:
        return IDENTITY
    if not looks_like_point(point):
        raise PointError("not a canonical point, or one of small order")
    try:
        return bindings.crypto_scalarmult_ed25519_noclamp(encode_scalar(scalar), point)
    except exceptions.RuntimeError as error:
        raise PointError("not a point of the group") from error


def multiply_base(scalar: int) -> bytes:
    """``scalar`` times ``G``; five times faster than :func:`multiply`."""
    if scalar % ORDER == 0:
        return IDENTITY
    return bindings.crypto_scalarmult_ed25519_base_noclamp(encode_scalar(scalar))


def add(left: bytes, right: bytes) -> bytes:
    """The sum of two points that are known to be good."""
    return bindings.crypto_core_ed25519_add(left, right)


def subtract(left: bytes, right: bytes) -> bytes:
    """The difference of two points that are known to be good."""
    return bindings.crypto_core_ed25519_sub(left, right)


def total(points: Iterable[bytes]) -> bytes:
    """The sum of any number of good points."""
    sum_ = IDENTITY
    for point in points:
        sum_ = point if sum_ == IDENTITY else add(sum_, point)
    return sum_


def scalars(seed: bytes, count: int) -> list[int]:
    """Scalars from 1 to ORDER - 1 that look independent and uniform to whoever does not know the seed.

    Each is reduced from 512 bits, so that the bias is below 2**-250.
    """
    wide = (hashlib.sha512(b"mechdesign/scalar/1" + seed + at.to_bytes(4, "big")).digest() for at in range(count))
    return [int.from_bytes(each, "little") % (ORDER - 1) + 1 for each in wide]


def hash_to_scalar(tag: str, *parts: bytes) -> int:
    """A challenge: a scalar, never zero, that nobody can choose except by trying other parts."""
    return scalars(digest(tag, *parts), 1)[0]


def _hash_to_point(tag: str) -> bytes:
    """A point of prime order whose logarithm nobody knows: the first candidate on the curve, times the cofactor."""
    attempt = 0
    while True:  # ends: every second candidate is on the curve
        candidate = digest(tag, attempt.to_bytes(4, "big"))
        try:
            double = bindings.crypto_core_ed25519_add(candidate, candidate)
        except exceptions.RuntimeError:
            attempt += 1
            continue
        quadruple = bindings.crypto_core_ed25519_add(double, double)
        return bindings.crypto_core_ed25519_add(quadruple, quadruple)


G = multiply_base(1)
"""The base point of Ed25519: commitments are multiples of it."""

H = _hash_to_point("mechdesign/second-generator/1")
"""The second generator: encryption keys and shared secrets are multiples of it."""


def _demand_a_strict_library() -> None:
    """Refuse to load where multiplying does not check the subgroup.

    libsodium before 2026 overlooks a component of order two (CVE-2025-69277; PyNaCl before 1.6.2 carries it). A dealing
    made with one would be valid for some members only.
    """
    for stray in _STRAY:
        mixed = bindings.crypto_core_ed25519_add(H, stray)
        try:
            bindings.crypto_scalarmult_ed25519_noclamp(encode_scalar(8), mixed)
        except exceptions.RuntimeError:
            continue
        raise ImportError("this libsodium takes points outside the prime-order group: install PyNaCl 1.6.2 or newer")


_demand_a_strict_library()
