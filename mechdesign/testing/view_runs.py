"""Runs in which members come and go, each drawn from one seed: ``python -m mechdesign.testing.view_runs 0 1000``.

The members that are wanted change a few times, often before the change before is done, while frames are lost, links are
cut, members crash in the middle of things, and some lie. From an instant on the network is whole and everybody is up
who ever comes back; then the wanted have to become the members, what they say has to be ordered, and all falls quiet.
"""

import sys
import traceback
from dataclasses import dataclass
from functools import partial
from random import Random

from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.cluster import settings
from mechdesign.testing.network import CALM, Weather
from mechdesign.testing.simulator import Violation
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.testing.view_liars import VIEW_LIAR_KINDS, ViewLiarKind

__all__ = [
    "PATIENCE_S",
    "Step",
    "ViewOutcome",
    "ViewScenario",
    "cluster_of",
    "draw_views",
    "play_views",
    "view_scenario",
]

PATIENCE_S = 120.0
"""Virtual seconds within which the wanted become the members."""


@dataclass(frozen=True, slots=True)
class Step:
    """From an instant on other members are wanted."""

    at: Instant
    joins: tuple[int, ...]
    goes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ViewScenario:
    """Everything that a seed decides.

    Attributes:
        seed: names it.
        founders: how many members found the group.
        total: how many there ever are.
        liars: kind of lie by place.
        dead: who crashes for good, and when; at instant 0 who never comes.
        sleepers: (place, from, until) of those who are down for long, also when the network is whole.
        drains: whether a layer above has to be ready.
        steps: who is wanted, and from when on.
        crashes: (instant, place, after so many effects, back at).
        cuts: (instant, the places on one side, until).
        submits: (instant, place).
        weather: until the healing.
        after: from then on.
        hasty: whether waits are shorter than the network's delays.
        depth: of the roster.
        heal: when the network becomes whole.
    """

    seed: int
    founders: int
    total: int
    liars: tuple[tuple[int, ViewLiarKind], ...]
    dead: tuple[tuple[int, Instant], ...]
    sleepers: tuple[tuple[int, Instant, Instant], ...]
    drains: bool
    steps: tuple[Step, ...]
    crashes: tuple[tuple[Instant, int, int, Instant], ...]
    cuts: tuple[tuple[Instant, tuple[int, ...], Instant], ...]
    submits: tuple[tuple[Instant, int], ...]
    weather: Weather
    after: Weather
    hasty: bool
    depth: int
    heal: Instant


@dataclass(frozen=True, slots=True)
class ViewOutcome:
    """What became of a run.

    Attributes:
        seed: replays it.
        digest: of its history up to the end or the violation.
        epochs: how many there were.
        events: how many events the driver went through.
        violation: what did not hold, or None.
    """

    seed: int
    digest: str
    epochs: int
    events: int
    violation: str | None

    def __str__(self) -> str:
        what = "holds" if self.violation is None else f"VIOLATION: {self.violation}"
        return f"view seed {self.seed} ({self.epochs} epochs, {self.events} events, {self.digest[:16]}): {what}"


def draw_views(seed: int) -> ViewScenario:
    """The scenario of a seed; the same on every machine."""
    random = Random(f"views/{seed}")
    faulty = random.choice((0,) * 10 + (1,) * 9 + (2,))
    least = (1, 4, 7)[faulty]
    founders = random.choice((least, least, least, least + 1, least + 2, least + 3))
    heal = random.randrange(SECOND, 3 * SECOND)
    total = founders + random.choice((1, 1, 2, 2, 3))
    lying = random.sample(range(founders), random.randint(0, faulty))
    liars = tuple(sorted((place, random.choice(VIEW_LIAR_KINDS)) for place in lying))
    fit = [place for place in range(total) if place not in lying]
    dying = sorted(random.sample(fit, faulty - len(lying)))
    asleep = [place for place in dying if place < founders and random.random() < 0.6]
    dead = tuple(
        (place, 0 if place >= founders else random.randrange(1, heal)) for place in dying if place not in asleep
    )
    sleepers = tuple((place, random.randrange(1, heal), heal + random.randrange(8 * SECOND)) for place in asleep)
    steps = _steps(random, founders, total, least, heal)
    crashes = []
    for _ in range(random.choice((0, 0, 2, 6))):
        at = random.randrange(heal)
        pause = random.choice((1_000, 50_000, 600_000))
        crashes.append((at, random.choice(fit), random.choice((0, 1, 2, 3, 5, 8, 20)), min(heal, at + pause)))
    cuts = []
    for _ in range(random.choice((0, 0, 1, 2))):
        at = random.randrange(heal)
        side = random.sample(range(total), random.randint(1, total - 1))
        cuts.append((at, tuple(side), random.randrange(at, heal + 1)))
    submits = [(random.randrange(heal + SECOND), random.randrange(total)) for _ in range(random.choice((2, 6, 15, 40)))]
    rough = random.random() < 0.6
    weather = Weather(
        delay_us=random.choice((100, 1_000, 10_000)),
        jitter_us=random.choice((100, 2_000, 20_000)),
        loss=random.choice((0.0, 0.02, 0.2)) if rough else 0.0,
        repeat=random.choice((0.0, 0.1)) if rough else 0.0,
        straggle=random.choice((0.0, 0.05)) if rough else 0.0,
        straggle_us=500_000,
    )
    return ViewScenario(
        seed,
        founders,
        total,
        liars,
        dead,
        sleepers,
        drains=random.random() < 0.4,
        steps=steps,
        crashes=tuple(sorted(crashes)),
        cuts=tuple(sorted(cuts)),
        submits=tuple(sorted(submits)),
        weather=weather,
        after=Weather(loss=0.03, repeat=0.03) if random.random() < 0.2 else CALM,
        hasty=random.random() < 0.3,
        depth=random.choice((64, 64, 8, 4)),
        heal=heal,
    )


def _steps(random: Random, founders: int, total: int, least: int, heal: Instant) -> tuple[Step, ...]:
    """A few changes; however they are grouped into views, no roster is smaller than the liars and the dead allow."""
    wanted = set(range(founders))
    steps = []
    for at in sorted(random.randrange(100_000, heal + SECOND) for _ in range(random.randint(1, 4))):
        out = [place for place in range(total) if place not in wanted]
        spare = len(wanted) - least
        goes = random.sample(sorted(wanted), random.randint(0, min(2, spare)))
        joins = random.sample(out, random.randint(0 if goes else min(1, len(out)), len(out)))
        wanted = (wanted | set(joins)) - set(goes)
        steps.append(Step(at, tuple(sorted(joins)), tuple(sorted(goes))))
    return tuple(steps)


def cluster_of(scenario: ViewScenario, *, keep_history: bool = False) -> ViewCluster:
    """The group of a scenario, with everything that the scenario says scheduled."""
    cluster = ViewCluster(
        scenario.founders,
        scenario.total,
        scenario.seed,
        liars=dict(scenario.liars),
        drains=scenario.drains,
        weather=scenario.weather,
        config=settings(hasty=scenario.hasty),
        keep_history=keep_history,
        depth=scenario.depth,
    )
    simulator = cluster.simulator
    cluster.absent = frozenset(place for place, at in scenario.dead if at == 0)
    for place in range(scenario.founders):
        simulator.at(place * 7_000, partial(cluster.start, place))
    for number, (at, place) in enumerate(scenario.submits):
        simulator.at(at, partial(cluster.say, place, b"%d/%d" % (scenario.seed, number)))
    for step in scenario.steps:
        simulator.at(step.at, partial(cluster.want, step.joins, step.goes))
    for at in range(SECOND // 2, scenario.heal, SECOND // 2):
        simulator.at(at, cluster.convene)
    for place, at in scenario.dead:
        simulator.at(at, partial(simulator.crash, place))
    for place, at, back in scenario.sleepers:
        simulator.at(at, partial(simulator.crash, place))
        simulator.at(back, partial(cluster.start, place))
    down = {*dict(scenario.dead), *(place for place, _, _ in scenario.sleepers)}
    for at, place, after, back in scenario.crashes:
        if place not in down:
            simulator.at(at, partial(simulator.crash, place, after))
            simulator.at(back, partial(cluster.start, place))
    for at, side, until in scenario.cuts:
        across = [(a, b) for a in range(scenario.total) for b in range(scenario.total) if (a in side) != (b in side)]
        simulator.at(at, partial(simulator.cut, across))
        simulator.at(until, simulator.mend)
    return cluster


def play_views(cluster: ViewCluster, scenario: ViewScenario, patience_s: float = PATIENCE_S) -> None:
    """Let a scenario happen and hold the group to everything that is promised of it.

    Args:
        cluster: made by :func:`cluster_of`.
        scenario: what is to happen.
        patience_s: how long the members may take to settle, in virtual seconds.

    Raises:
        Violation: a promise was broken.
    """
    dead = [place for place, _ in scenario.dead]
    asleep = [place for place, _, _ in scenario.sleepers]
    cluster.simulator.run(scenario.heal)
    cluster.heal([*dead, *asleep], scenario.after)
    last = max(step.at for step in scenario.steps)
    cluster.simulator.run(max(last, scenario.heal) + 1)
    cluster.absent = cluster.absent | frozenset(dead)
    until = max((back for _, _, back in scenario.sleepers), default=0)
    cluster.run_until(lambda: cluster.simulator.now > until, patience_s)
    cluster.assert_settled(patience_s)
    cluster.assert_quiet()
    for place in cluster.live:
        cluster.simulator.crash(place)
        cluster.start(place)
    for place in cluster.live:
        cluster.say(place, b"again %d" % place)
    cluster.assert_settled(patience_s)
    cluster.assert_quiet()


def view_scenario(seed: int, patience_s: float = PATIENCE_S) -> ViewOutcome:
    """Play the scenario of a seed; every exception of a machine becomes a violation."""
    scenario = draw_views(seed)
    cluster = cluster_of(scenario)
    try:
        play_views(cluster, scenario, patience_s)
        violation = None
    except Violation as error:
        violation = str(error)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        violation = f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})"
    simulator = cluster.simulator
    return ViewOutcome(seed, simulator.digest, len(cluster.chain), simulator.events, violation)


def _main(first: int, last: int) -> int:
    failed = 0
    for outcome in map(view_scenario, range(first, last)):
        if outcome.violation is not None:
            failed += 1
            print(outcome, flush=True)
        elif outcome.seed % 100 == 99:
            print(f"seeds {first} to {outcome.seed}: {failed} failed", flush=True)
    print(f"{last - first} seeds, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(_main(*map(int, sys.argv[1:3])))
