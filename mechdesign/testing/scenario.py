"""What happens in one simulated run, as a value: who takes part, who lies, what goes wrong, and when."""

from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.roster import FaultModel
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.disk import Tail
from mechdesign.testing.equivocators import LiarKind
from mechdesign.testing.letter_liars import LetterLiarKind
from mechdesign.testing.lying_groups import EpochLiarKind
from mechdesign.testing.network import Weather
from mechdesign.testing.topologies import Edges
from mechdesign.testing.view_liars import ViewLiarKind

__all__ = ["AnyLiarKind", "Changes", "Company", "Crash", "Cut", "Note", "Scenario", "Sleep", "Step", "Submit"]

AnyLiarKind: TypeAlias = LiarKind | ViewLiarKind | EpochLiarKind | LetterLiarKind
"""Name of a way to break the rules of an epoch, or those of its end, or those of messages to some of the members."""


@dataclass(frozen=True, slots=True)
class Submit:
    """A member is asked to broadcast something that no other request equals."""

    at: Instant
    place: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A member is asked to send something to some of the others, in the order or outside of it."""

    at: Instant
    place: int
    to: tuple[int, ...]
    ordered: bool


@dataclass(frozen=True, slots=True)
class Crash:
    """A member stops after so many more effects, and starts again unless ``back`` is None.

    ``tail`` says what becomes of the writes that no sync followed; chance does if it is None.
    """

    at: Instant
    place: int
    after_effects: int
    back: Instant | None
    tail: Tail | None


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing passes in these directions until an instant, or until the healing if that is None."""

    at: Instant
    pairs: tuple[tuple[int, int], ...]
    noticed: bool
    until: Instant | None


@dataclass(frozen=True, slots=True)
class Step:
    """From an instant on other members are wanted."""

    at: Instant
    joins: tuple[int, ...]
    goes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sleep:
    """A member is down for long, also while the network is whole already."""

    at: Instant
    place: int
    back: Instant


@dataclass(frozen=True, slots=True)
class Changes:
    """How the members of a group change in one run.

    Attributes:
        founders: how many found the group, from place 0 on.
        least: no roster is to have fewer members, for the liars and the dead that there are.
        steps: who is wanted, and from when on.
        absent: who is admitted and never comes.
        sleeps: who is down for long.
        drains: whether a layer above has to be ready before an epoch ends.
        expels: whether a member that is convicted is excluded by what convicted it.
        notes: messages to some of the members; where there are none nobody has the means for them.
    """

    founders: int
    least: int
    steps: tuple[Step, ...]
    absent: tuple[int, ...]
    sleeps: tuple[Sleep, ...]
    drains: bool
    expels: bool
    notes: tuple[Note, ...] = ()

    def __str__(self) -> str:
        steps = "; ".join(f"+{list(step.joins)} -{list(step.goes)} at {step.at / SECOND:.2f} s" for step in self.steps)
        return (
            f"{self.founders} founders, {steps}; absent {list(self.absent)}, asleep "
            f"{[sleep.place for sleep in self.sleeps]}{', drains' if self.drains else ''}"
            f"{', expels' if self.expels else ''}{f', {len(self.notes)} notes' if self.notes else ''}"
        )


@dataclass(frozen=True, slots=True)
class Company:
    """Who takes part in a run, and what becomes of them; fields as in :class:`Scenario`."""

    n: int
    faults: FaultModel
    live: bool
    heal: Instant
    liars: tuple[tuple[int, AnyLiarKind], ...]
    crashes: tuple[Crash, ...]
    edges: Edges | None
    changes: Changes | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run: who takes part, who lies, what the network does, and when.

    Attributes:
        seed: names the run, and every stream of chance in it.
        live: whether the run heals, so that everything said has to be ordered; else only safety is asked of it, and
            until the end nothing gets better.
        liars: (place, kind), ascending by place; never more than the fault model bears.
        real: whether members sign with Ed25519 instead of the fast stand-in.
        slots: leader slots a round (0 stands for n).
        depth: collection depth.
        tight: small limits on parked blocks, rounds ahead and payloads, so that they are met.
        hasty: the members hardly wait for one another.
        weather: of the network until :attr:`heal`.
        after: of the network from then on: nothing worse than a few lost frames.
        edges: the links, connected among the honest that last; None stands for all.
        slowness_us: added to every frame from and to a member, for good.
        slow_links: (source, target, what is added to every frame), for good; there may be one for each direction.
        lags_us: how much too late a member's timers go off.
        heal: from here on the network is whole, and whoever comes back is back; the end where the run does not heal.
        naps: members that crash and start again when everybody has fallen quiet.
        changes: how the membership changes meanwhile; None where it does not. Then ``n`` counts everybody who is ever a
            member, and ``faults`` is the fault model of the first roster.
        load: what is said after the healing without a pause, so that the group never falls quiet while it lasts.
    """

    seed: int
    n: int
    faults: FaultModel
    live: bool
    liars: tuple[tuple[int, AnyLiarKind], ...]
    real: bool
    slots: int
    depth: int
    tight: bool
    hasty: bool
    weather: Weather
    after: Weather
    edges: Edges | None
    slowness_us: tuple[Instant, ...]
    slow_links: tuple[tuple[int, int, Instant], ...]
    lags_us: tuple[Instant, ...]
    submits: tuple[Submit, ...]
    crashes: tuple[Crash, ...]
    cuts: tuple[Cut, ...]
    heal: Instant
    naps: tuple[int, ...]
    changes: Changes | None = None
    load: tuple[Submit, ...] = ()

    @property
    def honest(self) -> tuple[int, ...]:
        """Places of the members that keep to the protocol, ascending."""
        lying = {place for place, _ in self.liars}
        return tuple(place for place in range(self.n) if place not in lying)

    @property
    def brisk(self) -> bool:
        """Whether nothing is slow or small once the network is whole, so that few rounds order what is said."""
        slow = self.hasty or any(self.slowness_us) or self.slow_links or any(self.lags_us)
        return self.live and not slow and not self.tight and self.changes is None

    @property
    def dead(self) -> frozenset[int]:
        """Places of the members that crash and never come back."""
        return frozenset(crash.place for crash in self.crashes if crash.back is None)

    @property
    def lasting(self) -> tuple[int, ...]:
        """Places of the honest members that are there in the end, ascending."""
        return tuple(place for place in self.honest if place not in self.dead)

    def __str__(self) -> str:
        lies = ", ".join(f"{place} {kind}" for place, kind in self.liars) or "none"
        return (
            f"seed {self.seed}: {'liveness' if self.live else 'safety'}, n={self.n} {self.faults.value} liars: {lies}; "
            f"crashes of {[crash.place for crash in self.crashes]}, {len(self.cuts)} cuts, {len(self.submits)} "
            f"submissions, depth {self.depth}{', partial mesh' if self.edges else ''}{', Ed25519' if self.real else ''}"
            f"{', lasting load' if self.load else ''}"
            f"{'' if self.changes is None else f'; {self.changes}'}"
        )
