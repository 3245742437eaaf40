"""The bounds on what a member holds: functions of its group and settings, met by a group under load."""

import pytest

from mechdesign.group.roster import FaultModel
from mechdesign.testing.bounds import holdings, rounds_max
from mechdesign.testing.cluster import Cluster, settings
from mechdesign.testing.simulator import Violation


def busy_group(**options):
    cluster = Cluster(4, FaultModel.BYZANTINE, 1, **options)
    cluster.start_all()
    for number in range(40):
        cluster.say(number % 4, b"%d" % number)
        cluster.run(0.01)
    return cluster


def test_the_rounds_that_are_kept_grow_with_the_depth_and_not_with_the_log():
    small, large = Cluster(4, depth=4).roster, Cluster(4, depth=64).roster
    assert rounds_max(small) < rounds_max(large) < 64 * 5
    cluster = busy_group(depth=4)
    cluster.assert_agreed()
    cluster.assert_quiet()
    cluster.assert_compact()
    assert cluster.simulator.processes[0].machine.status().highest > 2 * rounds_max(small)


def test_everything_that_a_member_holds_has_a_bound_that_does_not_depend_on_what_it_holds():
    cluster = busy_group()
    core = cluster.simulator.processes[0].machine
    held = holdings(core, cluster.roster, cluster.config)
    assert all(0 <= count <= bound for count, bound in held.values())
    assert held["blocks"][0] > 20


def test_a_member_that_holds_more_is_found():
    cluster = busy_group(config=settings(tight=True))
    core = cluster.simulator.processes[0].machine
    core._sync._shown.update((bytes([number]) * 32, 0) for number in range(200))
    with pytest.raises(Violation, match="shown blocks"):
        cluster.bounds.look(0)


def test_a_group_that_certifies_nothing_is_found(monkeypatch):
    monkeypatch.setattr("mechdesign.group.certifier.Certifier.certified", lambda self: None)
    cluster = busy_group(depth=4)
    cluster.assert_agreed()
    with pytest.raises(Violation, match="rounds where"):
        cluster.assert_compact()
