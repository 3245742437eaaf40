"""Attacks by the terms of a proposal: cheats that propose what honest members would not agree to."""

from fractions import Fraction

import pytest

from mechdesign.kernel.crypto import KeyedHash
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.auction.first_price import FirstPrice
from mechdesign.mechanisms.events import CarryBallots, ProposeSession, SessionAborted, SessionProposed, Settled
from mechdesign.mechanisms.registry import load
from mechdesign.mechanisms.session import Policy
from mechdesign.player import truthful
from mechdesign.testing.electorate import Electorate
from mechdesign.testing.stacks import StackCluster, phases

DAVE = 3


def proposed_by_dave(request, *, policies=None, values=(5, 5, 5, 5), seed=3):
    cluster = StackCluster([truthful(Fraction(value)) for value in values], seed, policies=policies)
    cluster.start()
    cluster.propose(DAVE, request)
    assert cluster.run(1)
    ends = [end for ended in cluster.ended for end in ended.values()]
    assert len(ends) == 4
    return cluster, ends


def held(cluster, place):
    decision = cluster.stack(place).decision
    assert decision is not None
    return {line.party: line.amount for line in decision.balances}


def idle(event):
    raise AssertionError("with a roll no member is asked")


def budget_feasible():
    return load("procurement.budget-feasible").from_parameters({"budget": 10**9})


def buying_from_dave(**terms):
    """Dave sells to whoever stands behind BUYER, at a price that is the buyer's whole budget."""
    return ProposeSession(mechanism=budget_feasible(), **{"asked": ("alice", "dave"), **phases(1000), **terms})


@pytest.mark.parametrize("terms", [{}, {"payment_max": Fraction(10)}])
def test_nobody_is_made_to_stand_behind_an_account_by_taking_part_in_what_another_proposes(terms):
    cluster, ends = proposed_by_dave(buying_from_dave(accounts={"BUYER": "alice"}, **terms))
    assert all(isinstance(end, SessionAborted) for end in ends)
    assert {end.reason for end in ends} == {"alice stands behind BUYER and does not take part"}
    assert all(held(cluster, place) == {} for place in range(4))


def test_whoever_agrees_to_stand_behind_an_account_pays_no_more_than_the_limit_through_it():
    policies = {0: Policy(accounts=frozenset({"BUYER"}), payment_max=Fraction(10))}
    request = buying_from_dave(accounts={"BUYER": "alice"}, payment_max=Fraction(10))
    cluster, ends = proposed_by_dave(request, policies=policies)
    assert all(isinstance(end, SessionAborted) for end in ends)
    assert all("the proposal lets nobody pay more than 10" in end.reason for end in ends)
    assert all(held(cluster, place) == {} for place in range(4))


def test_whoever_agrees_to_stand_behind_an_account_pays_no_more_than_the_limit_to_an_electorate_either():
    electorate = Electorate(1, 1)  # a friend of dave, who proposes
    cluster = StackCluster([idle] * 4, 1, policies={0: Policy(accounts=frozenset({"BUYER"}), payment_max=Fraction(10))})
    notices = []
    cluster.simulator.watch(SessionProposed, lambda place, event: notices.append(event.notice))
    cluster.start()
    roll = {"asked": (), "seal": "open", "roll": electorate.roll.root, "rolled": 1}
    cluster.propose(DAVE, buying_from_dave(accounts={"BUYER": "alice"}, payment_max=Fraction(10), **roll))
    assert cluster.simulator.run(cluster.simulator.now + 10_000_000, lambda: len(notices) == 4)
    offer = codec.encode(budget_feasible().report_schema(), Fraction(10**9), 256)
    ballots = electorate.ballots(notices[0], KeyedHash(), [offer], 0)
    cluster.simulator.submit(DAVE, CarryBallots(tuple(ballots)))
    assert cluster.run(1)
    reasons = {end.reason for ended in cluster.ended for end in ended.values() if isinstance(end, SessionAborted)}
    limit = "the mechanism failed: alice would pay 1000000000, and the proposal lets nobody pay more than 10"
    assert reasons == {limit}
    assert all(held(cluster, place) == {} for place in range(4))


@pytest.mark.parametrize("seed", range(4))
def test_an_auction_that_closes_before_others_can_bid_is_one_that_they_are_not_in(seed):
    request = ProposeSession(mechanism=FirstPrice(), **{**phases(1000), "report_ms": 1, "players_min": 2})
    hasty = {DAVE: Policy(report_ms_min=0)}
    cluster, ends = proposed_by_dave(request, policies=hasty, values=(50, 60, 70, 1), seed=seed)
    assert {end.reason for end in ends if isinstance(end, SessionAborted)} == {
        "1 of at least 2 players enrolled; 3 of 4 say: 1 ms are too short for a report: 250 are needed"
    }
    assert not any(isinstance(end, Settled) for end in ends)
    assert all(held(cluster, place) == {} for place in range(4))
