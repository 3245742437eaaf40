"""In how many rounds what honest members say is ordered once all is well, in groups whose members change.

Rounds are counted in one epoch: what an epoch does not order waits anew from where its speaker begins the next.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Delivered, ViewChanged
from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import MemberId, Signer
from mechdesign.testing.rounds import patience, rounds_promised
from mechdesign.testing.scenario import Scenario
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["EpochPromptness", "Promise", "promise"]

Promise: TypeAlias = Callable[[Roster], int]
"""In how many rounds something is ordered in the epoch of a roster."""


def promise(scenario: Scenario, signers: Sequence[Signer], config: GroupConfig) -> Promise | None:
    """What is promised of a scenario from its healing on; None where it does not heal.

    Where nothing is slow, nothing takes more rounds than three times what a group may go without a commit before it
    waits for everybody; else as many as where the members stay the same.

    Args:
        scenario: who lies, is dead or slow, and what the network is like.
        signers: who is at which place.
        config: how long members wait.
    """
    changes = scenario.changes
    if changes is None or not scenario.live:
        return None
    lying = {place for place, _ in scenario.liars}

    def promised(roster: Roster) -> int:
        if replace(scenario, changes=None, tight=False).brisk:
            return 3 * patience(roster)
        places = {place for place, signer in enumerate(signers) if roster.place(signer.public) is not None}
        here = places - lying - scenario.dead - set(changes.absent)
        return rounds_promised(scenario, roster, config, lasting=here, liars=len(lying & places))

    return promised


class EpochPromptness:
    """Nothing takes more rounds than is promised.

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
        self._promise: Promise | None = None
        # Of what waits: the epoch of its speaker, and since which round.
        self._waits: dict[tuple[MemberId, bytes], tuple[bytes, int]] = {}
        simulator.watch(Delivered, self._delivered)
        simulator.watch(ViewChanged, self._changed)
        simulator.watch_lives(self._life)

    def begin(self, promised: Promise | None) -> None:
        """From now on rounds count, for what is said from now on, if anything is promised."""
        self._promise = promised

    def said(self, place: int, data: bytes) -> None:
        """A member, which is up, is asked to say this."""
        cores = self._cores(place) if self._promise is not None and place in self._honest else ()
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
        if place not in self._honest or said not in self._waits or self._promise is None:
            return
        digest, since = self._waits.pop(said)
        roster = self._cores(place)[0]._roster
        if roster.digest != digest:
            return
        took, most = self._round(roster) - since, self._promise(roster)
        if took > most:
            raise Violation(f"something was ordered {took} rounds of its epoch after it was said, not {most}")
