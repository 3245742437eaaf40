"""Sessions that end without an outcome: what everybody is told, and what a transcript of them shows."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.entries import Kind, SealEntry, parse
from mechdesign.decision.membership import committee_of
from mechdesign.decision.messages import Convicted, Decided, Proposed
from mechdesign.decision.record import Record
from mechdesign.decision.sealing.dealing import commit, draw
from mechdesign.decision.sealing.seal import ciphertext_bytes
from mechdesign.decision.sealing.threshold import Context, Purpose
from mechdesign.decision.transcript import AuditReport, audit
from mechdesign.group.messages import Broadcast
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import MechanismError, VerificationError
from tests.decision.staged import only
from tests.decision.toys import SILENT, Cluster, Plan, nets

DEPOSIT: dict[str, Any] = {"deposit": Fraction(6), "sanctions": ("forfeit", "abort")}


def no_code(proposed: Proposed) -> Any:
    raise MechanismError("this installation has no such mechanism")


def check(cluster: Cluster, recompute: Any = None) -> AuditReport:
    """All members were told the same end, and an audit finds it again."""
    ends = [cluster.aborted(place) for place in range(cluster.roster.n)]
    assert len(set(ends)) == 1
    report = audit(ends[0].transcript, cluster.scheme, recompute or cluster.recompute, cluster.roster)
    assert (report.aborted, report.flows) == (ends[0].reason, ends[0].flows)
    assert (report.verdict, report.certificate, report.digest) == (None, None, b"")
    return report


def spoilt(*places: int) -> Any:
    """Members whose sealed reports are no valid dealings, or open to nothing."""

    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        entry = parse(said.kind, said.data)
        if place in places and isinstance(entry, SealEntry) and entry.sealed is not None:
            sealed = entry.sealed[:-1] + bytes([entry.sealed[-1] ^ 1])
            return [replace(said, data=replace(entry, sealed=sealed).encoded)]
        return [said]

    return twist


def test_too_few_players_abort_a_session_and_no_code_is_needed_to_check_that() -> None:
    cluster = Cluster(4, fast=False)
    for place in (1, 2, 3):
        cluster.sessions[place].enrols = "out"
    cluster.run(players_min=2)
    report = check(cluster, no_code)
    assert report.aborted == "1 of at least 2 players enrolled; 3 of 4 say: not for me"


def test_a_convict_aborts_a_session_that_declared_it_and_the_transcript_convicts_it_again() -> None:
    cluster = Cluster(4, twist=spoilt(2)).run(seal="threshold", **DEPOSIT)
    report = check(cluster)
    assert report.aborted == "carol was convicted of false-dealing"
    assert report.convicted == ((cluster.roster.ids[2], "false-dealing"),)
    assert nets(report.flows) == {"alice": 2, "bob": 2, "carol": -6, "dave": 2}


def test_seals_that_nobody_opens_abort_a_session() -> None:
    cluster = Cluster(4, twist=only(Kind.SHARE, places={0, 1, 2, 3}))
    cluster.run(seal="threshold")
    cluster.wait(3000)
    report = check(cluster)
    assert report.aborted == "0 of 3 members' shares are there, which does not open what was sealed"


def test_members_that_computed_differently_abort_a_session() -> None:
    cluster = Cluster(4)
    cluster.sessions[0].lie, cluster.sessions[1].lie = b"x", b"y"
    cluster.run()
    first = cluster.aborted(0)
    assert first.reason == "no outcome can be certified any more by a quorum"
    assert all(cluster.aborted(place) == first for place in range(4))
    report = audit(first.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert report.aborted == first.reason


def garbage(cluster: Cluster, *places: int) -> Any:
    """Members whose dealings are valid, and hold no report."""

    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        entry = parse(said.kind, said.data)
        if place not in places or not isinstance(entry, SealEntry):
            return [said]
        roster = cluster.roster
        committee = committee_of(roster, roster.q)
        assert committee is not None
        context = Context(roster.digest, 0, entry.session, entry.step, Purpose.REPORT, roster.ids[place])
        polynomial = draw(committee, context, b"x", bytes(32))
        sealed = commit(committee, context, polynomial, bytes(ciphertext_bytes(16))).encoded
        return [replace(said, data=replace(entry, sealed=sealed).encoded)]

    return twist


def test_members_that_are_convicted_at_one_position_pay_together_and_end_nothing_once_reports_show() -> None:
    cluster = Cluster(4)
    cluster.twist = garbage(cluster, 1, 2)
    cluster.run(seal="threshold", **DEPOSIT)
    ends = [cluster.decided(place) for place in range(4)]
    report = audit(ends[0].transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert cluster.convicted() == [("bob", "sealed-garbage"), ("carol", "sealed-garbage")]
    # Dave buys at its own price of 13; the two deposits go to those that forfeit none.
    paid = {"alice": 6, "bob": -6, "carol": -6, "dave": 6 - 13, "SELLER": 13}
    assert all(nets(flows) == paid for flows in (report.flows, *(end.flows for end in ends)))
    ended = [event for event in cluster.sessions[0].events if isinstance(event, Decided | Convicted)]
    assert isinstance(ended[-1], Decided), "nothing follows the end"


def test_every_changed_byte_of_an_aborted_transcript_that_is_signed_fails() -> None:
    cluster = Cluster(1, faults=FaultModel.UNANIMOUS, fast=False)
    cluster.sessions[0].enrols = "out"
    cluster.run()
    data = cluster.aborted().transcript
    entries = Record.parse(data).frozen
    assert [entry.submission.kind for entry in entries] == [Kind.PROPOSE, Kind.DECLINE]
    held = 0
    for at in range(len(data)):
        try:
            audit(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], Ed25519(), cluster.recompute, cluster.roster)
        except VerificationError:
            continue
        held += 1
    # The position of each entry, one byte here, is nobody's word where no quorum signed the inputs.
    assert held <= len(entries)


def test_a_transcript_that_stops_before_any_end_is_none() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT, plan=Plan()).run()
    session = next(iter(cluster.cores[0]._sessions.values()))
    with pytest.raises(VerificationError, match="ends before"):
        audit(session._inputs.record(cluster.roster).encoded, cluster.scheme, cluster.recompute)
