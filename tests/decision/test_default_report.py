"""The sanction ``default_report``: what stands in for a report that is void in itself, and what it is no way to."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.entries import Kind, ReportEntry
from mechdesign.decision.messages import Answers
from mechdesign.decision.transcript import audit
from mechdesign.group.block import genesis, make_block
from mechdesign.group.evidence import Equivocation, Signed, encode_evidence
from mechdesign.group.messages import Broadcast, EvidenceFound
from tests.decision.spoilers import (
    HIGHEST,
    Spoil,
    deals_badly,
    opens_falsely,
    seals_garbage,
    shares_falsely,
    signs_another_outcome,
    spoilt_by,
)
from tests.decision.toys import Cluster, Plan, nets

DEFAULT = b"\x03"
TERMS: dict[str, Any] = {
    "sanctions": ("default_report", "forfeit"),
    "default_report": DEFAULT,
    "deposit": Fraction(9),
}


def reports(cluster: Cluster, step: int = 0) -> dict[bytes, bytes]:
    (answers,) = [event for event in cluster.events(0, Answers) if event.step == step]
    return {bytes(member): report for member, report in answers.reports}


@pytest.mark.parametrize(
    ("seal", "spoil", "offence"),
    [
        ("commit_reveal", opens_falsely, "false-opening"),
        ("threshold", deals_badly, "false-dealing"),
        ("threshold", seals_garbage, "sealed-garbage"),
    ],
)
def test_the_default_stands_in_for_a_report_that_is_void_in_itself(seal: str, spoil: Spoil, offence: str) -> None:
    cluster = spoilt_by(HIGHEST, spoil).run(seal=seal, **TERMS)
    decided = cluster.decided()
    assert decided.agrees
    assert all(cluster.decided(place) == decided for place in range(4))
    assert reports(cluster)[cluster.roster.ids[HIGHEST]] == DEFAULT
    assert cluster.convicted() == [("dave", offence)]
    assert nets(decided.flows) == {"alice": 3, "bob": 3, "carol": 3 - 12, "dave": -9, "SELLER": 12}
    report = audit(decided.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert dict(report.reports)[cluster.roster.ids[HIGHEST]] == DEFAULT


@pytest.mark.parametrize(("seal", "spoil"), [("commit_reveal", opens_falsely), ("threshold", deals_badly)])
def test_without_the_sanction_a_void_report_is_left_out(seal: str, spoil: Spoil) -> None:
    cluster = spoilt_by(HIGHEST, spoil).run(seal=seal, sanctions=("recompute",))
    assert cluster.roster.ids[HIGHEST] not in reports(cluster)


def test_the_default_stands_in_at_every_step_and_the_deposit_is_lost_once() -> None:
    cluster = spoilt_by(HIGHEST, opens_falsely, plan=Plan((True, True))).run(**TERMS)
    assert [reports(cluster, step)[cluster.roster.ids[HIGHEST]] for step in (0, 1)] == [DEFAULT, DEFAULT]
    assert nets(cluster.decided().flows)["dave"] == -9


def muted(place: int, kind: Kind) -> Callable[[int, Broadcast], list[Broadcast]]:
    return lambda who, said: [] if (who, said.kind) == (place, kind) else [said]


def test_the_default_never_stands_in_for_silence_a_pass_or_a_seal_that_stays_shut() -> None:
    for silent in (Kind.SEAL, Kind.OPEN):
        cluster = Cluster(4)
        cluster.twist = muted(HIGHEST, silent)
        cluster.run(**TERMS)
        cluster.wait(5000)
        assert cluster.roster.ids[HIGHEST] not in reports(cluster)
    passes = Cluster(4, report=lambda place, step: None if place == HIGHEST else bytes([place])).run(**TERMS)
    assert passes.roster.ids[HIGHEST] not in reports(passes)


def reports_at_length(cluster: Cluster, said: Any) -> Any:
    return replace(said, report=bytes(17)) if isinstance(said, ReportEntry) else said


def test_the_default_never_stands_in_for_a_plain_report_that_is_too_long_because_that_is_silence() -> None:
    cluster = spoilt_by(HIGHEST, reports_at_length, Plan((False,)))
    cluster.run(**TERMS)
    cluster.wait(2000)
    assert cluster.roster.ids[HIGHEST] not in reports(cluster)
    assert cluster.convicted() == []


# Limits: what is sealed cannot be taken back by being convicted of something later


def equivocates(cluster: Cluster) -> None:
    signed = []
    for leaf in (b"one", b"two"):
        start = [genesis(cluster.roster, HIGHEST)]
        block = make_block(cluster.roster, cluster.signers[HIGHEST], 0, start, (), [leaf])
        signed.append(Signed(block.encoded, block.signature))
    cluster.evidence(0, EvidenceFound(cluster.roster.ids[HIGHEST], encode_evidence(Equivocation(*signed))))


PHASES = {
    "commit_reveal": ("sealing", "opening", "attesting"),
    "threshold": ("sealing", "opening", "attesting"),
    "open": ("asking", "attesting"),
}


@pytest.mark.parametrize(("seal", "phase"), [(seal, phase) for seal, phases in PHASES.items() for phase in phases])
def test_no_bid_is_withdrawn_by_equivocating_in_any_phase(seal: str, phase: str) -> None:
    cluster = Cluster(4, plan=Plan((seal != "open",)))
    cluster.propose(seal=seal, **TERMS)
    done = False
    while cluster.step():
        status = cluster.cores[0].status()
        if status and status[0].phase == phase and not done:
            equivocates(cluster)
            done = True
    assert done
    assert all(cluster.convicted(place) == [("dave", "equivocation")] for place in range(4))
    assert reports(cluster)[cluster.roster.ids[HIGHEST]] == bytes([10 + HIGHEST])
    assert nets(cluster.decided().flows)["SELLER"] == 10 + HIGHEST
    # While members attest, the evidence is ordered behind the last signature: nothing is open any more.
    lost = 9 if phase != "attesting" else 0
    assert nets(cluster.decided().flows)["dave"] == -lost - 13


@pytest.mark.parametrize(
    ("spoil", "offence"), [(signs_another_outcome, "wrong-outcome"), (shares_falsely, "false-share")]
)
def test_no_bid_is_withdrawn_by_an_offence_after_it_was_sealed(spoil: Spoil, offence: str) -> None:
    cluster = spoilt_by(0, spoil)
    cluster.report = cluster.sessions[0].report = lambda place, step: bytes([30])
    cluster.run(seal="threshold", **TERMS)
    cluster.wait(5000)
    assert ("alice", offence) in cluster.convicted(1)
    assert reports(cluster)[cluster.roster.ids[0]] == bytes([30])
    assert nets(cluster.decided(1).flows) == {"alice": -9 - 30, "bob": 3, "carol": 3, "dave": 3, "SELLER": 30}


def test_abort_after_the_inputs_are_frozen_moves_the_deposit_only() -> None:
    cluster = spoilt_by(HIGHEST, signs_another_outcome)
    cluster.run(seal="threshold", **{**TERMS, "sanctions": ("default_report", "forfeit", "abort")})
    cluster.wait(5000)
    for place in range(3):
        assert cluster.convicted(place) == [("dave", "wrong-outcome")]
        flows = nets(cluster.decided(place).flows)
        assert flows == {"alice": 3, "bob": 3, "carol": 3, "dave": -9 - 10 - HIGHEST, "SELLER": 10 + HIGHEST}
