"""What happens in one simulated run, drawn wholly from its seed.

Each aspect of a run (its size, its liars, its weather, …) has a stream of chance of its own, named by the seed and the
aspect: one that is added later, or changed, leaves the others of every seed as they were.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from mechdesign.group.roster import FaultModel
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.changes import changing_company
from mechdesign.testing.mishaps import (
    crashes_of,
    cuts_of,
    edges_of,
    liars_of,
    load_of,
    slowness_of,
    submits_of,
    weather_of,
)
from mechdesign.testing.network import CALM, Weather
from mechdesign.testing.rounds import bears
from mechdesign.testing.scenario import Company, Scenario

__all__ = ["draw"]

_SIZES = (1, 2, 2, *[3] * 6, *[4] * 16, *[5] * 4, 6, 6, *[7] * 5, 10)
_KINDS, _CHANGING = 8, 5
# One seed of eight is of a run in which members come and go.
_LOADED = 0.1
_BREEZE = Weather(delay_us=4_000, jitter_us=1_000)
# Rounds take their time, so that a load that lasts does not cost thousands of them.


def draw(
    seed: int, *, n: int | None = None, faults: FaultModel | None = None, changing: bool | None = None
) -> Scenario:
    """The scenario of a seed; the same on every machine.

    Args:
        seed: names it.
        n: how many members there are, if not as the seed says; they stay the same then.
        faults: the fault model, if not as the seed says; the members stay the same then.
        changing: whether members come and go, if not as the seed says.
    """

    def chance(aspect: str) -> Random:
        return Random(f"{aspect}/{seed}")

    if changing is None:
        changing = n is None and faults is None and seed % _KINDS == _CHANGING
    company = changing_company(chance) if changing else _steady_company(chance, n, faults)
    n, heal, changes = company.n, company.heal, company.changes
    lying = dict(company.liars)
    honest = [place for place in range(n) if place not in lying]
    random = chance("rules")
    slowness, slow_links, lags = slowness_of(chance("slow"), n)
    scenario = Scenario(
        seed,
        n,
        company.faults,
        company.live,
        company.liars,
        real=random.random() < 0.04,
        slots=random.choice((0, 0, 0, 1, min(2, n if changes is None else changes.least))),
        depth=random.choice((64, 64, 8, 4)),
        tight=random.random() < 0.2,
        hasty=random.random() < 0.4,
        weather=weather_of(chance("weather")),
        after=Weather(loss=0.03, repeat=0.03) if chance("after").random() < 0.2 else CALM,
        edges=company.edges,
        slowness_us=slowness,
        slow_links=slow_links,
        lags_us=lags,
        submits=submits_of(chance("submits"), seed, n, n if changes is None else changes.founders, heal),
        crashes=company.crashes,
        cuts=cuts_of(chance("cuts"), n, heal),
        heal=heal,
        naps=tuple(chance("naps").sample(honest, chance("nappers").choice((0, 0, 1, 1, len(honest))))),
        changes=changes,
    )
    return scenario if n == 1 or changes is not None else _loaded(scenario, chance("load"))


def _loaded(scenario: Scenario, random: Random) -> Scenario:
    """Some runs that heal do not fall quiet then; of their liars one promises one member what it never brings."""
    if not scenario.live or random.random() >= _LOADED:
        return scenario
    liars = scenario.liars
    if liars and random.random() < 0.6:
        liars = ((liars[0][0], "promise"), *liars[1:])
    load = load_of(random, scenario.seed, scenario.lasting, scenario.heal + SECOND)
    loaded = replace(scenario, liars=liars, after=_BREEZE, load=load)
    return loaded if bears(loaded) else scenario


def _steady_company(chance: Callable[[str], Random], n: int | None, faults: FaultModel | None) -> Company:
    random = chance("size")
    n = random.choice(_SIZES) if n is None else n
    if faults is None:
        faults = random.choice((FaultModel.BYZANTINE,) * 3 + (FaultModel.UNANIMOUS, FaultModel.MAJORITY))
    spare = n - ((n + faults.liars(n)) // 2 + 1)
    order = random.sample(range(n), n)
    liars = liars_of(chance("liars"), order, faults.liars(n), spare)
    honest = sorted(order[len(liars) :])
    # Where liars may stall the group by the fault model itself, only safety can be asked for.
    live = len(liars) <= spare and chance("mode").random() < 0.8
    heal = chance("heal").randrange(SECOND, 4 * SECOND if n < 7 else 3 * SECOND)
    crashes = crashes_of(chance("crashes"), honest, heal, spare - len(liars) if live else len(honest) - 1)
    dead = {crash.place for crash in crashes if crash.back is None}
    lasting = [place for place in honest if place not in dead]
    edges = edges_of(chance("edges"), order, lasting)
    return Company(n, faults, live, heal, liars, crashes, edges)
