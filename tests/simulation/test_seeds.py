"""A thousand whole runs, each drawn from its seed: all fault models, crashes, partitions, liars, members that change.

A failing seed is replayed with ``python -m mechdesign.testing.campaign --seeds SEED``.
"""

from collections import Counter

import pytest

from mechdesign.group.roster import FaultModel
from mechdesign.testing.changes import CHANGING_KINDS
from mechdesign.testing.equivocators import LIAR_KINDS
from mechdesign.testing.runs import run_seed
from mechdesign.testing.schedule import draw
from tests.long_form import mostly_long
from tests.simulation.test_acts import PLAYED

SEEDS = 1000
CHUNK = 10
FAILED_ONCE = {
    1941: "a member that was away for a whole epoch misses what was said in it",
    5845: "a proof against somebody who is no member any more was handed up",
    5852: "a slow member beside a small collection depth is heard once the others are silent",
    10318: "what a slow member says keeps the others awake, and so is collected again and again",
    3833: "the same for hundreds of rounds",
    14279: "a member that was to stay away came back at the instant of the healing",
    16222: "on a line late anchors bring out old leaders only, and what they lack waits as long again",
    16971: "one promise of far rounds holds a member of a quick group back",
    1057: "on a line of late members the same ones are left out until the wait has doubled",
    6130: "a liar is asked alone for what another neighbour showed to have",
    9274: "a chain of an equivocator is longer than the room for its blocks",
    19160: "the same, where the rest of the members have another chain of it",
    14798: "who comes back says its word in the oldest block that it fills in, and that is collected",
    6517: "who is on the way to a later epoch is shown two ends of one that is over",
    12113: "of two submissions under one number both were ordered before either was held",
    17978: "what only a liar was asked for is asked for once in three seconds when others can be",
}


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_promise_holds_in_runs_of_seeds_from(first):
    # The others are played in test_acts.py, and held to the same.
    seeds = (seed for seed in range(first, first + CHUNK) if seed not in PLAYED)
    failed = [str(outcome) for seed in seeds if (outcome := run_seed(seed)).violation is not None]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("seed", mostly_long(FAILED_ONCE, short=5), ids=FAILED_ONCE.get)
def test_what_failed_once_holds(seed):
    assert run_seed(seed).violation is None


def test_the_seeds_cover_what_they_are_meant_to():
    scenarios = [draw(seed) for seed in range(SEEDS)]
    steady = [scenario for scenario in scenarios if scenario.changes is None]
    assert {scenario.n for scenario in steady} == {*range(1, 8), 10}
    assert {(scenario.n, scenario.faults) for scenario in steady} >= {
        (n, faults) for n in range(2, 8) for faults in FaultModel
    }
    for scenario in scenarios:
        assert len(scenario.liars) <= scenario.faults.liars(scenario.n)
    lies = Counter(kind for scenario in steady for _, kind in scenario.liars)
    assert set(lies) == {*LIAR_KINDS, "promise"}
    assert min(lies[kind] for kind in LIAR_KINDS) >= 20
    loaded = [scenario for scenario in steady if scenario.load]
    assert len(loaded) >= SEEDS / 30
    assert sum("promise" in dict(scenario.liars).values() for scenario in loaded) >= 8
    assert sum(not scenario.brisk for scenario in loaded) >= 15
    assert sum(len(scenario.liars) > 1 for scenario in scenarios) >= 50
    assert sum(scenario.live for scenario in scenarios) >= SEEDS / 2
    assert sum(scenario.brisk for scenario in steady) >= len(steady) / 10
    assert sum(not scenario.live for scenario in scenarios) >= SEEDS / 10
    assert sum(bool(scenario.crashes) for scenario in scenarios) >= 200
    assert sum(bool(scenario.cuts) for scenario in scenarios) >= 200
    assert sum(bool(scenario.dead) for scenario in scenarios) >= 30
    assert SEEDS / 50 <= sum(scenario.real for scenario in scenarios) <= SEEDS / 10
    assert sum(scenario.edges is not None for scenario in scenarios) >= 100
    assert sum(bool(scenario.slow_links) for scenario in scenarios) >= 100
    assert sum(any(scenario.lags_us) for scenario in scenarios) >= 100
    assert sum(len(scenario.cuts) > 3 for scenario in scenarios) >= 50
    assert {crash.tail for scenario in scenarios for crash in scenario.crashes} == {"lost", "part", "kept"}


def test_the_seeds_in_which_members_change_cover_what_they_are_meant_to():
    scenarios = [scenario for seed in range(SEEDS) if (scenario := draw(seed)).changes is not None]
    every = [scenario.changes for scenario in scenarios if scenario.changes is not None]
    assert len(every) == SEEDS / 8
    assert {changes.founders for changes in every} >= {*range(1, 8)}
    assert {kind for scenario in scenarios for _, kind in scenario.liars} == set(CHANGING_KINDS)
    assert sum(len(scenario.liars) > 1 for scenario in scenarios) >= 5
    assert sum(not scenario.live for scenario in scenarios) >= 15
    assert sum(scenario.edges is not None for scenario in scenarios) >= 20
    assert sum(len(scenario.crashes) > 1 for scenario in scenarios) >= 30
    assert sum(len(scenario.cuts) > 3 for scenario in scenarios) >= 5
    assert sum(bool(scenario.slow_links) or any(scenario.lags_us) for scenario in scenarios) >= 30
    assert sum(changes.drains for changes in every) >= 30
    assert sum(changes.expels for changes in every) >= 30
    assert sum(bool(changes.sleeps) for changes in every) >= 5
    assert sum(bool(changes.absent) for changes in every) >= 5
    assert sum(len(changes.steps) > 1 for changes in every) >= 60
    assert sum(any(step.joins and step.goes for step in changes.steps) for changes in every) >= 20
