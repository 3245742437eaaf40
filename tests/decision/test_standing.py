"""Who was convicted once in an epoch is sanctioned in every later session of it in which it plays."""

from fractions import Fraction

from mechdesign.decision.entries import EvidenceEntry, Kind
from mechdesign.decision.messages import Decided
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import Exclude
from tests.decision.test_exclude import equivocation
from tests.decision.toys import Cluster, nets

DAVE = 3
TERMS = {"deposit": Fraction(9), "sanctions": ("recompute", "forfeit")}


def evidence_in(cluster: Cluster) -> int:
    return sum(entry.submission.kind == Kind.EVIDENCE for entry in cluster.log)


def test_a_member_that_was_convicted_before_a_session_pays_in_it() -> None:
    cluster = Cluster(4)
    cluster.evidence(0, equivocation(cluster, DAVE))
    cluster.settle()
    assert cluster.convicted() == [("dave", "equivocation")]
    cluster.propose(0, **TERMS)
    cluster.settle()
    decided = cluster.decided()
    assert nets(decided.flows)["dave"] == -9 - 13
    report = audit(decided.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert report.flows == decided.flows
    assert report.convicted == ((cluster.roster.ids[DAVE], "equivocation"),)


def test_a_member_that_is_convicted_while_it_enrols_pays_in_that_session() -> None:
    cluster = Cluster(4)
    cluster.propose(0, **TERMS)
    assert cluster.step()
    assert cluster.cores[0].status()[0].phase == "enrolling"
    cluster.order(1, Kind.EVIDENCE, EvidenceEntry(equivocation(cluster, DAVE).data).encoded)
    cluster.settle()
    assert nets(cluster.decided().flows)["dave"] == -9 - 13


def test_it_pays_once_a_session_however_often_it_offends_and_the_proof_is_shown() -> None:
    cluster = Cluster(4)
    cluster.evidence(0, equivocation(cluster, DAVE))
    cluster.settle()
    for number in range(2):
        cluster.propose(0, nonce=bytes([number]) * 16, **TERMS)
        while cluster.cores[0].status() == () or cluster.cores[0].status()[0].phase != "opening":
            assert cluster.step()
        for place in range(3):
            cluster.order(place, Kind.EVIDENCE, EvidenceEntry(equivocation(cluster, DAVE).data).encoded)
        cluster.settle()
    ends = [event for event in cluster.sessions[0].events if isinstance(event, Decided)]
    assert [nets(end.flows)["dave"] for end in ends] == [-9 - 13, -9 - 13]
    assert [core.balances for core in cluster.cores] == [cluster.cores[0].balances] * 4


def test_a_session_that_sanctions_nothing_is_not_reminded() -> None:
    cluster = Cluster(4)
    cluster.evidence(0, equivocation(cluster, DAVE))
    cluster.settle()
    cluster.propose(0, deposit=Fraction(9), sanctions=("recompute",))
    cluster.settle()
    assert evidence_in(cluster) == 1
    assert nets(cluster.decided().flows) == {"dave": -13, "SELLER": 13}


def test_a_session_that_excludes_excludes_a_player_that_was_convicted_before() -> None:
    cluster = Cluster(4)
    cluster.evidence(0, equivocation(cluster, DAVE))
    cluster.settle()
    cluster.propose(0, sanctions=("recompute", "exclude"))
    cluster.settle()
    for place in range(4):
        assert sum(isinstance(effect, Exclude) for effect in cluster.effects[place]) == 1


def test_nobody_that_was_not_convicted_is_reminded_of_anything() -> None:
    cluster = Cluster(4)
    cluster.evidence(0, equivocation(cluster, DAVE))
    cluster.settle()
    cluster.propose(0, asked=cluster.roster.ids[:3], **TERMS)
    cluster.settle()
    assert evidence_in(cluster) == 1
    assert nets(cluster.decided().flows) == {"carol": -12, "SELLER": 12}
