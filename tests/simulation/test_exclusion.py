"""Whole stacks: a cheat is convicted, the members go on without it, and what it owes goes on with them."""

from fractions import Fraction

import pytest

from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposalRefused, ProposeSession, SessionBooked
from mechdesign.player import truthful
from mechdesign.stack import Stack
from mechdesign.testing.misbehaviour import misbehave
from mechdesign.testing.stacks import StackCluster, phases

HONEST = (0, 1, 2)
AUCTION = ProposeSession(
    mechanism=SecondPrice(),
    deposit=Fraction(6),
    sanctions=("recompute", "forfeit", "exclude"),
    accounts={"SELLER": "the harbour"},
    **phases(1000),
)


def cluster_of(cheat: str, seed: int) -> StackCluster:
    cluster = StackCluster([truthful(10 + place) for place in range(4)], seed, cheaters={3: misbehave(cheat)})
    cluster.start()
    return cluster


def stack(cluster: StackCluster, place: int) -> Stack:
    machine = cluster.simulator.processes[place].machine
    assert isinstance(machine, Stack)
    return machine


def goes_on_without(cluster: StackCluster) -> bool:
    until = cluster.simulator.now + 60 * SECOND
    return cluster.simulator.run(until, lambda: all(stack(cluster, place).roster.n == 3 for place in HONEST))


def held(cluster: StackCluster, place: int) -> dict[str, Fraction]:
    balances = stack(cluster, place).decision.balances  # type: ignore[union-attr]  # an honest member is in the group
    assert sum(line.amount for line in balances) == 0
    return {line.party: line.amount for line in balances}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("cheat", ["wrong-outcome", "bad-seal", "equivocate"])
def test_a_convicted_member_is_excluded_and_its_debt_stays_in_the_books(cheat: str, seed: int) -> None:
    cluster = cluster_of(cheat, seed)
    cluster.propose(0, AUCTION)
    assert cluster.run(1)
    assert goes_on_without(cluster)
    before = held(cluster, 0)
    gone = f"dave ({cluster.roster.ids[3][:16].hex()})"
    assert before[gone] <= -6
    cluster.propose(1, AUCTION)
    assert cluster.run(2)
    cluster.settled()
    after = [held(cluster, place) for place in HONEST]
    assert after[0] == after[1] == after[2]
    assert after[0][gone] == before[gone]
    assert after[0]["carol"] == before["carol"] - 11
    assert after[0]["the harbour"] == before["the harbour"] + 11
    assert {stack(cluster, place).roster.epoch for place in HONEST} == {1}


def test_every_session_that_is_open_ends_and_is_booked_before_the_members_change() -> None:
    cluster = cluster_of("equivocate", 3)
    booked: dict[int, list[bytes]] = {place: [] for place in range(4)}
    refused: list[ProposalRefused] = []
    cluster.simulator.watch(SessionBooked, lambda place, event: booked[place].append(event.session))
    cluster.simulator.watch(ProposalRefused, lambda place, event: refused.append(event))
    for number in range(12):
        cluster.propose(number % 3, AUCTION)
    assert goes_on_without(cluster)
    # What was proposed too late is refused and its proposer told, or was never ordered; nothing is left half done.
    assert booked[0] == booked[1] == booked[2]
    assert all("members are changing" in event.reason for event in refused)
    assert len(booked[0]) + len(refused) <= 12
    assert held(cluster, 0) == held(cluster, 1) == held(cluster, 2)
    assert all(stack(cluster, place).status().sessions == () for place in HONEST)


def test_a_member_that_crashes_during_the_change_comes_back_to_the_same_books() -> None:
    cluster = cluster_of("wrong-outcome", 5)
    cluster.propose(0, AUCTION)
    assert cluster.run(1)
    cluster.simulator.crash(2)
    cluster.simulator.run(cluster.simulator.now + 2 * SECOND)
    cluster.simulator.start(2)
    assert goes_on_without(cluster)
    assert held(cluster, 2) == held(cluster, 0)
    cluster.simulator.crash(1)
    cluster.simulator.start(1)
    cluster.simulator.run(cluster.simulator.now + 5 * SECOND)
    assert stack(cluster, 1).roster.epoch == 1
    assert held(cluster, 1) == held(cluster, 0)
