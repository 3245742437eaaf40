"""The number of rounds that is promised: what it depends on, and that runs come near it."""

import re
from dataclasses import replace

import pytest

from mechdesign.group.roster import FaultModel
from mechdesign.testing import runs
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.network import CALM
from mechdesign.testing.rounds import bears, patience, rounds_promised
from mechdesign.testing.schedule import draw
from mechdesign.testing.simulated import settings
from mechdesign.testing.view_cluster import ViewCluster


def calm(n, faults=FaultModel.BYZANTINE):
    """The scenario of a group of n in which nothing goes wrong, its roster, and how long it waits."""
    scenario = replace(
        draw(0, n=n, faults=faults),
        liars=(),
        crashes=(),
        tight=False,
        hasty=False,
        slots=0,
        after=CALM,
        edges=None,
        slowness_us=(0,) * n,
        slow_links=(),
        lags_us=(0,) * n,
        load=(),
    )
    return scenario, Cluster(n, faults).roster, settings()


@pytest.mark.parametrize(
    ("n", "faults", "rounds"),
    [
        # A quorum is everybody: said, in a block, and three rounds until that is committed.
        (2, FaultModel.BYZANTINE, 6),
        (4, FaultModel.UNANIMOUS, 6),
        # Else nobody need be waited for before 3(b + 2) rounds went by without a commit.
        (4, FaultModel.MAJORITY, 12),
        (4, FaultModel.BYZANTINE, 15),
        (7, FaultModel.BYZANTINE, 18),
        (10, FaultModel.BYZANTINE, 21),
    ],
)
def test_where_nothing_goes_wrong_the_promise_follows_from_the_fault_model(n, faults, rounds):
    scenario, roster, config = calm(n, faults)
    assert rounds_promised(scenario, roster, config) == rounds
    assert rounds - 6 in (0, patience(roster))


def test_a_liar_costs_three_rounds_and_so_does_a_lossy_network():
    scenario, roster, config = calm(4)
    before = rounds_promised(scenario, roster, config)
    lying = replace(scenario, liars=((2, "silent"),))
    assert rounds_promised(lying, roster, config) == before + 3
    assert rounds_promised(replace(lying, after=replace(CALM, loss=0.1)), roster, config) == before + 6


def test_each_block_that_waits_in_a_queue_costs_one_round_and_a_round_with_few_leaders_one_more():
    scenario, roster, config = calm(4)
    before = rounds_promised(scenario, roster, config)
    assert rounds_promised(scenario, roster, config, queued=5) == before + 5
    assert rounds_promised(scenario, Cluster(4, slots=1).roster, config) == before + 1


def test_the_wait_has_to_double_until_it_is_longer_than_the_slowest_frame_takes_where_liars_choose_the_quorum():
    scenario, roster, _ = calm(4)
    hasty = settings(hasty=True)
    slow = replace(scenario, liars=((0, "withhold"),), slowness_us=(0, 0, 0, 9_000))
    # Two such delays and the network's own are 20.5 ms; the wait of 5 ms is doubled once when it is first the whole.
    loaded = replace(slow, load=draw(140).load)
    patient = rounds_promised(loaded, roster, settings())
    assert rounds_promised(loaded, roster, hasty) == patient + 2 * patience(roster)


def test_a_late_member_is_behind_by_as_many_rounds_as_the_others_make_while_its_frames_travel():
    scenario, roster, config = calm(4)
    loaded = draw(140)
    late = replace(scenario, slowness_us=(0, 0, 0, 40_000), after=loaded.after, load=loaded.load)
    # With load: there and back are 80 ms, in which the others make a round each 4 ms.
    assert rounds_promised(late, roster, config) == 3 + 3 * 2 + patience(roster) + 20
    # Without: what the others wanted ordered, and then what it wants.
    silent = replace(late, load=())
    assert rounds_promised(replace(silent, depth=64), roster, config) == 2 * (3 + 3 * 2 + patience(roster))
    # That its word may be collected meanwhile costs no more: it waits until the others are silent.
    assert rounds_promised(silent, roster, config) == 2 * (3 + 3 * 2 + patience(roster))
    assert bears(replace(late, depth=64))
    assert not bears(replace(late, depth=8))
    assert bears(replace(scenario, depth=4))


def test_no_run_is_loaded_in_which_the_depth_leaves_a_late_member_no_time():
    loaded = [scenario for seed in range(1000) if (scenario := draw(seed)).load]
    assert all(bears(scenario) and scenario.live and scenario.changes is None for scenario in loaded)
    for scenario in loaded:
        assert {submit.place for submit in scenario.load} == set(scenario.lasting)
        assert scenario.load[0].at >= scenario.heal


def test_the_promise_is_that_of_the_members_of_an_epoch_whoever_else_there_is():
    scenario, roster, config = calm(4)
    eight = replace(scenario, n=8, slowness_us=(0,) * 6 + (50_000,) * 2, lags_us=(0,) * 8, liars=((7, "silent"),))
    among_four = rounds_promised(eight, roster, config, lasting=range(4), liars=0)
    assert among_four == rounds_promised(scenario, roster, config)
    assert rounds_promised(eight, roster, config, lasting=(0, 1, 2), liars=0) == among_four + 3, "one never comes"
    assert rounds_promised(eight, roster, config, lasting=(0, 1, 6), liars=1) > among_four + 6


@pytest.mark.parametrize("seed", [5, 45])
def test_what_is_said_where_members_come_and_go_is_held_to_its_promise(seed, monkeypatch):
    scenario = draw(seed)
    assert scenario.changes is not None
    assert scenario.live
    monkeypatch.setattr("mechdesign.testing.view_cluster.promise", lambda *_: lambda roster: 2)
    violation = runs._violation(ViewCluster.of(scenario), scenario)
    assert re.fullmatch(r"something was ordered \d+ rounds of its epoch after it was said, not 2", violation or "")
