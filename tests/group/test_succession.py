"""From a roster that one knows to the newest one, by certificates that a quorum of each epoch signed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.evidence import Forking, convict, decode_evidence, encode_evidence
from mechdesign.group.roster import FaultModel
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.succession import EpochCertificate, Succession, double_signers
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import VerificationError, WireError
from tests.group.epochs import end, line
from tests.group.lockstep import make_roster, member, signer

SCHEME = KeyedHash()
FOUR = make_roster(4)


def chain(length):
    """Four members; in each epoch the oldest goes and a new one comes."""
    rosters, certificates = [FOUR], []
    for number in range(length):
        certificate = end(rosters[-1], (*rosters[-1].members[1:], line(4 + number)), b"state %d" % number)
        certificates.append(certificate)
        rosters.append(certificate.successor(rosters[-1]))
    return rosters, Succession(tuple(certificates))


def test_certificates_lead_from_a_known_roster_to_the_newest():
    rosters, succession = chain(6)
    followed = Succession.parse(succession.encoded).follow(FOUR, SCHEME)
    assert followed == tuple(rosters)
    assert [roster.epoch for roster in followed] == list(range(7))
    assert not set(followed[-1].ids) & set(FOUR.ids), "nobody of the first roster is left, and yet all is proved"


def test_a_succession_can_be_entered_at_any_of_its_rosters_and_at_no_other():
    rosters, succession = chain(4)
    assert Succession(succession.certificates[2:]).follow(rosters[2], SCHEME)[-1] == rosters[-1]
    for start in (rosters[0], rosters[1], replace(rosters[2], nonce=b"\1" * 16)):
        with pytest.raises(VerificationError):
            Succession(succession.certificates[2:]).follow(start, SCHEME)


def test_the_next_roster_keeps_what_the_present_one_fixes_and_names_the_end_that_it_follows():
    roster = make_roster(4, depth=16, slots=4)
    three = end(roster, roster.members[1:]).successor(roster)
    assert (three.depth, three.slots, three.epoch) == (16, 3, 1), "slots never exceed the members"
    assert three.nonce != end(roster, roster.members[1:], b"other").successor(roster).nonce
    assert three.nonce != end(roster, roster.members[1:], chain=bytes(32)).successor(roster).nonce


@pytest.mark.parametrize(
    ("n", "faults", "next_n", "expected"),
    [
        (4, FaultModel.BYZANTINE, 3, FaultModel.UNANIMOUS),
        (3, FaultModel.UNANIMOUS, 4, FaultModel.BYZANTINE),
        (1, FaultModel.UNANIMOUS, 2, FaultModel.UNANIMOUS),
        (4, FaultModel.MAJORITY, 3, FaultModel.MAJORITY),
        (4, FaultModel.UNANIMOUS, 5, FaultModel.UNANIMOUS),
        (3, FaultModel.BYZANTINE, 4, FaultModel.BYZANTINE),
    ],
)
def test_the_fault_model_follows_the_size_unless_it_was_chosen(n, faults, next_n, expected):
    roster = make_roster(n, faults)
    certificate = end(roster, [line(place) for place in range(next_n)], by=range(roster.n))
    assert certificate.successor(roster).faults is expected


def test_fewer_than_a_quorum_end_nothing():
    members = FOUR.members[1:]
    assert end(FOUR, members, by=(0, 2, 3)).follow(FOUR, SCHEME).n == 3
    with pytest.raises(VerificationError, match="no quorum"):
        end(FOUR, members, by=(0, 1)).follow(FOUR, SCHEME)
    whole = end(FOUR, members)
    doubled = replace(whole, signatures=(whole.signatures[0],) * 3)
    with pytest.raises(VerificationError, match="no quorum"):
        doubled.follow(FOUR, SCHEME)


@pytest.mark.parametrize("change", ["members", "state", "checkpoint", "signature", "place"])
def test_a_changed_certificate_does_not_hold(change):
    whole = end(FOUR, FOUR.members[1:], b"state")
    (place, signature), *rest = whole.signatures
    changed = {
        "members": replace(whole, members=FOUR.members[:3]),
        "state": replace(whole, state=bytes(32)),
        "checkpoint": replace(whole, checkpoint=end(FOUR, FOUR.members, chain=bytes(32)).checkpoint),
        "signature": replace(whole, signatures=((place, signature[:-1] + b"\0"), *rest)),
        "place": replace(whole, signatures=(*whole.signatures[:2], (3, whole.signatures[2][1]))),
    }[change]
    with pytest.raises(VerificationError):
        changed.follow(FOUR, SCHEME)


@pytest.mark.parametrize(
    "certificate",
    [
        EpochCertificate(b"", bytes(32), FOUR.members, ()),
        EpochCertificate(end(FOUR, FOUR.members).checkpoint, bytes(32), (), ((0, bytes(64)),) * 3),
        EpochCertificate(
            end(FOUR, FOUR.members).checkpoint, bytes(32), (line(0), line(0)), tuple((p, bytes(64)) for p in range(3))
        ),
        EpochCertificate(
            end(FOUR, FOUR.members).checkpoint, bytes(32), FOUR.members, tuple((p, b"") for p in (0, 2, 700))
        ),
    ],
)
def test_what_no_honest_member_makes_is_refused_and_raises_nothing_else(certificate):
    with pytest.raises(VerificationError):
        certificate.follow(FOUR, SCHEME)


@given(st.binary(max_size=300))
def test_bytes_from_anywhere_are_no_certificate(data):
    assert EpochCertificate.parse(data) is None
    with pytest.raises(WireError):
        Succession.parse(data + b"\xc1")


def test_the_bytes_of_a_certificate_are_read_back():
    whole = end(FOUR, (*FOUR.members, line(4)), b"state")
    assert EpochCertificate.parse(whole.encoded) == whole


# Two ends of one epoch


def forked():
    """A quorum that signed one end, and another one: three and three of four share two."""
    one = end(FOUR, FOUR.members[1:], by=(0, 1, 2))
    other = end(FOUR, FOUR.members[:3], by=(1, 2, 3))
    return [
        [(certificate.statement(FOUR), place, signature) for place, signature in certificate.signatures]
        for certificate in (one, other)
    ]


def test_whoever_signed_two_ends_of_one_epoch_is_convicted_by_that_and_nobody_else():
    one, other = forked()
    found = double_signers(FOUR, one, other)
    assert [event.member for event in found] == [FOUR.ids[1], FOUR.ids[2]]
    assert all(convict(event.data, FOUR, SCHEME) == event.member for event in found)
    assert double_signers(FOUR, one, one) == []


def test_the_proof_holds_in_every_later_epoch_of_which_the_liar_is_a_member():
    event = double_signers(FOUR, *forked())[0]
    later = end(FOUR, (*FOUR.members, line(4))).successor(FOUR)
    without = end(FOUR, [each for each in FOUR.members if each.id != event.member]).successor(FOUR)
    assert convict(event.data, later, SCHEME) == event.member
    assert convict(event.data, without, SCHEME) is None


def test_both_orders_of_two_ends_give_one_proof():
    first, second = ((statement, signature) for statement, _, signature in (forked()[0][1], forked()[1][0]))
    one, other = Forking(FOUR.ids[1], first, second), Forking(FOUR.ids[1], second, first)
    assert encode_evidence(one) == encode_evidence(other)
    assert isinstance(decode_evidence(encode_evidence(one)), Forking)


def test_one_end_and_ends_of_two_epochs_and_unsigned_ones_convict_nobody():
    statement = Statement(*(bytes([byte]) * 32 for byte in range(4)))
    signed = statement, statement.sign(signer(0))
    for other in (
        signed,
        (replace(statement, roster=b"x" * 32), replace(statement, roster=b"x" * 32).sign(signer(0))),
        (replace(statement, state=b"x" * 32), bytes(64)),
        (replace(statement, state=b"x" * 32), replace(statement, state=b"x" * 32).sign(signer(1))),
    ):
        assert convict(encode_evidence(Forking(member(0), signed, other)), FOUR, SCHEME) is None
    differs = replace(statement, state=b"x" * 32)
    proof = encode_evidence(Forking(member(0), signed, (differs, differs.sign(signer(0)))))
    assert convict(proof, FOUR, SCHEME) == member(0)
    assert convict(encode_evidence(Forking(member(9), signed, signed)), FOUR, SCHEME) is None
