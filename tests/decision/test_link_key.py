"""The CURVE key in a member's line is its own, as anybody can check."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.link_key import holds_link_key, prove_link_key
from mechdesign.decision.membership import holds_key, member_of, possession
from mechdesign.decision.sealing.proof import Proof
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.wire import encode
from mechdesign.testing.links import seeded_identity

ALICE, MALLORY = seeded_identity("alice"), seeded_identity("mallory")
PROOF = prove_link_key(ALICE)


@given(st.binary(min_size=32, max_size=32))
def test_whoever_has_the_secret_can_show_it(secret):
    identity = Identity(bytes(32), secret, bytes(32))
    assert holds_link_key(identity.public, identity.curve_public, prove_link_key(identity))


def test_a_proof_is_for_one_member_and_one_key():
    assert holds_link_key(ALICE.public, ALICE.curve_public, PROOF)
    assert not holds_link_key(MALLORY.public, ALICE.curve_public, PROOF)
    assert not holds_link_key(ALICE.public, MALLORY.curve_public, PROOF)
    assert not holds_link_key(MALLORY.public, ALICE.curve_public, prove_link_key(MALLORY))


def test_the_same_proof_is_made_again():
    assert prove_link_key(ALICE) == PROOF


@given(st.one_of(st.binary(max_size=40), st.binary(min_size=32, max_size=32)), st.binary(max_size=40))
def test_bytes_that_are_no_key_or_no_proof_raise_nothing(key, answer):
    assert not holds_link_key(ALICE.public, key, PROOF)
    assert not holds_link_key(ALICE.public, ALICE.curve_public, Proof(PROOF.challenge, answer))
    assert not holds_link_key(ALICE.public, ALICE.curve_public, Proof(answer, PROOF.responses))


def test_a_key_of_small_order_or_in_a_longer_form_is_nobodys():
    field = 2**255 - 19
    for u in (0, 1, field - 1, field, field + 1, 2**255 + 9, 2**256 - 1):
        assert not holds_link_key(ALICE.public, u.to_bytes(32, "little"), PROOF)
    other_form = (int.from_bytes(ALICE.curve_public, "little") | 1 << 255).to_bytes(32, "little")
    assert not holds_link_key(ALICE.public, other_form, PROOF)


def test_a_line_with_the_curve_key_of_another_holds_with_nobodys_proof():
    scheme, line = Ed25519(), member_of(MALLORY, "mallory")
    stolen = replace(line, curve=ALICE.curve_public)
    assert holds_key(scheme, line, possession(MALLORY))
    for proof in (possession(MALLORY), possession(ALICE), b"", encode((b"", b"", b""))):
        assert not holds_key(scheme, stolen, proof)


@given(st.data())
def test_a_changed_proof_of_possession_does_not_hold(data):
    whole = possession(ALICE)
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([whole[place] ^ 1 << data.draw(st.integers(0, 7))]) + whole[place + 1 :]
    assert not holds_key(Ed25519(), member_of(ALICE, "alice"), changed)
