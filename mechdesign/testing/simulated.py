"""What every simulated group has, whether its members stay the same or change: time, trouble, healing and silence."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from random import Random
from typing import Protocol

from mechdesign.group.roster import Member
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import KeyedHash, MemberId, Signer
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.network import CALM, Weather
from mechdesign.testing.scenario import AnyLiarKind, Crash, Scenario
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["BRISK", "SLICE", "SimulatedGroup", "cast_of", "settings"]

BRISK = GroupConfig(round_timeout_s=0.2, pull_retry_s=0.1, tips_min_s=0.1, tips_max_s=1.0)
"""Settings for simulations: short waits, so that a virtual second holds many rounds."""

SLICE = SECOND // 20
"""How long a simulation goes on between two looks at what is waited for."""


def settings(*, tight: bool = False, hasty: bool = False) -> GroupConfig:
    """As :data:`BRISK`, with limits that ordinary trouble reaches, or with waits shorter than the network's delays."""
    changes: dict[str, float] = {}
    if tight:
        changes |= {"parked_per_author": 6, "rounds_ahead_max": 6}
    if hasty:
        changes |= {"round_timeout_s": 0.005, "pull_retry_s": 0.05}
    return BRISK.model_copy(update=changes)


def cast_of(n: int, chance: Random, real: bool = False) -> tuple[list[Signer], list[Member]]:
    """The signers of n members and the lines that stand for them in rosters.

    Args:
        n: how many.
        chance: makes their keys.
        real: sign with Ed25519 instead of the keyed hash.
    """
    signers = [_signer(chance, real) for _ in range(n)]
    lines = [
        Member(signer.public, f"m{place}", chance.randbytes(32), chance.randbytes(32))
        for place, signer in enumerate(signers)
    ]
    return signers, lines


def _signer(chance: Random, real: bool) -> Signer:
    seed, curve = chance.randbytes(32), chance.randbytes(32)
    return Identity(seed, curve, seed) if real else KeyedHash.Signer(MemberId(seed))


class _Counter(Protocol):
    """Counts the blocks that honest members make."""

    made: int


class SimulatedGroup:
    """Members on a simulator; who they are is for the classes below to say.

    Attributes:
        simulator: drives them.
        blocks: counts what the honest ones make.
        liars: kind of lie by place.
        honest: the other places, ascending.
    """

    simulator: Simulator
    blocks: _Counter
    liars: Mapping[int, AnyLiarKind]
    honest: tuple[int, ...]

    @property
    def live(self) -> Collection[int]:
        """Places of the honest members that are up, ascending."""
        raise NotImplementedError

    def start(self, place: int) -> None:
        """Start a member unless it runs."""
        if self.simulator.processes[place].machine is None:
            self.simulator.start(place)

    def crash(self, crash: Crash) -> None:
        """Let a member crash now, and come back when it is to."""
        self.simulator.crash(crash.place, crash.after_effects, crash.tail)
        if crash.back is not None:
            self.simulator.at(crash.back, partial(self.start, crash.place))

    def trouble(self, scenario: Scenario) -> None:
        """Schedule what slows, stops and parts the members of a scenario."""
        simulator = self.simulator
        simulator.network.slowness_us = list(scenario.slowness_us)
        simulator.network.slow_links_us = {(source, target): us for source, target, us in scenario.slow_links}
        for process, lag_us in zip(simulator.processes, scenario.lags_us, strict=True):
            process.lag_us = lag_us
        for crash in scenario.crashes:
            simulator.at(crash.at, partial(self.crash, crash))
        for cut in scenario.cuts:
            simulator.at(cut.at, partial(simulator.cut, cut.pairs, noticed=cut.noticed))
            if cut.until is not None:
                simulator.at(cut.until, partial(simulator.mend, cut.pairs))

    def heal(self, dead: Iterable[int] = (), weather: Weather = CALM) -> None:
        """A whole network with such weather from now on, and everybody up except the dead."""
        dead = frozenset(dead)
        self.simulator.network.weather = weather
        for process in self.simulator.processes:
            process.fuse = None
            if process.place in dead:
                self.simulator.crash(process.place)
            else:
                self.start(process.place)
        self.simulator.mend()

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.simulator.run(self.simulator.now + round(seconds * SECOND))

    def run_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Let virtual time pass until ``done()``, at most so many seconds; returns whether it came true."""
        limit = self.simulator.now + round(seconds * SECOND)
        while not done():
            if self.simulator.now >= limit:
                return False
            self.simulator.run(min(limit, self.simulator.now + SLICE))
        return True

    def assert_quiet(self, seconds: float = 10, patience: float = 60) -> None:
        """The honest members stop making blocks within the patience, and make none for as long as asked.

        Where all are honest nothing wakes them once they were quiet for a moment. A liar may do so with a block that it
        held back; then the time without blocks begins anew, but the patience does not.
        """
        window = 2
        limit = self.simulator.now + round(patience * SECOND)
        made, since = self.blocks.made, self.simulator.now
        silent = False
        while self.simulator.now - since < round(seconds * SECOND):
            if since >= limit:
                raise Violation(f"the group does not fall quiet in {patience} s with nothing to say")
            self.run(window)
            if self.blocks.made != made:
                if silent and not self.liars:
                    raise Violation(f"{self.blocks.made - made} blocks were made after a silence, with nothing to say")
                made, since, silent = self.blocks.made, self.simulator.now, False
            else:
                silent = True
