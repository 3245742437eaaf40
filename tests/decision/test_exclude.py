"""The sanction ``exclude``: every honest member asks the group once, with a proof that anybody can check."""

from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.core import DecisionCore
from mechdesign.decision.entries import EvidenceEntry, Kind
from mechdesign.decision.messages import Convicted
from mechdesign.decision.policing import convict_of, proof_digest
from mechdesign.group.block import genesis, make_block
from mechdesign.group.evidence import Equivocation, Forking, Signed, encode_evidence
from mechdesign.group.messages import Broadcast, EvidenceFound, Exclude, Expel, Ready, ViewChanging
from mechdesign.group.views.statement import Statement
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
from tests.decision.toys import Cluster, make_roster, nets

TERMS: dict[str, Any] = {"sanctions": ("recompute", "forfeit", "exclude"), "deposit": Fraction(9)}


def asked(cluster: Cluster, place: int) -> list[bytes]:
    """The proofs with which a member asks for exclusions."""
    return [effect.evidence for effect in cluster.effects[place] if isinstance(effect, Exclude)]


def equivocation(cluster: Cluster, place: int) -> EvidenceFound:
    signed = []
    for leaf in (b"one", b"two"):
        block = make_block(cluster.roster, cluster.signers[place], 0, [genesis(cluster.roster, place)], (), [leaf])
        signed.append(Signed(block.encoded, block.signature))
    return EvidenceFound(cluster.roster.ids[place], encode_evidence(Equivocation(*signed)))


@pytest.mark.parametrize(
    ("seal", "spoil", "offence"),
    [
        ("commit_reveal", opens_falsely, "false-opening"),
        ("commit_reveal", signs_another_outcome, "wrong-outcome"),
        ("threshold", deals_badly, "false-dealing"),
        ("threshold", seals_garbage, "sealed-garbage"),
        ("threshold", shares_falsely, "false-share"),
        ("threshold", None, "early-share"),
    ],
)
def test_every_member_asks_once_with_a_proof_that_needs_the_roster_alone(
    seal: str, spoil: Spoil | None, offence: str
) -> None:
    cheat = 0 if offence == "false-share" else HIGHEST
    terms = TERMS | {"seal": seal}
    cluster = spoilt_by(cheat, spoil).run(**terms) if spoil else shares_early(cheat, **terms)
    cluster.wait(5000)
    for place in range(4):
        (proof,) = asked(cluster, place)
        assert convict_of(proof, cluster.roster, cluster.scheme) == cluster.roster.ids[cheat]
        assert convict_of(proof, make_roster(4, prefix="other "), cluster.scheme) is None
        assert cluster.convicted(place) == [(cluster.roster.members[cheat].name, offence)]


def test_nobody_asks_where_the_session_did_not_declare_it() -> None:
    cluster = spoilt_by(HIGHEST, opens_falsely).run(deposit=Fraction(9), sanctions=("recompute", "forfeit"))
    assert cluster.convicted() == [("dave", "false-opening")]
    assert asked(cluster, 0) == []


def test_several_offences_of_one_member_in_several_sessions_are_one_request() -> None:
    cluster = spoilt_by(HIGHEST, opens_falsely)
    cluster.propose(0, nonce=bytes([1]) * 16, **TERMS)
    cluster.propose(1, nonce=bytes([2]) * 16, **TERMS)
    cluster.settle()
    assert len(cluster.convicted()) == 2
    assert [len(asked(cluster, place)) for place in range(4)] == [1] * 4


def test_evidence_of_the_group_layer_excludes_while_a_session_is_open_that_says_so() -> None:
    for terms, requests in ((TERMS, 1), ({"sanctions": ("forfeit",)}, 0)):
        cluster = Cluster(4)
        cluster.propose(0, asked=cluster.roster.ids[:3], **terms)
        for _ in range(5):
            cluster.step()
        cluster.evidence(0, equivocation(cluster, 3))
        cluster.settle()
        assert cluster.convicted() == [("dave", "equivocation")]
        assert [len(asked(cluster, place)) for place in range(4)] == [requests] * 4


def forking(cluster: Cluster, place: int) -> EvidenceFound:
    """Two ends of one epoch, signed by one member."""
    signer = cluster.signers[place]
    ends = [Statement(bytes(32), bytes(32), bytes([state]) * 32, bytes(32)) for state in (1, 2)]
    one, other = ((end, end.sign(signer)) for end in ends)
    return EvidenceFound(signer.public, encode_evidence(Forking(signer.public, one, other)))


def begun(cluster: Cluster) -> Cluster:
    cluster.propose(0, **TERMS)
    for _ in range(5):
        cluster.step()
    return cluster


def test_two_ends_of_an_epoch_convict_once_and_not_again_in_the_next_epoch_in_which_the_proof_still_holds() -> None:
    cluster = begun(Cluster(4))
    found = forking(cluster, 3)
    cluster.evidence(0, found)
    cluster.settle()
    assert cluster.convicted(2) == [("dave", "forking")]
    assert nets(cluster.decided().flows)["dave"] == -9 - 13
    assert asked(cluster, 1) == [found.data]
    assert convict_of(found.data, make_roster(4, epoch=7), cluster.scheme) == cluster.roster.ids[3]
    for place, core in enumerate(cluster.cores):
        cluster.route(place, core.receive(ViewChanging(len(cluster.log)), cluster.now))
    (ready,) = [effect for effect in cluster.effects[0] if isinstance(effect, Ready)]
    after = Cluster(4, roster=make_roster(4, epoch=1))
    for place, member in enumerate(after.roster.ids):
        after.cores[place] = DecisionCore(
            after.roster, member, after.scheme, entropy=bytes, sealing=after.keys[place], state=ready.state
        )
    begun(after).evidence(0, found)
    assert not any(said.kind == Kind.EVIDENCE for _, said in after.pending), "no honest member accuses again"
    after.order(1, Kind.EVIDENCE, EvidenceEntry(found.data).encoded)
    after.settle()
    assert after.convicted() == []
    assert nets(after.decided().flows)["dave"] == -13


def test_evidence_that_proves_nothing_excludes_nobody() -> None:
    cluster = Cluster(4)
    cluster.propose(0, **TERMS)
    for _ in range(5):
        cluster.step()
    found = equivocation(cluster, 3)
    cluster.evidence(0, EvidenceFound(found.member, found.data[:-1] + bytes([found.data[-1] ^ 1])))
    cluster.settle()
    assert all(asked(cluster, place) == [] for place in range(4))


def test_a_proof_that_is_too_long_to_be_ordered_is_named_by_its_digest_once_by_every_member() -> None:
    roster = make_roster(4, submission_bytes_max=1200)
    cluster = Cluster(4, roster=roster)
    twisted = spoilt_by(HIGHEST, signs_another_outcome)
    cluster.twist = twisted.twist
    cluster.run(**TERMS)
    cluster.wait(5000)
    assert cluster.convicted() == [("dave", "wrong-outcome")]
    (convicted,) = cluster.events(0, Convicted)
    assert isinstance(convicted, Convicted)
    assert len(convicted.evidence) > roster.submission_bytes_max
    for place in range(4):
        named = [effect for effect in cluster.effects[place] if isinstance(effect, Expel)]
        assert named == [Expel(roster.ids[HIGHEST], proof_digest(convicted.evidence))]
        assert asked(cluster, place) == []


def test_a_replay_asks_with_the_same_proof_again_and_the_group_orders_it_once() -> None:
    cluster = spoilt_by(HIGHEST, opens_falsely).run(**TERMS)
    before = asked(cluster, 1)
    cluster.restart(1)
    assert asked(cluster, 1) == before


def test_the_request_leaves_before_the_member_says_that_it_is_ready() -> None:
    cluster = spoilt_by(HIGHEST, signs_another_outcome)
    cluster.propose(0, **TERMS)
    for _ in range(9):
        cluster.step()
    for place, core in enumerate(cluster.cores):
        cluster.route(place, core.receive(ViewChanging(len(cluster.log)), cluster.now))
    cluster.settle()
    cluster.wait(5000)
    for place in range(3):
        kinds = [type(effect) for effect in cluster.effects[place] if isinstance(effect, Exclude | Ready)]
        assert kinds == [Exclude, Ready]


def test_nobody_that_is_honest_is_excluded_by_what_only_looks_like_an_offence() -> None:
    cluster = Cluster(4)

    def late(place: int, said: Broadcast) -> list[Broadcast]:
        return [said, said] if place == HIGHEST else [said]

    cluster.twist = late
    cluster.run(**TERMS)
    assert cluster.events(0, Convicted) == []
    assert asked(cluster, 0) == []
