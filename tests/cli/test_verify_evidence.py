"""`mechdesign verify EVIDENCE --roster ROSTER` for a proof of every kind that sessions and groups make."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from mechdesign.cli.roster_files import render_roster
from mechdesign.decision.entries import Kind, ShareEntry
from mechdesign.decision.messages import Convicted
from mechdesign.decision.offence import Offence
from mechdesign.group.checkpoint import sign_checkpoint
from mechdesign.group.evidence import Evidence, Former, TwoCheckpoints, decode_evidence, encode_evidence
from mechdesign.group.messages import EvidenceFound
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
from tests.decision.test_sanctions import two_submissions
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


def saying_two_things(cluster: Cluster, place: int) -> EvidenceFound:
    return EvidenceFound(cluster.roster.ids[place], encode_evidence(two_submissions(cluster)))


def two_checkpoints(cluster: Cluster, place: int) -> EvidenceFound:
    member, signer = cluster.roster.ids[place], cluster.signers[place]
    one, other = ((name, sign_checkpoint(64, name, cluster.roster, signer)) for name in (b"a" * 32, b"b" * 32))
    return EvidenceFound(member, encode_evidence(TwoCheckpoints(member, 64, one, other)))


def older(cluster: Cluster, place: int) -> EvidenceFound:
    """As a member of a later epoch has it, which brings the roster of the earlier one along."""
    found = equivocation(cluster, place)
    return EvidenceFound(found.member, encode_evidence(Former(cluster.roster.encoded, found.data)))


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
    Offence.TWO_SUBMISSIONS: in_the_group(saying_two_things),
    Offence.TWO_CHECKPOINTS: in_the_group(two_checkpoints),
}
OLDER = "of an epoch that is over"
PROOFS_AND_OLDER = PROOFS | {OLDER: in_the_group(older)}


def test_there_is_a_proof_of_each_offence_and_of_each_kind_that_the_group_layer_makes() -> None:
    made = {type(decode_evidence(make()[1])) for make in PROOFS_AND_OLDER.values()}
    assert made == {*get_args(Evidence), type(None)}
    assert set(PROOFS) == set(Offence)


@pytest.mark.parametrize("kind", PROOFS_AND_OLDER)
def test_the_command_confirms_a_proof_of_each_kind_and_no_other_byte(kind: str, tmp_path: Path) -> None:
    cluster, proof, guilty = PROOFS_AND_OLDER[kind]()
    assert isinstance(cluster.scheme, Ed25519)
    evidence, roster = tmp_path / "found.evidence", tmp_path / "roster.toml"
    roster.write_text(render_roster(cluster.roster, {}), encoding="utf-8")
    evidence.write_bytes(proof)
    ran = run("verify", evidence, "--roster", roster)
    assert ran.code == 0, ran.out
    offence = Offence.EQUIVOCATION.value if kind == OLDER else kind
    assert f"{guilty} is convicted of {offence}" in ran.out
    told = run("verify", evidence, "--roster", roster, "--json").json
    assert (told["holds"], told["member"], told["offence"]) == (True, guilty, offence)
    for at in range(0, len(proof), max(1, len(proof) // 7)):
        evidence.write_bytes(proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :])
        assert run("verify", evidence, "--roster", roster).code == 1
