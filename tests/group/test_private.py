"""Ordered multicast: everyone sees that and when, only the recipients see what, and a false envelope convicts."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.group.block import genesis, inclusions, make_block
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Delivered, Inclusion, Submission
from mechdesign.group.multicast.envelope import Envelope, false_envelope, open_envelope, seal_envelope
from mechdesign.group.multicast.private import (
    PRIVATE,
    FalseEnvelope,
    Private,
    PrivateDelivered,
    PrivateMulticast,
    convict_of_false_envelope,
    proof_of,
)
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.exchange import X25519Exchange
from mechdesign.kernel.identity import Identity

_RANDOM = Random(7)
IDENTITIES = [Identity.generate(_RANDOM.randbytes) for _ in range(4)]
ROSTER = Roster(
    "private",
    tuple(
        Member(identity.public, name, identity.curve_public, identity.curve_public)
        for identity, name in zip(IDENTITIES, ("alice", "bob", "carol", "dave"), strict=True)
    ),
    FaultModel.BYZANTINE,
)
X25519 = X25519Exchange()
SECRET = bytes(range(32))


def _machine(place: int) -> PrivateMulticast:
    identity = IDENTITIES[place]
    return PrivateMulticast(ROSTER, identity.public, X25519, identity, _RANDOM.randbytes)


def _included(sender: int, said: Submission) -> Inclusion:
    """The proof of inclusion in a block of the sender that carries this and nothing else."""
    block = make_block(ROSTER, IDENTITIES[sender], 0, (genesis(ROSTER, sender),), (), (encode_leaf(said),))
    return inclusions(block)[0]


def _deliver(place: int, sender: int, data: bytes) -> tuple[Delivered, tuple[object, ...]]:
    said = Submission(PRIVATE, ROSTER.ids[sender], 0, data)
    entry = Delivered(5, said, _included(sender, said))
    return entry, tuple(_machine(place).delivered(entry))


def _seal(to: tuple[int, ...] = (1, 2), text: bytes = b"only for you", sender: int = 0) -> Envelope:
    return seal_envelope(ROSTER, X25519, ROSTER.ids[sender], to, b"ordered", text, SECRET)


def test_the_recipients_read_it_and_the_others_see_that_it_was_sent() -> None:
    ids = ROSTER.ids
    sent = _machine(0).broadcast(Private(b"key", (ids[2], ids[1]), b"only for you"))
    assert (sent.key, sent.kind) == (b"key", PRIVATE)
    assert b"only for you" not in sent.data
    for place in (1, 2):
        assert _deliver(place, 0, sent.data)[1] == (PrivateDelivered(5, ids[0], (ids[1], ids[2]), b"only for you"),)
    assert _deliver(3, 0, sent.data)[1] == (PrivateDelivered(5, ids[0], (ids[1], ids[2]), None),)


def test_two_messages_of_one_content_look_different() -> None:
    request = Private(b"key", (ROSTER.ids[1],), b"yes")
    one, other = _machine(0).broadcast(request), _machine(0).broadcast(request)
    first, second = Envelope.parse(one.data, ROSTER), Envelope.parse(other.data, ROSTER)
    assert first is not None
    assert second is not None
    assert first.commitment != second.commitment
    assert first.ciphertext != second.ciphertext


def test_a_copy_under_another_name_or_for_another_purpose_does_not_open() -> None:
    copied = _deliver(1, 3, _seal().encoded)[1]
    assert copied == (
        PrivateDelivered(5, ROSTER.ids[3], ROSTER.ids[1:3], None, "what it holds for us is not its secret"),
    )
    other = seal_envelope(ROSTER, X25519, ROSTER.ids[0], (1,), b"direct", b"text", SECRET)
    assert open_envelope(other, ROSTER, X25519, IDENTITIES[1], 1, ROSTER.ids[0], b"ordered").plaintext is None


def test_an_envelope_of_another_group_does_not_open() -> None:
    elsewhere = replace(ROSTER, nonce=bytes(15) + b"\1")
    foreign = seal_envelope(elsewhere, X25519, ROSTER.ids[0], (1, 2), b"ordered", b"text", SECRET)
    assert open_envelope(foreign, ROSTER, X25519, IDENTITIES[1], 1, ROSTER.ids[0], b"ordered").plaintext is None


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


@pytest.mark.parametrize(
    ("change", "plaintext", "fault"),
    [
        (lambda sealed: replace(sealed, commitment=_flip(sealed.commitment)), b"only for you", "commits to"),
        (lambda sealed: replace(sealed, ciphertext=_flip(sealed.ciphertext)), None, "does not open"),
        (lambda sealed: replace(sealed, wraps=(sealed.wraps[0], bytes(32))), b"only for you", "another recipient"),
    ],
)
def test_a_false_envelope_convicts_its_sender_once_its_secret_is_shown(
    change: Callable[[Envelope], Envelope], plaintext: bytes | None, fault: str
) -> None:
    false = change(_seal())
    _, events = _deliver(1, 0, false.encoded)
    told, proof = events
    assert isinstance(told, PrivateDelivered)
    assert told.data == plaintext
    assert fault in told.fault
    assert isinstance(proof, FalseEnvelope)
    assert proof.member == ROSTER.ids[0]
    assert convict_of_false_envelope(proof.data, ROSTER, Ed25519(), X25519) == ROSTER.ids[0]
    # Under another roster, or cut, it proves nothing.
    assert convict_of_false_envelope(proof.data, replace(ROSTER, nonce=b"x" * 16), Ed25519(), X25519) is None
    assert convict_of_false_envelope(proof.data[:-1], ROSTER, Ed25519(), X25519) is None


def test_a_recipient_that_was_sent_rubbish_alone_proves_nothing_and_is_told() -> None:
    false = replace(_seal(), wraps=(bytes(32), _seal().wraps[1]))
    _, events = _deliver(1, 0, false.encoded)
    assert events == (
        PrivateDelivered(5, ROSTER.ids[0], ROSTER.ids[1:3], None, "what it holds for us is not its secret"),
    )
    # The other recipient can read it, and has the proof.
    _, others = _deliver(2, 0, false.encoded)
    assert isinstance(others[1], FalseEnvelope)
    assert others[1].member == ROSTER.ids[0]


@given(st.binary(min_size=32, max_size=32), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_no_secret_convicts_the_sender_of_an_honest_envelope(secret: bytes, sender: int) -> None:
    to = tuple(place for place in range(4) if place != sender)
    honest = _seal(to, sender=sender)
    assert not false_envelope(honest, ROSTER, X25519, ROSTER.ids[sender], b"ordered", secret)
    assert not false_envelope(honest, ROSTER, X25519, ROSTER.ids[sender], b"ordered", SECRET)
    for other in range(4):
        assert not false_envelope(honest, ROSTER, X25519, ROSTER.ids[other], b"direct", SECRET)


def test_an_honest_submission_wrapped_into_a_proof_convicts_nobody() -> None:
    _, events = _deliver(1, 0, replace(_seal(), commitment=bytes(32)).encoded)
    proof = events[1]
    assert isinstance(proof, FalseEnvelope)
    entry, _ = _deliver(1, 0, _seal().encoded)
    # The entry of an honest message in place of the false one, with the same secret.
    honest = proof_of(entry.submission, entry.inclusion, SECRET)
    assert convict_of_false_envelope(honest, ROSTER, Ed25519(), X25519) is None
    said = replace(entry.submission, data=_flip(entry.submission.data))
    assert convict_of_false_envelope(proof_of(said, entry.inclusion, SECRET), ROSTER, Ed25519(), X25519) is None


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_no_submission_makes_it_raise(data: bytes) -> None:
    said = Submission(PRIVATE, ROSTER.ids[0], 0, data)
    assert _machine(1).delivered(Delivered(0, said, _included(0, said))) == ()
    assert convict_of_false_envelope(data, ROSTER, Ed25519(), X25519) is None


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31), bytes(31) + b"\x80"])
def test_a_share_of_small_order_is_refused(point: bytes) -> None:
    weak = replace(_seal(), share=point)
    opened = open_envelope(weak, ROSTER, X25519, IDENTITIES[1], 1, ROSTER.ids[0], b"ordered")
    assert (opened.plaintext, opened.secret) == (None, b"")


def test_our_own_side_is_told_what_it_did_wrong() -> None:
    ids = ROSTER.ids
    for to in ((), (ids[0],), (ids[1], ids[1]), (MemberId(bytes(32)),)):
        with pytest.raises(LocalProtocolError, match="different other members"):
            _machine(0).broadcast(Private(b"key", to, b""))
    with pytest.raises(LocalProtocolError, match="passes"):
        _machine(0).broadcast(Private(b"key", ids[1:], bytes(ROSTER.submission_bytes_max)))
    with pytest.raises(LocalProtocolError, match="one or more"):
        _seal(())
    with pytest.raises(LocalProtocolError, match="only a recipient"):
        open_envelope(_seal(), ROSTER, X25519, IDENTITIES[3], 3, ids[0], b"ordered")
    bad = replace(ROSTER, members=(*ROSTER.members[:3], replace(ROSTER.members[3], id=MemberId(bytes(32)))))
    with pytest.raises(LocalProtocolError, match="no good point"):
        seal_envelope(bad, X25519, ids[0], (3,), b"ordered", b"", SECRET)
