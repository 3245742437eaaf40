"""Encryption keys: known to their member, signed for it, and no two alike."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.sealing.curve import IDENTITY, add, multiply, multiply_base
from mechdesign.decision.sealing.keys import Committee, EncryptionKey, KeyRecord
from mechdesign.decision.sealing.proof import Proof
from mechdesign.kernel.crypto import Ed25519, KeyedHash
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import encode
from tests.decision.sealing.sealing_kit import (
    NOT_CANONICAL,
    NOT_REDUCED,
    SMALL_ORDER,
    committee,
    flip,
    key,
    member,
    with_torsion,
)
from tests.decision.toys import seeded

SCOPE = b"group and epoch"
RECORD = key("alice").record(seeded("alice"), SCOPE)
SCHEME = Ed25519()


def resigned(record: KeyRecord, name: str = "alice") -> KeyRecord:
    """The record under a good signature of that member, whatever else is wrong with it."""
    return replace(record, signature=seeded(name).sign(record.signed))


def test_a_record_holds_and_reads_back() -> None:
    assert RECORD.holds(SCHEME, SCOPE)
    assert KeyRecord.parse(RECORD.encoded) == RECORD
    assert RECORD.key == key("alice").public


def test_a_record_works_with_the_signatures_of_simulations() -> None:
    record = key("alice").record(KeyedHash.Signer(member("alice")), SCOPE)
    assert record.holds(KeyedHash(), SCOPE)
    assert not record.holds(SCHEME, SCOPE)


def test_a_record_of_another_scope_does_not_hold() -> None:
    assert not RECORD.holds(SCHEME, b"another epoch")
    assert not resigned(replace(RECORD, scope=b"another epoch")).holds(SCHEME, b"another epoch")


def test_a_member_cannot_register_the_key_of_another() -> None:
    stolen = replace(RECORD, member=member("mallory"))
    assert not resigned(stolen, "mallory").holds(SCHEME, SCOPE)


def test_a_member_cannot_register_a_key_made_from_the_keys_of_others() -> None:
    own = EncryptionKey(bytes(32))
    rogue = replace(own.record(seeded("mallory"), SCOPE), key=add(own.public, key("alice").public))
    assert not resigned(rogue, "mallory").holds(SCHEME, SCOPE)
    scaled = replace(RECORD, member=member("mallory"), key=multiply(2, RECORD.key))
    assert not resigned(scaled, "mallory").holds(SCHEME, SCOPE)
    # A multiple of the other generator: its logarithm to base H is known to nobody.
    foreign = replace(own.record(seeded("mallory"), SCOPE), key=multiply_base(7))
    assert not resigned(foreign, "mallory").holds(SCHEME, SCOPE)


def test_a_record_without_the_identitys_signature_does_not_hold() -> None:
    assert not resigned(RECORD, "bob").holds(SCHEME, SCOPE)
    assert not replace(RECORD, signature=bytes(64)).holds(SCHEME, SCOPE)


@pytest.mark.parametrize("point", [IDENTITY, *SMALL_ORDER, *NOT_CANONICAL, with_torsion(RECORD.key)])
def test_a_key_that_is_no_good_point_does_not_hold(point: bytes) -> None:
    assert not resigned(replace(RECORD, key=point)).holds(SCHEME, SCOPE)


@pytest.mark.parametrize("scalar", NOT_REDUCED)
def test_a_proof_with_scalars_that_are_not_reduced_does_not_hold(scalar: bytes) -> None:
    for proof in (Proof(scalar, RECORD.possession.responses), Proof(RECORD.possession.challenge, scalar)):
        assert not resigned(replace(RECORD, possession=proof)).holds(SCHEME, SCOPE)


@given(bit=st.integers(0, 8 * len(RECORD.encoded) - 1))
def test_a_record_with_any_bit_changed_is_unreadable_or_does_not_hold(bit: int) -> None:
    record = KeyRecord.parse(flip(RECORD.encoded, bit))
    assert record is None or not record.holds(SCHEME, SCOPE)


@given(data=st.binary(max_size=400))
def test_arbitrary_bytes_are_no_record(data: bytes) -> None:
    assert KeyRecord.parse(data) is None


def test_a_record_with_a_part_of_another_length_is_unreadable() -> None:
    proof = RECORD.possession
    parts = [RECORD.member, RECORD.scope, RECORD.key, proof.challenge, proof.responses, RECORD.signature]
    assert KeyRecord.parse(encode(tuple(parts))) == RECORD
    for index in range(len(parts)):
        longer = [part + bytes(64) if at == index else part for at, part in enumerate(parts)]
        assert KeyRecord.parse(encode(tuple(longer))) is None
    assert KeyRecord.parse(encode(tuple(parts[:5]))) is None
    assert KeyRecord.parse(encode((*parts, b""))) is None
    assert KeyRecord.parse(bytes(1 << 20)) is None


def test_keys_come_from_their_seeds_and_do_not_show_them() -> None:
    assert EncryptionKey(bytes(32)).public == EncryptionKey(bytes(32)).public != key("alice").public
    assert key("alice").public[:8].hex() in repr(key("alice"))
    assert str(key("alice")._secret) not in repr(key("alice"))


def test_a_seed_or_scope_of_another_length_is_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="32 bytes"):
        EncryptionKey(bytes(31))
    with pytest.raises(LocalProtocolError, match="64 bytes"):
        key("alice").record(seeded("alice"), bytes(65))


def test_a_committee_counts_places_from_one_and_knows_no_strangers() -> None:
    made = committee(4)
    assert [made.place(each) for each in made.members] == [1, 2, 3, 4]
    assert made.place(member("erin")) is None


def test_committees_that_differ_in_anything_have_other_digests() -> None:
    made = committee(4)
    members, keys = made.members, made.keys
    others = [
        made,
        replace(made, threshold=2),
        replace(made, members=members[::-1]),
        replace(made, keys=keys[::-1]),
        Committee(members[:3], keys[:3], 3),
    ]
    assert len({other.digest for other in others}) == len(others)


@pytest.mark.parametrize("threshold", [0, -1, 5])
def test_a_threshold_must_be_within_the_committee(threshold: int) -> None:
    with pytest.raises(LocalProtocolError, match="threshold"):
        replace(committee(4), threshold=threshold)


def test_a_committee_refuses_members_and_keys_that_repeat_or_are_malformed() -> None:
    made = committee(4)
    members, keys = made.members, made.keys
    with pytest.raises(LocalProtocolError, match="share an identity or a key"):
        replace(made, members=(members[0], *members[:3]))
    with pytest.raises(LocalProtocolError, match="share an identity or a key"):
        replace(made, keys=(keys[0], *keys[:3]))
    for point in (IDENTITY, *SMALL_ORDER, *NOT_CANONICAL, with_torsion(keys[0]), b""):
        with pytest.raises(LocalProtocolError, match="malformed"):
            replace(made, keys=(point, *keys[1:]))
    with pytest.raises(LocalProtocolError, match="members"):
        replace(made, keys=keys[:3])
    with pytest.raises(LocalProtocolError, match="members"):
        Committee((), (), 1)
