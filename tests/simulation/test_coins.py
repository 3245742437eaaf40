"""Coins and threshold seals of whole stacks in the simulator, with crashes and cheats."""

import pytest

from mechdesign.decision.transcript import audit
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.mechanisms.matching.serial_dictatorship import SerialDictatorship
from mechdesign.mechanisms.session import recomputation
from mechdesign.mechanisms.ties import TieRule
from mechdesign.player import truthful
from mechdesign.testing.misbehaviour import KINDS, misbehave
from mechdesign.testing.stacks import StackCluster, phases


def tied(n, seed, seal="threshold", **options):
    """All bid the same, and a coin says who wins."""
    cluster = StackCluster([truthful(24)] * n, seed, **options)
    cluster.start()
    terms = {"ties": TieRule("by_coin"), "seal": seal, "deposit": 5, **phases(9_000)}
    cluster.propose(cluster.honest[0], ProposeSession(mechanism=SecondPrice(), **terms))
    return cluster


def coins(cluster, end):
    checked = audit(end.transcript, KeyedHash(), recomputation(), cluster.roster)
    assert checked.digest == end.digest
    return checked.coins


@pytest.mark.parametrize("n", range(2, 8))
@pytest.mark.parametrize("seal", ["threshold", "commit_reveal", "open"])
def test_ties_are_broken_by_one_coin_at_every_size(n, seal):
    cluster = tied(n, seed=n, seal=seal)
    assert cluster.run()
    ends = cluster.settled()
    assert len({end.digest for end in ends}) == 1
    assert len(ends) == n
    assert len(coins(cluster, ends[0])) == 1


def test_the_coin_favours_nobody_by_place():
    winners = set()
    for seed in range(8):
        cluster = tied(4, seed)
        assert cluster.run()
        winners.add(cluster.settled()[0].outcome.winner)
    assert len(winners) >= 3


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"crash"}))
@pytest.mark.parametrize("seed", range(2))
def test_whatever_one_cheat_does_the_honest_end_with_one_coin(kind, seed):
    cluster = tied(4, seed, cheaters={seed % 4: misbehave(kind)})
    assert cluster.run(seconds=600)
    ends = cluster.settled()
    assert len({end.digest for end in ends}) == 1
    assert len(coins(cluster, ends[0])) == 1
    honest = {cluster.roster.members[place].name for place in cluster.honest}
    assert not honest & {member for place in cluster.honest for member, _ in cluster.convicted[place]}


@pytest.mark.parametrize("seed", range(6))
def test_members_that_crash_and_come_back_end_with_the_same_coin(seed):
    cluster = tied(4, seed, faults=FaultModel.BYZANTINE)
    simulator = cluster.simulator
    for number in range(4):
        place, start = (seed + number) % 4, simulator.now + (40 + 60 * number) * 1000
        simulator.at(start, lambda place=place: simulator.crash(place, 2))
        simulator.at(start + 50_000, lambda place=place: restart(simulator, place))
    assert cluster.run(seconds=600)
    ends = cluster.settled()
    assert len({end.transcript for end in ends}) == 1
    assert len(ends) == 4


def restart(simulator, place):
    simulator.crash(place)
    simulator.start(place)


def test_a_random_order_is_drawn_by_the_members():
    orders = [["x", "y", "z"], ["x", "z", "y"], ["y", "x", "z"]]
    cluster = StackCluster([truthful(order) for order in orders], 5)
    cluster.start()
    mechanism = SerialDictatorship(options=("x", "y", "z"), order="random")
    cluster.propose(0, ProposeSession(mechanism=mechanism, **phases(9_000)))
    assert cluster.run()
    assert len(coins(cluster, cluster.settled()[0])) == 1
