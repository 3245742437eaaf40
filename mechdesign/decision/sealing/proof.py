"""Proofs that logarithms are known and equal, without saying them.

A statement is a list of *rows*. A row says: one secret scalar x takes each of the row's bases to its image. One row
with one base is a proof of possession (Schnorr); one row with two bases says that two logarithms are equal (Chaum and
Pedersen 1992), and n rows with two bases each are the proof of a whole dealing. All rows share one challenge.

The challenge is a hash (Fiat and Shamir) over a domain tag, the whole context and every point: bases, images, and
the prover's first messages. So a proof says nothing under another context, for another prover named in it, or beside
another ciphertext, and nobody can choose a statement after its challenge. A proof is the challenge and one response a
row; the verifier works back to the first messages and hashes again. Both are canonical scalars, so a valid proof has no
second encoding.

**Source**: Chaum and Pedersen, *Wallet databases with observers*, 1992, section 3.2; for why the statement itself must
be hashed: Bernhard, Pereira and Warinschi, *How not to prove yourself*, 2012.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mechdesign.decision.sealing.curve import (
    SCALAR_BYTES,
    G,
    PointError,
    encode_scalar,
    hash_to_scalar,
    multiply,
    multiply_base,
    parse_scalar,
    scalars,
    subtract,
)
from mechdesign.kernel.wire import digest

__all__ = ["Proof", "Row", "prove", "verify"]

Row = Sequence[tuple[bytes, bytes]]
"""Pairs (base, image) under one secret scalar."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What convinces: the challenge, and the answer of every row.

    Attributes:
        challenge: 32 bytes, a canonical scalar.
        responses: 32 bytes a row, canonical scalars one after the other.
    """

    challenge: bytes
    responses: bytes


def _challenge(tag: str, context: bytes, rows: Sequence[Row], firsts: Sequence[bytes]) -> int:
    points = [point for row in rows for pair in row for point in pair]
    shape = bytes(len(row) for row in rows)
    return hash_to_scalar(tag, context, shape, b"".join(points), b"".join(firsts))


def _multiply(scalar: int, base: bytes) -> bytes:
    return multiply_base(scalar) if base == G else multiply(scalar, base)


def prove(tag: str, context: bytes, rows: Sequence[Row], secrets: Sequence[int], seed: bytes) -> Proof:
    """Prove that ``secrets[j]`` takes every base of ``rows[j]`` to its image.

    The nonces come from ``seed`` (which nobody else may know) *and* from the whole statement, so that no two statements
    ever share a nonce, not even after a crash or under a broken source of entropy.
    """
    points = b"".join(point for row in rows for pair in row for point in pair)
    known = b"".join(map(encode_scalar, secrets))
    nonces = scalars(digest("mechdesign/proof-nonce/1", tag.encode(), seed, known, context, points), len(rows))
    firsts = [_multiply(nonce, base) for nonce, row in zip(nonces, rows, strict=True) for base, _ in row]
    challenge = _challenge(tag, context, rows, firsts)
    answers = (nonce + challenge * secret for nonce, secret in zip(nonces, secrets, strict=True))
    return Proof(encode_scalar(challenge), b"".join(map(encode_scalar, answers)))


def verify(tag: str, context: bytes, rows: Sequence[Row], proof: Proof) -> bool:
    """Whether the proof holds; never raises.

    Every image is multiplied by the challenge, which is not zero, so that one that is no point of prime order is found.
    Bases are taken to be good: they are generators, checked keys, or sums of checked points.
    """
    if len(proof.responses) != SCALAR_BYTES * len(rows):
        return False
    challenge = parse_scalar(proof.challenge)
    if not challenge:
        return False
    firsts: list[bytes] = []
    try:
        for index, row in enumerate(rows):
            response = parse_scalar(proof.responses[index * SCALAR_BYTES : (index + 1) * SCALAR_BYTES])
            if response is None:
                return False
            for base, image in row:
                firsts.append(subtract(_multiply(response, base), multiply(challenge, image)))
    except PointError:
        return False
    return challenge == _challenge(tag, context, rows, firsts)
