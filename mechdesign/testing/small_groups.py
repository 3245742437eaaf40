"""What the members of a small group can make: blocks by name, each made once, without clocks and without a network.

A set of blocks that is closed under references is named by its *tips*, the blocks in it that no other one refers to.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import product
from typing import TypeAlias

from mechdesign.group.block import WEAK_PER_MEMBER, Block, Standing, genesis, judge, make_block
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.crypto import KeyedHash, MemberId

__all__ = ["Made", "Rows", "SmallGroup", "Tips"]

Tips: TypeAlias = tuple[int, ...]
"""The numbers of a set's tips, ascending."""

Rows: TypeAlias = list[list[list[int]]]
"""A set of blocks by round and author, numbers ascending; more than one in a place are twins."""

_NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")


class Made:
    """A block that somebody can make.

    Attributes:
        round: its round.
        author: the place of its author.
        parents: the numbers of its parents, without the genesis.
        weak: the numbers of the older blocks that it links to.
        leaf: its payload, which tells it from a twin with the same parents.
        past: the numbers of all that it rests on, and its own; ascending.
        named: whom of the round before it names: the bits of their places.
    """

    __slots__ = ("_block", "_group", "author", "leaf", "named", "parents", "past", "round", "weak")

    def __init__(
        self, group: "SmallGroup", place: int, round_: int, parents: Tips, weak: Tips, leaf: bytes, number: int
    ) -> None:
        self.round = round_
        self.author = place
        self.parents = parents
        self.weak = weak
        self.leaf = leaf
        self.past = (*sorted(group.closure((*parents, *weak))), number)
        before = [group.made[parent] for parent in parents]
        self.named = sum(1 << parent.author for parent in before if parent.round == round_ - 1)
        self._group = group
        self._block: Block | None = None

    @property
    def links(self) -> Tips:
        """The numbers of the blocks that it refers to; the genesis has none."""
        return (*self.parents, *self.weak)

    @property
    def block(self) -> Block:
        """The block itself, signed when somebody first asks for it."""
        if self._block is None:
            self._block = self._group.signed(self)
        return self._block


class SmallGroup:
    """The members of a group, and all blocks that they made so far; a block's number is its place in ``made``.

    Args:
        n: how many members.
        faults: the fault model of the roster.
        rounds: nobody makes a block of this round or a later one.
        liars: places of members that make any valid blocks.
        twins: they make at most so many second blocks of a round, each.

    Attributes:
        roster: the group.
        signers: sign for the members.
        made: the blocks.
        linked: from this round on blocks have no weak links; by default all have them. See
            :mod:`mechdesign.testing.explorer`.
    """

    def __init__(self, n: int, faults: FaultModel, rounds: int, *, liars: Iterable[int] = (), twins: int = 0) -> None:
        keys = [MemberId(bytes([place + 1]) * 32) for place in range(n)]
        members = tuple(Member(key, _NAMES[place], bytes(key), bytes(32)) for place, key in enumerate(keys))
        self.roster = Roster("explored", members, faults)
        self.rounds = rounds
        self.liars = tuple(liars)
        self.honest = tuple(place for place in range(n) if place not in self.liars)
        self.made: list[Made] = []
        self.linked = rounds
        self._twins = twins
        self.signers = [KeyedHash.Signer(key) for key in keys]
        self._numbers: dict[tuple[int, int, Tips, Tips, bytes], int] = {}

    @property
    def alike(self) -> Tips:
        """The places of those who may change places with one another."""
        return self.honest

    # --------------------------------------------------------------------------------------------------------- sets

    def closure(self, tips: Iterable[int]) -> frozenset[int]:
        """These blocks and all that they rest on."""
        return frozenset().union(*(self.made[tip].past for tip in tips))

    def without(self, tips: Tips, gone: int) -> Tips:
        """The tips of a set less one of its tips."""
        left = [tip for tip in tips if tip != gone]
        rest = self.closure(left)
        bared = [link for link in self.made[gone].links if link not in rest]
        return tuple(sorted({*left, *(link for link in bared if not self._covered(link, bared))}))

    def _covered(self, link: int, others: Iterable[int]) -> bool:
        return any(link in self.made[other].past for other in others if other != link)

    def extended(self, tips: Tips, added: int) -> Tips:
        """The tips of a set with one block more, whose references are in it."""
        past = self.made[added].past
        return tuple(sorted([*(tip for tip in tips if tip not in past), added]))

    def own(self, blocks: Iterable[int], place: int) -> list[int]:
        """The blocks of a member among these, oldest first."""
        own = [number for number in blocks if self.made[number].author == place]
        return sorted(own, key=lambda number: (self.made[number].round, number))

    def rows(self, blocks: Iterable[int]) -> Rows:
        """These blocks by round and author."""
        rows: Rows = [[[] for _ in range(self.roster.n)] for _ in range(self.rounds)]
        for number in sorted(blocks):
            made = self.made[number]
            rows[made.round][made.author].append(number)
        return rows

    def omissions(self, rows: Rows, added: int) -> int:
        """How many omissions a set has more with one block more.

        An omission is a block that does not name somebody who has a block of the round before.
        """
        made = self.made[added]
        round_, author = made.round, made.author
        count = 0
        if round_ > 0:
            before = rows[round_ - 1]
            count = sum(bool(twins) and not made.named >> other & 1 for other, twins in enumerate(before))
        if round_ + 1 < self.rounds and not rows[round_][author]:
            count += sum(not self.made[other].named >> author & 1 for twins in rows[round_ + 1] for other in twins)
        return count

    # ------------------------------------------------------------------------------------------------------- making

    def number(self, place: int, round_: int, parents: Tips, weak: Tips = (), leaf: bytes = b"") -> int:
        """The number of a block; its own predecessor, if it has one, is the first of its parents."""
        key = (place, round_, parents, weak, leaf)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.made)
            self.made.append(Made(self, place, round_, parents, weak, leaf, known))
        return known

    def renamed(self, number: int, names: Tips, links: Iterable[int]) -> int:
        """The number of a block with other members in place of its author and of those whom it names.

        Args:
            number: the block.
            names: by place, who takes that place.
            links: what its links become, in their order.
        """
        made = self.made[number]
        place = names[made.author]
        new = list(links)
        parents, weak = new[: len(made.parents)], new[len(made.parents) :]
        parents.sort(key=lambda parent: (self.made[parent].author != place, self.made[parent].author))
        return self.number(place, made.round, tuple(parents), self._newest_first(weak), made.leaf)

    def signed(self, made: Made) -> Block:
        """The block that was made; one without an own predecessor rests on the genesis."""
        refs = [self.made[parent].block.ref for parent in made.parents]
        if not refs or refs[0].author != made.author:
            refs.insert(0, genesis(self.roster, made.author))
        links = [self.made[link].block.ref for link in made.weak]
        leaves = [made.leaf] if made.leaf else []
        block = make_block(self.roster, self.signers[made.author], made.round, refs, links, leaves)
        assert judge(block, self.roster, KeyedHash()) is Standing.VALID
        return block

    def next(self, rows: Rows, place: int, undecided: int, ordered: Collection[int]) -> Iterator[int]:
        """The next block of an honest member that accepted these; several, for of twins either may have come first.

        Args:
            rows: what it accepted.
            place: the member.
            undecided: the first round with an undecided slot, of what it accepted.
            ordered: what of it is out.
        """
        mine = [row[place][-1] for row in rows if row[place]]
        round_ = max(self.made[mine[-1]].round + 1 if mine else 0, undecided)
        if round_ >= self.rounds:
            return
        before = rows[round_ - 1] if round_ else []
        if round_ and sum(map(bool, before)) < self.roster.q:
            return
        for others in product(*(twins for author, twins in enumerate(before) if twins and author != place)):
            parents = (*mine[-1:], *others)
            weak = self._weak(rows, place, round_, parents, ordered) if round_ < self.linked else ()
            yield self.number(place, round_, parents, weak, self.says(rows, place, ordered))

    def says(self, rows: Rows, place: int, ordered: Collection[int]) -> bytes:
        """What the next block of an honest member carries: here nothing; arguments as for :meth:`next`."""
        return b""

    def _weak(self, rows: Rows, place: int, round_: int, parents: Tips, ordered: Collection[int]) -> Tips:
        """Links to blocks of others that nothing covers, the newest first."""
        covered = set(self.closure(parents)).union(ordered)
        links: list[int] = []
        older = (number for row in rows[:round_] for twins in row for number in twins)
        for number in self._newest_first(number for number in older if number not in covered):
            if self.made[number].author != place and number not in covered:
                links.append(number)
                covered.update(self.made[number].past)
        return tuple(links[: WEAK_PER_MEMBER * self.roster.n])

    def _newest_first(self, blocks: Iterable[int]) -> Tips:
        return tuple(sorted(blocks, key=lambda number: self.made[number].block.ref, reverse=True))

    def lies(self, rows: Rows, place: int) -> Iterator[int]:
        """Every block that a liar can make beside these: on its newest before, any quorum of parents, two a round."""
        twins = sum(len(row[place]) - 1 for row in rows if row[place])
        newest: list[int] = []
        for round_, row in enumerate(rows):
            count = len(row[place])
            before = rows[round_ - 1] if round_ else [[] for _ in row]
            newest = before[place] or newest
            first: list[Tips] = [(number,) for number in newest] or [()]
            if count == 2 or (count == 1 and twins == self._twins):
                continue
            theirs: list[list[Tips]] = [
                [(), *((number,) for number in twins_)] for author, twins_ in enumerate(before) if author != place
            ]
            for chosen in product(first, *theirs):
                parents = tuple(number for choice in chosen for number in choice)
                if round_ > 0 and sum(self.made[number].round == round_ - 1 for number in parents) < self.roster.q:
                    continue
                number = self.number(place, round_, parents)
                yield self.number(place, round_, parents, leaf=b"twin") if number in row[place] else number
