"""What the members of a small group can make: blocks by name, each made once, without clocks and without a network.

A set of blocks that is closed under references is named by its *tips*, the blocks in it that no other one refers to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from mechdesign.group.block import WEAK_PER_MEMBER, Block, Standing, genesis, judge, make_block
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.crypto import KeyedHash, MemberId

__all__ = ["Made", "SmallGroup", "Tips"]

Tips = tuple[int, ...]
"""The numbers of a set's tips, ascending."""

_NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")


@dataclass(frozen=True, slots=True)
class Made:
    """A block that somebody can make.

    Attributes:
        block: the block.
        links: the numbers of the blocks that it refers to; the genesis has none.
        past: the numbers of all that it rests on, and its own.
        named: the places of the authors of the round before that it names.
    """

    block: Block
    links: tuple[int, ...]
    past: frozenset[int]
    named: frozenset[int]


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
        made: the blocks.
    """

    def __init__(self, n: int, faults: FaultModel, rounds: int, *, liars: Iterable[int] = (), twins: int = 0) -> None:
        keys = [MemberId(bytes([place + 1]) * 32) for place in range(n)]
        members = tuple(Member(key, _NAMES[place], bytes(key), bytes(32)) for place, key in enumerate(keys))
        self.roster = Roster("explored", members, faults)
        self.rounds = rounds
        self.liars = tuple(liars)
        self.honest = tuple(place for place in range(n) if place not in self.liars)
        self.made: list[Made] = []
        self._twins = twins
        self._signers = [KeyedHash.Signer(key) for key in keys]
        self._numbers: dict[tuple[int, int, tuple[int, ...], tuple[int, ...], bytes], int] = {}

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
        own = [number for number in blocks if self.made[number].block.author == place]
        return sorted(own, key=lambda number: self.made[number].block.ref)

    def omissions(self, blocks: frozenset[int], added: int) -> int:
        """How many omissions a set has more with one block more.

        An omission is a block that does not name somebody who has a block of the round before.
        """
        made = self.made[added]
        round_, author = made.block.round, made.block.author
        others = [self.made[number] for number in blocks]
        before = {other.block.author for other in others if other.block.round == round_ - 1}
        if any((other.block.round, other.block.author) == (round_, author) for other in others):
            return len(before - made.named)
        after = sum(other.block.round == round_ + 1 and author not in other.named for other in others)
        return len(before - made.named) + after

    def _round(self, blocks: frozenset[int], round_: int) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in range(self.roster.n)]
        for number in sorted(blocks):
            block = self.made[number].block
            if block.round == round_:
                found[block.author].append(number)
        return found

    # ------------------------------------------------------------------------------------------------------- making

    def number(
        self, place: int, round_: int, parents: tuple[int, ...], weak: tuple[int, ...] = (), leaf: bytes = b""
    ) -> int:
        """The number of a block; one whose first parent is not the maker's own rests on the genesis."""
        key = (place, round_, parents, weak, leaf)
        known = self._numbers.get(key)
        if known is not None:
            return known
        refs = [self.made[parent].block.ref for parent in parents]
        if not refs or refs[0].author != place:
            refs.insert(0, genesis(self.roster, place))
        links = [self.made[link].block.ref for link in weak]
        block = make_block(self.roster, self._signers[place], round_, refs, links, [leaf] if leaf else [])
        assert judge(block, self.roster, KeyedHash()) is Standing.VALID
        named = frozenset(ref.author for ref in refs if ref.round == round_ - 1)
        number = self._numbers[key] = len(self.made)
        past = self.closure((*parents, *weak)) | {number}
        self.made.append(Made(block, (*parents, *weak), past, named))
        return number

    def next(self, blocks: frozenset[int], place: int, undecided: int, ordered: frozenset[int]) -> Iterator[int]:
        """The next block of an honest member that accepted these; several, for of twins either may have come first.

        Args:
            blocks: what it accepted.
            place: the member.
            undecided: the first round with an undecided slot, of what it accepted.
            ordered: what of it is out.
        """
        mine = self.own(blocks, place)
        round_ = max(self.made[mine[-1]].block.round + 1 if mine else 0, undecided)
        if round_ >= self.rounds:
            return
        before = self._round(blocks, round_ - 1)
        if round_ > 0 and sum(map(bool, before)) < self.roster.q:
            return
        for others in product(*(twins for author, twins in enumerate(before) if twins and author != place)):
            parents = (*mine[-1:], *others)
            yield self.number(place, round_, parents, self._weak(blocks - ordered, place, round_, parents))

    def _weak(self, bare: frozenset[int], place: int, round_: int, parents: tuple[int, ...]) -> tuple[int, ...]:
        """Links to blocks of others that nothing covers, the newest first."""
        covered = set(self.closure(parents))
        links: list[int] = []
        for number in sorted(bare, key=lambda number: self.made[number].block.ref, reverse=True):
            block = self.made[number].block
            if block.author != place and block.round < round_ and number not in covered:
                links.append(number)
                covered |= self.made[number].past
        return tuple(links[: WEAK_PER_MEMBER * self.roster.n])

    def lies(self, blocks: frozenset[int], place: int) -> Iterator[int]:
        """Every valid block that a liar can make beside these: any quorum of parents, no weak links, two a round."""
        mine = self.own(blocks, place)
        rounds = [self.made[number].block.round for number in mine]
        twins = len(rounds) - len(set(rounds))
        for round_ in range(self.rounds):
            count = rounds.count(round_)
            if count == 2 or (count == 1 and twins == self._twins):
                continue
            before = self._round(blocks, round_ - 1)
            first: list[Tips] = [(number,) for number in before[place]]
            if not first:
                first = [tuple(number for number, below in zip(mine, rounds, strict=True) if below < round_)[-1:]]
            theirs: list[list[Tips]] = [
                [(), *((number,) for number in twins_)] for author, twins_ in enumerate(before) if author != place
            ]
            for chosen in product(first, *theirs):
                parents = tuple(number for choice in chosen for number in choice)
                if (
                    round_ > 0
                    and sum(self.made[number].block.round == round_ - 1 for number in parents) < self.roster.q
                ):
                    continue
                number = self.number(place, round_, parents)
                yield self.number(place, round_, parents, leaf=b"twin") if number in blocks else number
