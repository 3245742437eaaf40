"""Every schedule of a small group: all DAGs that a few members can make in a few rounds, and all views of each.

The protocol without its clocks: a member accepts any block that exists and whose references it holds, or makes its next
block on what it has accepted, by the rules of :mod:`mechdesign.group.turn` and :mod:`mechdesign.group.proposer`, at any
moment. A liar makes valid blocks on any quorum of parents, twins among them, and shows each to whom it likes. Blocks,
acceptance, votes, decisions and the order are those of the real classes; the delivery of a block may take for ever.

What is enumerated, and why nothing is left out:

1. *A member's acceptances commute with everything that others do*, and with each other as far as one block does not
   refer to the other. So it accepts what it needs just before it makes a block (a partial order reduction), and a
   schedule is a sequence of blocks, each with the set of blocks that its maker had accepted.
2. *A block tells what its maker had accepted*, up to blocks that it may not refer to yet and such as its maker had
   ordered already. A maker that forgets these, as one does that crashes before it synced them, can do all that it could
   have done and more. So the state is the DAG alone, and a maker may have accepted any part of it that is closed under
   references and holds its own blocks.
3. *What a member decides is a function of the set of blocks that it accepted.* That is not believed: every set is fed
   in an order of its own, and compared with every set that is smaller by one block, down to nothing. If its decisions
   and its log continue theirs, then any two views of one DAG both continue into the DAG's: none contradicts another.
4. A block of a liar that nobody accepts changes nothing, so one is made when it is first accepted. A third twin is not
   explored: it is accepted only where somebody builds on it, see :mod:`mechdesign.group.block_manager`.

Permuting members is no symmetry, because slots have an order within their round. DAGs are visited by their number of
blocks, so the first violation is one of the shortest there are.

The schedules of a few rounds are too many even so, unless the number of *omissions* is bounded: an omission is a block
that does not name somebody who has a block of the round before, since that one had not been accepted. All schedules
with so many omissions are visited, whichever they are, and whoever stops for good.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mechdesign.group.committer import Commit, CommitRule, Committer
from mechdesign.group.dag import Dag
from mechdesign.group.linearizer import Linearizer
from mechdesign.group.roster import Roster
from mechdesign.testing.counterexample import Counterexample, Story, Teller
from mechdesign.testing.small_groups import SmallGroup, Tips

__all__ = ["CommitterClass", "Explorer", "Found"]

CommitterClass = Callable[[Roster, Dag, CommitRule | None], Committer]
"""What applies the commit rule; a negative control passes a broken one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an exploration saw.

    Attributes:
        schedules: DAGs that the members can make.
        views: sets of accepted blocks that were ordered and compared.
        comparisons: pairs of a set and the same with one block less.
        blocks: different blocks.
        depth: most blocks in a DAG.
        decided: most slots that a view decides.
        counterexample: a violation, or None.
    """

    schedules: int
    views: int
    comparisons: int
    blocks: int
    depth: int
    decided: int
    counterexample: Counterexample | None

    def __str__(self) -> str:
        held = "holds" if self.counterexample is None else "is violated"
        return (
            f"{held} in {self.schedules} schedules of at most {self.depth} blocks: {self.views} views, "
            f"{self.comparisons} comparisons, {self.blocks} different blocks, up to {self.decided} slots decided"
        )


@dataclass(slots=True)
class _View:
    """What follows from a set of accepted blocks: what it decides, and by place the next blocks of honest members."""

    story: Story
    makes: tuple[frozenset[int], ...]


class Explorer:
    """Enumerates the schedules of one small group.

    Args:
        group: the members, and in how many rounds they make blocks.
        omissions: a schedule has at most so many; None for any number.
        rule: the commit rule; a negative control passes a weaker one.
        committer: what applies it.
        visit: called with the blocks of each schedule.
    """

    def __init__(
        self,
        group: SmallGroup,
        omissions: int | None = None,
        *,
        rule: CommitRule | None = None,
        committer: CommitterClass = Committer,
        visit: Callable[[frozenset[int]], None] | None = None,
    ) -> None:
        self._group = group
        self._omissions = omissions
        self._rule = rule
        self._committer = committer
        self._visit = visit
        # Views of as many blocks as are looked at, and of one less.
        self._views: dict[Tips, _View] = {}
        self._below: dict[Tips, _View] = {}
        self._looked = self._comparisons = self._decided = 0
        self._wrong: list[Counterexample] = []

    def explore(self, start: Tips = ()) -> Found:
        """Visit all schedules that begin with these blocks, those of fewer first, until one violates agreement."""
        # The schedules of so many blocks, with their omissions.
        level: dict[Tips, int] = {start: 0}
        schedules, depth = 0, len(self._group.closure(start))
        while level and not self._wrong:
            following: dict[Tips, int] = {}
            for tips, spent in level.items():
                schedules += 1
                if self._visit is not None:
                    self._visit(self._group.closure(tips))
                self._view(tips)
                if self._wrong:
                    break
                following.update(self._successors(tips, spent))
            self._below, self._views = self._views, {}
            level = following
            depth += bool(following)
        made = len(self._group.made)
        wrong = self._wrong[0] if self._wrong else None
        return Found(schedules, self._looked, self._comparisons, made, depth, self._decided, wrong)

    def _view(self, tips: Tips) -> _View:
        known = self._views.get(tips) or self._below.get(tips)
        if known is None:
            known = self._views[tips] = self._look(tips)
        return known

    def _look(self, tips: Tips) -> _View:
        """Decide a set of blocks; what can be made on a part of it is what can be made on it less one of its tips."""
        self._looked += 1
        group = self._group
        blocks = group.closure(tips)
        story = _decide(group, _sequence(group, blocks), self._rule, self._committer)
        self._decided = max(self._decided, len(story.slots))
        parts = [(group.made[gone].block.author, self._view(group.without(tips, gone))) for gone in tips]
        self._compare(tips, story, [part.story for _, part in parts])
        makes: list[frozenset[int]] = [frozenset()] * group.roster.n
        for place in group.honest:
            made = frozenset(group.next(blocks, place, story.undecided, story.ordered))
            # A member never forgets a block of its own; of an honest one the newest is the only tip.
            makes[place] = made.union(*(part.makes[place] for author, part in parts if author != place))
        return _View(story, tuple(makes))

    def _compare(self, tips: Tips, story: Story, parts: Sequence[Story]) -> None:
        """What a set decides has to continue what each set with one block less decides."""
        self._comparisons += len(parts)
        if self._wrong:
            return
        if story.forked:
            what = "more members lie than the roster bears, and the commit rule noticed"
        elif not all(part.continues_in(story) for part in parts):
            what = "two members decide or order differently"
        else:
            return

        def story_of(view: Tips) -> Story:
            return _decide(self._group, _sequence(self._group, self._group.closure(view)), self._rule, self._committer)

        self._wrong.append(Teller(self._group, tips, story_of).tell(what))

    def _successors(self, tips: Tips, spent: int) -> Iterator[tuple[Tips, int]]:
        group = self._group
        blocks = group.closure(tips)
        made = {number for makes in self._view(tips).makes for number in makes}
        for place in group.liars:
            made.update(group.lies(blocks, place))
        for number in sorted(made):
            cost = spent + group.omissions(blocks, number)
            if self._omissions is None or cost <= self._omissions:
                yield group.extended(tips, number), cost


def _sequence(group: SmallGroup, blocks: frozenset[int]) -> list[int]:
    """An order of acceptance, another one for each set: some are round by round, some author by author."""
    salt = sum(blocks) * 2654435761 + len(blocks)
    found: dict[int, None] = {}
    waiting = sorted(blocks, key=lambda number: (number * 40503 ^ salt) % 65521)
    while waiting:
        lacking = [link for link in group.made[waiting[-1]].links if link not in found]
        waiting += lacking
        if not lacking:
            found[waiting.pop()] = None
    return list(found)


def _decide(group: SmallGroup, accepted: list[int], rule: CommitRule | None, committer: CommitterClass) -> Story:
    """Feed blocks to the real classes one by one, ancestors first, deciding after each."""
    dag = Dag(group.roster)
    rules = committer(group.roster, dag, rule)
    linearizer = Linearizer(group.roster, dag)
    numbers = {group.made[number].block.digest: number for number in accepted}
    story = Story()
    for number in accepted:
        block = group.made[number].block
        assert all(link.round < 0 or dag.holds(link) for link in block.links)
        dag.add(block)
        rules.add(block)
        for slot, verdict in rules.decide():
            if isinstance(verdict, Commit):
                out = linearizer.linearise(verdict.leader)
                story.commit(slot, numbers[verdict.leader.digest], [numbers[block.digest] for block in out])
            else:
                story.skip(slot)
    story.undecided = rules.undecided_round
    story.forked = rules.forked is not None
    return story
