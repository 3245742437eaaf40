"""The keys that shares are encrypted to: one a member, apart from its signing key, with a proof that it knows it.

A member publishes a :class:`KeyRecord`: its encryption key ``H * secret``, a proof of possession bound to the member
and to a scope (such as group and epoch), and its identity's signature over all of it. Without the proof a member could
register a key made from somebody else's; without the signature anybody could register one for it. A
:class:`Committee` is what a dealing is made for: members in roster order, their keys, and the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mechdesign.decision.sealing.curve import (
    ORDER,
    POINT_BYTES,
    SCALAR_BYTES,
    H,
    is_point,
    multiply,
    scalars,
)
from mechdesign.decision.sealing.proof import Proof, prove, verify
from mechdesign.group.roster import MEMBERS_MAX
from mechdesign.kernel.crypto import KEY_BYTES, SIGNATURE_BYTES, MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.wire import decode, digest, encode

__all__ = ["SCOPE_BYTES_MAX", "SEED_BYTES", "Committee", "EncryptionKey", "KeyRecord"]

SEED_BYTES = 32
"""Length of every seed that entropy is asked for in this package."""

SCOPE_BYTES_MAX = 64

_RECORD_BYTES_MAX = 512
_POSSESSION = "mechdesign/encryption-key/1"
_RECORD = "mechdesign/encryption-key-record/1"


class EncryptionKey:
    """A member's secret key for shares.

    Args:
        seed: 32 secret bytes, drawn once and kept like a signing key; they serve nothing else.

    Raises:
        LocalProtocolError: the seed has another length.
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise LocalProtocolError(f"the seed of an encryption key has {SEED_BYTES} bytes, not {len(seed)}")
        (self._secret,) = scalars(digest("mechdesign/encryption-key-seed/1", seed), 1)
        self._inverse = pow(self._secret, -1, ORDER)
        self._public = multiply(self._secret, H)
        # Nonces are derived from this and the statement, never from the scalar alone.
        self._nonce_seed = digest("mechdesign/encryption-key-nonce/1", seed)

    def __repr__(self) -> str:
        return f"EncryptionKey({self._public[:8].hex()})"

    @property
    def public(self) -> bytes:
        """The encryption key, a point of 32 bytes."""
        return self._public

    def decrypt(self, point: bytes) -> bytes:
        """Take the key off an encrypted share.

        Raises:
            PointError: the bytes are no point of the group; a checked dealing holds none of these.
        """
        return multiply(self._inverse, point)

    def prove(self, tag: str, context: bytes, others: Sequence[tuple[bytes, bytes]] = ()) -> Proof:
        """Prove knowledge of the key, and that it also takes each base of ``others`` to its image."""
        return prove(tag, context, [((H, self._public), *others)], [self._secret], self._nonce_seed)

    def record(self, signer: Signer, scope: bytes) -> "KeyRecord":
        """The record that tells others that this key is the signer's, for one scope.

        Raises:
            LocalProtocolError: the scope is longer than 64 bytes.
        """
        if len(scope) > SCOPE_BYTES_MAX:
            raise LocalProtocolError(f"a scope has at most {SCOPE_BYTES_MAX} bytes, not {len(scope)}")
        possession = self.prove(_POSSESSION, encode((signer.public, scope)))
        unsigned = KeyRecord(signer.public, scope, self._public, possession, b"")
        return KeyRecord(signer.public, scope, self._public, possession, signer.sign(unsigned.signed))


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A member's statement that an encryption key is its own.

    Attributes:
        member: whose key it is.
        scope: what it may be used for, such as a digest of group and epoch; at most 64 bytes.
        key: the encryption key, a point of 32 bytes.
        possession: the proof that the member knows the secret key, over member and scope.
        signature: the identity's, over everything before it.
    """

    member: MemberId
    scope: bytes
    key: bytes
    possession: Proof
    signature: bytes

    @property
    def signed(self) -> bytes:
        """What the signature covers."""
        proof = self.possession
        return digest(_RECORD, self.member, self.scope, self.key, proof.challenge, proof.responses)

    @property
    def encoded(self) -> bytes:
        """The canonical bytes of the record."""
        proof = self.possession
        return encode((self.member, self.scope, self.key, proof.challenge, proof.responses, self.signature))

    @classmethod
    def parse(cls, data: bytes) -> "KeyRecord | None":
        """Read the bytes of :attr:`encoded`; None if they are not of that form. Never raises."""
        try:
            value = decode(data, bytes_max=_RECORD_BYTES_MAX)
        except WireError:
            return None
        match value:
            case (bytes(member), bytes(scope), bytes(key), bytes(challenge), bytes(response), bytes(signature)):
                lengths = tuple(map(len, (member, key, challenge, response, signature)))
                fixed = (KEY_BYTES, POINT_BYTES, SCALAR_BYTES, SCALAR_BYTES, SIGNATURE_BYTES)
                if lengths == fixed and len(scope) <= SCOPE_BYTES_MAX:
                    return cls(MemberId(member), scope, key, Proof(challenge, response), signature)
        return None

    def holds(self, scheme: SignatureScheme, scope: bytes) -> bool:
        """Whether the key is a good point, is known to the member, and is signed for this scope. Never raises."""
        if self.scope != scope or not is_point(self.key):
            return False
        if not scheme.verify(self.member, self.signed, self.signature):
            return False
        return verify(_POSSESSION, encode((self.member, self.scope)), [((H, self.key),)], self.possession)


@dataclass(frozen=True)
class Committee:
    """Who holds shares, and how many of them open.

    The keys must come from records that hold; a committee itself checks only that they are good points.

    Attributes:
        members: in roster order; the one at index i has its share at place i + 1.
        keys: their encryption keys, in the same order.
        threshold: t; any t shares open and t - 1 tell nothing.

    Raises:
        LocalProtocolError: a member or key repeats, a key is no good point, or the threshold is not 1 to n.
    """

    members: tuple[MemberId, ...]
    keys: tuple[bytes, ...]
    threshold: int

    def __post_init__(self) -> None:
        """Refuse what no honest member would share a secret among."""
        n = len(self.members)
        if not 1 <= n <= MEMBERS_MAX or len(self.keys) != n:
            raise LocalProtocolError(f"a committee has 1 to {MEMBERS_MAX} members, each with one key")
        if len(set(self.members)) < n or len(set(self.keys)) < n:
            raise LocalProtocolError("two members of the committee share an identity or a key")
        if any(len(member) != KEY_BYTES for member in self.members) or not all(map(is_point, self.keys)):
            raise LocalProtocolError("an identity or an encryption key of the committee is malformed")
        if not 1 <= self.threshold <= n:
            raise LocalProtocolError(f"a threshold of {self.threshold} is not between 1 and {n}")

    @cached_property
    def n(self) -> int:
        """How many members there are."""
        return len(self.members)

    @cached_property
    def _places(self) -> dict[MemberId, int]:
        return {member: place for place, member in enumerate(self.members, 1)}

    def place(self, member: MemberId) -> int | None:
        """The member's place, from 1, or None for a stranger."""
        return self._places.get(member)

    @cached_property
    def digest(self) -> bytes:
        """32 bytes over members, keys and threshold; every dealing and share is bound to it."""
        parts = b"".join(self.members), b"".join(self.keys), self.threshold.to_bytes(2, "big")
        return digest("mechdesign/committee/1", *parts)
