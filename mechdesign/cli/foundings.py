"""What transcripts show of who proposed which session; read by their beginning alone, so that many are read soon."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mechdesign.decision.entries import Kind
from mechdesign.decision.passing import read_passing
from mechdesign.decision.proposal import Proposal, session_id
from mechdesign.group.block import check_inclusion
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import VerificationError, WireError

__all__ = ["Founding", "foundings", "read_founding"]

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Founding:
    """The proposal that a transcript begins with, signed by its proposer.

    Attributes:
        session: the session's identifier.
        proposer: who proposed.
        nonce: of the proposal; of one with a label, :func:`mechdesign.decision.proposal.nonce_of` that.
    """

    session: bytes
    proposer: MemberId
    nonce: bytes


def read_founding(chunks: Iterable[bytes], group: str) -> Founding | None:
    """What a transcript begins with, or None: it is none, of another group, or its proposer signed no such proposal.

    Args:
        chunks: the transcript's bytes, cut anywhere; no more is taken than is needed.
        group: the group's name.
    """
    try:
        passing = read_passing(chunks)
        entry, _ = next(passing.entries)
    except (VerificationError, WireError, StopIteration, OSError):
        return None
    roster, sent = passing.roster, entry.submission
    terms = Proposal.parse(sent.data) if sent.kind == Kind.PROPOSE else None
    if terms is None or roster.group != group or not check_inclusion(roster, Ed25519(), sent, entry.inclusion):
        return None
    return Founding(session_id(roster, sent.sender, sent.sequence, sent.data), sent.sender, terms.nonce)


def foundings(folder: Path, group: str) -> Iterator[Founding]:
    """Those of all transcripts in a node's data folder; whatever else lies there is passed over."""
    for file in sorted(folder.glob("*.transcript")):
        if file.is_file() and (found := read_founding(_chunks(file), group)) is not None:
            yield found


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        yield from iter(lambda: source.read(_CHUNK_BYTES), b"")
