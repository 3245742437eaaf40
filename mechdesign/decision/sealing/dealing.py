"""A dealing: one secret, shared so that everyone can check that it was shared well.

The dealer draws a polynomial p of degree t - 1. For each place i it publishes the commitment ``G * p(i)``, the
encrypted share ``key_i * p(i)``, and a proof that both hide the same number. Whoever knows the secret behind ``key_i``
can take it off and gets ``H * p(i)``; any t of these give ``H * p(0)``, the secret. The commitments are checked against
the dual code: then the hidden numbers lie on one polynomial of degree below t, and any t shares give the same secret.

The proof's challenge covers the context (group, epoch, session, step, purpose, dealer), the committee, every
point, and the ciphertext that travels with the dealing. A dealing copied to another context, or with another
ciphertext, is therefore invalid, and an invalid dealing under its dealer's signature is evidence.

**Why the coefficients of the dual word may come from a hash.** They are derived from the whole dealing, so all members
and every later auditor take the same ones. A cheat can try again with another dealing, but each attempt succeeds with
probability 1/ORDER, about 2**-252.

**Source**: Cascudo and David, *SCRAPE: Scalable Randomness Attested by Public Entities*, 2017, section 4.1 (the variant
in the random oracle model, under the decisional Diffie-Hellman assumption).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from mechdesign.decision.sealing.curve import (
    IDENTITY,
    POINT_BYTES,
    SCALAR_BYTES,
    G,
    H,
    PointError,
    looks_like_point,
    multiply,
    multiply_base,
    scalars,
    total,
)
from mechdesign.decision.sealing.keys import SEED_BYTES, Committee
from mechdesign.decision.sealing.proof import Proof, Row, prove, verify
from mechdesign.decision.sealing.sharing import dual_word, evaluate
from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.wire import DIGEST_BYTES, decode, digest, encode

__all__ = ["Context", "Dealing", "Polynomial", "Purpose", "commit", "draw", "verify_dealing"]

_PROOF = "mechdesign/dealing/1"
_SLACK = 64
_STEP_MAX = 2**32


class Purpose(StrEnum):
    """What a secret is dealt for; one is never taken for the other."""

    REPORT = "report"
    COIN = "coin"


@dataclass(frozen=True)
class Context:
    """Where a dealing belongs; it is never sent, each side knows it from the log.

    Attributes:
        group: the digest of the roster, 32 bytes.
        epoch: the epoch of that roster.
        session: the session, 32 bytes.
        step: the ask or toss within it.
        purpose: a report or a coin.
        dealer: who deals.

    Raises:
        LocalProtocolError: a part has an impossible size.
    """

    group: bytes
    epoch: int
    session: bytes
    step: int
    purpose: Purpose
    dealer: MemberId

    def __post_init__(self) -> None:
        """Refuse a context that could be confused with another one."""
        if (len(self.group), len(self.session), len(self.dealer)) != (DIGEST_BYTES, DIGEST_BYTES, KEY_BYTES):
            raise LocalProtocolError("group, session and dealer of a context have 32 bytes each")
        if not (0 <= self.epoch < 2**32 and 0 <= self.step < _STEP_MAX):
            raise LocalProtocolError("the epoch or step of a context is out of range")

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes that everything about the dealing is bound to."""
        return encode((self.group, self.epoch, self.session, self.step, self.purpose.value, self.dealer))

    def of(self, dealer: MemberId) -> "Context":
        """The same place for another dealer."""
        return replace(self, dealer=dealer)


@dataclass(frozen=True)
class Dealing:
    """What a dealer publishes.

    Attributes:
        commitments: ``G * p(i)`` for i = 1..n, 32 bytes each, one after the other.
        encrypted: ``key_i * p(i)`` likewise.
        proof: that for each i both hide the same number.
        ciphertext: what the secret locks; empty for a coin.
    """

    commitments: bytes
    encrypted: bytes
    proof: Proof
    ciphertext: bytes

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes of the dealing: 96 n + 32, the ciphertext, and a few of framing."""
        proof = self.proof
        return encode((self.commitments, self.encrypted, proof.challenge, proof.responses, self.ciphertext))

    @classmethod
    def parse(cls, data: bytes, n: int, ciphertext_bytes: int) -> "Dealing | None":
        """Read the bytes of :attr:`encoded`; None unless every part has exactly its size. Never raises.

        Args:
            data: what was received.
            n: how many members hold shares.
            ciphertext_bytes: how long the ciphertext is; 0 for a coin.
        """
        points, responses = n * POINT_BYTES, n * SCALAR_BYTES
        try:
            value = decode(data, bytes_max=2 * points + responses + SCALAR_BYTES + ciphertext_bytes + _SLACK)
        except WireError:
            return None
        match value:
            case (bytes(commitments), bytes(encrypted), bytes(challenge), bytes(answers), bytes(ciphertext)):
                parts = (commitments, encrypted, challenge, answers, ciphertext)
                if tuple(map(len, parts)) == (points, points, SCALAR_BYTES, responses, ciphertext_bytes):
                    return cls(commitments, encrypted, Proof(challenge, answers), ciphertext)
        return None

    def digest(self, context: Context) -> bytes:
        """The name of this dealing at its place, 32 bytes."""
        return digest("mechdesign/dealing-name/1", context.encoded, self.encoded)

    def share(self, place: int) -> bytes:
        """The encrypted share of the member at a place (from 1)."""
        return _at(self.encrypted, place)


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A dealer's secret: everything that a seed, a context and a message determine.

    Attributes:
        coefficients: of p, the constant term first; t of them.
        nonce_seed: what the proof's nonces are made from.
    """

    coefficients: tuple[int, ...]
    nonce_seed: bytes

    @property
    def secret(self) -> bytes:
        """The point ``H * p(0)`` that any t shares give back."""
        return multiply(self.coefficients[0], H)


def _at(points: bytes, place: int) -> bytes:
    return points[(place - 1) * POINT_BYTES : place * POINT_BYTES]


def draw(committee: Committee, context: Context, message: bytes, seed: bytes) -> Polynomial:
    """Make the polynomial for one dealing from a seed of 32 secret bytes.

    The same seed gives the same dealing again (a restart says the same bytes), while another message, context or
    committee gives an unrelated polynomial: a seed that is used twice by mistake still gives nothing away.

    Raises:
        LocalProtocolError: the seed has another length.
    """
    if len(seed) != SEED_BYTES:
        raise LocalProtocolError(f"the seed of a dealing has {SEED_BYTES} bytes, not {len(seed)}")
    root = digest("mechdesign/dealing-seed/1", seed, context.encoded, committee.digest, message)
    nonce_seed = digest("mechdesign/dealing-nonce/1", root)
    return Polynomial(tuple(scalars(root, committee.threshold)), nonce_seed)


def commit(committee: Committee, context: Context, polynomial: Polynomial, ciphertext: bytes) -> Dealing:
    """Share a polynomial's secret among the committee. Costs 0.28 ms a member."""
    values = [evaluate(polynomial.coefficients, place) for place in range(1, committee.n + 1)]
    commitments = b"".join(multiply_base(value) for value in values)
    encrypted = b"".join(multiply(value, key) for value, key in zip(values, committee.keys, strict=True))
    rows = _rows(committee, commitments, encrypted)
    proof = prove(_PROOF, _statement(committee, context, ciphertext), rows, values, polynomial.nonce_seed)
    return Dealing(commitments, encrypted, proof, ciphertext)


def _rows(committee: Committee, commitments: bytes, encrypted: bytes) -> list[Row]:
    return [((G, _at(commitments, place)), (key, _at(encrypted, place))) for place, key in enumerate(committee.keys, 1)]


def _statement(committee: Committee, context: Context, ciphertext: bytes) -> bytes:
    return encode((context.encoded, committee.digest, ciphertext))


def verify_dealing(committee: Committee, context: Context, dealing: Dealing) -> bool:
    """Whether any t honest members can open this dealing, all to the same secret. Never raises.

    A function of its arguments alone: every member, and every auditor later, comes to the same answer. Costs 0.55 ms a
    member of the committee. That the ciphertext holds a report is not said; see
    :func:`~mechdesign.decision.sealing.threshold.combine`.
    """
    n = committee.n
    if len(dealing.commitments) != n * POINT_BYTES or len(dealing.encrypted) != n * POINT_BYTES:
        return False
    points = [_at(part, place) for part in (dealing.commitments, dealing.encrypted) for place in range(1, n + 1)]
    if not all(map(looks_like_point, points)):
        return False  # seen for nothing; the proof would find it too
    rows = _rows(committee, dealing.commitments, dealing.encrypted)
    # The proof multiplies every point by the challenge, which checks that each is in the group.
    if not verify(_PROOF, _statement(committee, context, dealing.ciphertext), rows, dealing.proof):
        return False
    seed = digest("mechdesign/dual-word/1", committee.digest, dealing.digest(context))
    word = dual_word(n, committee.threshold, seed)
    try:
        # The commitments come first among the points; the word is empty where every degree is allowed.
        return total(multiply(weight, point) for weight, point in zip(word, points, strict=False)) == IDENTITY
    except PointError:
        return False
