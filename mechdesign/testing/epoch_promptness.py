"""In how many rounds what honest members say is ordered once all is well, in groups whose members change.

Rounds are counted in one epoch: what an epoch does not order waits anew from where its speaker begins the next.
"""

from collections.abc import Callable, Iterable, Sequence

from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Delivered, ViewChanged
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["EpochPromptness"]


class EpochPromptness:
    """Nothing takes more rounds than three times what a group may go without a commit before it waits for everybody.

    A member that crashes has to catch up first, so what it has said is not waited for any more.

    Args:
        simulator: whose effects are watched.
        honest: places of the members that are looked at.
        cores: what runs in a member that is up, the one of the present epoch first.
    """

    def __init__(
        self, simulator: Simulator, honest: Iterable[int], cores: Callable[[int], Sequence[GroupCore]]
    ) -> None:
        self._processes = simulator.processes
        self._honest = tuple(honest)
        self._cores = cores
        self._counts = False
        # Of what waits: the epoch of its speaker, and since which round.
        self._waits: dict[tuple[MemberId, bytes], tuple[bytes, int]] = {}
        simulator.watch(Delivered, self._delivered)
        simulator.watch(ViewChanged, self._changed)
        simulator.watch_lives(self._life)

    def begin(self) -> None:
        """From now on rounds count, for what is said from now on."""
        self._counts = True

    def said(self, place: int, data: bytes) -> None:
        """A member, which is up, is asked to say this."""
        cores = self._cores(place) if self._counts and place in self._honest else ()
        if cores:
            roster = cores[0]._roster
            self._waits[self._processes[place].member, data] = (roster.digest, self._round(roster))

    def _round(self, roster: Roster) -> int:
        """The highest round that an honest member has seen of an epoch."""
        up = (place for place in self._honest if self._processes[place].machine is not None)
        return max(core._dag.highest for place in up for core in self._cores(place) if core._roster == roster)

    def _life(self, place: int, begins: bool) -> None:
        member = self._processes[place].member
        self._waits = {said: since for said, since in self._waits.items() if said[0] != member}

    def _changed(self, place: int, event: ViewChanged) -> None:
        member = self._processes[place].member
        mine = [said for said in self._waits if said[0] == member]
        if mine and event.roster.place(member) is None:
            for said in mine:
                del self._waits[said]
        elif mine:
            self._waits.update(dict.fromkeys(mine, (event.roster.digest, self._round(event.roster))))

    def _delivered(self, place: int, event: Delivered) -> None:
        said = (event.submission.sender, event.submission.data)
        if place not in self._honest or said not in self._waits:
            return
        digest, since = self._waits.pop(said)
        roster = self._cores(place)[0]._roster
        if roster.digest != digest:
            return
        took, most = self._round(roster) - since, 9 * (roster.b + 2)
        if took > most:
            raise Violation(f"something was ordered {took} rounds of its epoch after it was said, not {most}")
