"""Decryption shares: what a member publishes when a phase has closed, for all dealings of the phase at once.

From an encrypted share ``y = key * p(i)`` the member takes its key off and gets ``s = H * p(i)``. That it did so
rightly for *every* dealing is one proof, however many dealings there are: with coefficients r_d that depend on all of
them, ``S = sum(r_d * s_d)`` and ``Y = sum(r_d * y_d)`` satisfy ``Y = secret * S`` for the secret behind its key, which
one proof of equal logarithms shows. If a single s_d were wrong, the sums would agree with probability 1/ORDER only. So
checking costs two multiplications a dealing in place of four, and publishing one proof in all.

A share names what it opens by a digest over all targets. A share of another set is no share of this one (and no
offence); one of this set whose proof fails convicts its sender, whose signature is around it.

**Source**: Cascudo and David 2017, section 4.1 (decryption shares); Henry, *Efficient zero-knowledge proofs and
applications*, 2014, chapter 4 (batch proofs with a common base).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mechdesign.decision.sealing.curve import (
    POINT_BYTES,
    SCALAR_BYTES,
    H,
    PointError,
    looks_like_point,
    multiply,
    scalars,
    total,
)
from mechdesign.decision.sealing.dealing import Context, Dealing
from mechdesign.decision.sealing.keys import Committee, EncryptionKey
from mechdesign.decision.sealing.proof import Proof, verify
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.wire import DIGEST_BYTES, decode, digest, encode

__all__ = ["DEALINGS_MAX", "Share", "Target", "open_share", "target_digest", "targets", "verify_share"]

DEALINGS_MAX = 1024
"""One share opens at most so many dealings."""

_PROOF = "mechdesign/share/1"
_SLACK = 64


@dataclass(frozen=True, slots=True)
class Target:
    """What one member needs of one dealing to open it, and others to check that.

    Attributes:
        name: :meth:`Dealing.digest` of the dealing at its place.
        encrypted: the member's encrypted share, a point.
    """

    name: bytes
    encrypted: bytes


def targets(committee: Committee, member: MemberId, dealings: Sequence[tuple[Context, Dealing]]) -> tuple[Target, ...]:
    """The targets of one member among valid dealings, in the given order (which all members must agree on).

    Raises:
        LocalProtocolError: a stranger, no dealing, or too many.
    """
    place = committee.place(member)
    if place is None:
        raise LocalProtocolError("a stranger to the committee holds no shares")
    if not 1 <= len(dealings) <= DEALINGS_MAX:
        raise LocalProtocolError(f"a share opens 1 to {DEALINGS_MAX} dealings, not {len(dealings)}")
    return tuple(Target(dealing.digest(context), dealing.share(place)) for context, dealing in dealings)


def target_digest(opened: Sequence[Target]) -> bytes:
    """32 bytes that name the dealings that a share opens; equal at all members."""
    return digest("mechdesign/share-targets/1", b"".join(target.name for target in opened))


@dataclass(frozen=True)
class Share:
    """One member's decryption shares of a list of dealings.

    Attributes:
        opens: :func:`target_digest` of that list.
        points: ``H * p(i)`` for each dealing in turn, 32 bytes each, one after the other.
        proof: that all of them are right.
    """

    opens: bytes
    points: bytes
    proof: Proof

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes: 32 a dealing, 96, and a few of framing."""
        return encode((self.opens, self.points, self.proof.challenge, self.proof.responses))

    @classmethod
    def parse(cls, data: bytes) -> "Share | None":
        """Read the bytes of :attr:`encoded`; None if they are not of that form. Never raises."""
        try:
            value = decode(data, bytes_max=DEALINGS_MAX * POINT_BYTES + DIGEST_BYTES + 2 * SCALAR_BYTES + _SLACK)
        except WireError:
            return None
        match value:
            case (bytes(opens), bytes(points), bytes(challenge), bytes(response)):
                fixed = (len(opens), len(challenge), len(response)) == (DIGEST_BYTES, SCALAR_BYTES, SCALAR_BYTES)
                count, rest = divmod(len(points), POINT_BYTES)
                if fixed and rest == 0 and 1 <= count <= DEALINGS_MAX:
                    return cls(opens, points, Proof(challenge, response))
        return None

    def point(self, index: int) -> bytes:
        """The decryption share of the dealing at an index (from 0) of the list."""
        return self.points[index * POINT_BYTES : (index + 1) * POINT_BYTES]


def _statement(committee: Committee, member: MemberId, opened: Sequence[Target], points: bytes) -> bytes:
    encrypted = b"".join(target.encrypted for target in opened)
    return encode((committee.digest, member, target_digest(opened), encrypted, points))


def _coefficients(statement: bytes, count: int) -> list[int]:
    # The first coefficient may be 1: scaling all of them changes nothing.
    return [1, *scalars(digest("mechdesign/share-coefficients/1", statement), count - 1)]


def _combination(weights: Sequence[int], points: Sequence[bytes]) -> bytes:
    return total(multiply(weight, point) for weight, point in zip(weights, points, strict=True))


def open_share(key: EncryptionKey, committee: Committee, member: MemberId, opened: Sequence[Target]) -> Share:
    """Open one's own part of valid dealings, but not before the phase is closed in one's own decided log.

    Needs no entropy: the proof's nonce is derived from the key and the statement. Costs 0.25 ms a dealing.

    Raises:
        LocalProtocolError: the key is not the member's in this committee, or there is nothing to open.
        PointError: a target comes from a dealing that was never checked.
    """
    place = committee.place(member)
    if place is None or committee.keys[place - 1] != key.public:
        raise LocalProtocolError("this encryption key is not the member's in this committee")
    if not 1 <= len(opened) <= DEALINGS_MAX:
        raise LocalProtocolError(f"a share opens 1 to {DEALINGS_MAX} dealings, not {len(opened)}")
    decrypted = [key.decrypt(target.encrypted) for target in opened]
    points = b"".join(decrypted)
    statement = _statement(committee, member, opened, points)
    weights = _coefficients(statement, len(opened))
    sum_encrypted = _combination(weights, [target.encrypted for target in opened])
    proof = key.prove(_PROOF, statement, [(key.decrypt(sum_encrypted), sum_encrypted)])
    return Share(target_digest(opened), points, proof)


def verify_share(committee: Committee, member: MemberId, opened: Sequence[Target], share: Share) -> bool:
    """Whether every decryption share in ``share`` is right. Never raises, if the targets are of valid dealings.

    Costs 0.28 ms a dealing and 0.5 ms. False for a share of other targets; compare :attr:`Share.opens` with
    :func:`target_digest` first to tell that from a lie.
    """
    place = committee.place(member)
    if place is None or share.opens != target_digest(opened) or len(share.points) != len(opened) * POINT_BYTES:
        return False
    points = [share.point(index) for index in range(len(opened))]
    if not points or not all(map(looks_like_point, points)):
        return False
    statement = _statement(committee, member, opened, share.points)
    weights = _coefficients(statement, len(opened))
    try:
        # Each point is multiplied by a weight other than 0, which checks that it is in the group.
        base = _combination(weights, points)
        image = _combination(weights, [target.encrypted for target in opened])
    except PointError:
        return False
    if not (looks_like_point(base) and looks_like_point(image)):
        return False  # a sum that vanished: the weights cannot be aimed at that
    rows = [((H, committee.keys[place - 1]), (base, image))]
    return verify(_PROOF, statement, rows, share.proof)
