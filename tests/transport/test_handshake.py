"""A hello binds role, both identities, both CURVE keys and both nonces: changing any of them breaks the signature."""

from dataclasses import replace

import pytest

from mechdesign.kernel.crypto import Ed25519
from mechdesign.testing.links import seeded_identity
from mechdesign.transport.handshake import NONCE_BYTES, SESSION_BYTES, Hello, Proof

ALICE, BOB, CAROL = (seeded_identity(name) for name in ("alice", "bob", "carol"))
HELLO = Hello(
    dialler=ALICE.public,
    answerer=BOB.public,
    dialler_curve=ALICE.curve_public,
    answerer_curve=BOB.curve_public,
    dialler_nonce=bytes(NONCE_BYTES),
    answerer_nonce=b"\1" * NONCE_BYTES,
)


def test_each_end_accepts_the_signature_of_the_other() -> None:
    alice, bob = Proof(ALICE, Ed25519()), Proof(BOB, Ed25519())
    assert bob.verify(HELLO, alice.sign(HELLO))
    assert alice.verify(HELLO, bob.sign(HELLO))


def test_a_signature_cannot_be_reflected_to_its_maker() -> None:
    alice = Proof(ALICE, Ed25519())
    assert not alice.verify(HELLO, alice.sign(HELLO))


@pytest.mark.parametrize(
    "other",
    [
        replace(HELLO, answerer=CAROL.public),
        replace(HELLO, dialler_curve=CAROL.curve_public),
        replace(HELLO, answerer_curve=CAROL.curve_public),
        replace(HELLO, dialler_nonce=b"\2" * NONCE_BYTES),
        replace(HELLO, answerer_nonce=b"\2" * NONCE_BYTES),
        replace(HELLO, dialler=BOB.public, answerer=ALICE.public),
    ],
    ids=["identity", "dialler's key", "answerer's key", "dialler's nonce", "answerer's nonce", "roles"],
)
def test_a_signature_over_another_hello_is_refused(other: Hello) -> None:
    assert not Proof(BOB, Ed25519()).verify(HELLO, Proof(ALICE, Ed25519()).sign(other))


def test_a_session_is_named_by_the_whole_hello() -> None:
    assert len(HELLO.session) == SESSION_BYTES
    assert HELLO.session != replace(HELLO, dialler_nonce=b"\2" * NONCE_BYTES).session
    assert HELLO.session != replace(HELLO, answerer_curve=CAROL.curve_public).session
