"""Signatures: one strict rule for all members, and a fast stand-in for simulations.

The rule for Ed25519, fixed by the protocol version: S < L, A and R canonical encodings of points that are not of small
order, and then libsodium's cofactorless check. Libraries differ in exactly these corners (Chalkias, Garillot and
Nikolaenko, *Taming the many EdDSAs*, 2020), and a signature that one member accepts and another refuses would split
the group; hence the pre-check in front of the library.
"""

import hashlib
import hmac
from typing import NewType, Protocol

from nacl import bindings, exceptions

__all__ = ["KEY_BYTES", "SIGNATURE_BYTES", "Ed25519", "KeyedHash", "MemberId", "SignatureScheme", "Signer"]

MemberId = NewType("MemberId", bytes)
"""A member is its Ed25519 public key, 32 bytes."""

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493

# The y coordinates of the eight points of small order; with canonical encodings (y < p) these are all there are.
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


class SignatureScheme(Protocol):
    """How signatures are checked."""

    def valid_key(self, key: bytes) -> bool:
        """Whether a key may stand in a roster; never raises."""
        ...

    def verify(self, key: MemberId, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is the member's over ``message``; never raises."""
        ...


class Signer(Protocol):
    """Whoever can sign for one member."""

    @property
    def public(self) -> MemberId:
        """The member signed for."""
        ...

    def sign(self, message: bytes) -> bytes:
        """A signature of 64 bytes."""
        ...


def _canonical_point(encoded: bytes) -> bool:
    y = int.from_bytes(encoded, "little") & ((1 << 255) - 1)
    return y < _P and y not in _SMALL_ORDER_Y


class Ed25519:
    """The strict rule above."""

    def valid_key(self, key: bytes) -> bool:
        """Whether a key is a canonical point of the prime-order subgroup."""
        if len(key) != KEY_BYTES or not _canonical_point(key):
            return False
        return bool(bindings.crypto_core_ed25519_is_valid_point(key))

    def verify(self, key: MemberId, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is the member's over ``message``; never raises."""
        if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
            return False
        if int.from_bytes(signature[32:], "little") >= _L:
            return False
        if not (_canonical_point(signature[:32]) and _canonical_point(key)):
            return False
        try:
            bindings.crypto_sign_open(signature + message, key)
        except (exceptions.CryptoError, ValueError, TypeError):
            return False
        return True


class KeyedHash:
    """A signature scheme for simulations only: HMAC under a key that anyone can derive from the member's name.

    It costs a microsecond instead of sixty. It protects nothing; the simulator's adversaries simply do not forge it.
    """

    class Signer:
        """Signs for ``public`` in a simulation."""

        def __init__(self, public: MemberId) -> None:
            self._public = public

        @property
        def public(self) -> MemberId:
            """The member signed for."""
            return self._public

        def sign(self, message: bytes) -> bytes:
            """64 bytes that :meth:`KeyedHash.verify` accepts."""
            return hmac.digest(self._public, message, hashlib.sha512)

    def valid_key(self, key: bytes) -> bool:
        """Any key of the right length will do."""
        return len(key) == KEY_BYTES

    def verify(self, key: MemberId, message: bytes, signature: bytes) -> bool:
        """Whether the signature is what the stand-in makes."""
        return hmac.digest(key, message, hashlib.sha512) == signature
