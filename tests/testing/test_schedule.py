"""What a scenario may hold: nothing that would excuse the group from its promises."""

import pytest

from mechdesign.group.roster import FaultModel
from mechdesign.testing.schedule import draw

SCENARIOS = [draw(seed) for seed in range(1_000)]


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
        lasting = set(scenario.honest) - scenario.dead
        assert lasting
        if scenario.edges is not None:
            partial += 1
            assert reached(min(lasting), scenario.edges, lasting) == lasting
    assert partial > 50


def test_where_everything_said_has_to_be_ordered_a_quorum_lasts():
    for scenario in SCENARIOS:
        b = scenario.faults.liars(scenario.n)
        lasting = len(scenario.honest) - len(scenario.dead)
        assert len(scenario.liars) <= b
        assert not scenario.live or lasting >= (scenario.n + b) // 2 + 1
    assert 600 < sum(scenario.live for scenario in SCENARIOS) < 900


def test_an_aspect_has_a_stream_of_chance_of_its_own():
    for seed in range(50):
        one, other = draw(seed), draw(seed, n=10, faults=FaultModel.MAJORITY)
        assert other.n == 10
        assert (one.weather, one.after, one.depth, one.hasty) == (other.weather, other.after, other.depth, other.hasty)
