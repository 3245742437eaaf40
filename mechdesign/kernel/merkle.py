"""Merkle roots and inclusion paths over a list of leaf digests.

Leaves and inner nodes carry different domain tags, and the number of leaves is bound into the root, so neither can be
taken for the other and no list has the root of another. An odd node is carried up unchanged, as in RFC 6962, section
2.1; the empty list has a root of its own.
"""

from collections.abc import Sequence

from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import DIGEST_BYTES, digest

__all__ = ["LEAVES_MAX", "path", "paths", "root", "verify"]

LEAVES_MAX = 1 << 20
"""No list is longer; bounds the length of a path to 20 digests."""

_NODE = "mechdesign/merkle/node/1"
_ROOT = "mechdesign/merkle/root/1"


def _up(level: Sequence[bytes]) -> list[bytes]:
    paired = [digest(_NODE, level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        paired.append(level[-1])
    return paired


def _seal(top: bytes, count: int) -> bytes:
    return digest(_ROOT, count.to_bytes(4, "big"), top)


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf digests (32 bytes each), the count bound in."""
    if len(leaves) > LEAVES_MAX:
        raise LocalProtocolError(f"{len(leaves)} leaves pass the limit of {LEAVES_MAX}")
    level: Sequence[bytes] = leaves
    while len(level) > 1:
        level = _up(level)
    return _seal(level[0] if level else b"", len(leaves))


def path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The sibling digests from leaf ``index`` up to the top, for :func:`verify`.

    Raises:
        LocalProtocolError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise LocalProtocolError(f"there is no leaf {index} among {len(leaves)}")
    level: Sequence[bytes] = leaves
    siblings: list[bytes] = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        level = _up(level)
        index //= 2
    return tuple(siblings)


def paths(leaves: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """The path of every leaf, each level hashed once: n log n for a list whose single paths would cost n squared."""
    levels: list[Sequence[bytes]] = [leaves]
    while len(levels[-1]) > 1:
        levels.append(_up(levels[-1]))
    found = []
    for index in range(len(leaves)):
        siblings = (level[(index >> at) ^ 1] for at, level in enumerate(levels) if (index >> at) ^ 1 < len(level))
        found.append(tuple(siblings))
    return found


def verify(top: bytes, leaf: bytes, index: int, count: int, siblings: Sequence[bytes]) -> bool:
    """Whether ``leaf`` stands at ``index`` of the ``count`` leaves under the root ``top``; never raises.

    Exactly one path is right for each (index, count): a longer or shorter one is refused.
    """
    if not 0 <= index < count <= LEAVES_MAX or len(leaf) != DIGEST_BYTES:
        return False
    here, at, width, used = leaf, index, count, 0
    while width > 1:
        if at ^ 1 < width:
            if used == len(siblings):
                return False
            sibling = siblings[used]
            used += 1
            here = digest(_NODE, sibling, here) if at % 2 else digest(_NODE, here, sibling)
        at //= 2
        width = (width + 1) // 2
    return used == len(siblings) and _seal(here, count) == top
