"""The block: a signed header and the payload that its root commits to.

Validity is a predicate of the block's own bytes and the roster, never of another block (DESIGN section 6.3); its four
clauses are all in :func:`check_header` and :func:`judge`. Bytes are encoded once: what was hashed and signed is what is
sent, stored and sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from mechdesign.group.leaf import PAYLOAD_SLACK_BYTES, SEQUENCE_MAX, Said, hash_leaf, leaf_digest
from mechdesign.group.messages import Inclusion, Submission
from mechdesign.group.roster import PROTOCOL_VERSION, Roster
from mechdesign.kernel import merkle
from mechdesign.kernel.crypto import SIGNATURE_BYTES, SignatureScheme, Signer
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode, digest, encode

__all__ = [
    "GENESIS_ROUND",
    "ROUND_MAX",
    "Block",
    "Header",
    "Reference",
    "Standing",
    "block_bytes_max",
    "check_header",
    "check_inclusion",
    "genesis",
    "header_bytes_max",
    "inclusions",
    "intact",
    "judge",
    "make_block",
    "parse_block",
    "parse_header",
    "signed_by_author",
]

GENESIS_ROUND = -1
"""The genesis stands for a quorum of blocks of this round."""

ROUND_MAX = 2**48
"""No block has a later round."""

WEAK_PER_MEMBER = 2
"""Weak links of a block, at most so many for each member of the roster."""

_LEAF_BYTES_MIN = 32
_REFERENCE_BYTES_MAX = 52
_HEADER_FIXED_BYTES = 192
_TAG_BLOCK = "mechdesign/block/1"
_TAG_SIGN = "mechdesign/block/sign/1"
_TAG_GENESIS = "mechdesign/genesis/1"


class Reference(NamedTuple):
    """Names one block; the order of references is the order in which histories are linearised.

    Attributes:
        round: the block's round.
        author: the author's index in roster order.
        digest: of the block's header, 32 bytes.
    """

    round: int
    author: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What the author signed.

    Attributes:
        version: the protocol's version.
        group: the roster's digest; it binds the group and the epoch.
        epoch: the roster's epoch again, readable without the roster.
        round: counts from 0.
        author: index in roster order.
        parents: the own predecessor first, then blocks of the round before.
        weak: links to older blocks that nothing else covers.
        root: Merkle root over the digests of the payload's leaves.
        count: number of leaves.
    """

    version: int
    group: bytes
    epoch: int
    round: int
    author: int
    parents: tuple[Reference, ...]
    weak: tuple[Reference, ...]
    root: bytes
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A header as it was signed, its signature and its payload.

    Attributes:
        header: the fields.
        encoded: the header's bytes, as hashed and signed.
        signature: the author's, 64 bytes.
        leaves: the payload's leaves, each an encoded submission.
        wire: the whole block as it travels and is stored.
        digest: of the header, 32 bytes; the signature is no part of it.
        ref: the reference that names this block.
        round: the block's round, as in the header.
        author: the author's index in roster order, as in the header.
    """

    header: Header
    encoded: bytes
    signature: bytes
    leaves: tuple[bytes, ...]
    wire: bytes
    digest: bytes = field(init=False)
    ref: Reference = field(init=False)
    round: int = field(init=False)
    author: int = field(init=False)

    def __post_init__(self) -> None:
        """Derive the digest and the reference once; a block's round and author are asked for all the time."""
        own = digest(_TAG_BLOCK, self.encoded)
        round_, author = self.header.round, self.header.author
        object.__setattr__(self, "digest", own)
        object.__setattr__(self, "ref", Reference(round_, author, own))
        object.__setattr__(self, "round", round_)
        object.__setattr__(self, "author", author)

    @property
    def links(self) -> tuple[Reference, ...]:
        """Everything that the block refers to: its history begins here."""
        return self.header.parents + self.header.weak


class Standing(Enum):
    """What a block's own bytes say about it."""

    VALID = "valid"
    INVALID = "invalid"
    """The author signed a header that breaks a clause: evidence."""
    GARBAGE = "garbage"
    """Nothing that anyone signed is wrong: drop it."""


@lru_cache(maxsize=64)
def _genesis_digest(group: bytes) -> bytes:
    return digest(_TAG_GENESIS, group)


def genesis(roster: Roster, author: int) -> Reference:
    """The reference to the epoch's genesis that an author's first block has for its predecessor."""
    return Reference(GENESIS_ROUND, author, _genesis_digest(roster.digest))


@lru_cache(maxsize=64)
def block_bytes_max(roster: Roster) -> int:
    """The size that no valid block of the group passes on the wire, in bytes."""
    leaves = roster.payload_bytes_max // _LEAF_BYTES_MIN
    return header_bytes_max(roster) + SIGNATURE_BYTES + roster.payload_bytes_max + PAYLOAD_SLACK_BYTES + 5 * leaves + 32


@lru_cache(maxsize=64)
def header_bytes_max(roster: Roster) -> int:
    """The size that no header of the group passes, in bytes."""
    return _HEADER_FIXED_BYTES + (1 + WEAK_PER_MEMBER) * roster.n * _REFERENCE_BYTES_MAX


def make_block(
    roster: Roster,
    signer: Signer,
    round_: int,
    parents: Sequence[Reference],
    weak: Sequence[Reference] = (),
    leaves: Sequence[bytes] = (),
) -> Block:
    """Build and sign a block.

    Whether it is valid is up to the caller: adversaries and tests build the other kind with it too.
    """
    author = roster.place(signer.public)
    root = merkle.root([hash_leaf(leaf) for leaf in leaves])
    header = Header(
        PROTOCOL_VERSION,
        roster.digest,
        roster.epoch,
        round_,
        -1 if author is None else author,
        tuple(parents),
        tuple(weak),
        root,
        len(leaves),
    )
    encoded = encode_header(header)
    signature = signer.sign(digest(_TAG_SIGN, encoded))
    return Block(header, encoded, signature, tuple(leaves), encode((encoded, signature, tuple(leaves))))


def encode_header(header: Header) -> bytes:
    """The canonical bytes of a header."""
    head: tuple[Value, ...] = (header.version, header.group, header.epoch, header.round, header.author)
    return encode((*head, header.parents, header.weak, header.root, header.count))


def _references(value: Value, most: int) -> tuple[Reference, ...] | None:
    if type(value) is not tuple or len(value) > most:
        return None
    found = []
    for item in value:
        if type(item) is not tuple or len(item) != 3:
            return None
        round_, author, named = item
        if type(round_) is not int or type(author) is not int or type(named) is not bytes:
            return None
        if len(named) != DIGEST_BYTES:
            return None
        found.append(Reference(round_, author, named))
    return tuple(found)


def parse_header(encoded: bytes, roster: Roster) -> Header | None:
    """Read a header of this group, or None where the bytes are no such header.

    A header of another group, or one without a member for an author, is not ours to judge.
    """
    try:
        value = decode(encoded, bytes_max=header_bytes_max(roster))
    except WireError:
        return None
    if type(value) is not tuple or len(value) != 9:
        return None
    version, group, epoch, round_, author, raw_parents, raw_weak, root, count = value
    if group != roster.digest or type(author) is not int or not 0 <= author < roster.n:
        return None
    parents, weak = _references(raw_parents, roster.n), _references(raw_weak, WEAK_PER_MEMBER * roster.n)
    if parents is None or weak is None or type(root) is not bytes or len(root) != DIGEST_BYTES:
        return None
    if type(version) is not int or type(epoch) is not int or type(round_) is not int or type(count) is not int:
        return None
    return Header(version, roster.digest, epoch, round_, author, parents, weak, root, count)


def check_header(header: Header, roster: Roster) -> str | None:
    """Which clause of validity a header breaks, or None; a function of its own fields and the roster alone."""
    if header.version != PROTOCOL_VERSION or header.epoch != roster.epoch:
        return "version or epoch"
    if not 0 <= header.round <= ROUND_MAX or not 0 <= header.count <= roster.payload_bytes_max // _LEAF_BYTES_MIN:
        return "sizes"
    if not header.parents:
        return "predecessor"
    first, others = header.parents[0], header.parents[1:]
    if first.author != header.author or not GENESIS_ROUND <= first.round < header.round:
        return "predecessor"
    if first.round == GENESIS_ROUND and first != genesis(roster, header.author):
        return "predecessor"
    authors = {parent.author for parent in header.parents}
    if len(authors) < len(header.parents) or not all(0 <= author < roster.n for author in authors):
        return "parents"
    before = header.round - 1
    if any(parent.round != before for parent in others) or (before == GENESIS_ROUND and others):
        return "parents"
    if before > GENESIS_ROUND and len(others) + (first.round == before) < roster.q:
        return "quorum"
    oldest = max(0, header.round - roster.depth)
    if not all(oldest <= link.round < header.round and 0 <= link.author < roster.n for link in header.weak):
        return "weak links"
    return None


def parse_block(data: bytes, roster: Roster) -> Block | None:
    """Read a block of this group without judging it, or None for bytes that are none."""
    try:
        value = decode(data, bytes_max=block_bytes_max(roster))
    except WireError:
        return None
    if type(value) is not tuple or len(value) != 3:
        return None
    encoded, signature, leaves = value
    if type(encoded) is not bytes or type(signature) is not bytes or type(leaves) is not tuple:
        return None
    if len(signature) != SIGNATURE_BYTES or not all(type(leaf) is bytes for leaf in leaves):
        return None
    header = parse_header(encoded, roster)
    if header is None:
        return None
    return Block(header, encoded, signature, leaves, data)  # type: ignore[arg-type]


def signed_by_author(encoded: bytes, header: Header, signature: bytes, roster: Roster, scheme: SignatureScheme) -> bool:
    """Whether the header's author signed exactly these bytes."""
    return scheme.verify(roster.ids[header.author], digest(_TAG_SIGN, encoded), signature)


def judge(block: Block, roster: Roster, scheme: SignatureScheme) -> Standing:
    """Whether a block is valid, provably invalid, or nothing.

    The payload is not signed by itself: one that does not match the root, or is too large, may be the work of whoever
    carried the block, and proves nothing. What a leaf says is of no concern here.
    """
    if check_header(block.header, roster) is not None:
        signed = signed_by_author(block.encoded, block.header, block.signature, roster, scheme)
        return Standing.INVALID if signed else Standing.GARBAGE
    if not intact(block, roster):
        return Standing.GARBAGE
    if not signed_by_author(block.encoded, block.header, block.signature, roster, scheme):
        return Standing.GARBAGE
    return Standing.VALID


def intact(block: Block, roster: Roster) -> bool:
    """Whether the payload is the one that the header's root covers, and within its bounds."""
    if len(block.leaves) != block.header.count:
        return False
    if sum(map(len, block.leaves)) > roster.payload_bytes_max + PAYLOAD_SLACK_BYTES:
        return False
    return merkle.root([hash_leaf(leaf) for leaf in block.leaves]) == block.header.root


def inclusions(block: Block) -> list[Inclusion]:
    """The proof of inclusion of each leaf, in order."""
    paths = merkle.paths([hash_leaf(leaf) for leaf in block.leaves])
    return [Inclusion(block.encoded, block.signature, index, path) for index, path in enumerate(paths)]


def check_inclusion(
    roster: Roster, scheme: SignatureScheme, submission: Submission | Said, inclusion: Inclusion
) -> bool:
    """Whether the sender of a submission signed a block of this group that carries it; never raises."""
    header = parse_header(inclusion.header, roster)
    if header is None or roster.ids[header.author] != submission.sender or check_header(header, roster) is not None:
        return False
    if not (0 <= submission.kind <= 255 and 0 <= submission.sequence < SEQUENCE_MAX):
        return False
    if not merkle.verify(header.root, leaf_digest(submission), inclusion.index, header.count, inclusion.path):
        return False
    return signed_by_author(inclusion.header, header, inclusion.signature, roster, scheme)
