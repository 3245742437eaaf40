"""Each kind of cheating, what the honest members do about it, and what it costs."""

from fractions import Fraction

import pytest

from mechdesign.decision.transcript import audit
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import net
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.mechanisms.session import recomputation
from mechdesign.player import truthful
from mechdesign.testing.misbehaviour import KINDS, Crashed, misbehave
from mechdesign.testing.stacks import StackCluster, phases
from tests.long_form import mostly_long

CHEATER = 1
HONEST = (0, 2, 3)


def run(kind, seal="commit_reveal", seed=1, deposit=10):
    """Four members bid 18, 24, 21, 7; the one that bids 24 cheats."""
    strategies = [truthful(value) for value in (18, 24, 21, 7)]
    cluster = StackCluster(strategies, seed, cheaters={CHEATER: misbehave(kind)})
    cluster.start()
    cluster.propose(
        0, ProposeSession(mechanism=SecondPrice(reserve=5), seal=seal, deposit=Fraction(deposit), **phases(2_000))
    )
    assert cluster.run(), f"the others did not end the session under {kind}"
    ends = cluster.settled()
    assert len(ends) == 3
    assert len({end.digest for end in ends}) == 1
    return cluster, ends[0]


def convictions(cluster):
    """What every honest member holds against whom."""
    seen = {frozenset(cluster.convicted[place]) for place in HONEST}
    assert len(seen) == 1
    return set(seen.pop())


@pytest.mark.parametrize(
    ("kind", "seal", "offence"),
    [
        ("equivocate", "commit_reveal", "equivocation"),
        ("wrong-outcome", "commit_reveal", "wrong-outcome"),
        ("bad-opening", "commit_reveal", "false-opening"),
        ("equivocate", "threshold", "equivocation"),
        ("wrong-outcome", "threshold", "wrong-outcome"),
        ("bad-seal", "threshold", "false-dealing"),
        ("bad-report", "threshold", "sealed-garbage"),
        ("bad-report", "commit_reveal", "false-opening"),
        ("early-share", "threshold", "early-share"),
    ],
)
def test_what_leaves_a_proof_convicts_and_forfeits(kind, seal, offence):
    cluster, end = run(kind, seal)
    cluster.simulator.run(cluster.simulator.now + 3_000_000)
    # Twins hold two reports under one number, which is an offence of its own for whoever reads both.
    beside = {("bob", "two-submissions")} if kind == "equivocate" else set()
    assert convictions(cluster) - beside == {("bob", offence)}
    paid = net(end.booked)
    assert paid["bob"] == -10 + end.transfers["bob"]
    assert sum(paid[name] - end.transfers[name] for name in ("alice", "carol", "dave")) == 10
    checked = audit(end.transcript, KeyedHash(), recomputation(), cluster.roster)
    convicted = [(cluster.roster.name(member), what) for member, what in checked.convicted]
    assert len(convicted) == 1, "and pays once"
    assert set(convicted) <= {("bob", offence), *beside}


def test_a_wrong_outcome_changes_nothing_for_the_others():
    cluster, end = run("wrong-outcome")
    assert str(end.outcome) == "bob wins, pays 21"
    assert cluster.run(places=[CHEATER]), "the cheat hears of the end as well, if later"
    (own,) = cluster.ended[CHEATER].values()
    assert not own.agrees


def test_who_does_not_open_defaults_and_forfeits_but_is_not_convicted():
    cluster, end = run("no-reveal")
    assert convictions(cluster) == set()
    assert [list(cluster.defaulted[place]) for place in HONEST] == [["bob"]] * 3
    assert str(end.outcome) == "carol wins, pays 18"
    assert net(end.booked)["bob"] == -10


def test_under_threshold_sealing_a_report_is_opened_whether_its_sender_wants_it_or_not():
    cluster, end = run("no-reveal", "threshold")
    assert convictions(cluster) == set()
    assert [list(cluster.defaulted[place]) for place in HONEST] == [[]] * 3
    assert str(end.outcome) == "bob wins, pays 21"
    assert net(end.booked)["bob"] == -21


def test_a_false_share_is_proved_where_it_is_looked_at_and_opens_nothing_else():
    for seed in range(6):
        cluster, end = run("bad-opening", "threshold", seed)
        assert convictions(cluster) <= {("bob", "false-share")}
        assert end.reports == {"alice": 18, "bob": 24, "carol": 21, "dave": 7}
        if convictions(cluster):
            assert net(end.booked)["bob"] == -21 - 10
            return
    raise AssertionError("the false share was never among the first")


@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])
def test_who_hurries_closes_nothing_before_the_others_and_is_guilty_of_nothing(seal):
    cluster, end = run("hurry", seal)
    assert convictions(cluster) == set()
    assert end.reports == {"alice": 18, "bob": 24, "carol": 21, "dave": 7}


@pytest.mark.parametrize("kind", ["late", "silent"])
@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])
def test_who_says_nothing_in_time_is_absent_and_no_more(kind, seal):
    cluster, end = run(kind, seal)
    assert convictions(cluster) == set()
    assert end.reports == {"alice": 18, "carol": 21, "dave": 7}
    assert net(end.booked).get("bob", 0) == 0


@pytest.mark.parametrize("seed", mostly_long(range(8), short=2))
@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])
def test_two_different_reports_to_different_peers_never_part_the_honest(seed, seal):
    cluster, end = run("equivocate", seal, seed)
    cluster.simulator.run(cluster.simulator.now + 3_000_000)
    # The twins hold two reports under one number, which is another offence for whoever reads both.
    assert {("bob", "equivocation")} <= convictions(cluster) <= {("bob", "equivocation"), ("bob", "two-submissions")}
    assert {"alice", "carol", "dave"} <= set(end.reports)


def test_a_member_that_crashes_raises_out_of_its_driver():
    with pytest.raises(Crashed):
        run("crash")


def test_every_kind_is_known_by_name_and_no_other():
    assert all(callable(misbehave(kind)) for kind in KINDS)
    with pytest.raises(LocalProtocolError, match="equivocate"):
        misbehave("bribe")
