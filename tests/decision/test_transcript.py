"""A transcript proves what it says, and nothing in it can be changed."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import AttestEntry, Kind, ReportEntry, Verdict, parse
from mechdesign.decision.messages import Proposed
from mechdesign.decision.record import Record
from mechdesign.decision.transcript import audit
from mechdesign.group.block import genesis, inclusions, make_block
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Broadcast, Submission
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import MechanismError, VerificationError
from mechdesign.kernel.wire import Value, decode, encode
from tests.decision.toys import Cluster, Plan, ToyComputation, make_roster, seeded


def recompute(proposed: Proposed) -> ToyComputation:
    return ToyComputation(Plan())


@cache
def settled(n: int = 2, **terms: Any) -> Cluster:
    return Cluster(n, fast=False).run(**terms)


def fails(data: bytes, cluster: Cluster, *, roster: bool = False) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        audit(data, Ed25519(), recompute, cluster.roster if roster else None)
    return caught.value


def test_an_audit_finds_everything_that_the_members_decided() -> None:
    cluster = settled(4, deposit=Fraction(3))
    decided = cluster.decided()
    report = audit(decided.transcript, Ed25519(), recompute)
    assert not report.authentic
    assert report.fingerprint == cluster.roster.digest.hex()
    assert report.session == decided.session
    assert report.proposer == cluster.roster.ids[0]
    assert [name for _, name in report.players] == ["alice", "bob", "carol", "dave"]
    assert [report_ for _, report_ in report.reports] == [bytes([10 + place]) for place in range(4)]
    assert report.flows == decided.flows
    assert report.verdict is Verdict.SETTLED
    assert report.convicted == ()
    assert report.defaulted == ()
    assert audit(decided.transcript, Ed25519(), recompute, cluster.roster).authentic


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_every_changed_byte_fails(mask: int) -> None:
    cluster = settled(1)
    data = cluster.decided().transcript
    for at in range(len(data)):
        fails(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :], cluster)


def test_any_value_of_a_byte_fails_at_the_joints_of_the_encoding() -> None:
    cluster = settled(1)
    data = cluster.decided().transcript
    fingerprints = {bytes([0x01]), bytes([0x00]), bytes([0xC0]), bytes([0xC2]), bytes([0xC3]), bytes([0xC4])}
    for at in range(0, len(data), 5):
        for value in fingerprints - {data[at : at + 1]}:
            fails(data[:at] + value + data[at + 1 :], cluster)


@given(at=st.integers(0, 2**20), bit=st.integers(0, 7))
def test_any_flipped_bit_fails_against_the_roster_too(at: int, bit: int) -> None:
    cluster = settled(4, deposit=Fraction(3))
    data = bytearray(cluster.decided().transcript)
    data[at % len(data)] ^= 1 << bit
    fails(bytes(data), cluster, roster=True)


@given(cut=st.integers(0, 2**20))
def test_a_transcript_cut_short_or_grown_fails(cut: int) -> None:
    cluster = settled(2)
    data = cluster.decided().transcript
    fails(data[: cut % len(data)], cluster)
    fails(data + bytes([cut % 256]), cluster)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_transcript(data: bytes) -> None:
    assert fails(data, settled(2)).check == "format"


def test_a_file_signed_again_with_other_keys_is_consistent_and_not_authentic() -> None:
    forged = Cluster(2, fast=False, prefix="forged ").run()
    data = forged.decided().transcript
    assert not audit(data, Ed25519(), recompute).authentic
    assert fails(data, settled(2), roster=True).check == "roster"


# Changes by someone who recomputes every hash that nobody signed


def rebuilt(cluster: Cluster, change: Callable[[list[Entry], list[Entry]], None]) -> bytes:
    record = Record.parse(cluster.decided().transcript)
    frozen, later = list(record.frozen), list(record.later)
    change(frozen, later)
    return Record(record.roster, tuple(frozen), tuple(later)).encoded


def test_a_dropped_entry_fails_wherever_it_stood() -> None:
    cluster = settled(4, deposit=Fraction(3))
    frozen = len(Record.parse(cluster.decided().transcript).frozen)

    def drop(at: int) -> Callable[[list[Entry], list[Entry]], None]:
        return lambda first, _: first.__delitem__(at)

    for at in range(frozen):
        assert fails(rebuilt(cluster, drop(at)), cluster).check in {"proposal", "entries", "outcome", "certificate"}


def test_moved_positions_are_not_what_the_quorum_signed() -> None:
    cluster = Cluster(2, fast=False)
    cluster.order(0, 200, b"another layer's")
    cluster.propose()
    while cluster.step():
        cluster.order(1, 200, b"another layer's")
    count = len(Record.parse(cluster.decided().transcript).frozen)

    def move(at: int, by: int) -> Callable[[list[Entry], list[Entry]], None]:
        return lambda first, _: first.__setitem__(at, replace(first[at], position=first[at].position + by))

    audit(cluster.decided().transcript, Ed25519(), recompute)
    for at in range(count):
        for by in (-1, 1):
            assert fails(rebuilt(cluster, move(at, by)), cluster).check in {"entries", "outcome"}


def test_exchanged_entries_are_not_what_the_quorum_signed() -> None:
    cluster = settled(4, deposit=Fraction(3))

    def swap(first: list[Entry], _: list[Entry]) -> None:
        one, two = first[1], first[2]
        first[1], first[2] = replace(two, position=one.position), replace(one, position=two.position)

    assert fails(rebuilt(cluster, swap), cluster).check == "outcome"


def test_a_report_that_its_sender_signed_elsewhere_does_not_fit_in() -> None:
    """A player with a second opinion signs it again, in a block of its own; the quorum did not sign that."""
    cluster = settled(2, seal="open")

    def other(first: list[Entry], _: list[Entry]) -> None:
        at = next(place for place, entry in enumerate(first) if entry.submission.kind == Kind.REPORT)
        said = parse(Kind.REPORT, first[at].submission.data)
        assert isinstance(said, ReportEntry)
        sent = replace(first[at].submission, data=replace(said, report=b"\xff").encoded)
        signer = seeded(cluster.roster.name(sent.sender))
        place = cluster.roster.place(sent.sender)
        assert place is not None
        block = make_block(cluster.roster, signer, 0, [genesis(cluster.roster, place)], (), [encode_leaf(sent)])
        first[at] = Entry(first[at].position, sent, inclusions(block)[0])

    assert fails(rebuilt(cluster, other), cluster).check == "outcome"


def test_an_entry_of_another_names_whose_signature_is_missing() -> None:
    cluster = settled(2)

    def steal(first: list[Entry], _: list[Entry]) -> None:
        thief = replace(first[2].submission, sender=cluster.roster.ids[0])
        first[2] = replace(first[2], submission=thief)

    error = fails(rebuilt(cluster, steal), cluster)
    assert (error.check, error.member) == ("inclusion", "alice")


def test_too_few_attestations_are_no_certificate() -> None:
    cluster = settled(4, deposit=Fraction(3))

    def drop(_: list[Entry], later: list[Entry]) -> None:
        del later[2:]

    assert fails(rebuilt(cluster, drop), cluster).check == "certificate"


def test_entries_that_count_for_nothing_may_not_be_added() -> None:
    cluster = settled(4, deposit=Fraction(3))

    def twice(first: list[Entry], later: list[Entry]) -> None:
        later.append(later[-1])

    def attest_twice(first: list[Entry], later: list[Entry]) -> None:
        later.insert(1, later[0])

    def late(first: list[Entry], later: list[Entry]) -> None:
        later.insert(0, first[3])

    for change in (twice, attest_twice, late):
        assert fails(rebuilt(cluster, change), cluster).check == "entries"


def test_an_entry_on_the_wrong_side_of_the_freeze_is_not_what_the_members_wrote() -> None:
    cluster = settled(4, deposit=Fraction(3))

    def early(first: list[Entry], later: list[Entry]) -> None:
        first.append(replace(later.pop(0), position=first[-1].position + 1))

    def late(first: list[Entry], later: list[Entry]) -> None:
        later.insert(0, first.pop())

    assert fails(rebuilt(cluster, early), cluster).check == "format"
    assert fails(rebuilt(cluster, late), cluster).check == "entries"


def test_another_computation_does_not_confirm_the_outcome() -> None:
    data = settled(2).decided().transcript
    with pytest.raises(VerificationError) as caught:
        audit(data, Ed25519(), lambda proposed: ToyComputation(Plan(), lie=b"other"))
    assert caught.value.check == "outcome"
    assert "alice, bob" in str(caught.value)


@pytest.mark.parametrize("plan", [Plan((False,)), Plan((True, True)), Plan(())])
def test_a_computation_that_asks_something_else_does_not_confirm_the_outcome(plan: Plan) -> None:
    data = settled(2).decided().transcript
    with pytest.raises(VerificationError):
        audit(data, Ed25519(), lambda proposed: ToyComputation(plan))


def test_a_mechanism_that_is_not_there_is_said_so() -> None:
    def unknown(proposed: Proposed) -> ToyComputation:
        raise MechanismError(f"there is no {proposed.proposal.mechanism} here")

    with pytest.raises(VerificationError) as caught:
        audit(settled(2).decided().transcript, Ed25519(), unknown)
    assert caught.value.check == "code"


def test_a_second_spelling_of_the_roster_is_no_transcript() -> None:
    cluster = settled(1)
    value = decode(cluster.decided().transcript)
    assert isinstance(value, tuple)
    roster = decode(cluster.roster.encoded)
    assert isinstance(roster, tuple)
    for at, item in enumerate(roster):
        if item in {0, 1} and type(item) is int:
            spelled: tuple[Value, ...] = (*roster[:at], bool(item), *roster[at + 1 :])
            fails(encode((value[0], value[1], encode(spelled), *value[3:])), cluster)
    assert fails(encode((value[0], True, *value[2:])), cluster).check == "format"


def test_transcripts_with_defaults_timers_and_wrong_outcomes_verify_and_resist_change() -> None:
    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        return [] if place == 1 and said.kind == Kind.OPEN else [said]

    cluster = Cluster(4, fast=False, twist=twist)
    cluster.sessions[3].lie = b"lie"
    cluster.run(deposit=Fraction(5), sanctions=("forfeit",))
    cluster.wait(3000)
    decided = cluster.decided()
    report = audit(decided.transcript, Ed25519(), recompute, cluster.roster)
    assert report.flows == decided.flows
    assert report.convicted == ((cluster.roster.ids[3], "wrong-outcome"),)
    assert report.defaulted == (cluster.roster.ids[1],)
    data = decided.transcript
    for at in range(0, len(data), 17):
        fails(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :], cluster)


def test_attestations_of_another_group_are_no_certificate() -> None:
    cluster = settled(2)
    other = make_roster(2, epoch=1)
    with pytest.raises(VerificationError) as caught:
        cluster.decided().certificate.check(other, Ed25519())
    assert caught.value.check == "certificate"


def test_a_certificate_with_a_signer_twice_or_out_of_order_does_not_hold() -> None:
    certificate = settled(2).decided().certificate
    roster = settled(2).roster
    certificate.check(roster, Ed25519())
    for signed in (certificate.signed[:1] * 2, certificate.signed[::-1], certificate.signed[:1], ()):
        with pytest.raises(VerificationError):
            replace(certificate, signed=signed).check(roster, Ed25519())
    said = certificate.statement
    with pytest.raises(VerificationError) as caught:
        replace(certificate, statement=replace(said, digest=bytes(32))).check(roster, Ed25519())
    assert caught.value.member == "alice"
    assert isinstance(said, AttestEntry)
    assert all(isinstance(submission, Submission) for submission, _ in certificate.signed)
