"""Fetches the log up to a certified checkpoint, for a member that fell behind what blocks are served for.

The checkpoint names the hash at the end of its log. Blocks are asked for backwards from there, batch by batch; each
batch has to end in the hash that is expected, so whoever sends one can only send the right one or be passed over. Who
sends little at a time is not asked twice in a row: one could make the way back take as long as it likes. When the
batches reach down to our own log the whole is consistent with it, and we go on from the checkpoint.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mechdesign.group.block import Block, Standing, judge, parse_block
from mechdesign.group.checkpoint import Certified
from mechdesign.group.chronicle import Chronicle, link
from mechdesign.group.packets import BATCH_BLOCKS, BATCH_BYTES, LogPart, LogWant
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.kernel.machine import Instant

__all__ = ["Recovery"]

_SLOWER_MAX = 5


@dataclass(slots=True)
class _Fetch:
    """What is being fetched: the log of ``target`` from ``begin`` on; ``parts`` begin at ``end``, newest first."""

    target: Certified
    begin: int
    end: int
    named: bytes
    parts: list[tuple[bytes, Block]]
    asked: int
    tries: int
    due: Instant


class Recovery:
    """One member's way back from far behind; idle almost always.

    Args:
        roster: the group.
        scheme: checks the blocks' signatures, which the hash does not cover.
        chronicle: our own log.
        retry: ask the next neighbour after this.
        after: the neighbour that follows another in rotation.
    """

    def __init__(
        self,
        roster: Roster,
        scheme: SignatureScheme,
        chronicle: Chronicle,
        retry: Instant,
        after: Callable[[int], int | None],
    ) -> None:
        self._roster = roster
        self._scheme = scheme
        self._chronicle = chronicle
        self._retry = retry
        self._after = after
        self._fetch: _Fetch | None = None

    @property
    def target(self) -> Certified | None:
        """The checkpoint whose log is being fetched."""
        return None if self._fetch is None else self._fetch.target

    @property
    def deadline(self) -> Instant | None:
        """When to ask again."""
        return None if self._fetch is None else self._fetch.due

    @property
    def progress(self) -> str:
        """How far it is, for people."""
        fetch = self._fetch
        if fetch is None:
            return ""
        done, all_ = len(fetch.parts), fetch.target.checkpoint.blocks - fetch.begin
        return f"was away for long and fetches what was ordered since: {done} of {all_} blocks of the log"

    def begin(self, target: Certified, place: int, now: Instant) -> None:
        """Start for a checkpoint that a neighbour sent, unless something is being fetched already."""
        if self._fetch is None:
            end, named = target.checkpoint.blocks, target.checkpoint.chain
            self._fetch = _Fetch(target, self._chronicle.count, end, named, [], place, 0, now)

    def drop(self) -> None:
        """Nothing need be fetched any more."""
        self._fetch = None

    def due(self, now: Instant) -> tuple[int, LogWant] | None:
        """Whom to ask for what now, if anybody."""
        fetch = self._fetch
        if fetch is None or fetch.due > now or fetch.end <= fetch.begin:
            return None
        if fetch.tries:
            place = self._after(fetch.asked)
            fetch.asked = fetch.asked if place is None else place
        fetch.due = now + (self._retry << min(fetch.tries // self._roster.n, _SLOWER_MAX))
        fetch.tries += 1
        return fetch.asked, LogWant(fetch.begin, fetch.end, fetch.named)

    def take(self, part: LogPart, now: Instant) -> str | None:
        """A neighbour sent blocks of the log; why they are dropped unless they are the ones that we wait for.

        Late answers come from honest neighbours, too; the right blocks with a signature that does not hold do not.
        """
        fetch = self._fetch
        if fetch is None or part.end != fetch.end or len(part.blocks) > fetch.end - fetch.begin:
            return "log"
        blocks: list[tuple[bytes, Block]] = []
        here = part.before
        for wire in part.blocks:
            block = parse_block(wire, self._roster)
            if block is None:
                return "log"
            blocks.append((here, block))
            here = link(here, (block.digest,))
        # The cheap check first: only blocks of the log are worth a look at their signatures.
        if here != fetch.named:
            return "log"
        if any(judge(block, self._roster, self._scheme) is not Standing.VALID for _, block in blocks):
            return "forged log"
        fetch.parts += reversed(blocks)
        fetch.end -= len(blocks)
        fetch.named = part.before
        # A whole batch brings us on, whoever it is from; for less the next neighbour is asked, as for silence.
        whole = len(blocks) == BATCH_BLOCKS or sum(map(len, part.blocks)) >= BATCH_BYTES // 2
        fetch.tries, fetch.due = 0 if whole else 1, now
        return None

    def whole(self) -> list[Block] | None:
        """The blocks that our log lacks, oldest first, once all are there; None while they are not.

        Empty also where they do not continue our own log: the caller finds out, for it then ends in another hash.
        """
        fetch = self._fetch
        if fetch is None or fetch.end > fetch.begin:
            return None
        # What we have ordered ourselves in the meantime is left out.
        more = self._chronicle.count - fetch.begin
        parts = fetch.parts[::-1][more:]
        if parts and parts[0][0] != self._chronicle.chain:
            return []
        return [block for _, block in parts]
