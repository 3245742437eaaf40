import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.crypto import Ed25519, KeyedHash, MemberId
from mechdesign.kernel.identity import Identity

ORDER = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19
SCHEME = Ed25519()
ALICE = Identity(bytes(range(32)), bytes(range(32, 64)), bytes(32))
SIGNED = ALICE.sign(b"bid")

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
]


def test_a_signature_holds_for_its_key_and_message_only():
    assert SCHEME.verify(ALICE.public, b"bid", SIGNED)
    assert not SCHEME.verify(ALICE.public, b"bie", SIGNED)
    assert not SCHEME.verify(Identity(bytes(32), bytes(32), bytes(32)).public, b"bid", SIGNED)


@given(st.integers(0, 63), st.integers(1, 255))
def test_no_changed_byte_of_a_signature_passes(at, change):
    altered = bytearray(SIGNED)
    altered[at] ^= change
    assert not SCHEME.verify(ALICE.public, b"bid", bytes(altered))


def test_a_signature_with_s_past_the_group_order_is_refused():
    s = int.from_bytes(SIGNED[32:], "little") + ORDER
    assert not SCHEME.verify(ALICE.public, b"bid", SIGNED[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_small_order_point_is_neither_key_nor_commitment(point):
    # With A of small order, (R = A', S = 0) satisfies the cofactored equation for many messages.
    key = bytes.fromhex(point)
    assert not SCHEME.valid_key(key)
    for r in SMALL_ORDER:
        assert not SCHEME.verify(MemberId(key), b"bid", bytes.fromhex(r) + bytes(32))
    assert not SCHEME.verify(ALICE.public, b"bid", key + SIGNED[32:])


@pytest.mark.parametrize("y", [P, P + 1, P + 3, 2**255 - 1])
def test_a_point_that_is_not_reduced_is_refused(y):
    encoded = y.to_bytes(32, "little")
    assert not SCHEME.valid_key(encoded)
    assert not SCHEME.verify(MemberId(encoded), b"bid", SIGNED)
    assert not SCHEME.verify(ALICE.public, b"bid", encoded + SIGNED[32:])


def test_a_point_outside_the_prime_order_subgroup_is_no_key():
    from nacl import bindings

    mixed = bindings.crypto_core_ed25519_add(ALICE.public, bytes.fromhex(SMALL_ORDER[4]))
    assert not SCHEME.valid_key(mixed)


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=100))
def test_arbitrary_bytes_never_raise(key, message, signature):
    assert not SCHEME.verify(MemberId(key), message, signature)
    SCHEME.valid_key(key)


def test_the_stand_in_for_simulations_tells_members_and_messages_apart():
    scheme, signer = KeyedHash(), KeyedHash.Signer(MemberId(bytes(32)))
    assert scheme.verify(signer.public, b"bid", signer.sign(b"bid"))
    assert not scheme.verify(signer.public, b"bie", signer.sign(b"bid"))
    assert not scheme.verify(MemberId(bytes(31) + b"\1"), b"bid", signer.sign(b"bid"))
