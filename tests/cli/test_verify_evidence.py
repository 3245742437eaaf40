"""`mechdesign verify EVIDENCE --roster ROSTER` for a proof of every kind that sessions and groups make."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mechdesign.cli.roster_files import render_roster
from mechdesign.decision.entries import Kind, ShareEntry
from mechdesign.decision.messages import Convicted
from mechdesign.decision.offence import Offence
from mechdesign.kernel.crypto import Ed25519
from tests.cli.command_line import run
from tests.decision.spoilers import (
    Spoil,
    deals_badly,
    opens_falsely,
    seals_garbage,
    shares_falsely,
    signs_another_outcome,
    spoilt_by,
)
from tests.decision.test_exclude import equivocation, forking
from tests.decision.test_policing import invalid_block
from tests.decision.toys import Cluster

CHEAT = 3


def in_a_session(spoil: Spoil, seal: str, cheat: int = CHEAT) -> Callable[[], tuple[Cluster, bytes, str]]:
    def make() -> tuple[Cluster, bytes, str]:
        cluster = spoilt_by(cheat, spoil, fast=False).run(seal=seal)
        cluster.wait(5000)
        return cluster, *convicted(cluster)

    return make


def convicted(cluster: Cluster) -> tuple[bytes, str]:
    (event,) = [event for event in cluster.sessions[1].events if isinstance(event, Convicted)]
    return event.evidence, cluster.roster.name(event.member)


def shares_early() -> tuple[Cluster, bytes, str]:
    cluster = Cluster(4, fast=False)
    cluster.propose(seal="threshold")
    while sum(entry.submission.kind == Kind.SEAL for entry in cluster.log) < 2:
        cluster.step()
    (status,) = cluster.cores[0].status()
    cluster.order(CHEAT, Kind.SHARE, ShareEntry(status.session, 0, b"too early").encoded)
    cluster.settle()
    return cluster, *convicted(cluster)


def in_the_group(found: Callable[..., object]) -> Callable[[], tuple[Cluster, bytes, str]]:
    def make() -> tuple[Cluster, bytes, str]:
        cluster = Cluster(4, fast=False)
        return cluster, getattr(found(cluster, CHEAT), "data"), cluster.roster.members[CHEAT].name  # noqa: B009

    return make


PROOFS = {
    Offence.FALSE_OPENING: in_a_session(opens_falsely, "commit_reveal"),
    Offence.WRONG_OUTCOME: in_a_session(signs_another_outcome, "commit_reveal"),
    Offence.FALSE_DEALING: in_a_session(deals_badly, "threshold"),
    Offence.GARBAGE: in_a_session(seals_garbage, "threshold"),
    Offence.FALSE_SHARE: in_a_session(shares_falsely, "threshold", 0),
    Offence.EARLY_SHARE: shares_early,
    Offence.EQUIVOCATION: in_the_group(equivocation),
    Offence.INVALID_BLOCK: in_the_group(invalid_block),
    Offence.FORKING: in_the_group(forking),
}


@pytest.mark.parametrize("offence", PROOFS)
def test_the_command_confirms_a_proof_of_each_kind_and_no_other_byte(offence: Offence, tmp_path: Path) -> None:
    cluster, proof, guilty = PROOFS[offence]()
    assert isinstance(cluster.scheme, Ed25519)
    evidence, roster = tmp_path / "found.evidence", tmp_path / "roster.toml"
    roster.write_text(render_roster(cluster.roster, {}), encoding="utf-8")
    evidence.write_bytes(proof)
    ran = run("verify", evidence, "--roster", roster)
    assert ran.code == 0, ran.out
    assert f"{guilty} is convicted of {offence.value}" in ran.out
    for at in range(0, len(proof), max(1, len(proof) // 7)):
        evidence.write_bytes(proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :])
        assert run("verify", evidence, "--roster", roster).code == 1
