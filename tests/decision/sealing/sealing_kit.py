"""Committees, contexts and broken points for the tests of threshold sealing; everything comes from names."""

from functools import cache

from nacl import bindings, exceptions

from mechdesign.decision.sealing.curve import ORDER
from mechdesign.decision.sealing.threshold import (
    Committee,
    Context,
    Dealing,
    EncryptionKey,
    Purpose,
    Share,
    deal,
    open_share,
    targets,
)
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.wire import digest
from tests.decision.toys import NAMES, seeded

P = 2**255 - 19
SIZE = 64


def seed(name: str) -> bytes:
    return digest("test/seed", name.encode())


def quorum(n: int) -> int:
    return (n + (n - 1) // 3) // 2 + 1


@cache
def key(name: str) -> EncryptionKey:
    return EncryptionKey(seed("key of " + name))


def member(name: str) -> MemberId:
    return seeded(name).public


@cache
def committee(n: int, threshold: int | None = None) -> Committee:
    names = NAMES[:n]
    return Committee(tuple(map(member, names)), tuple(key(name).public for name in names), threshold or quorum(n))


def context(dealer: str = "alice", purpose: Purpose = Purpose.REPORT, **other) -> Context:
    plain = {"group": digest("test/group"), "epoch": 0, "session": digest("test/session"), "step": 0}
    return Context(**{**plain, "purpose": purpose, "dealer": member(dealer), **other})


@cache
def sealed(n: int, threshold: int | None = None, dealer: str = "alice", report: bytes = b"21") -> Dealing:
    return deal(committee(n, threshold), context(dealer), report, SIZE, seed("dealing of " + dealer))


@cache
def shares_of(n: int, threshold: int | None, dealers: tuple[str, ...]) -> dict[MemberId, Share]:
    """What every member publishes to open the dealings of these dealers."""
    made = committee(n, threshold)
    dealings = [(context(dealer), sealed(n, threshold, dealer)) for dealer in dealers]
    return {
        member(name): open_share(key(name), made, member(name), targets(made, member(name), dealings))
        for name in NAMES[:n]
    }


def flip(data: bytes, bit: int) -> bytes:
    """The bytes with one bit changed."""
    number = int.from_bytes(data, "big") ^ (1 << bit % (8 * len(data)))
    return number.to_bytes(len(data), "big")


def replaced(blob: bytes, index: int, part: bytes) -> bytes:
    """A row of 32-byte parts with one of them replaced."""
    return blob[: 32 * index] + part + blob[32 * index + 32 :]


def swapped(blob: bytes, left: int, right: int) -> bytes:
    """A row of 32-byte parts with two of them exchanged."""
    parts = [blob[at : at + 32] for at in range(0, len(blob), 32)]
    parts[left], parts[right] = parts[right], parts[left]
    return b"".join(parts)


_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
SMALL_ORDER = tuple(
    (y | sign << 255).to_bytes(32, "little") for y in (0, 1, P - 1, _Y8, P - _Y8) for sign in (0, 1)
)  # the two encodings of y = ±1 with the sign bit set stand for no point at all, and are refused as well
NOT_CANONICAL = tuple(number.to_bytes(32, "little") for number in (P, P + 1, P + 3, 2**255 - 1, 2**256 - 1))
OFF_THE_CURVE = (2).to_bytes(32, "little")
NOT_REDUCED = tuple(number.to_bytes(32, "little") for number in (ORDER, ORDER + 1, 2**255 - 1, 2**256 - 1))
STRAY = tuple(y.to_bytes(32, "little") for y in (P - 1, 0, _Y8))
"""One point each of order 2, 4 and 8."""


def with_torsion(point: bytes, stray: bytes = STRAY[0]) -> bytes:
    """The sum with a point of small order: on the curve, canonical, of large order, and outside the group."""
    return bindings.crypto_core_ed25519_add(point, stray)


_STRICT = bindings.crypto_scalarmult_ed25519_noclamp


def lax_multiply(scalar: bytes, point: bytes) -> bytes:
    """Multiplication as a library does it that overlooks a component of order two (libsodium before 2026)."""
    try:
        return _STRICT(scalar, point)
    except exceptions.RuntimeError:
        product = _STRICT(scalar, with_torsion(point))
        return with_torsion(product) if scalar[0] % 2 else product
