"""What happens in one simulated run, drawn wholly from its seed.

Each aspect of a run (its size, its liars, its weather, …) has a stream of chance of its own, named by the seed and the
aspect: one that is added later, or changed, leaves the others of every seed as they were.
"""

from dataclasses import dataclass
from random import Random

from mechdesign.group.roster import FaultModel
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.disk import Tail
from mechdesign.testing.equivocators import COLLUDING_KINDS, LIAR_KINDS, LiarKind
from mechdesign.testing.network import CALM, Weather
from mechdesign.testing.topologies import SHAPES, Edges, connected, links_of

__all__ = ["Crash", "Cut", "Scenario", "Submit", "draw"]


@dataclass(frozen=True, slots=True)
class Submit:
    """A member is asked to broadcast something that no other request equals."""

    at: Instant
    place: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Crash:
    """A member stops after so many more effects, and starts again unless ``back`` is None.

    ``tail`` says what becomes of the writes that no sync followed.
    """

    at: Instant
    place: int
    after_effects: int
    back: Instant | None
    tail: Tail


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing passes in these directions until an instant, or until the healing if that is None."""

    at: Instant
    pairs: tuple[tuple[int, int], ...]
    noticed: bool
    until: Instant | None


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
    """

    seed: int
    n: int
    faults: FaultModel
    live: bool
    liars: tuple[tuple[int, LiarKind], ...]
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

    @property
    def honest(self) -> tuple[int, ...]:
        """Places of the members that keep to the protocol, ascending."""
        lying = {place for place, _ in self.liars}
        return tuple(place for place in range(self.n) if place not in lying)

    @property
    def brisk(self) -> bool:
        """Whether nothing is slow or small once the network is whole, so that few rounds order what is said."""
        slow = self.hasty or any(self.slowness_us) or self.slow_links or any(self.lags_us)
        return self.live and not slow and not self.tight

    @property
    def dead(self) -> frozenset[int]:
        """Places of the members that crash and never come back."""
        return frozenset(crash.place for crash in self.crashes if crash.back is None)

    def __str__(self) -> str:
        lies = ", ".join(f"{place} {kind}" for place, kind in self.liars) or "none"
        return (
            f"seed {self.seed}: {'liveness' if self.live else 'safety'}, n={self.n} {self.faults.value} liars: {lies}; "
            f"crashes of {[crash.place for crash in self.crashes]}, {len(self.cuts)} cuts, {len(self.submits)} "
            f"submissions, depth {self.depth}{', partial mesh' if self.edges else ''}{', Ed25519' if self.real else ''}"
        )


_SIZES = (1, 2, 2, *[3] * 6, *[4] * 16, *[5] * 4, 6, 6, *[7] * 5, 10)


def draw(seed: int, *, n: int | None = None, faults: FaultModel | None = None) -> Scenario:
    """The scenario of a seed; the same on every machine."""

    def chance(aspect: str) -> Random:
        return Random(f"{aspect}/{seed}")

    random = chance("size")
    n = random.choice(_SIZES) if n is None else n
    if faults is None:
        faults = random.choice((FaultModel.BYZANTINE,) * 3 + (FaultModel.UNANIMOUS, FaultModel.MAJORITY))
    spare = n - ((n + faults.liars(n)) // 2 + 1)
    order = random.sample(range(n), n)
    liars = _liars(chance("liars"), order, faults.liars(n), spare)
    honest = sorted(order[len(liars) :])
    # Where liars may stall the group by the fault model itself, only safety can be asked for.
    live = len(liars) <= spare and chance("mode").random() < 0.8
    heal = chance("heal").randrange(SECOND, 4 * SECOND if n < 7 else 3 * SECOND)
    crashes = _crashes(chance("crashes"), honest, heal, spare - len(liars) if live else len(honest) - 1)
    dead = {crash.place for crash in crashes if crash.back is None}
    lasting = [place for place in honest if place not in dead]
    random = chance("rules")
    slowness, slow_links, lags = _slow(chance("slow"), n)
    return Scenario(
        seed,
        n,
        faults,
        live,
        liars,
        real=random.random() < 0.04,
        slots=random.choice((0, 0, 0, 1, min(2, n))),
        depth=random.choice((64, 64, 8, 4)),
        tight=random.random() < 0.2,
        hasty=random.random() < 0.4,
        weather=_weather(chance("weather")),
        after=Weather(loss=0.03, repeat=0.03) if chance("after").random() < 0.2 else CALM,
        edges=_edges(chance("edges"), order, lasting),
        slowness_us=slowness,
        slow_links=slow_links,
        lags_us=lags,
        submits=_submits(chance("submits"), seed, n, heal),
        crashes=crashes,
        cuts=_cuts(chance("cuts"), n, heal),
        heal=heal,
        naps=tuple(chance("naps").sample(honest, chance("nappers").choice((0, 0, 1, 1, len(honest))))),
    )


def _liars(random: Random, order: list[int], b: int, spare: int) -> tuple[tuple[int, LiarKind], ...]:
    """The first places of an order lie; where there are several, often in league with each other."""
    most = min(b, len(order) - 1)
    if not most or random.random() >= (0.8 if spare else 0.5):
        return ()
    lying = order[: random.randint(max(1, most - 1), most)]
    kinds = COLLUDING_KINDS if len(lying) > 1 and random.random() < 0.4 else LIAR_KINDS
    found = {place: random.choice(kinds) for place in lying}
    if kinds is COLLUDING_KINDS and "hide" in found.values():
        # Somebody has to make the twins that are hidden.
        found[lying[0]] = "conspire"
    return tuple(sorted(found.items()))


def _weather(random: Random) -> Weather:
    return Weather(
        delay_us=random.choice((100, 1_000, 10_000)),
        jitter_us=random.choice((100, 2_000, 20_000)),
        loss=random.choice((0.0, 0.0, 0.02, 0.2)),
        repeat=random.choice((0.0, 0.0, 0.1)),
        straggle=random.choice((0.0, 0.0, 0.05, 0.3)),
        straggle_us=random.choice((100_000, 1_000_000)),
        in_order=random.random() < 0.3,
    )


def _slow(
    random: Random, n: int
) -> tuple[tuple[Instant, ...], tuple[tuple[int, int, Instant], ...], tuple[Instant, ...]]:
    slowness = tuple(random.choice((5_000, 40_000)) if random.random() < 0.1 else 0 for _ in range(n))
    links = tuple(
        (a, b, random.choice((10_000, 60_000))) for a in range(n) for b in range(n) if a != b and random.random() < 0.03
    )
    lags = tuple(random.choice((2_000, 30_000)) if random.random() < 0.08 else 0 for _ in range(n))
    return slowness, links, lags


def _submits(random: Random, seed: int, n: int, heal: Instant) -> tuple[Submit, ...]:
    many = random.choice((1, 20, 80, 160) if n < 5 else (1, 10, 40) if n < 7 else (1, 6, 20))
    size = random.choice((0, 0, 100, 400))
    # Only honest members' submissions are awaited; liars have some to say too, so that they are not idle.
    return tuple(
        Submit(random.randrange(heal + SECOND // 2), random.randrange(n), b"%d/%d" % (seed, number) + bytes(size))
        for number in range(random.randint(1, many))
    )


def _edges(random: Random, order: list[int], lasting: list[int]) -> Edges | None:
    if len(order) < 4 or random.random() < 0.65:
        return None
    shape = random.choice(SHAPES)
    return connected(links_of(shape, random.sample(order, len(order)), random), lasting, random)


def _crashes(random: Random, honest: list[int], heal: Instant, dead_max: int) -> tuple[Crash, ...]:
    tails: tuple[Tail, ...] = ("lost", "part", "kept")
    style = random.random()
    if style < 0.4:
        return ()
    if style < 0.5:
        # Everybody at once: what was committed must be found on the disks.
        at = random.randrange(heal)
        return tuple(Crash(at, place, 0, random.randrange(at, heal + 1), random.choice(tails)) for place in honest)
    crashes: list[Crash] = []
    for _ in range(random.randint(1, 4)):
        at = random.randrange(heal)
        back = min(heal, at + random.choice((1_000, 100_000, 1_000_000)))
        after = random.choice((0, 1, 2, 3, 5, 8, 13, 40))
        crashes.append(Crash(at, random.choice(honest), after, back, random.choice(tails)))
    dead = random.sample(honest, random.randint(0, max(0, min(dead_max, len(honest) - 1))))
    crashes += [Crash(random.randrange(heal), place, random.randrange(10), None, "lost") for place in dead]
    return tuple(sorted(crashes, key=lambda crash: (crash.at, crash.place)))


def _cuts(random: Random, n: int, heal: Instant) -> tuple[Cut, ...]:
    if n < 2 or random.random() < 0.4:
        return ()
    cuts: list[Cut] = []
    for _ in range(random.randint(1, 3)):
        side = set(random.sample(range(n), random.randint(1, n - 1)))
        across = [(a, b) for a in range(n) for b in range(n) if (a in side) != (b in side)]
        style = random.random()
        if style < 0.3:
            across = [(a, b) for a, b in across if a in side]
        elif style < 0.5:
            across = random.sample(across, random.randint(1, len(across)))
        at, noticed = random.randrange(heal), random.random() < 0.5
        if random.random() < 0.25:
            cuts += _flapping(random, at, tuple(across), noticed, heal)
            continue
        until = random.randrange(at, heal + 1) if random.random() < 0.5 else None
        cuts.append(Cut(at, tuple(across), noticed, until))
    return tuple(sorted(cuts, key=lambda cut: cut.at))


def _flapping(
    random: Random, at: Instant, pairs: tuple[tuple[int, int], ...], noticed: bool, heal: Instant
) -> list[Cut]:
    """The same cut again and again, until the healing or ten times."""
    period = random.choice((20_000, 150_000, 700_000))
    cuts: list[Cut] = []
    while at < heal and len(cuts) < 10:
        until = min(heal, at + random.randrange(period // 4, period))
        cuts.append(Cut(at, pairs, noticed, until))
        at = until + random.randrange(period // 4, period)
    return cuts
