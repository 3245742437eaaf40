"""A change of the members waits for open sessions for a week; then a quorum ends them, or closes what shows already."""

from fractions import Fraction

import pytest

from mechdesign.decision.entries import Kind, TimerEntry
from mechdesign.decision.epoch import DRAIN_MS, STEP_MS
from mechdesign.decision.messages import Aborted
from mechdesign.decision.phases import DRAINING
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import Ready, ViewChanging
from tests.decision.toys import Cluster, Plan, nets

YEAR_MS = 365 * 24 * 3600 * 1000


def changing(cluster: Cluster) -> None:
    """A change of the members is ordered."""
    position = len(cluster.log) - 1
    for place, core in enumerate(cluster.cores):
        cluster.route(place, core.receive(ViewChanging(position), cluster.now))


def readies(cluster: Cluster) -> list[int]:
    return [sum(isinstance(effect, Ready) for effect in effects) for effects in cluster.effects]


def never_enrols(n: int) -> Cluster:
    """Dave asks himself alone, for a year, and never answers."""
    cluster = Cluster(n, twist=lambda place, said: [] if place == 3 and said.kind == Kind.ENROL else [said])
    cluster.propose(3, asked=cluster.roster.ids[3:4], enrol_ms=YEAR_MS)
    cluster.settle()
    return cluster


@pytest.mark.parametrize("n", [4, 7])
def test_a_proposer_that_never_enrols_holds_a_change_of_the_members_up_for_a_week_at_most(n: int) -> None:
    cluster = never_enrols(n)
    changing(cluster)
    cluster.wait(DRAIN_MS - 1)
    assert readies(cluster) == [0] * n
    assert "waits for the end" in cluster.cores[0].hindrance
    cluster.wait(1)
    assert cluster.aborted().reason == "the members change, and did not wait any longer"
    assert readies(cluster) == [1] * n
    assert [core.hindrance for core in cluster.cores] == [""] * n


@pytest.mark.parametrize("seal", ["commit_reveal", "threshold"])
def test_a_session_that_one_player_keeps_sealed_ends_with_its_deposits_back(seal: str) -> None:
    cluster = Cluster(4, twist=lambda place, said: [] if place == 3 and said.kind == Kind.SEAL else [said])
    cluster.propose(3, seal=seal, report_ms=YEAR_MS, deposit=Fraction(5), sanctions=("forfeit",))
    cluster.settle()
    changing(cluster)
    cluster.wait(DRAIN_MS)
    aborted = cluster.aborted()
    assert nets(aborted.flows) == {}
    assert all(cluster.aborted(place) == aborted for place in range(4))
    assert audit(aborted.transcript, cluster.scheme, cluster.recompute, cluster.roster).flows == aborted.flows
    assert readies(cluster) == [1] * 4


@pytest.mark.parametrize(
    ("terms", "withheld", "lost"),
    [
        ({"seal": "commit_reveal", "open_ms": YEAR_MS}, Kind.OPEN, 6),
        ({"seal": "open", "report_ms": YEAR_MS}, Kind.REPORT, 0),
        ({"seal": "threshold", "attest_ms": YEAR_MS}, Kind.ATTEST, 0),
    ],
)
def test_nobody_gets_out_of_a_session_that_shows_by_changing_the_members(
    terms: dict[str, object], withheld: Kind, lost: int
) -> None:
    cluster = Cluster(
        4,
        plan=Plan((terms["seal"] != "open",)),
        twist=lambda place, said: [] if place == 3 and said.kind == withheld else [said],
    )
    cluster.propose(0, deposit=Fraction(6), sanctions=("forfeit",), **terms)
    cluster.settle()
    changing(cluster)
    cluster.wait(DRAIN_MS - 1)
    assert readies(cluster) == [0] * 4
    cluster.wait(1)
    decided = cluster.decided()
    assert decided.agrees
    assert nets(decided.flows).get("dave", Fraction(0)) == (-13 if withheld == Kind.ATTEST else -lost)
    assert audit(decided.transcript, cluster.scheme, cluster.recompute, cluster.roster).flows == decided.flows
    assert readies(cluster) == [1] * 4


def test_a_phase_that_begins_while_the_members_change_lasts_an_hour_if_something_shows() -> None:
    plan = Plan((True, True, True))
    cluster = Cluster(4, plan=plan, twist=lambda place, said: [] if place == 3 and said.kind == Kind.SEAL else [said])
    cluster.propose(0, report_ms=YEAR_MS, open_ms=YEAR_MS)
    cluster.settle()
    changing(cluster)
    (session,) = cluster.cores[0].status()
    for place in range(3):
        cluster.order(place, Kind.TIMER, TimerEntry(session.session, 0, "sealing").encoded)
    cluster.settle()
    assert (cluster.cores[0].status()[0].phase, cluster.cores[0].status()[0].step) == ("sealing", 1)
    cluster.wait(STEP_MS - 1)
    assert cluster.cores[0].status()[0].step == 1
    cluster.wait(1)
    assert cluster.cores[0].status()[0].step == 2
    cluster.wait(STEP_MS)
    assert cluster.decided().agrees
    assert readies(cluster) == [1] * 4


def test_fewer_than_a_quorum_end_nothing_whether_the_members_change_or_not() -> None:
    cluster = never_enrols(4)
    (session,) = cluster.cores[0].status()
    for place in (1, 2, 2, 1):
        cluster.order(place, Kind.TIMER, TimerEntry(session.session, 0, DRAINING).encoded)
    assert cluster.events(0, Aborted) == []
    cluster.wait(DRAIN_MS)
    assert cluster.events(0, Aborted) == [], "honest members wait where nobody changes"


def test_timers_of_a_change_end_nothing_that_shows() -> None:
    cluster = Cluster(4, twist=lambda place, said: [] if place == 3 and said.kind == Kind.OPEN else [said])
    cluster.propose(0, open_ms=YEAR_MS)
    cluster.settle()
    (session,) = cluster.cores[0].status()
    assert session.phase == "opening"
    for place in range(4):
        cluster.order(place, Kind.TIMER, TimerEntry(session.session, 0, DRAINING).encoded)
    assert cluster.cores[0].status()[0].phase == "opening"


def test_members_wake_for_the_end_of_the_wait_and_say_it_once() -> None:
    cluster = never_enrols(4)
    assert cluster.cores[0].deadline == YEAR_MS * 1000
    changing(cluster)
    assert cluster.cores[0].deadline == DRAIN_MS * 1000
    cluster.down = {1, 2, 3}
    cluster.wait(DRAIN_MS)
    cluster.wait(DRAIN_MS)
    assert [entry.submission.kind for entry in cluster.log].count(Kind.TIMER) == 1
    assert cluster.cores[0].deadline == YEAR_MS * 1000
