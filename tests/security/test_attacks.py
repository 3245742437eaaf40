"""Attacks on whole sessions: rational cheats in a group of simulated honest members, from blocks up to outcomes.

Each test performs one attack of docs/security.md and looks at what it brought: the cheat ends with nothing that an
honest bid would not have given it, and is convicted where its signature proves what it did.
"""

from fractions import Fraction
from typing import cast

import pytest

from mechdesign.decision.phases import Phase
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.first_price import FirstPrice
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession, Settled
from mechdesign.player import silent, truthful
from mechdesign.stack import Stack
from mechdesign.testing.misbehaviour import misbehave
from mechdesign.testing.stacks import StackCluster, _seed, phases
from tests.security.cheats import Notes, accuses, copies, hurries, ignores, peeks, shares_early

VALUES = (18, 24, 21, 9)
CHEAT = 3


def bidding(cheaters, *, values=VALUES, mechanism=None, seed=3, slow=(), **terms):
    strategies = [truthful(Fraction(value)) if value is not None else silent for value in values]
    cluster = StackCluster(strategies, seed, cheaters=cheaters)
    cluster.start()
    request = ProposeSession(mechanism=mechanism or SecondPrice(), **{**phases(1200), **terms})
    cluster.propose(min(cluster.honest), request)
    assert cluster.run(seconds=300)
    return cluster


def outcome(cluster):
    """What every honest member holds of the one session, which settled."""
    ends = [end for place in cluster.honest for end in cluster.ended[place].values()]
    assert all(isinstance(end, Settled) and end.agrees for end in ends)
    assert len({end.digest for end in ends}) == 1
    return ends[0]


def convicted(cluster):
    """Of what each honest member saw whom convicted; they agree."""
    told = [set(cluster.convicted[place]) for place in cluster.honest]
    assert all(each == told[0] for each in told)
    return told[0]


@pytest.mark.parametrize("seal", ["threshold", "commit_reveal"])
def test_a_copied_sealed_bid_is_not_a_bid(seal):
    notes = Notes()
    cluster = bidding({CHEAT: copies(1, notes)}, seal=seal, deposit=Fraction(2), sanctions=("recompute", "forfeit"))
    end = outcome(cluster)
    assert notes.tried
    assert "dave" not in end.reports
    assert str(end.result.outcome) == "bob wins, pays 21"
    assert convicted(cluster) == ({("dave", "false-dealing")} if seal == "threshold" else set())
    # Under commitments it could not open what it copied: a default, which costs the deposit too.
    lost = [flow for flow in end.booked if flow.reason == "deposit forfeited by dave"]
    assert sum(flow.amount for flow in lost) == 2


def test_b_hurried_timers_close_no_phase_early():
    notes = Notes()
    cluster = bidding({CHEAT: hurries(Phase.SEALING, notes)})
    end = outcome(cluster)
    assert notes.tried
    assert len(end.reports) == 4
    assert str(end.result.outcome) == "bob wins, pays 21"


def test_two_of_seven_that_hurry_close_no_phase_early():
    values = (18, 24, 21, 9, 5, 6, 7)
    cluster = bidding({place: hurries(Phase.SEALING, Notes()) for place in (5, 6)}, values=values)
    assert len(outcome(cluster).reports) == 7


@pytest.mark.parametrize("seal", ["threshold", "commit_reveal"])
def test_a_member_that_never_seals_keeps_nothing_open_and_costs_only_itself(seal):
    cluster = bidding({CHEAT: misbehave("silent")}, seal=seal)
    end = outcome(cluster)
    assert set(end.reports) == {"alice", "bob", "carol"}
    assert convicted(cluster) == set()


def test_a_last_look_sees_open_bids_and_no_sealed_ones():
    seen = {}
    for seal in ("open", "commit_reveal", "threshold"):
        notes = Notes()
        # A bid that is found nowhere else by chance.
        values = ("18", "123456789/7", "21", "9")
        cluster = bidding({CHEAT: peeks(notes)}, values=values, seal=seal, mechanism=FirstPrice())
        outcome(cluster)
        assert notes.tried == 1, "it reported last, and in time"
        assert len(outcome(cluster).reports) == 4
        seen[seal] = any(b"123456789/7" in data for data in notes.seen)
    assert seen == {"open": True, "commit_reveal": False, "threshold": False}


def test_an_early_share_convicts_and_opens_nothing():
    notes = Notes()
    cheat = shares_early(_seed(3, CHEAT), notes)
    cluster = bidding({CHEAT: cheat}, deposit=Fraction(2), sanctions=("recompute", "forfeit"))
    end = outcome(cluster)
    assert notes.tried
    assert convicted(cluster) == {("dave", "early-share")}
    assert str(end.result.outcome) == "bob wins, pays 21"
    assert any(flow.reason == "deposit forfeited by dave" for flow in end.booked)


def test_a_rivals_bid_cannot_be_dropped_by_not_referring_to_it():
    notes = Notes()
    end = outcome(bidding({CHEAT: ignores(1, notes)}))
    assert notes.tried
    assert str(end.result.outcome) == "bob wins, pays 21"


def test_two_of_seven_cannot_drop_a_rivals_bid_together():
    values = (18, 24, 21, 9, 5, 6, 7)
    end = outcome(bidding({place: ignores(1, Notes()) for place in (5, 6)}, values=values))
    assert end.reports["bob"] == 24


def test_honest_blocks_put_together_as_evidence_convict_nobody():
    notes = Notes()
    cluster = bidding({CHEAT: accuses(notes)}, sanctions=("recompute", "forfeit"), deposit=Fraction(1))
    end = outcome(cluster)
    assert notes.tried
    assert convicted(cluster) == set()
    assert not any("forfeited" in flow.reason for flow in end.booked)


def test_a_wrong_price_signed_by_b_members_is_not_the_outcome_and_convicts_them():
    values = (18, 24, 21, 9, 5, 6, 7)
    cluster = bidding({place: misbehave("wrong-outcome") for place in (1, 6)}, values=values)
    end = outcome(cluster)
    assert str(end.result.outcome) == "bob wins, pays 21"
    assert convicted(cluster) == {("bob", "wrong-outcome"), ("grace", "wrong-outcome")}


@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])
def test_two_bids_under_one_number_are_one_bid_and_convict(seal):
    cluster = bidding({CHEAT: misbehave("equivocate")}, seal=seal)
    end = outcome(cluster)
    assert str(end.result.outcome) == "bob wins, pays 21"
    assert {member for member, _ in convicted(cluster)} <= {"dave"}
    assert any(cluster.convicted[place] for place in cluster.honest)


def test_withholding_shares_does_not_close_a_rivals_bid_nor_ones_own():
    cluster = bidding({1: misbehave("no-reveal")})
    end = outcome(cluster)
    # The highest bidder regrets its bid; the others open it all the same.
    assert str(end.result.outcome) == "bob wins, pays 21"
    assert convicted(cluster) == set()


def test_a_bidder_that_is_shut_down_for_good_after_sealing_buys_all_the_same():
    strategies = [truthful(Fraction(value)) for value in VALUES]
    cluster = StackCluster(strategies, 3)
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=SecondPrice(), **phases(800)))
    witness = cast(Stack, cluster.simulator.processes[0].machine)
    opening = cluster.simulator.now + 60 * SECOND
    assert cluster.simulator.run(
        opening, lambda: any(each.phase is Phase.OPENING for each in witness.decision.status())
    )
    cluster.simulator.crash(1)
    assert cluster.run(places=[0, 2, 3], seconds=300)
    for place in (0, 2, 3):
        (end,) = cluster.ended[place].values()
        assert isinstance(end, Settled)
        assert end.result is not None
        assert str(end.result.outcome) == "bob wins, pays 21"
