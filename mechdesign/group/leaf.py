"""The leaf: one submission in the payload of a block, and the digest that stands for it.

A leaf's digest covers a digest of the submission's data, so that a proof about what somebody submitted stays short. A
leaf that is no submission is void: it is never delivered, and never makes its block invalid.
"""

from typing import NamedTuple

from mechdesign.group.messages import Submission
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import decode, digest, encode

__all__ = [
    "PAYLOAD_SLACK_BYTES",
    "SEQUENCE_MAX",
    "Said",
    "decode_leaf",
    "encode_leaf",
    "hash_leaf",
    "leaf_digest",
    "said",
]

PAYLOAD_SLACK_BYTES = 64
"""What one leaf may need beside its data, so that the longest submission fits into the largest payload."""

SEQUENCE_MAX = 2**48
"""No submission has a number as high."""

_TAG_LEAF = "mechdesign/leaf/1"
_TAG_DATA = "mechdesign/leaf/data/1"
_TAG_VOID = "mechdesign/leaf/void/1"


class Said(NamedTuple):
    """A submission with its data hashed, which is all that its leaf's digest covers.

    A proof about what somebody submitted stays short, however long the submission is.

    Attributes:
        kind: as in :class:`~mechdesign.group.messages.Submission`.
        sender: as there.
        sequence: as there.
        digest: of the data, 32 bytes.
    """

    kind: int
    sender: MemberId
    sequence: int
    digest: bytes


def encode_leaf(submission: Submission) -> bytes:
    """A submission as a leaf of a payload."""
    return encode((submission.kind, submission.sender, submission.sequence, submission.data))


def decode_leaf(leaf: bytes, roster: Roster) -> Submission | None:
    """The submission in a leaf, or None where the leaf is void.

    A void leaf is never delivered and never makes its block invalid.
    """
    submission = _read_leaf(leaf)
    return submission if submission is not None and len(submission.data) <= roster.submission_bytes_max else None


def _read_leaf(leaf: bytes) -> Submission | None:
    try:
        value = decode(leaf)
    except WireError:
        return None
    match value:
        case (int(kind), bytes(sender), int(sequence), bytes(data)):
            if type(kind) is int and type(sequence) is int and 0 <= kind <= 255 and 0 <= sequence < SEQUENCE_MAX:
                return Submission(kind, MemberId(sender), sequence, data)
    return None


def said(submission: Submission) -> Said:
    """A submission with a digest in place of its data."""
    head = (submission.kind, submission.sender, submission.sequence)
    return Said(*head, digest(_TAG_DATA, submission.data))


def hash_leaf(leaf: bytes) -> bytes:
    """The digest that stands for a leaf of a payload, void ones included, under the Merkle root; 32 bytes."""
    submission = _read_leaf(leaf)
    return digest(_TAG_VOID, leaf) if submission is None else leaf_digest(said(submission))


def leaf_digest(what: Submission | Said) -> bytes:
    """The digest that stands for a submission under the Merkle root, 32 bytes."""
    if isinstance(what, Submission):
        what = said(what)
    return digest(_TAG_LEAF, encode((what.kind, what.sender, what.sequence)), what.digest)
