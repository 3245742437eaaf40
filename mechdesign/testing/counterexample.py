"""A schedule after which two members contradict each other, told so that one can follow it with a pencil."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mechdesign.group.committer import Slot
from mechdesign.testing.small_groups import SmallGroup, Tips

__all__ = ["Counterexample", "Story", "Teller"]


@dataclass(slots=True)
class Story:
    """What a set of accepted blocks decides.

    Attributes:
        slots: the decided slots in their order, with the number of the committed block, or None for a skipped slot.
        log: the numbers of the ordered blocks.
        verdicts: where members may change places, every decided slot in the same way, also those that an earlier slot
            keeps from counting yet.
        undecided: the first round with an undecided slot.
        forked: whether the commit rule noticed more liars than the roster bears.
        end: where the epoch ends, if it does; empty before.
    """

    slots: list[tuple[Slot, int | None]] = field(default_factory=list)
    log: list[int] = field(default_factory=list)
    verdicts: dict[Slot, int | None] = field(default_factory=dict)
    undecided: int = 0
    forked: bool = False
    end: bytes = b""

    @property
    def ordered(self) -> frozenset[int]:
        """The log without its order."""
        return frozenset(self.log)

    def commit(self, slot: Slot, leader: int, out: Iterable[int]) -> None:
        """A slot is committed, which brings these blocks out."""
        self.slots.append((slot, leader))
        self.log += out

    def skip(self, slot: Slot) -> None:
        """A slot is skipped."""
        self.slots.append((slot, None))

    def continues_in(self, other: "Story") -> bool:
        """Whether another story begins with this one."""
        begins = other.slots[: len(self.slots)] == self.slots and other.log[: len(self.log)] == self.log
        return begins and (not self.end or (other.end, other.log) == (self.end, self.log))

    def contradicts(self, other: "Story") -> bool:
        """Whether neither begins with the other."""
        return not (self.continues_in(other) or other.continues_in(self))


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A violation.

    Attributes:
        what: what is wrong.
        blocks: how many blocks it takes.
        lines: the schedule, a block or what a member decides a line.
    """

    what: str
    blocks: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((f"{self.what} ({self.blocks} blocks):", *(f"  {line}" for line in self.lines)))


class Teller:
    """Finds two views of a schedule that contradict each other, and tells how they came about.

    Args:
        group: who made the blocks.
        tips: the schedule.
        story: what a set of accepted blocks, given by its tips, decides.
    """

    def __init__(self, group: SmallGroup, tips: Tips, story: Callable[[Tips], Story]) -> None:
        self._group = group
        self._tips = tips
        self._story = story
        self._blocks = group.closure(tips)

    def tell(self, what: str) -> Counterexample:
        """The schedule, in which something is wrong."""
        lines = self.schedule()
        opponents = self._opponents()
        for place, view in opponents:
            accepted = self._list(self._group.closure(view))
            lines.append(f"{self._who(place)} has accepted {accepted} and decides {self._told(view)}")
        if not opponents:
            lines.append("no two members need contradict each other, unless they accept these in different orders")
        return Counterexample(what, len(self._blocks), tuple(lines))

    def schedule(self) -> list[str]:
        """Its blocks, a line each."""
        return [self._making(number) for number in self._sorted(self._blocks)]

    def _opponents(self) -> list[tuple[int, Tips]]:
        """Two honest members and views of theirs, as small as there are, that contradict each other; else nobody."""
        stories = {view: self._story(view) for view in self._parts()}
        seats = [
            (place, view)
            for view in stories
            for place in self._group.honest
            if self._group.closure(view).issuperset(self._group.own(self._blocks, place))
        ]
        pairs = [
            (len(self._group.closure(one)) + len(self._group.closure(other)), (a, one), (b, other))
            for at, (a, one) in enumerate(seats)
            for b, other in seats[:at]
            if a != b and stories[one].contradicts(stories[other])
        ]
        return sorted(min(pairs)[1:]) if pairs else []

    def _parts(self) -> list[Tips]:
        """Every set of these blocks that somebody can have accepted."""
        found: dict[Tips, None] = {self._tips: None}
        queue = [self._tips]
        while queue:
            view = queue.pop()
            new = [part for part in (self._group.without(view, gone) for gone in view) if part not in found]
            found.update(dict.fromkeys(new))
            queue += new
        return list(found)

    def _making(self, number: int) -> str:
        links = self._group.made[number].links
        return f"{self._name(number)} on {self._list(links) or 'nothing'}"

    def _told(self, view: Tips) -> str:
        told = [
            f"{'skip' if leader is None else 'commit'} {self._who(slot[1])}/{slot[0]}"
            for slot, leader in self._story(view).slots
        ]
        end = ["the end of the epoch"] if self._story(view).end else []
        return ", ".join([*told, *end]) or "nothing"

    def _who(self, place: int) -> str:
        return self._group.roster.members[place].name

    def _name(self, number: int) -> str:
        """Author and round; a second block of the two has a mark."""
        block = self._group.made[number].block
        same = [other for other in self._blocks if self._group.made[other].block.ref[:2] == block.ref[:2]]
        return f"{self._who(block.author)}/{block.round}" + "'" * sorted(same).index(number)

    def _sorted(self, numbers: Iterable[int]) -> list[int]:
        return sorted(numbers, key=lambda number: (*self._group.made[number].block.ref[:2], number))

    def _list(self, numbers: Iterable[int]) -> str:
        return ", ".join(map(self._name, self._sorted(numbers)))
