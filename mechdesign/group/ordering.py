"""The order of an epoch: accepted blocks in, ordered blocks and the entries that they make out.

Everything here is a function of the accepted blocks, and what comes out of it one of the sequence of commits. It can
begin again at any certified checkpoint, since that says all that the sequence up to there has to say. It ends with the
commit that closes the epoch: what is decided later is nobody's concern.
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
from mechdesign.group.messages import Delivered, ViewChanging
from mechdesign.group.roster import Roster
from mechdesign.group.views.view import View

__all__ = ["Committed", "Entry", "Ordered", "Ordering", "OrderingEvent"]


Entry: TypeAlias = Delivered | ViewChanging | Conflict
"""What an ordered block brings: entries of the log, the beginning of a change right behind its entry, and proofs."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A block is out, with what it brings into the log and what it proves."""

    block: Block
    entries: Sequence[Entry]


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
        view: the change of the view, as far as the log tells it.
        final: the last checkpoint of the epoch, once it is closed.
    """

    def __init__(self, roster: Roster, log_bytes_max: int, rule: CommitRule | None, view: View) -> None:
        self.commits = 0
        self.committed_round = -1
        self.view = view
        self.final: Checkpoint | None = None
        self.dag = Dag(roster)
        self.committer = Committer(roster, self.dag, rule)
        self.linearizer = Linearizer(roster, self.dag)
        self.chronicle = Chronicle(roster, log_bytes_max)
        self._late: list[Ordered] = []
        self._slots = roster.slots_per_round
        self._between = commits_between(roster)

    def add(self, block: Block) -> None:
        """Take an accepted block."""
        self.dag.add(block)
        self.committer.add(block)
        if self.dag.is_ordered(block.digest) and (proof := self.linearizer.late(block)) is not None:
            self._late.append(Ordered(block, (proof,)))

    def decide(self) -> Iterator[OrderingEvent]:
        """What the newly decided slots bring, in order, and nothing of them any more once the epoch is closed.

        Before that, what newly accepted blocks prove that are out already.
        """
        late, self._late = self._late, []
        yield from late
        if self.final is not None:
            return
        for slot, verdict in self.committer.decide():
            if not isinstance(verdict, Commit):
                continue
            self.commits += 1
            self.committed_round = slot[0]
            for block in self.linearizer.linearise(verdict.leader):
                yield Ordered(block, self.enter(block))
            if self.view.settled is not None:
                # Nobody goes on from here, so what is out above the collection round matters to nobody.
                self.final = self._checkpoint(slot, [])
                yield Committed(self.final)
                return
            due = self.commits % self._between == 0
            yield Committed(self._checkpoint(slot, self.dag.ordered()) if due else None)

    def enter(self, block: Block) -> Sequence[Entry]:
        """Take an ordered block into the log, if it brings anything new; gives the entries."""
        entries: list[Entry] = []
        brings = False
        for entry in self.linearizer.deliver(block):
            entries.append(entry)
            if isinstance(entry, Delivered):
                brings = True
                begins = self.view.enter(entry)
                entries += [] if begins is None else [begins]
        if brings:
            self.chronicle.append(block)
        return entries

    def _checkpoint(self, slot: Slot, ordered: list[bytes]) -> Checkpoint | None:
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
        # The log that a quorum certified ends here, so if it settles the change this is its end.
        self.final = checkpoint if self.view.settled is not None else None
        self.dag.reset(checkpoint.collection, checkpoint.collection, checkpoint.ordered)
        self.committer.reset(checkpoint.round, checkpoint.place)
        self.linearizer.resumed(checkpoint.ordered)

    def prune(self, floor: int) -> list[Block]:
        """Let go of the blocks below a round, at most the collection round; gives them."""
        gone = self.dag.prune(floor)
        self.linearizer.pruned(gone)
        return gone
