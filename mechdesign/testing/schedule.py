"""What happens in one simulated run, drawn wholly from its seed."""

from dataclasses import dataclass
from random import Random

from mechdesign.group.roster import FaultModel
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.equivocators import LIAR_KINDS, LiarKind
from mechdesign.testing.network import CALM, Weather

__all__ = ["Crash", "Cut", "Scenario", "Submit", "draw"]


@dataclass(frozen=True, slots=True)
class Submit:
    """A member is asked to broadcast something that no other request equals."""

    at: Instant
    place: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Crash:
    """A member stops after so many more effects, and starts again unless ``back`` is None."""

    at: Instant
    place: int
    after_effects: int
    back: Instant | None


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing passes in these directions until the next :attr:`Scenario.mends` instant."""

    at: Instant
    pairs: tuple[tuple[int, int], ...]
    noticed: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run: who takes part, who lies, what the network does, and when.

    Attributes:
        seed: names the run, and every stream of chance in it.
        liars: (place, kind), ascending by place; never more than the fault model bears.
        real: whether members sign with Ed25519 instead of the fast stand-in.
        slots: leader slots a round (0 stands for n).
        depth: collection depth.
        tight: small limits on parked blocks, rounds ahead and payloads, so that they are met.
        hasty: the members hardly wait for one another.
        weather: of the network until :attr:`heal`.
        after: of the network from then on: nothing worse than a few lost frames.
        edges: the links, connected among the honest; None stands for all.
        slowness_us: added to every frame from and to a member, for good.
        mends: instants before ``heal`` at which every cut ends.
        heal: from here on the network is whole, and whoever comes back is back.
        naps: members that crash and start again when everybody has fallen quiet.
    """

    seed: int
    n: int
    faults: FaultModel
    liars: tuple[tuple[int, LiarKind], ...]
    real: bool
    slots: int
    depth: int
    tight: bool
    hasty: bool
    weather: Weather
    after: Weather
    edges: tuple[tuple[int, int], ...] | None
    slowness_us: tuple[Instant, ...]
    submits: tuple[Submit, ...]
    crashes: tuple[Crash, ...]
    cuts: tuple[Cut, ...]
    mends: tuple[Instant, ...]
    heal: Instant
    naps: tuple[int, ...]

    @property
    def honest(self) -> tuple[int, ...]:
        """Places of the members that keep to the protocol, ascending."""
        lying = {place for place, _ in self.liars}
        return tuple(place for place in range(self.n) if place not in lying)

    @property
    def dead(self) -> frozenset[int]:
        """Places of the members that crash and never come back."""
        return frozenset(crash.place for crash in self.crashes if crash.back is None)

    @property
    def lively(self) -> bool:
        """Whether theory promises progress after the healing: a quorum is honest and up."""
        b = self.faults.liars(self.n)
        return self.n - len(self.liars) - len(self.dead) >= (self.n + b) // 2 + 1

    def __str__(self) -> str:
        lies = ", ".join(f"{place} {kind}" for place, kind in self.liars) or "none"
        return (
            f"seed {self.seed}: n={self.n} {self.faults.value} liars: {lies}; crashes of "
            f"{[crash.place for crash in self.crashes]}, {len(self.cuts)} cuts, {len(self.submits)} submissions, "
            f"depth {self.depth}{', Ed25519' if self.real else ''}"
        )


def draw(seed: int, *, n: int | None = None, faults: FaultModel | None = None) -> Scenario:
    """The scenario of a seed; the same on every machine."""
    random = Random(f"scenario/{seed}")
    n = random.choice((1, 2, 3, 3, 4, 4, 4, 4, 5, 6, 7, 7)) if n is None else n
    if faults is None:
        faults = random.choice((FaultModel.BYZANTINE,) * 3 + (FaultModel.UNANIMOUS, FaultModel.MAJORITY))
    b = faults.liars(n)
    spare = n - ((n + b) // 2 + 1)
    places = random.sample(range(n), n)

    # Under `unanimous` every liar may stall the group; half of these runs have none, so that liveness is tried too.
    lying = random.randint(min(b, 1), min(b, n - 1)) if random.random() < (0.8 if spare else 0.5) else 0
    liars = tuple(sorted((place, random.choice(LIAR_KINDS)) for place in places[:lying]))
    honest = sorted(places[lying:])
    heal = random.randrange(SECOND, 4 * SECOND)
    crashes = _crashes(random, honest, heal, spare - lying)
    dead = {crash.place for crash in crashes if crash.back is None}
    edges = _topology(random, n, [place for place in honest if place not in dead])
    weather = Weather(
        delay_us=random.choice((100, 1_000, 10_000)),
        jitter_us=random.choice((100, 2_000, 20_000)),
        loss=random.choice((0.0, 0.0, 0.02, 0.2)),
        repeat=random.choice((0.0, 0.0, 0.1)),
        straggle=random.choice((0.0, 0.0, 0.05, 0.3)),
        straggle_us=random.choice((100_000, 1_000_000)),
        in_order=random.random() < 0.3,
    )
    slowness = tuple(random.choice((5_000, 40_000)) if random.random() < 0.1 else 0 for _ in range(n))
    many = random.choice((1, 5, 20, 80))
    size = random.choice((0, 0, 100, 400))
    # Only honest members' submissions are awaited; liars have some to say too, so that they are not idle.
    submits = tuple(
        Submit(random.randrange(heal + SECOND // 2), random.randrange(n), b"%d/%d" % (seed, number) + bytes(size))
        for number in range(random.randint(1, many))
    )
    cuts, mends = _cuts(random, n, heal)
    return Scenario(
        seed,
        n,
        faults,
        liars,
        real=random.random() < 0.05,
        slots=random.choice((0, 0, 0, 1, min(2, n))),
        depth=random.choice((64, 64, 8, 4)),
        tight=random.random() < 0.2,
        hasty=random.random() < 0.4,
        weather=weather,
        after=Weather(loss=0.03, repeat=0.03) if random.random() < 0.2 else CALM,
        edges=edges,
        slowness_us=slowness,
        submits=submits,
        crashes=crashes,
        cuts=cuts,
        mends=mends,
        heal=heal,
        naps=tuple(random.sample(honest, random.choice((0, 0, 1, 1, len(honest))))),
    )


def _topology(random: Random, n: int, lasting: list[int]) -> tuple[tuple[int, int], ...] | None:
    """All links, or a tree of the lasting honest members and some more links; each of the others hangs on that tree."""
    if n < 4 or random.random() < 0.7:
        return None
    order = random.sample(lasting, len(lasting))
    edges = {(order[at], random.choice(order[:at])) for at in range(1, len(order))}
    edges.update((place, random.choice(lasting)) for place in range(n) if place not in lasting)
    edges.update((a, b) for a in range(n) for b in range(a) if random.random() < 0.3)
    return tuple(sorted({(max(a, b), min(a, b)) for a, b in edges}))


def _crashes(random: Random, honest: list[int], heal: Instant, spare: int) -> tuple[Crash, ...]:
    style = random.random()
    if style < 0.4:
        return ()
    if style < 0.5:
        # Everybody at once: what was committed must be found on the disks.
        at = random.randrange(heal)
        return tuple(Crash(at, place, 0, random.randrange(at, heal + 1)) for place in honest)
    crashes: list[Crash] = []
    for _ in range(random.randint(1, 4)):
        at = random.randrange(heal)
        back = min(heal, at + random.choice((1_000, 100_000, 1_000_000)))
        crashes.append(Crash(at, random.choice(honest), random.choice((0, 1, 2, 3, 5, 8, 13, 40)), back))
    dead = random.sample(honest, random.randint(0, max(0, min(spare, len(honest) - 1))))
    crashes += [Crash(random.randrange(heal), place, random.randrange(10), None) for place in dead]
    return tuple(sorted(crashes, key=lambda crash: (crash.at, crash.place)))


def _cuts(random: Random, n: int, heal: Instant) -> tuple[tuple[Cut, ...], tuple[Instant, ...]]:
    if n < 2 or random.random() < 0.4:
        return (), ()
    cuts: list[Cut] = []
    for _ in range(random.randint(1, 3)):
        side = set(random.sample(range(n), random.randint(1, n - 1)))
        across = [(a, b) for a in range(n) for b in range(n) if (a in side) != (b in side)]
        style = random.random()
        if style < 0.3:
            across = [(a, b) for a, b in across if a in side]
        elif style < 0.5:
            across = random.sample(across, random.randint(1, len(across)))
        cuts.append(Cut(random.randrange(heal), tuple(across), random.random() < 0.5))
    mends = tuple(sorted(random.randrange(heal) for _ in range(random.randint(0, 2))))
    return tuple(sorted(cuts, key=lambda cut: cut.at)), mends
