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
   in an order of its own (from nothing, or after one of the sets that are smaller by a block, whichever the numbers of
   the blocks say), and compared with every set that is smaller by one block, down to nothing. If its decisions and its
   log continue theirs, then any two views of one DAG both continue into the DAG's: none contradicts another.
4. A block of a liar that nobody accepts changes nothing, so one is made when it is first accepted. A third twin is not
   explored: it is accepted only where somebody builds on it, see :mod:`mechdesign.group.block_manager`.
5. *Weak links of the last rounds change nothing.* A block of a round that leaves no room for a wave above it cannot be
   a committed leader here, nor in the history of one, so what it links to weakly enters no verdict and no log. Such
   blocks have none, so there are fewer of them. Who has accepted such a block need not have accepted what it would have
   linked to: that only adds views and schedules, of which a larger set is looked at than there is.
6. *Honest members may change places* as long as no slot is decided indirectly, which takes twice the rounds of a wave.
   Slots have an order within their round, and that is all that tells members from one another: which verdict a slot has
   is then said by votes, certificates and blame alone, and a round is decided when all its slots are, in any order. So
   it takes a single one of the schedules that differ by names, see :mod:`mechdesign.testing.symmetry`, if what is
   looked at depends on no order either: a view keeps *every* verdict of the view with one block less, not only those
   with all earlier slots decided. Whatever the order of the slots, the decided ones are then a continuation, and so is
   the log: that it is a function of the committed leaders is looked at in each view.

With ``reduced=False`` neither 5 nor 6 is used, so that one can see that they leave nothing out. In longer explorations
permuting members is no symmetry. DAGs are visited by their number of blocks, so the first violation is one of the
shortest there are.

The schedules of a few rounds are too many even so, unless the number of *omissions* is bounded: an omission is a block
that does not name somebody who has a block of the round before, since that one had not been accepted. All schedules
with so many omissions are visited, whichever they are, and whoever stops for good.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mechdesign.group.committer import CommitRule, Committer
from mechdesign.testing.counterexample import Counterexample, Story, Teller
from mechdesign.testing.deciding import CommitterClass, Decider, sequence
from mechdesign.testing.small_groups import SmallGroup, Tips
from mechdesign.testing.symmetry import Symmetry

__all__ = ["Explorer", "Found"]

_OPEN = -1
"""In place of a leader's number: the slot is not decided."""

_DECIDERS_MAX = 50_000
"""So many views can be gone on from; each takes some ten kilobytes."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an exploration saw.

    Attributes:
        schedules: DAGs that the members can make.
        classes: how many of them were looked at; the others are these with members renamed.
        views: sets of accepted blocks that were ordered and compared.
        comparisons: pairs of a set and the same with one block less.
        blocks: different blocks.
        depth: most blocks in a DAG.
        decided: most slots that a view decides.
        counterexample: a violation, or None.
        ends: what was seen of the ends of the epoch, where it was looked at.
    """

    schedules: int
    classes: int
    views: int
    comparisons: int
    blocks: int
    depth: int
    decided: int
    counterexample: Counterexample | None
    ends: str = ""

    def __str__(self) -> str:
        held = "holds" if self.counterexample is None else "is violated"
        names = f", {self.classes} but for the names" if self.classes < self.schedules else ""
        return (
            f"{held} in {self.schedules} schedules of at most {self.depth} blocks{names}: {self.views} views, "
            f"{self.comparisons} comparisons, {self.blocks} different blocks, up to {self.decided} slots decided"
            f"{'; ' if self.ends else ''}{self.ends}"
        )


@dataclass(slots=True)
class _View:
    """What follows from a set of accepted blocks: what it decides, and by place the next blocks of honest members."""

    decider: Decider | None
    story: Story
    makes: tuple[frozenset[int], ...]


class Explorer:
    """Enumerates the schedules of one small group.

    Args:
        group: the members, and in how many rounds they make blocks; it is explored once.
        omissions: a schedule has at most so many; None for any number.
        rule: the commit rule; a negative control passes a weaker one.
        committer: what applies it.
        decider: what decides a set of blocks.
        reduced: whether links that change nothing are left out, and schedules that differ by names are one.
        visit: called with the tips of each schedule that is looked at.

    Attributes:
        symmetry: who may change places.
    """

    def __init__(
        self,
        group: SmallGroup,
        omissions: int | None = None,
        *,
        rule: CommitRule | None = None,
        committer: CommitterClass = Committer,
        decider: type[Decider] = Decider,
        reduced: bool = True,
        visit: Callable[[Tips], None] | None = None,
    ) -> None:
        self._group = group
        self._omissions = omissions
        self._rule = rule or CommitRule()
        self._committer = committer
        self._decides = decider
        self._visit = visit
        direct = group.rounds < 2 * self._rule.wave
        self.symmetry = Symmetry(group, group.alike if reduced and direct else ())
        if reduced:
            group.linked = max(0, group.rounds - self._rule.wave + 1)
        # Views of as many blocks as are looked at, and of one less.
        self._views: dict[Tips, _View] = {}
        self._below: dict[Tips, _View] = {}
        self._with_decider: deque[_View] = deque()
        self._looked = self._comparisons = self._decided = 0
        self._wrong: list[Counterexample] = []

    def explore(self, start: Tips = ()) -> Found:
        """Visit all schedules that begin with these blocks, those of fewer first, until one violates agreement."""
        # The schedules of so many blocks, with their omissions.
        level: dict[Tips, int] = {self.symmetry.representative(start)[0]: 0}
        schedules, classes, depth = 0, 0, len(self._group.closure(start))
        while level and not self._wrong:
            following: dict[Tips, int] = {}
            for tips, spent in level.items():
                classes += 1
                schedules += len(self.symmetry.orbit(tips))
                if self._visit is not None:
                    self._visit(tips)
                self._view(tips)
                if self._wrong:
                    break
                following.update(self._successors(tips, spent))
            self._below, self._views = self._views, {}
            level = following
            depth += bool(following)
        made = len(self._group.made)
        wrong = self._wrong[0] if self._wrong else None
        return Found(schedules, classes, self._looked, self._comparisons, made, depth, self._decided, wrong)

    def _view(self, tips: Tips) -> _View:
        known = self._views.get(tips) or self._below.get(tips)
        if known is None:
            known = self._views[tips] = self._look(tips)
        return known

    def _look(self, tips: Tips) -> _View:
        """Decide a set of blocks; what can be made on a part of it is what can be made on it less one of its tips."""
        self._looked += 1
        group, symmetry = self._group, self.symmetry
        blocks = group.closure(tips)
        parts: list[tuple[int, _View, int]] = []
        for gone in tips:
            part, which = symmetry.representative(group.without(tips, gone))
            parts.append((group.made[gone].author, self._view(part), which))
        decider = self._decider(tips, parts)
        story = decider.story
        if len(symmetry.names) > 1:
            story.verdicts = decider.verdicts()
        self._decided = max(self._decided, len(story.verdicts or story.slots))
        self._compare(tips, story, [(part.story, which) for _, part, which in parts])
        makes: list[frozenset[int]] = [frozenset()] * group.roster.n
        rows, ordered = group.rows(blocks), story.ordered
        for place in group.honest:
            made = set(group.next(rows, place, story.undecided, ordered))
            # A member never forgets a block of its own; of an honest one the newest is the only tip.
            for author, part_of, which in parts:
                if author != place:
                    back = symmetry.back(which)
                    known = part_of.makes[symmetry.names[which][place]]
                    made.update(symmetry.image(number, back) for number in known)
            makes[place] = frozenset(made)
        return self._kept(_View(decider, story, tuple(makes)))

    def _decider(self, tips: Tips, parts: Sequence[tuple[int, _View, int]]) -> Decider:
        """One that accepts a set of blocks: after a part that still has one, or else from nothing."""
        salt = sum(tips) * 2654435761 >> 7
        for step in range(len(tips)):
            at = (salt + step) % len(tips)
            _, part, which = parts[at]
            if which == 0 and part.decider is not None:
                decider = part.decider.copy()
                decider.accept(tips[at])
                return decider
        decider = self._decides(self._group, self._rule, self._committer)
        decider.accept(*sequence(self._group, self._group.closure(tips)))
        return decider

    def _kept(self, view: _View) -> _View:
        """A view with its decider, while there are not too many."""
        self._with_decider.append(view)
        if len(self._with_decider) > _DECIDERS_MAX:
            self._with_decider.popleft().decider = None
        return view

    def _story(self, tips: Tips) -> Story:
        decider = self._decides(self._group, self._rule, self._committer)
        return decider.accept(*sequence(self._group, self._group.closure(tips)))

    def _compare(self, tips: Tips, story: Story, parts: Sequence[tuple[Story, int]]) -> None:
        """What a set decides has to continue what each set with one block less decides."""
        self._comparisons += len(parts)
        if self._wrong:
            return
        if story.forked:
            what = "more members lie than the roster bears, and the commit rule noticed"
        elif not all(self._continues(part, which, story) for part, which in parts):
            what = "two members decide or order differently"
        elif story.log != self._log([leader for _, leader in story.slots if leader is not None]):
            what = "the log is not what its leaders bring into it"
        else:
            return
        self._wrong.append(Teller(self._group, tips, self._story).tell(what))

    def _continues(self, part: Story, which: int, story: Story) -> bool:
        """Whether a story continues one of a part, which is told under other names."""
        if len(self.symmetry.names) == 1:
            return part.continues_in(story)
        back = self.symmetry.back(which)
        names = self.symmetry.names[back]
        for (round_, author), leader in part.verdicts.items():
            expected = None if leader is None else self.symmetry.image(leader, back)
            if story.verdicts.get((round_, names[author]), _OPEN) != expected:
                return False
        return True

    def _log(self, leaders: Iterable[int]) -> list[int]:
        """What these leaders bring out, one after another: each the rest of its history, by reference."""
        made = self._group.made
        log: dict[int, None] = {}
        for leader in leaders:
            rest = (number for number in made[leader].past if number not in log)
            log.update(dict.fromkeys(sorted(rest, key=lambda number: made[number].block.ref)))
        return list(log)

    def _successors(self, tips: Tips, spent: int) -> Iterator[tuple[Tips, int]]:
        group = self._group
        rows = group.rows(group.closure(tips))
        made = {number for makes in self._view(tips).makes for number in makes}
        for place in group.liars:
            made.update(group.lies(rows, place))
        for number in sorted(made):
            cost = spent + group.omissions(rows, number)
            if self._omissions is None or cost <= self._omissions:
                yield self.symmetry.representative(group.extended(tips, number))[0], cost
