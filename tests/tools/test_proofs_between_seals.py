"""A proof that ends a session while seals are waited for: both verifiers follow it, whomever the mechanism asks."""

import pytest

from mechdesign.decision.entries import EvidenceEntry, Kind
from mechdesign.decision.transcript import audit
from tests.decision.test_epoch import proof_against
from tests.decision.toys import Cluster
from tests.tools.test_agreement import tool

LIAR = 3


def sealed(cluster: Cluster) -> int:
    return sum(entry.submission.kind == Kind.SEAL for entry in cluster.log)


@pytest.mark.parametrize("seals", range(4))
@pytest.mark.parametrize("seal", ["commit_reveal", "threshold"])
def test_a_proof_behind_some_of_the_seals_ends_the_session(seal: str, seals: int) -> None:
    cluster = Cluster(4, fast=False)
    cluster.propose(0, seal=seal, deposit=5, sanctions=("forfeit", "abort"))
    while [each.phase for each in cluster.cores[0].status()] != ["sealing"] or sealed(cluster) < seals:
        assert cluster.step()
    cluster.order(1, Kind.EVIDENCE, EvidenceEntry(proof_against(cluster, LIAR)).encoded)
    cluster.settle()
    end = cluster.aborted(0)
    assert end.reason == "dave was convicted of invalid-block"
    assert audit(end.transcript, cluster.scheme, cluster.recompute, cluster.roster).aborted == end.reason
    said = tool()["verify"](end.transcript, cluster.roster.digest.hex())
    assert "aborted: while nothing showed, by an unjudged proof" in said
