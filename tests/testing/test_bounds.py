"""The bounds on what a member holds: functions of its group and settings, met by a group under load."""

import pytest

from mechdesign.group.roster import FaultModel
from mechdesign.testing.bounds import holdings, rounds_max, walked
from mechdesign.testing.cluster import Cluster, settings
from mechdesign.testing.simulator import Violation
from tests.long_form import mostly_long
from tests.simulation.leaks import LEAKS, conversation


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
    held = holdings(core, cluster.roster, cluster.config) | walked(core, cluster.roster, cluster.config)
    assert all(0 <= count <= bound for count, bound in held.values())
    assert held["blocks"][0] > 20


def test_a_member_that_holds_more_is_found():
    cluster = busy_group(config=settings(tight=True))
    core = cluster.simulator.processes[0].machine
    core._sync._shown.update((bytes([number]) * 32, 0) for number in range(200))
    with pytest.raises(Violation, match="shown blocks"):
        cluster.bounds.look(0)


def test_three_members_beside_a_hoarder_stay_within_all_bounds_and_come_near_to_those_that_are_numbers():
    net = conversation()
    assert [len(host.log) for host in net.hosts[:3]] == [160] * 3
    assert net.hosts[0].core.status().highest > 2 * rounds_max(net.roster)
    held = holdings(net.hosts[0].core, net.roster, net.config)
    assert held["shown blocks"][0] == held["shown blocks"][1]
    assert held["early signatures"][0] == held["early signatures"][1]


@pytest.mark.parametrize("leak", mostly_long(LEAKS, short=10), ids=lambda leak: leak.name)
def test_more_than_the_bound_is_found_where(leak, monkeypatch):
    leak.apply(monkeypatch)
    with pytest.raises(Violation, match=rf"holds \d+ {leak.kept} where"):
        conversation()


def test_there_is_a_leak_for_each_bound():
    cluster = Cluster(4)
    cluster.start_all()
    (core,) = cluster._cores(0)
    held = holdings(core, cluster.roster, cluster.config) | walked(core, cluster.roster, cluster.config)
    assert sorted(leak.kept for leak in LEAKS) == sorted(held)


def test_a_group_that_certifies_nothing_is_found(monkeypatch):
    monkeypatch.setattr("mechdesign.group.certifier.Certifier.certified", lambda self: None)
    cluster = busy_group(depth=4)
    cluster.assert_agreed()
    with pytest.raises(Violation, match="rounds where"):
        cluster.assert_compact()
