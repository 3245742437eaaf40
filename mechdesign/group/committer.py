"""The commit rule: which leader slots are committed, which are skipped, and which are still open.

A slot is a pair (round, author); slot k of round r belongs to the member (r + k) mod n; slots are ordered by (r, k).

::

    vote(v, L)   v.round == L.round + 1 and L is a parent of v
    cert(c, L)   c.round == L.round + 2 and q authors among c's parents vote for L
    blame(v, s)  v.round == s.round + 1 and no parent of v stands in slot s
    direct       q authors blame s: skip;  blocks of q authors certify L: commit L;  otherwise undecided
    indirect     the first later slot, at least a wave on, that is not skipped: undecided if it is, and where it commits
                 A: commit L if a block of round s.round + 2 in A's history certifies L, else skip

Authors are counted, never blocks. A verdict once reached never changes, so each slot is decided once and remembered.

**Source**: Keidar, Naor, Poupko and Shapiro, *Cordial Miners* (2023); Babel et al., *Mysticeti* (2024), section 3.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from mechdesign.group.block import Block, Reference
from mechdesign.group.dag import Dag
from mechdesign.group.roster import Roster

__all__ = ["UNDECIDED", "Commit", "CommitRule", "Committer", "Decision", "Skip", "Slot", "Undecided", "Verdict"]

Slot: TypeAlias = tuple[int, int]
"""(round, author): a leader slot."""


@dataclass(frozen=True, slots=True)
class CommitRule:
    """The rule's parameters; other values than these defaults exist so that tests can see a broken rule found out.

    Attributes:
        wave: rounds from a leader to its certificates; 2 takes a single vote for a certificate.
        rotate: whether the order of the slots changes from round to round.
    """

    wave: int = 3
    rotate: bool = True


@dataclass(frozen=True, slots=True)
class Commit:
    """The slot's leader is this block."""

    leader: Block


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing of the slot can ever be committed."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """More blocks are needed."""


Verdict: TypeAlias = Commit | Skip | Undecided
"""What is known of a slot."""

Decision: TypeAlias = tuple[Slot, Commit | Skip]
"""A slot with its final verdict."""

SKIP = Skip()
UNDECIDED = Undecided()


class Committer:
    """Counts votes, certificates and blame as blocks come in, and decides slots in their order.

    Attributes:
        forked: a slot with two certified twins, or one both certified and skipped; None while the assumption on the
            number of liars holds. Nothing is decided any more once it is set.
    """

    def __init__(self, roster: Roster, dag: Dag, rule: CommitRule | None = None) -> None:
        self.forked: Slot | None = None
        self._roster = roster
        self._dag = dag
        self._rule = rule or CommitRule()
        self._q = roster.q
        self._everybody = (1 << roster.n) - 1
        self._span = self._rule.wave - 1
        self.reset(0, 0)

    def reset(self, round_: int, place: int) -> None:
        """Begin again without blocks where the next slot to be decided is this one."""
        self._certs: dict[bytes, int] = {}
        self._blames: dict[Slot, int] = {}
        self._certifies: dict[bytes, tuple[Block, ...]] = {}
        self._verdicts: dict[Slot, Commit | Skip] = {}
        self._committed: dict[Slot, bytes] = {}
        self._next_round = round_
        self._next_place = place
        self._stale = True

    @property
    def undecided_round(self) -> int:
        """The round of the first slot that is not decided."""
        return self._next_round

    def slots(self, round_: int) -> list[Slot]:
        """The slots of a round in their order."""
        n = self._roster.n
        first = round_ if self._rule.rotate else 0
        return [(round_, (first + k) % n) for k in range(self._roster.slots_per_round)]

    def add(self, block: Block) -> None:
        """Count what an accepted block says of the two rounds before it; call once for each, ancestors first."""
        before = block.round - 1
        if before < 0:
            return
        mine = 1 << block.author
        get = self._dag.get
        voted: list[Block] = []
        named = 0
        for parent in block.header.parents:
            if parent.round == before:
                named |= 1 << parent.author
                target = get(parent.digest)
                if target is not None and target.ref == parent:
                    voted.append(target)
        if before >= self._next_round and named != self._everybody:
            for author in range(self._roster.n):
                if not named >> author & 1:
                    self._blame((before, author), mine)
        if self._rule.wave == 2:
            certified = voted
        else:
            support: Counter[Reference] = Counter(chain.from_iterable(voter.header.parents for voter in voted))
            certified = []
            for grand, count in support.items():
                if count >= self._q and grand.round == before - 1:
                    leader = get(grand.digest)
                    if leader is not None and leader.ref == grand:
                        certified.append(leader)
        for leader in certified:
            self._certify(leader, mine)
        # What a late block says of slots that are decided is of no use.
        certifies = tuple(leader for leader in certified if leader.round >= self._next_round)
        if certifies:
            self._certifies[block.digest] = certifies

    def _blame(self, slot: Slot, mine: int) -> None:
        before = self._blames.get(slot, 0)
        self._blames[slot] = mask = before | mine
        if self._reaches_quorum(before, mask):
            self._look_for_fork(slot)

    def _certify(self, leader: Block, mine: int) -> None:
        slot = (leader.round, leader.author)
        if leader.round < self._next_round:
            committed = self._committed.get(slot)
            if committed is not None and committed != leader.digest and self._rule.wave == 3:
                self.forked = slot
            return
        before = self._certs.get(leader.digest, 0)
        self._certs[leader.digest] = mask = before | mine
        self._reaches_quorum(before, mask)
        if not before:
            self._look_for_fork(slot)

    def _reaches_quorum(self, before: int, mask: int) -> bool:
        """Whether a count has just come to q; only then can there be a verdict that there was not."""
        reached = before.bit_count() < self._q <= mask.bit_count()
        self._stale = self._stale or reached
        return reached

    def _look_for_fork(self, slot: Slot) -> None:
        if self._rule.wave != 3:
            return
        certified = sum(twin.digest in self._certs for twin in self._dag.slot(*slot))
        blamed = self._blames.get(slot, 0).bit_count() >= self._q
        if certified + blamed > 1:
            self.forked = slot

    def direct(self, slot: Slot) -> Verdict:
        """What the votes, certificates and blame for a slot say by themselves."""
        if self._blames.get(slot, 0).bit_count() >= self._q:
            return SKIP
        for twin in self._dag.slot(*slot):
            if self._certs.get(twin.digest, 0).bit_count() >= self._q:
                return Commit(twin)
        return UNDECIDED

    def indirect(self, slot: Slot, anchor: Block) -> Commit | Skip:
        """What the history of a committed later leader says of a slot."""
        at = slot[0] + self._span
        found: dict[bytes, Block] = {}
        for block in self._dag.history(anchor, at):
            if block.round == at:
                for leader in self._certifies.get(block.digest, ()):
                    if (leader.round, leader.author) == slot:
                        found[leader.digest] = leader
        if not found:
            return SKIP
        return Commit(found[min(found)])

    def verdicts(self) -> dict[Slot, Verdict]:
        """The verdict of every slot from the first undecided one up, as far as blocks are held."""
        found: dict[Slot, Verdict] = {}
        # anchors[r]: the verdict of the first slot at or above round r that is not skipped.
        anchors: dict[int, Verdict] = {}
        for round_ in range(self._dag.highest, self._next_round - 1, -1):
            anchor = anchors.get(round_ + self._rule.wave, UNDECIDED)
            first: Verdict = anchors.get(round_ + 1, UNDECIDED)
            for slot in reversed(self.slots(round_)):
                verdict: Verdict | None = self._verdicts.get(slot)
                if verdict is None:
                    verdict = self.direct(slot)
                    if isinstance(verdict, Undecided) and isinstance(anchor, Commit):
                        verdict = self.indirect(slot, anchor.leader)
                    if not isinstance(verdict, Undecided):
                        self._verdicts[slot] = verdict
                if not isinstance(verdict, Skip):
                    first = verdict
                found[slot] = verdict
            anchors[round_] = first
        return found

    def decide(self) -> list[Decision]:
        """The longest decided prefix of what was not decided before, in the order of the slots."""
        if self.forked is not None or not self._stale:
            return []
        self._stale = False
        self.verdicts()
        decided: list[Decision] = []
        while True:
            slots = self.slots(self._next_round)
            while self._next_place < len(slots):
                slot = slots[self._next_place]
                verdict = self._verdicts.pop(slot, None)
                if verdict is None:
                    return decided
                self._next_place += 1
                if isinstance(verdict, Commit):
                    self._committed[slot] = verdict.leader.digest
                decided.append((slot, verdict))
            self._prune(self._next_round)
            self._next_round += 1
            self._next_place = 0

    def _prune(self, round_: int) -> None:
        """Forget the counts of a round whose slots are all decided."""
        for author in range(self._roster.n):
            self._committed.pop((round_ - self._roster.depth, author), None)
            self._blames.pop((round_, author), None)
            # Slots that were decided before the rest of their round were looked at again with it.
            self._verdicts.pop((round_, author), None)
            for twin in self._dag.slot(round_, author):
                self._certs.pop(twin.digest, None)
        for block in [twin for a in range(self._roster.n) for twin in self._dag.slot(round_ + 1, a)]:
            self._certifies.pop(block.digest, None)
