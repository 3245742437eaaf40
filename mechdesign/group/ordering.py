"""The order of an epoch: accepted blocks in, ordered blocks and the entries that they make out.

Everything here is a function of the accepted blocks, and what comes out of it one of the sequence of commits. It can
begin again at any certified checkpoint, since that says all that the sequence up to there has to say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.block import Block
from mechdesign.group.checkpoint import ORDERED_MAX, Checkpoint, commits_between
from mechdesign.group.chronicle import Chronicle
from mechdesign.group.committer import Commit, CommitRule, Committer, Slot
from mechdesign.group.dag import Dag
from mechdesign.group.linearizer import Conflict, Linearizer
from mechdesign.group.messages import Delivered
from mechdesign.group.roster import Roster

__all__ = ["Committed", "Ordered", "Ordering", "OrderingEvent"]


@dataclass(frozen=True, slots=True)
class Ordered:
    """A block is out, with what it brings into the log and what it proves."""

    block: Block
    entries: Sequence[Delivered | Conflict]


@dataclass(frozen=True, slots=True)
class Committed:
    """A leader was committed and everything of its history is out; ``checkpoint`` is set where one is due."""

    checkpoint: Checkpoint | None


OrderingEvent: TypeAlias = Ordered | Committed
"""What accepted blocks bring about."""


class Ordering:
    """The DAG, the commit rule and the log of one member.

    Attributes:
        commits: how many leaders were committed.
        committed_round: round of the last of them, -1 before the first.
    """

    def __init__(self, roster: Roster, log_bytes_max: int, rule: CommitRule | None) -> None:
        self.commits = 0
        self.committed_round = -1
        self.dag = Dag(roster)
        self.committer = Committer(roster, self.dag, rule)
        self.linearizer = Linearizer(roster, self.dag)
        self.chronicle = Chronicle(roster, log_bytes_max)
        self._slots = roster.slots_per_round
        self._between = commits_between(roster)

    def add(self, block: Block) -> None:
        """Take an accepted block."""
        self.dag.add(block)
        self.committer.add(block)

    def decide(self) -> Iterator[OrderingEvent]:
        """What the newly decided slots bring, in order."""
        for slot, verdict in self.committer.decide():
            if not isinstance(verdict, Commit):
                continue
            self.commits += 1
            self.committed_round = slot[0]
            for block in self.linearizer.linearise(verdict.leader):
                yield Ordered(block, self.enter(block))
            due = self.commits % self._between == 0
            yield Committed(self._checkpoint(slot) if due else None)

    def enter(self, block: Block) -> Sequence[Delivered | Conflict]:
        """Take an ordered block into the log, if it brings anything new; gives the entries."""
        entries = self.linearizer.deliver(block)
        if any(isinstance(entry, Delivered) for entry in entries):
            self.chronicle.append(block)
        return entries

    def _checkpoint(self, slot: Slot) -> Checkpoint | None:
        ordered = self.dag.ordered()
        if len(ordered) > ORDERED_MAX:
            return None
        place = self.committer.slots(slot[0]).index(slot) + 1
        round_, place = (slot[0], place) if place < self._slots else (slot[0] + 1, 0)
        return Checkpoint(
            self.commits,
            round_,
            place,
            self.committed_round,
            self.dag.collection,
            tuple(ordered),
            self.linearizer.length,
            self.chronicle.count,
            self.chronicle.chain,
            self.linearizer.counts(),
        )

    def agrees(self, checkpoint: Checkpoint) -> bool:
        """Whether the log, as far as it got, is the one that a checkpoint describes the end of."""
        log = (self.linearizer.length, self.chronicle.count, self.chronicle.chain, self.linearizer.counts())
        return log == (checkpoint.length, checkpoint.blocks, checkpoint.chain, checkpoint.counts)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Begin again at a checkpoint that the log agrees with, without any blocks."""
        self.commits = checkpoint.index
        self.committed_round = checkpoint.committed_round
        self.dag.reset(checkpoint.collection, checkpoint.collection, checkpoint.ordered)
        self.committer.reset(checkpoint.round, checkpoint.place)

    def prune(self, floor: int) -> list[Block]:
        """Let go of the blocks below a round, at most the collection round; gives them."""
        gone = self.dag.prune(floor)
        self.linearizer.pruned(gone)
        return gone
