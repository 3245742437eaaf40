"""Every offence under every sanction: what the session declared happens, with a proof for whoever holds the roster."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from mechdesign.decision.entries import Kind, ShareEntry
from mechdesign.decision.messages import Aborted, Convicted, Decided
from mechdesign.decision.policing import verify_evidence
from mechdesign.group.block import genesis, inclusions, make_block
from mechdesign.group.evidence import (
    ConflictingSubmissions,
    Equivocation,
    Evidence,
    Former,
    InvalidBlock,
    Signed,
    encode_evidence,
)
from mechdesign.group.leaf import encode_leaf, said
from mechdesign.group.messages import EvidenceFound, Exclude, Submission
from tests.decision.spoilers import (
    HIGHEST,
    Spoil,
    deals_badly,
    opens_falsely,
    seals_garbage,
    shares_early,
    shares_falsely,
    signs_another_outcome,
    spoilt_by,
)
from tests.decision.toys import Cluster, make_roster

DEPOSIT = Fraction(9)
DEFAULT = b"\3"

Run = Callable[[dict[str, Any]], Cluster]
Prove = Callable[[Cluster], Evidence]


class Offender(NamedTuple):
    """How one offence comes about."""

    run: Run
    place: int = HIGHEST
    # Whether the report of the offender is void in itself, and whether nothing shows yet when the offence does.
    void: bool = False
    hidden: bool = False


def spoilt(spoil: Spoil, seal: str, place: int = HIGHEST) -> Run:
    return lambda terms: spoilt_by(place, spoil).run(seal=seal, **terms)


def block(cluster: Cluster, round_: int, leaves: list[bytes]) -> Any:
    parents = [genesis(cluster.roster, HIGHEST)] if round_ == 0 else []
    return make_block(cluster.roster, cluster.signers[HIGHEST], round_, parents, (), leaves)


def signed(cluster: Cluster, leaf: bytes) -> Signed:
    made = block(cluster, 0, [leaf])
    return Signed(made.encoded, made.signature)


def twins(cluster: Cluster) -> Equivocation:
    return Equivocation(signed(cluster, b"one"), signed(cluster, b"other"))


def invalid(cluster: Cluster) -> InvalidBlock:
    made = block(cluster, 5, [])
    return InvalidBlock(Signed(made.encoded, made.signature))


def two_submissions(cluster: Cluster) -> ConflictingSubmissions:
    """One number, two things said, in blocks that are alike in nothing else."""
    one, other = (Submission(9, cluster.roster.ids[HIGHEST], 77, data) for data in (b"yes", b"no"))
    first = block(cluster, 0, [encode_leaf(one)])
    second = block(cluster, 0, [encode_leaf(other), b"more"])
    return ConflictingSubmissions(said(one), inclusions(first)[0], said(other), inclusions(second)[0])


def found(prove: Prove) -> Run:
    """A session in the middle of which the group layer of a member finds evidence."""

    def run(terms: dict[str, Any]) -> Cluster:
        cluster = Cluster(4)
        cluster.propose(0, seal="threshold", **terms)
        for _ in range(3):
            cluster.step()
        member = cluster.roster.ids[HIGHEST]
        cluster.evidence(0, EvidenceFound(member, encode_evidence(prove(cluster))))
        cluster.settle()
        return cluster

    return run


OFFENDERS = {
    "false-opening": Offender(spoilt(opens_falsely, "commit_reveal"), void=True),
    "wrong-outcome": Offender(spoilt(signs_another_outcome, "commit_reveal")),
    "false-dealing": Offender(spoilt(deals_badly, "threshold"), void=True, hidden=True),
    "sealed-garbage": Offender(spoilt(seals_garbage, "threshold"), void=True),
    "false-share": Offender(spoilt(shares_falsely, "threshold", 0), 0),
    "early-share": Offender(lambda terms: shares_early(HIGHEST, seal="threshold", **terms)),
    "equivocation": Offender(found(twins), hidden=True),
    "invalid-block": Offender(found(invalid), hidden=True),
    "two-submissions": Offender(found(two_submissions), hidden=True),
}

SANCTIONS = [
    ("recompute",),
    ("default_report",),
    ("forfeit",),
    ("abort",),
    ("exclude",),
    ("abort", "exclude"),
    ("forfeit", "abort", "exclude"),
]


@pytest.mark.parametrize("sanctions", SANCTIONS, ids="+".join)
@pytest.mark.parametrize("offence", OFFENDERS)
def test_what_the_session_declared_follows_and_a_proof_of_it_goes_with_it(
    offence: str, sanctions: tuple[str, ...]
) -> None:
    offender = OFFENDERS[offence]
    terms = {"sanctions": sanctions, "deposit": DEPOSIT}
    terms |= {"default_report": DEFAULT} if "default_report" in sanctions else {}
    cluster = offender.run(terms)
    for _ in range(3):
        cluster.wait(5000)
    cheat, name = cluster.roster.ids[offender.place], cluster.roster.members[offender.place].name
    pays = bool({"forfeit", "abort"} & set(sanctions))
    for place in range(4):
        convicted = cluster.events(place, Convicted)
        assert [(each.member, each.offence) for each in convicted] == [(cheat, offence)]
        assert verify_evidence(convicted[0].evidence, cluster.roster, cluster.scheme) == (cheat, offence)
        asked = [each.evidence for each in cluster.effects[place] if isinstance(each, Exclude)]
        assert asked == ([convicted[0].evidence] if "exclude" in sanctions else [])
        (end,) = [each for each in cluster.sessions[place].events if isinstance(each, Aborted | Decided)]
        assert isinstance(end, Aborted) == ("abort" in sanctions and offender.hidden), end
        lost = {flow.reason.rpartition(" ")[2] for flow in end.flows if "forfeited" in flow.reason}
        assert lost == ({name} if pays else set())
        if isinstance(end, Aborted):
            assert end.reason == f"{name} was convicted of {offence}"


def test_every_offence_is_in_the_table() -> None:
    """But for those that nobody can be convicted of while a session runs: two ends of an epoch, two checkpoints."""
    from mechdesign.decision.offence import Offence

    assert set(OFFENDERS) == set(Offence) - {Offence.FORKING, Offence.TWO_CHECKPOINTS}


def test_a_proof_that_brings_its_roster_along_convicts_of_the_same() -> None:
    before = make_roster(4)
    cluster = Cluster(4, roster=replace(before, epoch=1))
    cluster.propose(0, seal="threshold", sanctions=("exclude",))
    for _ in range(5):
        cluster.step()
    proof = encode_evidence(Former(before.encoded, encode_evidence(twins(Cluster(4)))))
    cluster.evidence(0, EvidenceFound(cluster.roster.ids[HIGHEST], proof))
    cluster.settle()
    for place in range(4):
        assert cluster.convicted(place) == [("dave", "equivocation")]
        assert [each.evidence for each in cluster.effects[place] if isinstance(each, Exclude)] == [proof]


def test_an_early_share_costs_its_deposit_where_the_session_aborts_for_another_reason_and_proves_nothing() -> None:
    """Nobody signs the order of the entries of a session that has no outcome."""
    cluster = shares_early(HIGHEST, stop=(0, 1), seal="threshold", sanctions=("forfeit", "exclude"), deposit=DEPOSIT)
    for _ in range(3):
        cluster.wait(5000)
    (end,) = cluster.events(2, Aborted)
    assert "does not open what was sealed" in end.reason
    assert [flow.reason for flow in end.flows if "forfeited" in flow.reason] == ["deposit forfeited by dave"] * 3
    assert cluster.events(2, Convicted) == []
    assert not any(isinstance(each, Exclude) for each in cluster.effects[2])


def test_an_early_share_does_not_shield_from_what_ends_the_session() -> None:
    """Dave shares early and then deals falsely, under ``abort``; the second verifier comes to the same end."""
    cluster = spoilt_by(HIGHEST, deals_badly)
    cluster.propose(seal="threshold", sanctions=("abort",), deposit=DEPOSIT)
    while cluster.cores[0].status()[:1] == () or cluster.cores[0].status()[0].phase != "sealing":
        cluster.step()
    cluster.order(HIGHEST, Kind.SHARE, ShareEntry(cluster.cores[0].status()[0].session, 0, b"too early").encoded)
    cluster.settle()
    for place in range(4):
        assert cluster.aborted(place).reason == "dave was convicted of false-dealing"
        assert cluster.convicted(place) == [("dave", "false-dealing")]
    lost = [flow.reason for flow in cluster.aborted().flows if "forfeited" in flow.reason]
    assert lost == ["deposit forfeited by dave"] * 3
