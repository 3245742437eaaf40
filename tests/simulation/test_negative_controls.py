"""Where theory says that the group breaks, the checkers must see it break; beside it, that it holds where it should.

The seeds are pinned; each was found by playing the same staging with seeds 0, 1, 2, … until a violation showed, and the
tests say how many it took. Where "every seed" shows it, a few stand for all.
"""

import pytest

from mechdesign.group.committer import SKIP, CommitRule, Committer
from mechdesign.group.roster import FaultModel
from mechdesign.testing.runs import run_seed
from mechdesign.testing.simulator import Violation
from tests.simulation.stagings import SECONDS, rough_ride, split_brain, split_votes

# The first hasty seed of the campaign with majority quorums that shows the two-round wave to be broken.
BROKEN_SEED = 1646


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_liar_among_three_with_majority_quorums_forks_the_log(seed):
    with pytest.raises(Violation, match="logs differ"):
        split_brain(seed, 3, FaultModel.MAJORITY, liars=[2], camp={0})


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_liars_among_four_fork_the_log(seed):
    with pytest.raises(Violation, match="logs differ"):
        split_brain(seed, 4, FaultModel.BYZANTINE, liars=[2, 3], camp={0})


@pytest.mark.parametrize(
    ("n", "faults", "liars", "camp"),
    [
        (4, FaultModel.BYZANTINE, [3], {0}),
        (7, FaultModel.BYZANTINE, [5, 6], {0, 1}),
        (3, FaultModel.UNANIMOUS, [1, 2], {0}),
        (4, FaultModel.UNANIMOUS, [2, 3], {0}),
    ],
)
def test_the_same_attack_by_as_many_liars_as_the_model_bears_forks_nothing(n, faults, liars, camp):
    for seed in range(3):
        cluster = split_brain(seed, n, faults, liars, camp)
        cluster.heal()
        cluster.run(SECONDS)
        if faults is FaultModel.BYZANTINE:
            cluster.assert_agreed()
            cluster.assert_convicted(*liars)


# 13 of the first 25 seeds fork.
TWO_ROUND_FORKS = [0, 4, 6]
SKIPPED_FORKS = [7]


@pytest.mark.parametrize("seed", TWO_ROUND_FORKS)
def test_a_wave_of_two_rounds_with_majority_quorums_forks_the_log_although_nobody_lies(seed):
    with pytest.raises(Violation, match="logs differ"):
        rough_ride(seed, wave=2)


@pytest.mark.parametrize("seed", TWO_ROUND_FORKS)
def test_a_wave_of_three_rounds_withstands_the_same_network(seed):
    rough_ride(seed, wave=3)


@pytest.mark.parametrize("seed", SKIPPED_FORKS)
def test_an_undecided_slot_that_is_skipped_without_a_look_at_its_anchor_forks_the_log(seed, monkeypatch):
    monkeypatch.setattr(Committer, "indirect", lambda self, slot, anchor: SKIP)
    with pytest.raises(Violation, match="logs differ"):
        rough_ride(seed)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_slots_in_a_fixed_order_are_stalled_by_a_splitting_equivocator(seed):
    cluster = split_votes(seed, rotate=False)
    assert min(cluster.simulator.processes[place].machine.status().highest for place in cluster.honest) > 40
    assert cluster.log.entries == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_slots_that_rotate_are_not(seed):
    cluster = split_votes(seed)
    cluster.assert_agreed(0)
    cluster.assert_convicted(0)


def test_a_broken_rule_is_found_at_the_same_point_of_the_same_history_each_time():
    """What a campaign prints for a failing seed is enough to see it again."""
    outcomes = [run_seed(seed, rule=CommitRule(wave=2)) for seed in (BROKEN_SEED, BROKEN_SEED)]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].violation is not None
    assert f"seed {BROKEN_SEED} " in str(outcomes[0])
    assert run_seed(BROKEN_SEED).violation is None
