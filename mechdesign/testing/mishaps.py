"""What may go wrong in a run, each aspect drawn from a stream of chance of its own."""

from collections.abc import Sequence
from random import Random

from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.disk import Tail
from mechdesign.testing.equivocators import COLLUDING_KINDS, LIAR_KINDS
from mechdesign.testing.network import Weather
from mechdesign.testing.scenario import AnyLiarKind, Crash, Cut, Submit
from mechdesign.testing.topologies import SHAPES, Edges, connected, links_of

__all__ = ["crashes_of", "cuts_of", "edges_of", "liars_of", "load_of", "slowness_of", "submits_of", "weather_of"]


_LOAD_US = SECOND
# How long a load lasts that does not end before the promise is checked.


def liars_of(
    random: Random,
    order: Sequence[int],
    b: int,
    spare: int,
    kinds: Sequence[AnyLiarKind] = LIAR_KINDS,
    colluding: Sequence[AnyLiarKind] = COLLUDING_KINDS,
) -> tuple[tuple[int, AnyLiarKind], ...]:
    """The first places of an order lie; where there are several, often in league with each other."""
    most = min(b, len(order) - 1)
    if not most or random.random() >= (0.8 if spare else 0.5):
        return ()
    lying = order[: random.randint(max(1, most - 1), most)]
    together = len(lying) > 1 and random.random() < 0.4
    found = {place: random.choice(colluding if together else kinds) for place in lying}
    if together and "hide" in found.values():
        # Somebody has to make the twins that are hidden.
        found[lying[0]] = "conspire"
    return tuple(sorted(found.items()))


def weather_of(random: Random) -> Weather:
    """What links do to frames until the network heals."""
    return Weather(
        delay_us=random.choice((100, 1_000, 10_000)),
        jitter_us=random.choice((100, 2_000, 20_000)),
        loss=random.choice((0.0, 0.0, 0.02, 0.2)),
        repeat=random.choice((0.0, 0.0, 0.1)),
        straggle=random.choice((0.0, 0.0, 0.05, 0.3)),
        straggle_us=random.choice((100_000, 1_000_000)),
        in_order=random.random() < 0.3,
    )


def slowness_of(
    random: Random, n: int
) -> tuple[tuple[Instant, ...], tuple[tuple[int, int, Instant], ...], tuple[Instant, ...]]:
    """What is added to frames by place and by (source, target), and how much too late the timers of a place go off."""
    slowness = tuple(random.choice((5_000, 40_000)) if random.random() < 0.1 else 0 for _ in range(n))
    links = tuple(
        (a, b, random.choice((10_000, 60_000))) for a in range(n) for b in range(n) if a != b and random.random() < 0.03
    )
    lags = tuple(random.choice((2_000, 30_000)) if random.random() < 0.08 else 0 for _ in range(n))
    return slowness, links, lags


def submits_of(random: Random, seed: int, n: int, members: int, heal: Instant) -> tuple[Submit, ...]:
    """What is said, by which of n places and when; the more members there are, the less."""
    many = random.choice((1, 20, 80, 160) if members < 5 else (1, 10, 40) if members < 7 else (1, 6, 20))
    size = random.choice((0, 0, 100, 400))
    # Only honest members' submissions are awaited; liars have some to say too, so that they are not idle.
    return tuple(
        Submit(random.randrange(heal + SECOND // 2), random.randrange(n), b"%d/%d" % (seed, number) + bytes(size))
        for number in range(random.randint(1, many))
    )


def load_of(random: Random, seed: int, honest: Sequence[int], begin: Instant) -> tuple[Submit, ...]:
    """What is said without a pause after an instant: some talk all the time, the others have a word now and then."""
    talkers = random.sample(honest, random.randint(1, max(1, len(honest) - 1)))
    gap = random.choice((4_000, 10_000))
    end = begin + _LOAD_US
    times = [(at, random.choice(talkers)) for at in range(begin, end, gap)]
    times += [(random.randrange(begin, end), place) for place in honest if place not in talkers for _ in range(4)]
    return tuple(Submit(at, place, b"%d/load %d" % (seed, number)) for number, (at, place) in enumerate(sorted(times)))


def edges_of(random: Random, order: list[int], lasting: list[int]) -> Edges | None:
    """The links, where not every pair has one; those who last reach each other without the others."""
    if len(order) < 4 or random.random() < 0.65:
        return None
    shape = random.choice(SHAPES)
    return connected(links_of(shape, random.sample(order, len(order)), random), lasting, random)


def crashes_of(random: Random, honest: list[int], heal: Instant, dead_max: int) -> tuple[Crash, ...]:
    """Crashes with a return, alone or of all at once, and at most ``dead_max`` for good."""
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
    # Who came back at the very instant of the healing would not be dead.
    crashes = [crash for crash in crashes if crash.place not in dead or crash.back != heal]
    crashes += [Crash(random.randrange(heal), place, random.randrange(10), None, "lost") for place in dead]
    return tuple(sorted(crashes, key=lambda crash: (crash.at, crash.place)))


def cuts_of(random: Random, n: int, heal: Instant) -> tuple[Cut, ...]:
    """Partitions: of both directions, of one, of some links, or coming and going."""
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
