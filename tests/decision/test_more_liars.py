"""More than b liars: whom a fork makes look guilty is convicted of nothing, and a proof says on whose word it rests."""

from fractions import Fraction
from pathlib import Path
from typing import Any

from mechdesign.cli.roster_files import render_roster
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import AttestEntry, Kind, ShareEntry, TimerEntry, Verdict, parse
from mechdesign.decision.messages import Convicted, Decided
from mechdesign.decision.offence import Offence, encode_proof
from mechdesign.decision.policing import resting_on, verify_evidence
from mechdesign.decision.record import Chained, chain
from mechdesign.group.messages import Delivered, Exclude
from tests.cli.command_line import run
from tests.decision.spoilers import signs_another_outcome, spoilt_by
from tests.decision.toys import Cluster, Plan

TERMS: dict[str, Any] = {"deposit": Fraction(9), "sanctions": ("recompute", "forfeit", "exclude"), "seal": "open"}
ALICE, BOB, CAROL, DAVE = range(4)


def side(bid: int) -> Cluster:
    """One of two histories, which differ in the report of dave, and in what follows from it."""

    def report(place: int, step: int) -> bytes:
        return bytes([bid if place == DAVE else 10 + place])

    cluster = Cluster(4, plan=Plan((False,)), report=report)
    cluster.propose(0, **TERMS)
    return cluster


def follow(cluster: Cluster, log: list[Delivered]) -> None:
    """Order what a history says in the order of another log, with alice's own words, until outcomes are signed."""
    alice = cluster.roster.ids[ALICE]
    cluster.down.add(ALICE)
    cluster.pending = [each for each in cluster.pending if each[0] != ALICE]
    while not any(each.phase == "attesting" for each in cluster.cores[BOB].status()):
        said = log[len(cluster.log)].submission
        if said.sender == alice:
            cluster.append(ALICE, said)
            continue
        place = cluster.roster.place(said.sender)
        at = next(i for i, (who, each) in enumerate(cluster.pending) if (who, each.kind) == (place, said.kind))
        who, each = cluster.pending.pop(at)
        cluster.order(who, each.kind, each.data)


def test_after_a_fork_of_two_liars_of_four_no_honest_member_convicts_another_of_its_outcome() -> None:
    """Alice saw dave bid 13, bob saw 50: both sign what follows from what they saw, and each word reaches the other."""
    one, two = side(13), side(50)
    one.settle()
    follow(two, one.log)
    alice = one.roster.ids[ALICE]
    signed = next(each for each in one.log if each.submission.kind == Kind.ATTEST and each.submission.sender == alice)
    two.append(ALICE, signed.submission)
    two.settle()
    for _ in range(3):
        two.wait(5000)
    first, other = one.decided(BOB), two.decided(BOB)
    assert first.digest != other.digest
    for place in (BOB, CAROL, DAVE):
        assert two.events(place, Convicted) == []
        assert not any(isinstance(each, Exclude) for each in two.effects[place])
    assert [flow for flow in other.flows if "forfeited" in flow.reason] == []


def test_who_attests_other_inputs_gains_nothing_and_is_not_convicted() -> None:
    """Or liars that fork a group could have an honest member convicted; its word counts as little as silence."""

    def lie(cluster: Cluster, said: Any) -> Any:
        if not isinstance(said, AttestEntry):
            return said
        return AttestEntry(said.session, said.position, bytes(32), said.verdict, bytes(32))

    cluster = spoilt_by(DAVE, lie).run(**TERMS)
    cluster.wait(5000)
    assert all(cluster.events(place, Convicted) == [] for place in range(4))
    assert len(cluster.decided().certificate.signers) == 3
    honest = Cluster(4).run(**TERMS)
    assert (cluster.decided().verdict, cluster.decided().flows) == (honest.decided().verdict, honest.decided().flows)


def forged(cluster: Cluster) -> bytes:
    """What a quorum of liars can sign: that a timer was ordered behind the share that alice gave in time."""
    alice = cluster.roster.ids[ALICE]
    shared = next(each for each in cluster.log if (each.submission.kind, each.submission.sender) == (Kind.SHARE, alice))
    said = parse(Kind.SHARE, shared.submission.data)
    assert isinstance(said, ShareEntry)
    late = cluster.order(DAVE, Kind.TIMER, TimerEntry(said.session, said.step, "sealing").encoded)
    share, timer = (Chained.of(Entry(each.position, each.submission, each.inclusion)) for each in (shared, late))
    end = chain(bytes(32), [share.leaf, timer.leaf])
    attest = AttestEntry(said.session, timer.position, end, Verdict.SETTLED, bytes(32)).encoded
    signed = [cluster.order(place, Kind.ATTEST, attest) for place in (BOB, CAROL, DAVE)]
    pairs = [(each.submission, each.inclusion) for each in (*signed, shared)]
    return encode_proof(Offence.EARLY_SHARE, pairs, (bytes(32), share.position, b"", timer.packed, b""))


def test_a_proof_that_rests_on_a_quorum_names_it_and_a_quorum_of_liars_can_make_one(tmp_path: Path) -> None:
    cluster = Cluster(4, fast=False).run(seal="threshold")
    proof = forged(cluster)
    assert verify_evidence(proof, cluster.roster, cluster.scheme) == (cluster.roster.ids[ALICE], "early-share")
    assert [cluster.roster.name(each) for each in resting_on(proof)] == ["bob", "carol", "dave"]
    (tmp_path / "proof.evidence").write_bytes(proof)
    (tmp_path / "roster.toml").write_text(render_roster(cluster.roster, {}), encoding="utf-8")
    told = run("verify", tmp_path / "proof.evidence", "--roster", tmp_path / "roster.toml")
    assert "against the word of a quorum, bob, carol, dave, of whom no more than 1 are taken to lie" in " ".join(
        told.out.split()
    )
    told = run("verify", tmp_path / "proof.evidence", "--roster", tmp_path / "roster.toml", "--json")
    assert told.json["resting_on"] == ["bob", "carol", "dave"]
    # Alice herself was there, and no member that is honest says it of her.
    assert all(cluster.events(place, Convicted) == [] for place in range(4))
    assert len(cluster.events(ALICE, Decided)) == 1


def test_a_wrong_outcome_rests_on_a_quorum_and_a_false_opening_on_nobody() -> None:
    cluster = spoilt_by(DAVE, signs_another_outcome).run(**TERMS)
    (convicted,) = cluster.events(ALICE, Convicted)
    assert len(resting_on(convicted.evidence)) == 3
    assert cluster.roster.ids[DAVE] not in resting_on(convicted.evidence)
    assert resting_on(b"nothing of the kind") == ()
