"""What members write to some of the others in one run, as a layer above them does, and whether all of it arrives."""

from collections.abc import Collection
from dataclasses import replace
from typing import Protocol, runtime_checkable

from mechdesign.group.layer import GroupLayer
from mechdesign.group.multicast.direct import Direct
from mechdesign.group.multicast.private import Private
from mechdesign.group.roster import Roster
from mechdesign.testing.epochs import Epochs
from mechdesign.testing.letters import SECRET, Letters
from mechdesign.testing.scenario import Note
from mechdesign.testing.simulator import Simulator

__all__ = ["Correspondence"]


@runtime_checkable
class _InRoster(Protocol):
    """Whatever runs at a place, honest or lying, and knows the roster of its epoch."""

    @property
    def roster(self) -> Roster: ...


class Correspondence:
    """The writers of one run.

    Args:
        simulator: drives them.
        honest: places of the members whose messages are watched.
        epochs: what they tell of their epochs.
        once: whether nothing may be ordered in two epochs.
    """

    def __init__(self, simulator: Simulator, honest: Collection[int], epochs: Epochs, *, once: bool) -> None:
        self._simulator = simulator
        self._births = [0] * len(simulator.processes)
        # Private messages are asked for again after a restart; their keys keep them from being said twice.
        self._whispered: list[list[Private]] = [[] for _ in simulator.processes]
        self._letters = Letters(simulator, honest, epochs, lambda: tuple(self._births), once=once)

    def write(self, note: Note, name: bytes) -> None:
        """Have a member write to those of the recipients that are members with it; ``name`` makes it unique."""
        writer = self._simulator.processes[note.place]
        machine: object = writer.machine
        if not isinstance(machine, _InRoster) or machine.roster.place(writer.member) is None:  # it is down, or out
            return
        roster = machine.roster
        ids = [self._simulator.processes[place].member for place in note.to]
        to = tuple(member for member in ids if roster.place(member) is not None)
        if not to:
            return
        request: Private | Direct = Direct(name, to, SECRET + name)
        if note.ordered:
            request = Private(name, to, SECRET + name)
            self._whispered[note.place].append(request)
        self._letters.wrote(note.place, request)
        self._simulator.submit(note.place, request)

    def again(self, place: int, roster: Roster) -> list[Private]:
        """The private messages of a member, to those of their recipients that are in a roster."""
        there = [
            (request, tuple(member for member in request.to if roster.place(member) is not None))
            for request in self._whispered[place]
        ]
        return [replace(request, to=to) for request, to in there if to]

    def born(self, place: int) -> None:
        """A member joins with an empty disk: what it wrote before is over."""
        self._births[place] += 1
        self._whispered[place] = []

    @property
    def received(self) -> int:
        """How many messages to honest members were told to them, or written down by them."""
        return self._letters.received

    def waiting(self, live: Collection[int]) -> list[str]:
        """What has not come where it should among honest members that are up, or whose receipt has not."""
        if not self._letters.any:
            return []
        places = {self._simulator.processes[place].member: place for place in live}
        waits = []
        for place in places.values():
            machine: object = self._simulator.processes[place].machine
            assert isinstance(machine, GroupLayer)
            missing = machine.status().unacknowledged
            waits += [f"{place} waits for a receipt of {places[member]}" for member, _ in missing if member in places]
        return [*waits, *self._letters.missing(places.values())]
