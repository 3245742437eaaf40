"""Whole stacks: balances over many sessions and changes of the members."""

from fractions import Fraction

from mechdesign.group.messages import Leave
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.player import truthful
from mechdesign.stack import Stack
from mechdesign.testing.stacks import StackCluster, phases

AUCTION = ProposeSession(mechanism=SecondPrice(), accounts={"SELLER": "the harbour"}, **phases(1000))


def stack(cluster: StackCluster, place: int) -> Stack:
    machine = cluster.simulator.processes[place].machine
    assert isinstance(machine, Stack)
    return machine


def held(cluster: StackCluster, place: int) -> dict[str, Fraction]:
    balances = stack(cluster, place).decision.balances  # type: ignore[union-attr]  # these are in the group
    return {line.party: line.amount for line in balances}


def change(cluster: StackCluster, leaver: int, places: tuple[int, ...]) -> bool:
    """Have a member leave, and wait until the others are on their own."""
    n = stack(cluster, leaver).roster.n
    assert cluster.simulator.submit(leaver, Leave())
    until = cluster.simulator.now + 60 * SECOND
    return cluster.simulator.run(until, lambda: all(stack(cluster, place).roster.n == n - 1 for place in places))


def test_a_member_without_the_code_takes_the_balances_over_when_the_members_change() -> None:
    cluster = StackCluster([truthful(10 + place) for place in range(5)], 3)
    cluster.lookups[4] = lambda name, version: None
    cluster.start()
    cluster.propose(0, AUCTION)
    assert cluster.run(1, places=[0, 1, 2, 3])
    assert held(cluster, 0) == {"dave": -12, "the harbour": 12}
    assert held(cluster, 4) == {}
    assert change(cluster, 0, (1, 2, 3, 4))
    assert held(cluster, 4) == held(cluster, 1) == {"dave": -12, "the harbour": 12}


def test_who_has_left_still_owes_what_it_owed() -> None:
    cluster = StackCluster([truthful(10 + place) for place in range(4)], 4)
    cluster.start()
    cluster.propose(0, AUCTION)
    assert cluster.run(1)
    assert change(cluster, 3, (0, 1, 2))
    cluster.propose(1, AUCTION)
    assert cluster.run(2, places=[0, 1, 2])
    gone = f"dave ({cluster.roster.ids[3][:16].hex()})"
    assert held(cluster, 0) == held(cluster, 2) == {gone: -12, "carol": -11, "the harbour": 23}
