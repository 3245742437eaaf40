"""Who is convicted, of what, with which proof, and what it costs."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.bench import FALSE_ACCUSATIONS_MAX
from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.entries import AttestEntry, EvidenceEntry, Kind, OpenEntry, parse
from mechdesign.decision.messages import Answers, Convicted, Decided
from mechdesign.decision.policing import false_opening, wrong_outcome
from mechdesign.decision.record import pack_signed
from mechdesign.decision.transcript import audit, verify_evidence
from mechdesign.group.block import genesis, make_block
from mechdesign.group.evidence import Equivocation, InvalidBlock, Signed, encode_evidence
from mechdesign.group.messages import Broadcast, EvidenceFound, Exclude
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.wire import decode, encode
from tests.decision import spoilers
from tests.decision.toys import Cluster, Plan, make_roster, nets

Twist = Callable[[int, Broadcast], list[Broadcast]]


def agree(cluster: Cluster) -> Decided:
    first = cluster.decided()
    assert all(cluster.decided(place) == first for place in range(cluster.roster.n))
    return first


def opens_falsely(*places: int) -> Twist:
    """The named members open with another salt than they sealed with."""

    def twist(place: int, broadcast: Broadcast) -> list[Broadcast]:
        said = parse(broadcast.kind, broadcast.data)
        if place in places and isinstance(said, OpenEntry):
            false = OpenEntry(said.session, said.step, bytes(32), said.padded)
            return [Broadcast(broadcast.key, broadcast.kind, false.encoded)]
        return [broadcast]

    return twist


def lies(cluster: Cluster, *places: int) -> Cluster:
    """The named members compute, and attest, something else."""
    for place in places:
        cluster.sessions[place].lie = bytes([place])
    return cluster


def equivocation(cluster: Cluster, place: int) -> EvidenceFound:
    signed = []
    for leaf in (b"one", b"two"):
        block = make_block(cluster.roster, cluster.signers[place], 0, [genesis(cluster.roster, place)], (), [leaf])
        signed.append(Signed(block.encoded, block.signature))
    return EvidenceFound(cluster.roster.ids[place], encode_evidence(Equivocation(*signed)))


def invalid_block(cluster: Cluster, place: int) -> EvidenceFound:
    block = make_block(cluster.roster, cluster.signers[place], 5, [], (), [])
    return EvidenceFound(
        cluster.roster.ids[place], encode_evidence(InvalidBlock(Signed(block.encoded, block.signature)))
    )


def proofs(cluster: Cluster, place: int = 0) -> list[Convicted]:
    return cluster.events(place, Convicted)


# Openings that do not match


def test_a_false_opening_convicts_with_a_transferable_proof() -> None:
    cluster = Cluster(4, twist=opens_falsely(3)).run(deposit=Fraction(9), sanctions=("recompute", "forfeit"))
    decided = agree(cluster)
    assert nets(decided.flows) == {"alice": 3, "bob": 3, "carol": 3 - 12, "dave": -9, "SELLER": 12}
    for place in range(4):
        (convicted,) = proofs(cluster, place)
        assert convicted.sessions == (decided.session,)
        assert verify_evidence(convicted.evidence, cluster.roster, cluster.scheme) == (
            cluster.roster.ids[3],
            "false-opening",
        )
    report = audit(decided.transcript, cluster.scheme, cluster.recompute)
    assert report.convicted == ((cluster.roster.ids[3], "false-opening"),)
    assert report.flows == decided.flows


def test_without_forfeit_the_deposit_of_a_convict_returns() -> None:
    cluster = Cluster(4, twist=opens_falsely(3)).run(deposit=Fraction(9), sanctions=("recompute",))
    assert nets(agree(cluster).flows) == {"carol": -12, "SELLER": 12}


def test_the_sanction_abort_moves_the_deposit_alone_once_reports_begin_to_show() -> None:
    cluster = Cluster(4, twist=opens_falsely(1)).run(deposit=Fraction(10), sanctions=("abort",))
    assert [event.sessions for event in proofs(cluster)] == [(agree(cluster).session,)]
    assert nets(agree(cluster).flows) == {"alice": 4, "bob": -10, "carol": 3, "dave": 3 - 13, "SELLER": 13}


def test_everyone_opening_falsely_is_convicted_and_leaves_nothing() -> None:
    cluster = Cluster(4, twist=opens_falsely(0, 1, 2, 3)).run(deposit=Fraction(2), sanctions=("forfeit",))
    assert len(proofs(cluster)) == 4
    assert nets(agree(cluster).flows) == {"alice": -2, "bob": -2, "carol": -2, "dave": -2, "SINK": 8}


def test_an_opening_without_a_seal_of_its_own_proves_nothing() -> None:
    cluster = Cluster(4, report=lambda place, step: None if place == 3 else bytes([place]))
    cluster.propose()
    while cluster.step():
        if cluster.log[-1].submission.kind == Kind.OPEN:
            cluster.order(3, Kind.OPEN, cluster.log[-1].submission.data)
    assert cluster.convicted() == []
    agree(cluster)


def test_honest_seals_and_openings_never_make_a_proof() -> None:
    cluster = Cluster(4, plan=Plan((True, True))).run()
    seals = [entry for entry in cluster.log if entry.submission.kind == Kind.SEAL]
    opens = [entry for entry in cluster.log if entry.submission.kind == Kind.OPEN]
    for seal in seals:
        for opened in opens:
            pair = [Entry(each.position, each.submission, each.inclusion) for each in (seal, opened)]
            with pytest.raises(VerificationError):
                verify_evidence(false_opening(*pair), cluster.roster, cluster.scheme)


# Wrong outcomes


@pytest.mark.parametrize(("n", "liars"), [(4, (3,)), (4, (0,)), (7, (0, 6)), (10, (2, 4, 9))])
def test_up_to_b_wrong_outcomes_are_convicted_in_log_order(n: int, liars: tuple[int, ...]) -> None:
    cluster = lies(Cluster(n, fast=False), *liars).run(deposit=Fraction(6), sanctions=("forfeit",))
    honest = next(place for place in range(n) if place not in liars)
    decided = cluster.decided(honest)
    assert decided.agrees
    assert [cluster.roster.place(event.member) for event in proofs(cluster, honest)] == list(liars)
    for event in proofs(cluster, honest):
        assert event.offence == "wrong-outcome"
        assert verify_evidence(event.evidence, cluster.roster, cluster.scheme)[0] == event.member
    assert not cluster.decided(liars[0]).agrees
    price = [flow for flow in cluster.decided(liars[0]).flows if flow.reason == "price"]
    assert price == [], "a member that computed something else books none of it"
    assert len(decided.certificate.signers) == n - len(liars)
    ends = nets(decided.flows)
    for liar in liars:
        name = cluster.roster.members[liar].name
        bid = 9 + n if liar == n - 1 else 0
        assert ends[name] == -6 - bid
    report = audit(decided.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert report.flows == decided.flows
    assert len(report.convicted) == len(liars)


def test_more_than_b_wrong_outcomes_certify_nothing_and_convict_nobody() -> None:
    cluster = lies(Cluster(4), 2, 3).run(deposit=Fraction(6), sanctions=("forfeit", "abort"))
    aborted = cluster.aborted()
    assert aborted.reason.startswith("no outcome can be certified")
    assert nets(aborted.flows) == {}
    assert proofs(cluster) == []


def test_liars_that_agree_do_not_outvote_a_quorum() -> None:
    cluster = Cluster(7)
    for place in (5, 6):
        cluster.sessions[place].lie = b"together"
    cluster.run()
    assert cluster.convicted() == [("frank", "wrong-outcome"), ("grace", "wrong-outcome")]


def test_one_wrong_outcome_stops_a_unanimous_group_and_proves_nothing() -> None:
    cluster = lies(Cluster(3), 1).run(deposit=Fraction(1))
    assert cluster.aborted().reason.startswith("no outcome can be certified")
    assert proofs(cluster) == []


def test_abort_after_the_freeze_moves_the_deposit_and_leaves_the_outcome() -> None:
    cluster = lies(Cluster(4), 0).run(deposit=Fraction(6), sanctions=("abort",))
    assert nets(cluster.decided(1).flows) == {"alice": -6, "bob": 2, "carol": 2, "dave": 2 - 13, "SELLER": 13}


def test_a_wrong_outcome_after_the_close_is_void() -> None:
    cluster = lies(Cluster(4, twist=lambda place, said: [] if place == 3 and said.kind == Kind.ATTEST else [said]), 3)
    cluster.run()
    cluster.wait(4000)
    agree_three = cluster.decided(0)
    late = next(each for each in cluster.effects[3] if isinstance(each, Broadcast) and each.kind == Kind.ATTEST)
    cluster.order(3, late.kind, late.data)
    assert proofs(cluster) == []
    assert len(agree_three.certificate.signers) == 3


def test_an_attestation_for_another_position_counts_for_nothing_and_proves_nothing() -> None:
    def twist(place: int, broadcast: Broadcast) -> list[Broadcast]:
        said = parse(broadcast.kind, broadcast.data)
        if place == 3 and isinstance(said, AttestEntry):
            moved = AttestEntry(said.session, said.position + 1, said.inputs, said.verdict, bytes(32))
            return [Broadcast(broadcast.key, broadcast.kind, moved.encoded), broadcast]
        return [broadcast]

    cluster = Cluster(4, twist=twist).run()
    assert len(agree(cluster).certificate.signers) == 4
    assert proofs(cluster) == []


def test_other_inputs_under_the_right_digest_sign_nothing_and_are_no_wrong_outcome() -> None:
    """After a fork an honest member signs others; see test_more_liars.py."""

    def twist(place: int, broadcast: Broadcast) -> list[Broadcast]:
        said = parse(broadcast.kind, broadcast.data)
        if place == 3 and isinstance(said, AttestEntry):
            other = AttestEntry(said.session, said.position, bytes(32), said.verdict, said.digest)
            return [Broadcast(broadcast.key, broadcast.kind, other.encoded)]
        return [broadcast]

    cluster = Cluster(4, twist=twist).run()
    cluster.wait(5000)
    assert cluster.convicted() == []
    assert len(cluster.decided().certificate.signers) == 3


@pytest.mark.parametrize("field", ["position", "session", "inputs"])
def test_an_attestation_of_something_else_does_not_contradict_a_quorum(field: str) -> None:
    cluster = Cluster(4).run()
    certificate = cluster.decided().certificate
    said = certificate.statement
    others = {
        "position": replace(said, position=said.position + 1),
        "session": replace(said, session=bytes(32)),
        "inputs": replace(said, inputs=bytes(32)),
    }
    other = others[field]
    entry = cluster.order(3, Kind.ATTEST, replace(other, digest=bytes(32)).encoded)
    proof = wrong_outcome(certificate, Entry(entry.position, entry.submission, entry.inclusion), cluster.roster.q)
    with pytest.raises(VerificationError, match="does not contradict"):
        verify_evidence(proof, cluster.roster, cluster.scheme)


def test_a_proof_against_one_member_does_not_convict_another() -> None:
    cluster = lies(Cluster(4), 3).run()
    (event,) = proofs(cluster)
    others = make_roster(4, prefix="other ")
    with pytest.raises(VerificationError) as caught:
        verify_evidence(event.evidence, others, cluster.scheme)
    assert caught.value.check == "inclusion"


@pytest.mark.parametrize(
    ("seal", "spoil", "cheat"),
    [
        ("commit_reveal", spoilers.opens_falsely, 3),
        ("commit_reveal", spoilers.signs_another_outcome, 3),
        ("threshold", spoilers.deals_badly, 3),
        ("threshold", spoilers.seals_garbage, 3),
        ("threshold", spoilers.shares_falsely, 0),
        ("threshold", None, 3),
    ],
)
def test_no_entry_of_a_proof_can_be_changed_for_that_of_an_honest_member(
    seal: str, spoil: spoilers.Spoil | None, cheat: int
) -> None:
    """Each entry in turn gives way to each that somebody else signed in the same session, of whatever kind."""
    if spoil is None:
        cluster = spoilers.shares_early(cheat, seal=seal)
    else:
        cluster = spoilers.spoilt_by(cheat, spoil).run(seal=seal)
    (event,) = cluster.events(1, Convicted)
    guilty = cluster.roster.ids[cheat]
    assert verify_evidence(event.evidence, cluster.roster, cluster.scheme) == (guilty, event.offence)
    match decode(event.evidence, bytes_max=1 << 24):
        case (str(magic), str(offence), tuple(packed), terms):
            pass
        case _:
            raise AssertionError("no proof of this layer")
    others = [(each.submission, each.inclusion) for each in cluster.log]
    tried = 0
    for at in range(len(packed)):
        for pair in others:
            changed = (*packed[:at], pack_signed(*pair), *packed[at + 1 :])
            if changed == packed:
                continue
            tried += 1
            try:
                found = verify_evidence(encode((magic, offence, changed, terms)), cluster.roster, cluster.scheme)
            except VerificationError:
                continue
            assert found == (guilty, offence), "another true proof against the same member"
    assert tried > 20


@pytest.mark.parametrize("offence", ["false-opening", "wrong-outcome", "equivocation"])
def test_every_changed_byte_of_a_proof_spoils_it(offence: str) -> None:
    twist = opens_falsely(3) if offence == "false-opening" else None
    cluster = Cluster(4, twist=twist, fast=False)
    if offence == "wrong-outcome":
        lies(cluster, 3)
    cluster.run()
    data = equivocation(cluster, 3).data if offence == "equivocation" else proofs(cluster)[0].evidence
    assert verify_evidence(data, cluster.roster, cluster.scheme) == (cluster.roster.ids[3], offence)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(VerificationError):
            verify_evidence(changed, cluster.roster, cluster.scheme)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_evidence(data: bytes) -> None:
    with pytest.raises(VerificationError):
        verify_evidence(data, make_roster(4), KeyedHash())


@pytest.mark.parametrize(("n", "liars"), [(4, (1, 2)), (7, (1, 2, 3)), (7, (1, 2, 3, 4))])
def test_more_than_b_liars_that_agree_convict_nobody_honest_and_certify_nothing(n: int, liars: tuple[int, ...]) -> None:
    cluster = Cluster(n)
    for place in liars:
        cluster.sessions[place].lie = b"what they agreed on"
    cluster.run(deposit=Fraction(9), sanctions=("recompute", "forfeit", "exclude"))
    cluster.wait(10_000)
    assert cluster.convicted(0) == []
    assert not any(isinstance(event, Decided) for event in cluster.sessions[0].events)
    assert not any(isinstance(effect, Exclude) for effect in cluster.effects[0])


def test_a_quorum_that_lies_does_not_make_an_honest_member_convict_itself() -> None:
    cluster = Cluster(4)
    for place in (1, 2, 3):
        cluster.sessions[place].lie = b"what they agreed on"
    cluster.run(deposit=Fraction(9), sanctions=("recompute", "forfeit", "exclude"))
    assert cluster.convicted(0) == []
    assert not cluster.decided(0).agrees, "it sees that a quorum signed what does not follow from the reports"
    assert not any(isinstance(effect, Exclude) for effect in cluster.effects[0])


# Evidence of the group layer


def with_sanctions(n: int, *sanctions: str, **terms: object) -> Cluster:
    """A cluster whose session has just begun to seal."""
    cluster = Cluster(n)
    cluster.propose(0, deposit=Fraction(9), sanctions=sanctions, **terms)
    while not cluster.cores[0].status() or cluster.cores[0].status()[0].phase != "sealing":
        assert cluster.step()
    return cluster


def test_group_evidence_is_ordered_once_and_sanctions_the_sessions_that_are_open_there() -> None:
    cluster = with_sanctions(4, "forfeit")
    found = equivocation(cluster, 3)
    for place in (0, 1, 2, 0):
        cluster.evidence(place, found)
    cluster.settle()
    decided = agree(cluster)
    assert sum(entry.submission.kind == Kind.EVIDENCE for entry in cluster.log) == 3
    (event,) = proofs(cluster)
    assert (event.offence, event.sessions, event.evidence) == ("equivocation", (decided.session,), found.data)
    assert nets(decided.flows) == {"alice": 3, "bob": 3, "carol": 3, "dave": -9 - 13, "SELLER": 13}
    cluster.evidence(3, found)
    assert cluster.pending == [], "nobody repeats what is settled"
    report = audit(decided.transcript, cluster.scheme, cluster.recompute)
    assert report.convicted == ((cluster.roster.ids[3], "equivocation"),)
    assert report.flows == decided.flows


def test_a_conviction_does_not_remove_a_report() -> None:
    cluster = with_sanctions(4, "recompute")
    cluster.evidence(0, equivocation(cluster, 3))
    cluster.settle()
    assert len(cluster.events(0, Answers)[0].reports) == 4


def test_group_evidence_aborts_where_the_session_says_so() -> None:
    cluster = with_sanctions(4, "abort")
    cluster.order(1, Kind.EVIDENCE, EvidenceEntry(invalid_block(cluster, 2).data).encoded)
    aborted = cluster.aborted()
    assert aborted.reason == "carol was convicted of invalid-block"
    assert nets(aborted.flows) == {"alice": 3, "bob": 3, "carol": -9, "dave": 3}
    assert all(cluster.aborted(place) == aborted for place in range(4))
    assert cluster.cores[2].status() == ()
    assert cluster.cores[2].deadline is None


def test_group_evidence_that_comes_when_reports_show_aborts_nothing() -> None:
    cluster = with_sanctions(4, "abort")
    cluster.evidence(1, invalid_block(cluster, 2))  # behind the seals, which wait to be ordered
    cluster.settle()
    assert nets(agree(cluster).flows) == {"alice": 3, "bob": 3, "carol": -9, "dave": 3 - 13, "SELLER": 13}


def test_the_offence_of_a_member_that_does_not_play_aborts_nothing() -> None:
    cluster = with_sanctions(4, "abort", asked=make_roster(4).ids[:3])
    cluster.evidence(0, equivocation(cluster, 3))
    cluster.settle()
    agree(cluster)
    assert [event.sessions for event in proofs(cluster)] == [()]


def test_two_offences_of_one_member_forfeit_one_deposit() -> None:
    cluster = with_sanctions(4, "forfeit")
    cluster.evidence(0, equivocation(cluster, 3))
    cluster.evidence(0, invalid_block(cluster, 3))
    cluster.settle()
    assert [event.offence for event in proofs(cluster)] == ["equivocation", "invalid-block"]
    assert [len(event.sessions) for event in proofs(cluster)] == [1, 0]
    assert nets(agree(cluster).flows)["dave"] == -9 - 13


def test_false_accusations_convict_nobody_and_are_soon_ignored() -> None:
    cluster = with_sanctions(4, "abort")
    real = equivocation(cluster, 2).data
    for number in range(FALSE_ACCUSATIONS_MAX):
        cluster.order(3, Kind.EVIDENCE, EvidenceEntry(real + bytes([number])).encoded)
    cluster.order(3, Kind.EVIDENCE, EvidenceEntry(real).encoded)
    assert proofs(cluster) == []
    cluster.order(1, Kind.EVIDENCE, EvidenceEntry(real).encoded)
    assert [event.offence for event in proofs(cluster)] == ["equivocation"]


@pytest.mark.parametrize(("limit", "said"), [(256, 0), (1024, 1)])
def test_evidence_that_does_not_fit_into_an_entry_is_not_broadcast(limit: int, said: int) -> None:
    cluster = Cluster(4, roster=make_roster(4, submission_bytes_max=limit))
    cluster.evidence(0, equivocation(cluster, 3))
    assert len(cluster.pending) == said


def test_evidence_found_locally_that_proves_nothing_is_dropped() -> None:
    cluster = Cluster(4)
    cluster.evidence(0, EvidenceFound(cluster.roster.ids[1], b"nothing"))
    assert cluster.pending == []


def test_timers_and_seals_are_no_attestations() -> None:
    cluster = lies(Cluster(4), 3).run()
    (event,) = proofs(cluster)
    decided = cluster.decided(0)
    for entry in cluster.log:
        pair = Entry(entry.position, entry.submission, entry.inclusion)
        proof = wrong_outcome(decided.certificate, pair, cluster.roster.q)
        wrong = entry.submission.kind == Kind.ATTEST and entry.submission.sender == cluster.roster.ids[3]
        if wrong:
            assert proof == event.evidence
            continue
        with pytest.raises(VerificationError):
            verify_evidence(proof, cluster.roster, cluster.scheme)
    with pytest.raises(VerificationError, match="more than a quorum"):
        verify_evidence(wrong_outcome(Cluster(4).run().decided().certificate, pair, 4), cluster.roster, cluster.scheme)
    few = Certificate(decided.certificate.statement, decided.certificate.signed[:2])
    with pytest.raises(VerificationError):
        verify_evidence(wrong_outcome(few, pair, 3), cluster.roster, cluster.scheme)
