"""The keys of one member, kept in an encrypted PEM file.

A file holds three PKCS #8 blocks, each encrypted under the same passphrase: the Ed25519 key that *is* the member, the
X25519 key that its links use (CURVE), and the seed of the key that shares of sealed reports are encrypted to. They are
separate keys: a link hello signed by the first says that the second belongs to it, and a key record signed by the first
says so of the third. PKCS #8 has no form for that seed, so it is kept as an X25519 key, which is any 32 bytes as well.
"""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl import bindings, exceptions

from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import IdentityError
from mechdesign.kernel.machine import Entropy

__all__ = ["Identity", "fingerprint"]

_END = b"-----END ENCRYPTED PRIVATE KEY-----\n"


def fingerprint(data: bytes) -> str:
    """The first eight bytes as hexadecimal, enough to compare by eye what was compared in full elsewhere."""
    return data[:8].hex()


class Identity:
    """One member's secret keys; a :class:`~mechdesign.kernel.crypto.Signer`.

    Args:
        seed: 32 bytes of the Ed25519 private key.
        curve_secret: 32 bytes of the X25519 private key of its links.
        sealing_seed: 32 secret bytes from which the decision layer makes the member's encryption key.
    """

    def __init__(self, seed: bytes, curve_secret: bytes, sealing_seed: bytes) -> None:
        self._seed = seed
        public, self._secret = bindings.crypto_sign_seed_keypair(seed)
        self._public = MemberId(public)
        self._curve_secret = curve_secret
        self._curve_public = bindings.crypto_scalarmult_base(curve_secret)
        self._sealing_seed = sealing_seed

    def __repr__(self) -> str:
        return f"Identity({fingerprint(self._public)})"

    @property
    def public(self) -> MemberId:
        """The member: its Ed25519 public key, 32 bytes."""
        return self._public

    @property
    def curve_public(self) -> bytes:
        """The CURVE public key of its links, 32 bytes."""
        return self._curve_public

    @property
    def curve_secret(self) -> bytes:
        """The CURVE secret key of its links, 32 bytes."""
        return self._curve_secret

    @property
    def sealing_seed(self) -> bytes:
        """The seed of the key that shares are encrypted to, 32 secret bytes."""
        return self._sealing_seed

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature over ``message``, 64 bytes."""
        return bindings.crypto_sign(message, self._secret)[:64]

    def agree(self, share: bytes) -> bytes | None:
        """The secret that the sender of ``share`` agreed on with us (see ``exchange.py``); None for no good share."""
        try:
            return bindings.crypto_scalarmult(bindings.crypto_sign_ed25519_sk_to_curve25519(self._secret), share)
        except (exceptions.CryptoError, ValueError, TypeError):
            return None

    @classmethod
    def generate(cls, entropy: Entropy = os.urandom) -> "Identity":
        """A new identity from fresh (or, in a simulation, seeded) randomness."""
        return cls(entropy(32), entropy(32), entropy(32))

    def save(self, path: Path, passphrase: str) -> None:
        """Write the key file, readable by its owner only; an existing file is never overwritten.

        Raises:
            IdentityError: the file exists, the passphrase is empty, or the folder cannot be written.
        """
        if not passphrase:
            raise IdentityError("the passphrase is empty: a key file is always encrypted, choose one")
        how = serialization.BestAvailableEncryption(passphrase.encode())
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        text = Ed25519PrivateKey.from_private_bytes(self._seed).private_bytes(*form)
        for secret in (self._curve_secret, self._sealing_seed):
            text += X25519PrivateKey.from_private_bytes(secret).private_bytes(*form)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise IdentityError(f"{path} exists: a key file is never overwritten, choose another name") from error
        except OSError as error:
            raise IdentityError(f"{path} cannot be written: {error.strerror}") from error
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def load(cls, path: Path, passphrase: str | Callable[[], str]) -> "Identity":
        """Read a key file.

        Args:
            path: the file written by :meth:`save`.
            passphrase: the passphrase, or a function that asks for it.

        Raises:
            IdentityError: the file is missing or damaged, or the passphrase is wrong.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise IdentityError(f"the key file {path} cannot be read ({error.strerror}): use keygen") from error
        secret = passphrase if isinstance(passphrase, str) else passphrase()
        blocks = [block + _END for block in text.split(_END)[:-1]]
        try:
            keys = [serialization.load_pem_private_key(block, secret.encode()) for block in blocks]
        except (ValueError, TypeError) as error:
            raise IdentityError(f"the key file {path} does not open: wrong passphrase, or damaged") from error
        match keys:
            case [Ed25519PrivateKey() as signing, X25519PrivateKey() as link, X25519PrivateKey() as sealing]:
                return cls(signing.private_bytes_raw(), link.private_bytes_raw(), sealing.private_bytes_raw())
        raise IdentityError(f"{path} is not a key file of this program: that holds one Ed25519 key and two X25519 keys")
