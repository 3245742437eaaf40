"""That a member knows the secret behind the CURVE key of its links, shown to anybody without a link.

A link's handshake shows it to the neighbour. In a roster the key stands for everybody, and whoever could enter
somebody else's key there under its own name would keep that one out, since no two lines of a roster share a key. So the
key comes with a proof of knowledge, bound to the member.

A CURVE key is the u coordinate of a point of Curve25519, which is edwards25519 in other coordinates, with
y = (u - 1)/(u + 1). Two points have that y; the one of even x is meant, and the secret is negated where it belongs to
the other. What is proved is the logarithm of that point, as for sealing keys (``sealing/proof.py``).

**Source**: Bernstein, Duif, Lange, Schwabe and Yang, *High-speed high-security signatures* (2012), section 2, for the
two coordinates.
"""

from mechdesign.decision.sealing.curve import ORDER, POINT_BYTES, G, multiply_base
from mechdesign.decision.sealing.proof import Proof, prove, verify
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.wire import digest

__all__ = ["holds_link_key", "prove_link_key"]

_P = 2**255 - 19
_ODD = 0x80
_TAG = "mechdesign/link-key/1"
_NONCES = "mechdesign/link-key-nonce/1"


def _point(curve: bytes) -> bytes | None:
    """The point of even x behind a u coordinate, if there is one; None for what is no coordinate in shortest form."""
    u = int.from_bytes(curve, "little")
    if len(curve) != POINT_BYTES or u >= _P - 1:
        return None
    return ((u - 1) * pow(u + 1, -1, _P) % _P).to_bytes(POINT_BYTES, "little")


def _scalar(secret: bytes) -> int:
    """The number that a CURVE secret stands for (RFC 7748, section 5)."""
    return int.from_bytes(secret, "little") & ((1 << 254) - 8) | 1 << 254


def prove_link_key(identity: Identity) -> Proof:
    """Show that an identity knows the secret of its CURVE key."""
    scalar = _scalar(identity.curve_secret)
    point = multiply_base(scalar)
    if point[-1] & _ODD:
        scalar, point = ORDER - scalar % ORDER, point[:-1] + bytes((point[-1] ^ _ODD,))
    return prove(_TAG, identity.public, [((G, point),)], [scalar], digest(_NONCES, identity.curve_secret))


def holds_link_key(member: MemberId, curve: bytes, proof: Proof) -> bool:
    """Whether a proof shows that the member knows the secret of a CURVE key. Never raises."""
    point = _point(curve)
    return point is not None and verify(_TAG, member, [((G, point),)], proof)
