"""Which flows of a transcript a quorum signed: those that nobody who holds the file can change."""

import pytest

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import EvidenceEntry, Kind
from mechdesign.decision.messages import Decided
from mechdesign.decision.record import Record
from mechdesign.decision.transcript import AuditReport, audit
from mechdesign.kernel.flow import DEPOSIT
from tests.decision.test_policing import agree, invalid_block, with_sanctions
from tests.decision.toys import Cluster, nets


def checked(cluster: Cluster, data: bytes) -> AuditReport:
    return audit(data, cluster.scheme, cluster.recompute, cluster.roster)


def with_later(decided: Decided, *later: Entry) -> bytes:
    record = Record.parse(decided.transcript)
    return Record(record.roster, record.frozen, later).encoded


def later_of(decided: Decided) -> tuple[Entry, ...]:
    return Record.parse(decided.transcript).later


def accuse(cluster: Cluster, place: int) -> None:
    """Order a true proof against a member."""
    cluster.order(1, Kind.EVIDENCE, EvidenceEntry(invalid_block(cluster, place).data).encoded)


@pytest.mark.parametrize("sanction", ["forfeit", "abort"])
def test_a_proof_put_into_the_file_afterwards_changes_no_flow_that_it_shows_as_signed(sanction: str) -> None:
    cluster = with_sanctions(4, sanction)
    cluster.settle()
    decided = agree(cluster)
    accuse(cluster, 2)  # the session is over: it counts for nothing there
    assert agree(cluster) == decided
    late = Entry(cluster.log[-1].position, cluster.log[-1].submission, cluster.log[-1].inclusion)
    true = checked(cluster, decided.transcript)
    forged = checked(cluster, with_later(decided, late, *later_of(decided)))
    assert forged.authentic
    assert nets(forged.flows) != nets(true.flows) == nets(decided.flows), "the file's word"
    assert forged.signed == true.signed
    assert nets(true.signed) == {"alice": -9, "bob": -9, "carol": -9, "dave": -9 - 13, "SELLER": 13, DEPOSIT: 36}


def test_a_conviction_taken_out_of_the_file_changes_no_flow_that_it_shows_as_signed() -> None:
    cluster = with_sanctions(4, "forfeit")
    while not any(entry.submission.kind == Kind.ATTEST for entry in cluster.log):
        cluster.step()
    accuse(cluster, 2)
    cluster.settle()
    decided = agree(cluster)
    kept = [entry for entry in later_of(decided) if entry.submission.kind != Kind.EVIDENCE]
    assert len(kept) == len(later_of(decided)) - 1
    true, forged = (checked(cluster, data) for data in (decided.transcript, with_later(decided, *kept)))
    assert nets(forged.flows) != nets(true.flows) == nets(decided.flows), "the file's word"
    assert forged.signed == true.signed
    assert [flow for flow in true.flows if flow not in true.signed] == [
        flow for flow in decided.flows if flow.payer == DEPOSIT
    ]


@pytest.mark.parametrize("sanctions", [("recompute",), ("recompute", "exclude")])
def test_where_a_conviction_costs_no_deposit_a_quorum_signed_every_flow(sanctions: tuple[str, ...]) -> None:
    cluster = with_sanctions(4, *sanctions)
    cluster.settle()
    decided = agree(cluster)
    accuse(cluster, 2)
    late = Entry(cluster.log[-1].position, cluster.log[-1].submission, cluster.log[-1].inclusion)
    for data in (decided.transcript, with_later(decided, late, *later_of(decided))):
        assert checked(cluster, data).signed == checked(cluster, data).flows == decided.flows


def test_of_a_session_that_aborted_nobody_signed_a_flow() -> None:
    cluster = with_sanctions(4, "abort")
    accuse(cluster, 2)
    report = checked(cluster, cluster.aborted().transcript)
    assert report.aborted
    assert report.flows
    assert report.signed == ()
