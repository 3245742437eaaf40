"""A sealed report: padded to the length that all have, encrypted under a key that a dealing shares.

XChaCha20-Poly1305, with the whole context and the committee as associated data. The key is derived from the shared
secret, the context and the committee, and encrypts once only; that is why its nonce may be fixed. The cipher is not
committing (some bytes decrypt under two keys), which does no harm here: a valid dealing has one secret, so one key.
"""

from enum import Enum

from nacl import bindings, exceptions

from mechdesign.decision.sealing.commit_reveal import pad, unpad
from mechdesign.decision.sealing.dealing import Context
from mechdesign.decision.sealing.keys import Committee
from mechdesign.kernel.wire import digest

__all__ = ["GARBAGE", "Garbage", "ciphertext_bytes", "decrypt", "encrypt"]

_OVERHEAD = len(pad(b"", 0)) + bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES
_NONCE = bytes(bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)


class Garbage(Enum):
    """The type of :data:`GARBAGE`."""

    GARBAGE = "garbage"


GARBAGE = Garbage.GARBAGE
"""What a valid dealing holds whose ciphertext is no padded report under its own key: its dealer's offence."""


def ciphertext_bytes(size: int) -> int:
    """How long every ciphertext of a session is whose reports have up to ``size`` bytes."""
    return size + _OVERHEAD


def _key(committee: Committee, context: Context, secret: bytes) -> tuple[bytes, bytes]:
    bound = committee.digest + context.encoded
    return digest("mechdesign/seal-key/1", bound, secret), bound


def encrypt(committee: Committee, context: Context, secret: bytes, report: bytes, size: int) -> bytes:
    """Lock a report under a secret that is used for nothing else.

    Raises:
        LocalProtocolError: the report is longer than ``size``.
    """
    key, bound = _key(committee, context, secret)
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(pad(report, size), bound, _NONCE, key)


def decrypt(committee: Committee, context: Context, secret: bytes, ciphertext: bytes, size: int) -> bytes | Garbage:
    """The report, or GARBAGE if there is none under this secret. Never raises."""
    key, bound = _key(committee, context, secret)
    try:
        padded = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, bound, _NONCE, key)
    except (exceptions.CryptoError, ValueError):
        return GARBAGE
    report = unpad(padded, size)
    return GARBAGE if report is None else report
