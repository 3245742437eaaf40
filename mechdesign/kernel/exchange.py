"""Key exchange towards members: whoever knows a member's identity can agree on a secret with it, one-sidedly.

The real one is X25519 between a fresh key of the sender and the member's identity, mapped from the Edwards to the
Montgomery form of the curve. One key pair for Ed25519 signatures and an X25519 key encapsulation is jointly secure
(Thormarker, *On using the same key pair for Ed25519 and an X25519 based KEM*, 2021), so that a roster needs no further
key of its members.
"""

from typing import Protocol

from nacl import bindings, exceptions

from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.wire import digest

__all__ = ["Exchange", "Holder", "PlainExchange", "X25519Exchange"]

_TAG_SHARE = "mechdesign/plain-exchange/share/1"
_TAG_AGREED = "mechdesign/plain-exchange/agreed/1"


class Exchange(Protocol):
    """The sender's side."""

    def share(self, secret: bytes) -> bytes:
        """What the sender publishes of its fresh secret: 32 bytes."""
        ...

    def agree(self, secret: bytes, member: MemberId) -> bytes | None:
        """What sender and member agree on, 32 bytes; None where the member's key is no good. Never raises."""
        ...


class Holder(Protocol):
    """The member's side: whoever holds an identity's secret key."""

    def agree(self, share: bytes) -> bytes | None:
        """What we agree on with the sender that published ``share``, 32 bytes; None for no good share. Never raises."""
        ...


class X25519Exchange:
    """The real exchange; its holder is :class:`~mechdesign.kernel.identity.Identity`."""

    def share(self, secret: bytes) -> bytes:
        """The public key of a secret of 32 bytes."""
        return bindings.crypto_scalarmult_base(secret)

    def agree(self, secret: bytes, member: MemberId) -> bytes | None:
        """The shared secret with a member, or None where its key is no point or of small order."""
        try:
            return bindings.crypto_scalarmult(secret, bindings.crypto_sign_ed25519_pk_to_curve25519(member))
        except (exceptions.CryptoError, ValueError, TypeError):
            return None


class PlainExchange:
    """A stand-in for simulations whose members' keys are no points: it hides nothing from anybody."""

    class Holder:
        """A member of the simulation."""

        def __init__(self, member: MemberId) -> None:
            self._member = member

        def agree(self, share: bytes) -> bytes | None:
            """What anybody can compute."""
            return digest(_TAG_AGREED, share, self._member)

    def share(self, secret: bytes) -> bytes:
        """A digest of the secret."""
        return digest(_TAG_SHARE, secret)

    def agree(self, secret: bytes, member: MemberId) -> bytes | None:
        """What anybody can compute."""
        return digest(_TAG_AGREED, self.share(secret), member)
