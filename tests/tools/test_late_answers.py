"""Whoever answers a proposal after enrolment was over changes nothing, for either verifier."""

from mechdesign.decision.entries import DeclineEntry, Kind
from mechdesign.decision.transcript import audit
from tests.decision.toys import Cluster
from tests.tools.test_agreement import tool


def test_a_custodian_that_is_late_to_say_that_it_lacks_the_code_ends_no_session() -> None:
    cluster = Cluster(4, fast=False)
    cluster.sessions[3].enrols = "?"  # slow: it has answered nothing yet
    cluster.sessions[3].react = lambda event: []  # type: ignore[method-assign]
    cluster.propose(0, asked=cluster.roster.ids[:3], custodian="dave", seal="commit_reveal")
    while not cluster.cores[0].status() or cluster.cores[0].status()[0].phase == "enrolling":
        assert cluster.step()
    session = cluster.cores[0].status()[0].session
    cluster.order(3, Kind.DECLINE, DeclineEntry(session, "I lack the code", False).encoded)
    cluster.settle()
    cluster.wait(5000)
    written = cluster.decided().transcript
    assert audit(written, cluster.scheme, cluster.recompute, cluster.roster).certificate
    assert tool()["verify"](written, cluster.roster.digest.hex()).startswith("authentic")
