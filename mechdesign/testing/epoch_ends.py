"""Small groups whose epoch ends: one member leaves, whoever finds that in its log is ready, and the log ends.

What a member decides then is where the epoch ends as well: the statement that it signs. Two members that accept blocks
of one schedule must come to the same one, and from every schedule the network, once it is whole, must bring everybody
there, whatever a liar has shown to whom.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import permutations, product
from typing import Any

from mechdesign.group.committer import CommitRule, Committer, Slot
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Leave, Ready, Submission
from mechdesign.group.ordering import Ordered, Ordering
from mechdesign.group.views.closing import Closing
from mechdesign.group.views.view import View, broadcast_of
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.testing.counterexample import Counterexample, Story, Teller
from mechdesign.testing.deciding import CommitterClass, Decider, copied, sequence
from mechdesign.testing.small_groups import Rows, SmallGroup, Tips

__all__ = ["ClosingDecider", "ClosingGroup", "Ends"]

_ROUNDS = 12
"""So many rounds of a whole network bring everybody to the end."""


class ClosingGroup(SmallGroup):
    """A small group whose first member leaves: it says so in its first block, and every honest one that it is ready.

    Attributes:
        leave: the payload of the first block of the member that leaves.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.leave = self._leaf(0, Leave(), 0)
        self._ready = [self._leaf(place, Ready(b""), int(place == 0)) for place in range(self.roster.n)]

    def _leaf(self, place: int, request: Leave | Ready, number: int) -> bytes:
        entry = broadcast_of(request)
        return encode_leaf(Submission(entry.kind, self.roster.ids[place], number, entry.data))

    @property
    def alike(self) -> Tips:
        """Nobody: the first member leaves."""
        return ()

    def says(self, rows: Rows, place: int, ordered: Collection[int]) -> bytes:
        """What the next block of a member carries."""
        mine = [self.made[number].leaf for row in rows for number in row[place]]
        if place == 0 and not mine:
            return self.leave
        changing = any(self.made[number].leaf == self.leave for number in ordered)
        return self._ready[place] if changing and self._ready[place] not in mine else b""

    def lockstep(self, rounds: int) -> Tips:
        """The schedule in which everybody, liars among them, makes a block on all blocks of the round before."""
        tips: Tips = ()
        for round_ in range(rounds):
            blocks = self.closure(tips)
            decider = ClosingDecider(self, CommitRule(), Committer)
            story = decider.accept(*sequence(self, blocks))
            rows = self.rows(blocks)
            made = [next(self.next(rows, place, story.undecided, story.ordered)) for place in self.honest]
            for place in self.liars:
                own = [tip for tip in tips if self.made[tip].author == place]
                made.append(self.number(place, round_, (*own, *(tip for tip in tips if tip not in own))))
            tips = tuple(sorted(made))
        return tips


class ClosingDecider(Decider):
    """A member that has accepted some blocks, orders them and notices the end of the epoch.

    Attributes:
        order: what it runs.
    """

    def __init__(self, group: SmallGroup, rule: CommitRule, committer: CommitterClass) -> None:
        self.story = Story()
        self._group = group
        self._numbers: dict[bytes, int] = {}
        self.order = Ordering(group.roster, 1 << 20, rule, View(group.roster, KeyedHash(), _convicts))
        self.order.committer = committer(group.roster, self.order.dag, rule)

    def copy(self) -> "ClosingDecider":
        """One that has accepted the same blocks in the same order and goes on by itself."""
        other = object.__new__(ClosingDecider)
        other.story = self.story
        other._group = self._group
        other.order = copied(self.order, {})
        other._numbers = dict(self._numbers)
        return other

    def accept(self, *numbers: int) -> Story:
        """Accept blocks one by one, ancestors first, deciding after each; gives all that is decided now."""
        story = Story(list(self.story.slots), list(self.story.log), end=self.story.end)
        order, committer = self.order, self.order.committer
        for number in numbers:
            block = self._group.made[number].block
            self._numbers[block.digest] = number
            order.add(block)
            out: list[int] = []
            for event in order.decide():
                if isinstance(event, Ordered):
                    out.append(self._numbers[event.block.digest])
                elif out:
                    self._commit(story, out)
                    out = []
            if order.final is None:
                # Behind the end nobody asks what is decided.
                place = committer._next_round * self._group.roster.slots_per_round + committer._next_place
                while len(story.slots) < place:
                    story.skip(self._slot(story))
        if order.final is not None and not story.end:
            story.end = closing_of(self._group, 0).describe(order.final, order.view).checkpoint
        story.undecided = committer.undecided_round
        story.forked = committer.forked is not None
        self.story = story
        return story

    def _commit(self, story: Story, out: list[int]) -> None:
        """A leader brought blocks out, itself as the last of them; slots before its own were skipped."""
        leader = self._group.made[out[-1]]
        while (slot := self._slot(story)) != (leader.round, leader.author):
            assert slot[0] <= leader.round, "a slot is decided once"
            story.skip(slot)
        story.commit(slot, out[-1], out)

    def _slot(self, story: Story) -> Slot:
        """The first slot that a story does not tell of."""
        round_, place = divmod(len(story.slots), self._group.roster.slots_per_round)
        return self.order.committer.slots(round_)[place]


def _convicts(evidence: bytes, roster: object) -> None:
    """Nobody is excluded here."""


def closing_of(group: SmallGroup, place: int) -> Closing:
    """What collects signatures at a member."""
    return Closing(group.roster, group.signers[place], KeyedHash())


class Ends:
    """Brings everybody to the end of the epoch from each schedule, and lets them sign it in every order.

    Only schedules in which a quorum has come to the last round are gone on from; the others lead to such.

    Args:
        group: the group.
        rule: the commit rule.
        committer: what applies it.
        votes_on: whether who has come to the end goes on making blocks; it must.

    Attributes:
        schedules: from how many all honest members were brought to the end.
        views: of how many different combinations of what liars showed to whom.
        rounds: the most rounds that took.
        ends: the different ends; within a schedule there is one.
        signings: orders in which a member heard of the signatures of the others.
        wrong: a schedule from which somebody does not come to the end, or to another than the others.
    """

    def __init__(
        self,
        group: ClosingGroup,
        rule: CommitRule,
        committer: CommitterClass = Committer,
        *,
        votes_on: bool = True,
    ) -> None:
        self._group = group
        self._rule = rule
        self._committer = committer
        self._votes_on = votes_on
        self._known: dict[frozenset[int], ClosingDecider] = {}
        self.schedules = self.views = self.rounds = self.signings = 0
        self.ends: dict[bytes, None] = {}
        self.wrong: Counterexample | None = None

    def __str__(self) -> str:
        return (
            f"from {self.schedules} of them, with {self.views} ways to show what liars made, everybody comes to one "
            f"of {len(self.ends)} ends in at most {self.rounds} rounds, and by each of {self.signings} orders of "
            "signatures to the same next epoch"
        )

    def visit(self, tips: Tips) -> None:
        """Go on from a schedule, if it is one of the longest."""
        group = self._group
        blocks = group.closure(tips)
        last = {group.made[number].author for number in blocks if group.made[number].round == group.rounds - 1}
        if self.wrong is not None or len(last) < group.roster.q:
            return
        self.schedules += 1
        self._known.clear()
        hidden = [tip for tip in tips if group.made[tip].author in group.liars]
        common = group.closure([number for number in blocks if group.made[number].author in group.honest])
        shown = [group.closure([tip]) for tip in hidden]
        places = len(group.honest)
        for who in product(product((False, True), repeat=places), repeat=len(hidden)):
            self.views += 1
            seen = [
                common.union(*(past for past, told in zip(shown, who, strict=True) if told[at])) for at in range(places)
            ]
            if not self._go_on(dict(zip(group.honest, seen, strict=True))):
                what = "the epoch does not end for everybody, although the network is whole"
                lines = Teller(group, tips, lambda part: self._decided(group.closure(part)).story).schedule()
                self.wrong = Counterexample(what, len(blocks), tuple(lines))
                return

    def _go_on(self, views: dict[int, frozenset[int]]) -> bool:
        """Round by round everybody makes a block and sees all those of the honest ones; whether all come to one end."""
        group = self._group
        before = group.rounds, group.linked
        group.rounds, group.linked = group.rounds + _ROUNDS, group.rounds + _ROUNDS
        try:
            for taken in range(_ROUNDS + 1):
                deciders = {place: self._decided(view) for place, view in views.items()}
                if all(decider.story.end for decider in deciders.values()):
                    self.rounds = max(self.rounds, taken)
                    return self._sign(deciders)
                made = list(self._made(views, deciders))
                views = {place: view | group.closure(made) for place, view in views.items()}
        finally:
            group.rounds, group.linked = before
        return False

    def _made(self, views: dict[int, frozenset[int]], deciders: dict[int, ClosingDecider]) -> Iterator[int]:
        for place, view in views.items():
            story = deciders[place].story
            if story.end and not self._votes_on:
                continue
            rows = self._group.rows(view)
            yield from list(self._group.next(rows, place, story.undecided, story.ordered))[:1]

    def _decided(self, blocks: frozenset[int]) -> ClosingDecider:
        known = self._known.get(blocks)
        if known is None:
            known = self._known[blocks] = ClosingDecider(self._group, self._rule, self._committer)
            known.accept(*sequence(self._group, blocks))
        return known

    def _sign(self, deciders: dict[int, ClosingDecider]) -> bool:
        """All sign; whoever hears of a quorum's signatures, in whatever order, begins the same next epoch."""
        orders = {place: decider.order for place, decider in deciders.items()}
        if len({decider.story.end for decider in deciders.values()}) > 1:
            return False
        end = next(iter(deciders.values())).story.end
        if end in self.ends:
            return True
        self.ends[end] = None
        successors = set()
        for place, others in ((place, set(orders) - {place}) for place in orders):
            for heard in permutations(sorted(others)):
                self.signings += 1
                successors |= self._heard(place, heard, orders)
        return len(successors) == 1

    def _heard(self, place: int, others: Iterable[int], orders: dict[int, Ordering]) -> set[bytes]:
        """Digests of the rosters with which a member can go on, as it hears of one signature after another."""
        group, scheme, closing = self._group, KeyedHash(), self._signed(place, orders[place])
        successors: set[bytes] = set()
        for count, other in enumerate((place, *others), 1):
            said = self._signed(other, orders[other]).signatures()
            assert said is not None
            closing.heard(said)
            certificate = closing.certificate()
            assert (certificate is not None) == (count >= group.roster.q), "a quorum of signatures and no fewer"
            if certificate is not None:
                successors.add(certificate.follow(group.roster, scheme).digest)
        return successors

    def _signed(self, place: int, order: Ordering) -> Closing:
        closing = closing_of(self._group, place)
        assert order.final is not None
        closing.sign(closing.describe(order.final, order.view), order.final, order.view)
        return closing
