"""The envelope: bytes that only its recipients can read, and that its sender cannot fill with different things.

Everything in it is made from one secret K of 32 bytes and the context (group and epoch, sender, recipients, purpose):

* the *share* of a fresh key that is derived from K, which binds the envelope to this K;
* for each recipient K itself under a pad that only sender and recipient can compute;
* the *commitment*, a salted hash of the plaintext;
* the ciphertext, XChaCha20-Poly1305 under a key derived from K.

So a recipient that finds K can make the whole envelope again and compare. Where something differs although the share
is the one of this K, the sender made it so: K, revealed, proves it to anybody (:func:`false_envelope`). What fits no K
at all proves nothing; its recipients see that they were sent rubbish.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nacl import bindings, exceptions

from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.exchange import Exchange, Holder
from mechdesign.kernel.wire import DIGEST_BYTES, decode, digest, encode

__all__ = ["SECRET_BYTES", "Envelope", "Opened", "false_envelope", "open_envelope", "seal_envelope"]

SECRET_BYTES = 32
"""Length of K."""

_TAG = "mechdesign/envelope/1"
_NONCE = bytes(24)  # every key encrypts one plaintext
_AEAD_BYTES = 16


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as it travels.

    Attributes:
        to: the recipients' indices in roster order, ascending; not empty.
        share: what the sender published of its fresh key, 32 bytes.
        wraps: for each recipient K under its pad, 32 bytes each.
        commitment: the salted hash of the plaintext, 32 bytes.
        ciphertext: the plaintext and 16 bytes of authentication.
    """

    to: tuple[int, ...]
    share: bytes
    wraps: tuple[bytes, ...]
    commitment: bytes
    ciphertext: bytes

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.to, self.share, b"".join(self.wraps), self.commitment, self.ciphertext))

    @classmethod
    def parse(cls, data: bytes, roster: Roster) -> "Envelope | None":
        """Read the bytes of :attr:`encoded`; None where they are no envelope for members of the roster."""
        try:
            value = decode(data)
        except WireError:
            return None
        match value:
            case (tuple(to), bytes(share), bytes(wraps), bytes(commitment), bytes(ciphertext)):
                places = tuple(place for place in to if type(place) is int and 0 <= place < roster.n)
                sizes = (len(share), len(commitment)) == (DIGEST_BYTES, DIGEST_BYTES)
                if not places or len(places) != len(to) or list(places) != sorted(set(places)) or not sizes:
                    return None
                if len(wraps) != SECRET_BYTES * len(places) or len(ciphertext) < _AEAD_BYTES:
                    return None
                parts = tuple(wraps[at : at + SECRET_BYTES] for at in range(0, len(wraps), SECRET_BYTES))
                return cls(places, share, parts, commitment, ciphertext)
        return None


@dataclass(frozen=True, slots=True)
class Opened:
    """What a recipient found.

    Attributes:
        plaintext: the content, or None where there is none to be had.
        secret: K, which proves the fault to others; empty where none was found.
        fault: what is wrong with the envelope, or empty.
    """

    plaintext: bytes | None
    secret: bytes = b""
    fault: str = ""


def _context(roster: Roster, sender: MemberId, to: Sequence[int], purpose: bytes) -> bytes:
    return digest(_TAG, roster.digest, sender, encode(tuple(to)), purpose)


def _derived(what: str, secret: bytes, context: bytes) -> bytes:
    return digest(f"{_TAG}/{what}", secret, context)


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def _pad(agreed: bytes, share: bytes, context: bytes) -> bytes:
    return digest(f"{_TAG}/pad", agreed, share, context)


def _commitment(secret: bytes, context: bytes, plaintext: bytes) -> bytes:
    return digest(f"{_TAG}/plaintext", _derived("salt", secret, context), context, plaintext)


def seal_envelope(
    roster: Roster,
    exchange: Exchange,
    sender: MemberId,
    to: Sequence[int],
    purpose: bytes,
    plaintext: bytes,
    secret: bytes,
) -> Envelope:
    """Make an envelope.

    Args:
        roster: the group.
        exchange: how the pads are agreed on.
        sender: who sends it.
        to: the recipients' indices in roster order, ascending.
        purpose: what it is for; an envelope made for one purpose does not open for another.
        plaintext: the content.
        secret: K, 32 fresh random bytes.

    Raises:
        LocalProtocolError: there are no recipients, or one has no good key.
    """
    places = tuple(to)
    if not places or list(places) != sorted(set(places)) or not 0 <= places[0] <= places[-1] < roster.n:
        raise LocalProtocolError("an envelope is for one or more different members of the roster")
    context = _context(roster, sender, places, purpose)
    fresh = _derived("fresh", secret, context)
    share = exchange.share(fresh)
    wraps = _wraps(roster, exchange, places, fresh, share, secret, context)
    if wraps is None:
        raise LocalProtocolError("a recipient's key is no good point: nothing can be encrypted to it")
    ciphertext = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        plaintext, context, _NONCE, _derived("content", secret, context)
    )
    return Envelope(places, share, wraps, _commitment(secret, context, plaintext), ciphertext)


def _wraps(
    roster: Roster,
    exchange: Exchange,
    places: tuple[int, ...],
    fresh: bytes,
    share: bytes,
    secret: bytes,
    context: bytes,
) -> tuple[bytes, ...] | None:
    wraps = []
    for place in places:
        agreed = exchange.agree(fresh, roster.ids[place])
        if agreed is None:
            return None
        wraps.append(_xor(secret, _pad(agreed, share, context)))
    return tuple(wraps)


def open_envelope(
    envelope: Envelope,
    roster: Roster,
    exchange: Exchange,
    holder: Holder,
    me: int,
    sender: MemberId,
    purpose: bytes,
) -> Opened:
    """Open an envelope that we are a recipient of; never raises for what a sender put into it.

    Raises:
        LocalProtocolError: we are none of its recipients.
    """
    if me not in envelope.to:
        raise LocalProtocolError("only a recipient can open an envelope")
    agreed = holder.agree(envelope.share)
    if agreed is None:
        return Opened(None, fault="its share is no good point")
    context = _context(roster, sender, envelope.to, purpose)
    secret = _xor(envelope.wraps[envelope.to.index(me)], _pad(agreed, envelope.share, context))
    return _checked(envelope, roster, exchange, sender, purpose, secret)


def false_envelope(
    envelope: Envelope, roster: Roster, exchange: Exchange, sender: MemberId, purpose: bytes, secret: bytes
) -> bool:
    """Whether a revealed K proves that the sender made an envelope that is not what it says."""
    opened = _checked(envelope, roster, exchange, sender, purpose, secret)
    return bool(opened.secret and opened.fault)


def _checked(
    envelope: Envelope, roster: Roster, exchange: Exchange, sender: MemberId, purpose: bytes, secret: bytes
) -> Opened:
    context = _context(roster, sender, envelope.to, purpose)
    if len(secret) != SECRET_BYTES:
        return Opened(None, fault="a secret has 32 bytes")
    fresh = _derived("fresh", secret, context)
    if exchange.share(fresh) != envelope.share:
        return Opened(None, fault="what it holds for us is not its secret")
    try:
        plaintext = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            envelope.ciphertext, context, _NONCE, _derived("content", secret, context)
        )
    except (exceptions.CryptoError, ValueError, TypeError):
        return Opened(None, secret, "its ciphertext does not open under its secret")
    if _commitment(secret, context, plaintext) != envelope.commitment:
        return Opened(plaintext, secret, "its content is not what it commits to")
    wraps = _wraps(roster, exchange, envelope.to, fresh, envelope.share, secret, context)
    if wraps is not None and wraps != envelope.wraps:
        return Opened(plaintext, secret, "it holds something else for another recipient")
    return Opened(plaintext, secret)
