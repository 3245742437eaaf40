"""The happy path and what a member does by itself."""

from fractions import Fraction

import pytest

from mechdesign.decision.messages import Decided, PhaseChanged, Verdict
from mechdesign.decision.transcript import audit
from tests.decision.toys import Cluster, Plan, nets


@pytest.mark.parametrize("seal", ["commit_reveal", "open"])
@pytest.mark.parametrize("n", range(1, 8))
def test_everyone_settles_on_the_same_transcript(n: int, seal: str) -> None:
    cluster = Cluster(n).run(seal=seal, deposit=Fraction(5))
    first = cluster.decided()
    assert first.verdict is Verdict.SETTLED
    assert first.agrees
    assert len(first.certificate.signers) == n
    highest = cluster.roster.members[n - 1].name
    assert nets(first.flows) == {highest: -(9 + n), "SELLER": 9 + n}
    for place in range(n):
        assert cluster.decided(place) == first
        assert cluster.convicted(place) == []
        assert cluster.cores[place].status() == ()
        assert cluster.cores[place].deadline is None
    report = audit(first.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert (report.digest, report.flows, report.certificate) == (first.digest, first.flows, first.certificate)
    assert report.authentic


@pytest.mark.parametrize("sealed", [(), (False,), (True, False, True), (False, False, True, True)])
def test_a_mechanism_may_ask_any_number_of_times_in_either_way(sealed: tuple[bool, ...]) -> None:
    cluster = Cluster(4, plan=Plan(sealed)).run()
    decided = cluster.decided()
    assert audit(decided.transcript, cluster.scheme, cluster.recompute).digest == decided.digest
    phases = [event.phase for event in cluster.events(0, PhaseChanged)]
    expected = ["enrolling"]
    for each in sealed:
        expected += ["sealing", "opening"] if each else ["asking"]
    entered = [phase for at, phase in enumerate(phases) if at == 0 or phases[at - 1] != phase]
    if sealed != (False, False, True, True):
        assert entered == [*expected, "attesting", "settled"]


def test_each_member_heard_is_progress() -> None:
    cluster = Cluster(4).run()
    seen = cluster.events(0, PhaseChanged)
    for phase in ("enrolling", "sealing", "opening", "attesting"):
        assert [event.heard for event in seen if event.phase == phase] == [0, 1, 2, 3, 4]
    assert Decided in {type(event) for event in cluster.sessions[0].events}
