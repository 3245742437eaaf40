"""What a scenario may hold: nothing that would excuse the group from its promises."""

import pytest

from mechdesign.group.roster import FaultModel
from mechdesign.testing.schedule import draw

SCENARIOS = [draw(seed) for seed in range(1_000)]
STEADY = [scenario for scenario in SCENARIOS if scenario.changes is None]
CHANGING = [(scenario, scenario.changes) for scenario in SCENARIOS if scenario.changes is not None]


def reached(start, edges, allowed):
    """Everybody that a frame from ``start`` can reach over members that are allowed to relay."""
    found, stack = {start}, [start]
    while stack:
        here = stack.pop()
        for a, b in edges:
            other = b if a == here else a if b == here else None
            if other in allowed and other not in found:
                found.add(other)
                stack.append(other)
    return found


def test_a_seed_is_one_scenario_and_says_so_in_words():
    assert draw(12) == draw(12)
    assert draw(12) != draw(13)
    assert str(draw(12)).startswith("seed 12: safety, n=4 ")


@pytest.mark.parametrize("faults", list(FaultModel))
def test_size_and_fault_model_can_be_asked_for(faults):
    assert {(draw(seed, n=5, faults=faults).n, draw(seed, faults=faults).faults) for seed in range(9)} == {(5, faults)}


def test_everything_bad_is_over_when_the_network_heals():
    for scenario in SCENARIOS:
        assert all(crash.at < scenario.heal for crash in scenario.crashes)
        assert all(crash.back is None or crash.back <= scenario.heal for crash in scenario.crashes)
        assert all(cut.at < scenario.heal for cut in scenario.cuts)
        assert all(cut.until is None or cut.at <= cut.until <= scenario.heal for cut in scenario.cuts)


def test_only_honest_members_crash_and_the_lasting_ones_stay_connected_without_the_others():
    partial = 0
    for scenario in SCENARIOS:
        assert all(crash.place in scenario.honest for crash in scenario.crashes)
    for scenario in STEADY:
        lasting = set(scenario.honest) - scenario.dead
        assert lasting
        if scenario.edges is not None:
            partial += 1
            assert reached(min(lasting), scenario.edges, lasting) == lasting
    assert partial > 50


def test_where_everything_said_has_to_be_ordered_a_quorum_lasts():
    for scenario in STEADY:
        b = scenario.faults.liars(scenario.n)
        lasting = len(scenario.honest) - len(scenario.dead)
        assert len(scenario.liars) <= b
        assert not scenario.live or lasting >= (scenario.n + b) // 2 + 1
    assert 500 < sum(scenario.live for scenario in STEADY) < 800


def test_an_aspect_has_a_stream_of_chance_of_its_own():
    for seed in range(50):
        one, other = draw(seed), draw(seed, n=10, faults=FaultModel.MAJORITY)
        assert other.n == 10
        assert (one.weather, one.depth, one.hasty) == (other.weather, other.depth, other.hasty)
        # A load that lasts has weather of its own, and depends on who is there to speak.
        assert one.after == other.after or one.load or other.load


# Where members come and go


def rosters(changes):
    """Which members are wanted, from the founders on."""
    wanted = set(range(changes.founders))
    yield frozenset(wanted)
    for step in changes.steps:
        wanted = (wanted | set(step.joins)) - set(step.goes)
        yield frozenset(wanted)


def test_members_come_and_go_in_one_run_of_eight_or_in_any_that_is_asked_for():
    assert [seed for seed in range(24) if draw(seed).changes is not None] == [5, 13, 21]
    assert draw(4, changing=True).changes is not None
    assert draw(5, changing=False).changes is None
    assert draw(5, n=4).changes is None
    assert str(draw(5)).startswith("seed 5: liveness, n=10 byzantine liars: ")
    assert "; 7 founders, +[7, 8] -[] at 1.32 s; absent [], asleep []" in str(draw(5))


def test_every_roster_bears_the_liars_and_the_dead_that_there_are():
    for scenario, changes in CHANGING:
        down = scenario.dead | {sleep.place for sleep in changes.sleeps} | set(changes.absent)
        assert 3 * len(scenario.liars) < changes.least
        assert not scenario.live or 3 * (len(scenario.liars) + len(down)) < changes.least or not down
        assert all(len(wanted) >= changes.least for wanted in rosters(changes))
        assert all(place < changes.founders for place, _ in scenario.liars)
        assert down.isdisjoint(place for place, _ in scenario.liars)


def test_whoever_stays_connects_the_others():
    partial = 0
    for scenario, changes in CHANGING:
        if scenario.edges is None:
            continue
        partial += 1
        gone = {place for step in changes.steps for place in step.goes}
        gone |= {sleep.place for sleep in changes.sleeps}
        stay = {place for place in set(scenario.honest) - scenario.dead - gone if place < changes.founders}
        whole = reached(min(stay), scenario.edges, stay)
        for place in range(scenario.n):
            assert place in whole or any(place in edge and whole.intersection(edge) for edge in scenario.edges)
    assert partial > 20


def test_nobody_sleeps_through_what_is_not_to_heal():
    for scenario, changes in CHANGING:
        assert scenario.live or not changes.sleeps
        assert all(sleep.at < scenario.heal <= sleep.back for sleep in changes.sleeps)
