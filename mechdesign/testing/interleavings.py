"""Every order of deliveries, with no reduction: what :mod:`mechdesign.testing.explorer` leaves out is looked at here.

A state says of each member which blocks reached it; the real rules say which of them it then accepted or parked, and
which block it makes next. A move lets one existing block reach one member, or lets a member make its next block, or
crashes a member: then it remembers its own blocks and what they rest on, since that is what was synced. That is
affordable for a few blocks only, enough to see that the reduced exploration visits the same schedules.
"""

from dataclasses import dataclass

from mechdesign.group.block_manager import BlockManager
from mechdesign.group.committer import Commit, Committer
from mechdesign.group.dag import Dag
from mechdesign.group.linearizer import Linearizer
from mechdesign.group.proposer import Proposer
from mechdesign.testing.counterexample import Story
from mechdesign.testing.small_groups import SmallGroup

__all__ = ["Interleavings"]

_PARKED_MAX = 100


@dataclass(frozen=True, slots=True)
class _Seat:
    """One member after certain blocks reached it, in the order of ``arrived``."""

    arrived: tuple[int, ...]
    accepted: frozenset[int]
    story: Story
    next: int | None


class Interleavings:
    """All reachable states of a small group.

    Args:
        group: the members; only the honest ones act.

    Attributes:
        schedules: the sets of blocks that were made in some state.
        states: how many states there are.
        moves: how many moves lead from one to another.
        seats: how many different situations of single members.
    """

    def __init__(self, group: SmallGroup) -> None:
        self.schedules: set[frozenset[int]] = set()
        self.states = self.moves = 0
        self._group = group
        self._seats: list[_Seat] = []
        self._numbers: dict[tuple[int, frozenset[int], frozenset[int]], int] = {}
        self._moved: dict[tuple[int, int, int], int] = {}

    @property
    def seats(self) -> int:
        """How many different situations single members were in."""
        return len(self._seats)

    def explore(self) -> None:
        """Visit all states.

        Raises:
            AssertionError: two members contradict each other, or one decides by the order of arrival.
        """
        places = range(self._group.roster.n)
        start = tuple(self._seat(place, ()) for place in places)
        seen = {start}
        queue = [start]
        agreed: set[tuple[int, int]] = set()
        while queue:
            state = queue.pop()
            seats = [self._seats[number] for number in state]
            made = frozenset().union(*(seat.accepted for seat in seats))
            self.schedules.add(made)
            for pair in {(a, b) for a in state for b in state if a < b} - agreed:
                one, other = (self._seats[number].story for number in pair)
                assert not one.contradicts(other), (one, other)
                agreed.add(pair)
            for place, seat in enumerate(seats):
                reach = [self._move(place, state[place], block) for block in made.difference(seat.arrived)]
                if seat.next is not None:
                    reach.append(self._move(place, state[place], seat.next))
                reach.append(self._crash(place, state[place]))
                for number in reach:
                    self.moves += 1
                    after = (*state[:place], number, *state[place + 1 :])
                    if after not in seen:
                        seen.add(after)
                        queue.append(after)
        self.states = len(seen)

    def _move(self, place: int, number: int, block: int) -> int:
        """A block reaches a member, or is made by it."""
        known = self._moved.get((place, number, block))
        if known is None:
            arrived = self._seats[number].arrived
            known = self._moved[place, number, block] = self._seat(place, (*arrived, block))
        return known

    def _crash(self, place: int, number: int) -> int:
        known = self._moved.get((place, number, -1))
        if known is None:
            seat = self._seats[number]
            own = self._group.closure(self._group.own(seat.accepted, place))
            arrived = tuple(block for block in seat.arrived if block in own)
            # What rests on others comes after them, also where it had to wait for them.
            known = self._moved[place, number, -1] = self._seat(place, tuple(sorted(arrived, key=self._height)))
        return known

    def _height(self, number: int) -> int:
        return len(self._group.made[number].past)

    def _seat(self, place: int, arrived: tuple[int, ...]) -> int:
        seat = self._replay(place, arrived)
        key = place, frozenset(arrived), seat.accepted
        known = self._numbers.setdefault(key, len(self._seats))
        if known == len(self._seats):
            self._seats.append(seat)
        else:
            other = self._seats[known]
            assert (other.story.slots, other.story.log, other.next) == (seat.story.slots, seat.story.log, seat.next)
        return known

    def _replay(self, place: int, arrived: tuple[int, ...]) -> _Seat:
        """What the real classes make of blocks that arrive one by one."""
        group, roster = self._group, self._group.roster
        dag = Dag(roster)
        committer, linearizer = Committer(roster, dag), Linearizer(roster, dag)
        manager = BlockManager(dag, roster.n, _PARKED_MAX, lambda author: False)
        proposer = Proposer(roster, place, dag)
        numbers = {group.made[number].block.digest: number for number in arrived}
        accepted: list[int] = []
        story = Story()
        for number in arrived:
            block = group.made[number].block
            if block.author == place:
                proposer.own(block)
            for ready in manager.offer(block, None):
                accepted.append(numbers[ready.digest])
                dag.add(ready)
                committer.add(ready)
                proposer.accepted(ready)
                for slot, verdict in committer.decide():
                    if isinstance(verdict, Commit):
                        out = linearizer.linearise(verdict.leader)
                        story.commit(slot, numbers[verdict.leader.digest], [numbers[other.digest] for other in out])
                        for other in out:
                            proposer.ordered(other)
                    else:
                        story.skip(slot)
        round_ = max(proposer.round + 1, committer.undecided_round)
        quorum = round_ == 0 or dag.authors(round_ - 1) >= roster.q
        made = None
        if round_ < group.rounds and quorum and proposer.anchored:
            parents = proposer.parents(round_)
            weak = proposer.weak(round_, parents)
            named = [numbers[link.digest] for link in parents if link.round >= 0]
            made = group.number(place, round_, tuple(named), tuple(numbers[link.digest] for link in weak))
        return _Seat(arrived, frozenset(accepted), story, made)
