"""What a peer sends never raises, keeps nothing in memory, and proves nothing that it cannot sign."""

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.links import LinkPair, seeded_entropy, seeded_identity
from mechdesign.transport.frames import ALIVE, ANSWER, CONFIRM, DATA, OPEN, RESET
from mechdesign.transport.handshake import NONCE_BYTES, Hello, Proof
from mechdesign.transport.link import Link, Transmit
from mechdesign.transport.messages import LinkDown, LinkUp, Packet

ALICE, BOB, MALLORY = (seeded_identity(name) for name in ("alice", "bob", "mallory"))


def with_curve_of(signing: str, link: str) -> Identity:
    """Keys that do not belong together: one player's signature, another's CURVE key."""
    return Identity(seeded_entropy(signing)(32), seeded_identity(link).curve_secret, bytes(32))


def link(me: Identity, peer: Identity, *, dials: bool, peer_curve: bytes | None = None) -> Link:
    pair = LinkPair()
    return Link(
        me,
        me.curve_public,
        peer.public,
        peer_curve or peer.curve_public,
        scheme=pair.scheme,
        config=pair.config,
        entropy=seeded_entropy("hostile"),
        dials=dials,
        now=0,
    )


def exchange(dialler: Link, answerer: Link) -> list[object]:
    """Run one handshake; what either end reported upward."""
    frames = [(dialler, each) for each in dialler.tick(0)]
    reported: list[object] = []
    while frames:
        at, effect = frames.pop(0)
        if isinstance(effect, Transmit):
            other, route = (answerer, b"r") if at is dialler else (dialler, b"")
            frames += [(other, each) for each in other.receive((route, effect.data), 0)]
        else:
            reported.append(effect)
    return reported


def test_honest_ends_agree_in_this_harness() -> None:
    reported = exchange(link(ALICE, BOB, dials=True), link(BOB, ALICE, dials=False))
    assert sorted(map(str, reported)) == sorted(map(str, [LinkUp(ALICE.public), LinkUp(BOB.public)]))


def test_the_right_curve_key_with_the_wrong_identity_is_refused_by_the_answerer() -> None:
    # Mallory got hold of Alice's CURVE key but signs as herself.
    false_alice = Identity(seeded_entropy("mallory")(32), ALICE.curve_secret, ALICE.sealing_seed)
    bob = link(BOB, ALICE, dials=False)
    exchange(link(false_alice, BOB, dials=True), bob)
    assert not bob.up
    # Bob's statement names Alice, so Mallory's end refuses him; what she would confirm is refused as well.
    assert bob.counters.links_up == 0


def test_a_confirmation_signed_by_another_identity_is_refused() -> None:
    bob = link(BOB, ALICE, dials=False)
    nonce = b"n" * NONCE_BYTES
    (answer,) = bob.receive((b"r", bytes((OPEN,)) + nonce), 0)
    assert isinstance(answer, Transmit)
    theirs = answer.data[1 + NONCE_BYTES : 1 + 2 * NONCE_BYTES]
    hello = Hello(ALICE.public, BOB.public, ALICE.curve_public, BOB.curve_public, nonce, theirs)
    forged = MALLORY.sign(hello._statement(b"dialler"))
    assert bob.receive((b"r", bytes((CONFIRM,)) + theirs + forged), 0) == ()
    assert (bob.up, bob.counters.hello_refused) == (False, 1)


def test_an_identity_signature_for_another_curve_key_is_refused() -> None:
    # Alice signs for her own CURVE key; the connection was made under Mallory's.
    bob = link(BOB, ALICE, dials=False, peer_curve=MALLORY.curve_public)
    nonce = b"n" * NONCE_BYTES
    (answer,) = bob.receive((b"r", bytes((OPEN,)) + nonce), 0)
    assert isinstance(answer, Transmit)
    theirs = answer.data[1 + NONCE_BYTES : 1 + 2 * NONCE_BYTES]
    hello = Hello(ALICE.public, BOB.public, ALICE.curve_public, BOB.curve_public, nonce, theirs)
    relayed = Proof(ALICE, LinkPair().scheme).sign(hello)
    assert bob.receive((b"r", bytes((CONFIRM,)) + theirs + relayed), 0) == ()
    assert (bob.up, bob.counters.hello_refused) == (False, 1)


def test_an_answer_signed_by_another_identity_is_refused_by_the_dialler() -> None:
    false_bob = Identity(seeded_entropy("mallory")(32), BOB.curve_secret, BOB.sealing_seed)
    alice = link(ALICE, BOB, dials=True)
    exchange(alice, link(false_bob, ALICE, dials=False))
    assert (alice.up, alice.counters.hello_refused) == (False, 1)


def test_a_recorded_handshake_proves_nothing_a_second_time() -> None:
    pair = LinkPair()
    pair.tick()
    recorded = list(pair.wire)
    fresh = LinkPair(seed="another day")
    fresh.dialler.tick(0)
    for from_dialler, data in recorded:
        target, route = (fresh.answerer, fresh.route) if from_dialler else (fresh.dialler, b"")
        target.receive((route, data), 0)
    assert (fresh.dialler.up, fresh.answerer.up) == (False, False)
    assert fresh.dialler.counters.hello_refused == 1
    assert fresh.answerer.counters.hello_refused == 1


def test_a_recorded_hello_does_not_end_the_link_that_is_up() -> None:
    pair = LinkPair()
    pair.tick()
    recorded = [data for from_dialler, data in pair.wire if from_dialler]
    pair.events.clear()
    for data in recorded[:2]:
        for route in (pair.route, b"route of somebody else"):
            pair.answerer.receive((route, data), 0)
    pair.send(pair.dialler, b"still here")
    assert pair.packets(pair.answerer) == [b"still here"]
    assert pair.reported(pair.answerer) == []


def test_a_signature_is_not_made_again_for_a_repeated_hello() -> None:
    bob = link(BOB, ALICE, dials=False)
    hello = bytes((OPEN,)) + b"n" * NONCE_BYTES
    assert bob.receive((b"r", hello), 0) == bob.receive((b"r", hello), 0)


def test_hellos_are_metered() -> None:
    bob = link(BOB, ALICE, dials=False)
    answered = sum(bool(bob.receive((b"r", bytes((OPEN,)) + bytes((n,)) * NONCE_BYTES), 0)) for n in range(200))
    assert answered == 16
    assert bob.counters.hello_refused == 184
    assert bob.receive((b"r", bytes((OPEN,)) + b"n" * NONCE_BYTES), SECOND)


def test_a_session_does_not_follow_its_name_to_another_connection() -> None:
    pair = LinkPair()
    pair.connect()
    (effect,) = pair.dialler.submit(b"captured", 0)
    assert isinstance(effect, Transmit)
    effects = pair.answerer.receive((b"another route", effect.data), 0)
    assert not any(isinstance(each, Packet) for each in effects)
    assert pair.answerer.counters.stale == 1


def test_a_reset_of_a_session_that_is_not_ours_ends_nothing() -> None:
    pair = LinkPair()
    pair.connect()
    assert pair.dialler.receive((b"", bytes((RESET,)) + b"x" * 8), 0) == ()
    assert pair.dialler.up


def test_only_the_end_that_dialled_the_session_is_told_to_dial_again() -> None:
    pair = LinkPair()
    pair.connect()
    session = pair.dialler._session
    assert pair.answerer.receive((pair.route, bytes((RESET,)) + session), 0) == ()
    assert (pair.answerer.up, pair.answerer.counters.malformed) == (True, 1)
    # And what is stale on the connection that we made is not answered: its other end makes no session over it.
    assert pair.dialler.receive((b"", bytes((DATA,)) + b"x" * 8), 0) == ()
    assert pair.answerer.receive((pair.route, bytes((DATA,)) + b"x" * 8), 0) != ()


def test_a_handshake_runs_one_way_over_a_connection() -> None:
    pair = LinkPair()
    pair.connect()
    counted = pair.dialler.counters.malformed
    assert pair.dialler.receive((b"", bytes((OPEN,)) + bytes(NONCE_BYTES)), 0) == ()
    assert pair.dialler.receive((b"", bytes((CONFIRM,)) + bytes(96)), 0) == ()
    assert pair.answerer.receive((pair.route, bytes((ANSWER,)) + bytes(128)), 0) == ()
    assert (pair.dialler.counters.malformed, pair.answerer.counters.malformed) == (counted + 2, 1)


def test_a_peer_cannot_claim_to_have_read_what_was_never_sent() -> None:
    pair = LinkPair(TransportConfig(credit_bytes=10_000))
    pair.connect()
    session = pair.answerer.close()[0]
    assert isinstance(session, Transmit)
    claim = bytes((ALIVE,)) + session.data[1:9] + b"\xff" * 8
    pair.dialler.receive((b"", claim), 0)
    assert pair.dialler.outstanding == 0
    assert sum(pair.send(pair.dialler, b"x" * 936, deliver=False) for _ in range(50)) == 10


def test_messages_beyond_the_limit_are_dropped_counted_and_still_credited() -> None:
    pair = LinkPair(TransportConfig(messages_per_s=400, credit_bytes=20_000))
    pair.connect()
    for _ in range(1_000):
        assert pair.send(pair.dialler, b"x" * 936)
    counters = pair.answerer.counters
    assert 0 < counters.received < 400
    assert counters.received + counters.dropped_rate == 1_000
    assert pair.dialler.outstanding <= 20_000


def test_bytes_beyond_the_limit_are_dropped_and_counted() -> None:
    pair = LinkPair(TransportConfig(bytes_per_s=10_000))
    pair.connect()
    for _ in range(100):
        pair.send(pair.dialler, b"x" * 1_000)
    assert 0 < pair.answerer.counters.received < 10
    pair.now += SECOND
    before = pair.answerer.counters.received
    pair.send(pair.dialler, b"x" * 1_000)
    assert pair.answerer.counters.received == before + 1


def test_a_foreign_frame_beyond_the_limit_is_counted_and_dropped() -> None:
    pair = LinkPair(TransportConfig(frame_bytes_max=100))
    pair.connect()
    (effect,) = pair.dialler.submit(b"x" * 100, 0)
    assert isinstance(effect, Transmit)
    pair.answerer.receive((pair.route, effect.data + b"y"), 0)
    assert pair.packets(pair.answerer) == []
    assert pair.answerer.counters.oversize == 1


def held_bytes(of: Link) -> int:
    """How many bytes of byte strings a link holds on to, however deep."""

    def size(value: object) -> int:
        if isinstance(value, bytes):
            return len(value)
        if isinstance(value, tuple):
            return sum(map(size, value))
        names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        return sum(size(getattr(value, name)) for name in names if hasattr(value, name))

    return sum(size(value) for value in vars(of).values())


FRAMES = st.one_of(
    st.binary(max_size=200),
    st.tuples(st.integers(0, 9), st.binary(max_size=160)).map(lambda pair: bytes((pair[0],)) + pair[1]),
    st.tuples(st.sampled_from([OPEN]), st.binary(min_size=32, max_size=32)).map(lambda p: bytes((p[0],)) + p[1]),
    st.tuples(st.sampled_from([CONFIRM]), st.binary(min_size=96, max_size=96)).map(lambda p: bytes((p[0],)) + p[1]),
    st.tuples(st.sampled_from([ANSWER]), st.binary(min_size=128, max_size=128)).map(lambda p: bytes((p[0],)) + p[1]),
)


@given(
    frames=st.lists(st.tuples(st.sampled_from([b"", b"route 1", b"r2"]), FRAMES, st.booleans()), max_size=40),
    dials=st.booleans(),
    connected=st.booleans(),
)
def test_no_bytes_raise_bring_a_link_up_or_stay_in_memory(
    frames: list[tuple[bytes, bytes, bool]], dials: bool, connected: bool
) -> None:
    pair = LinkPair(TransportConfig(frame_bytes_max=1_000))
    if connected:
        pair.connect()
    target = pair.dialler if dials else pair.answerer
    goodbye = target.close()
    session = goodbye[0].data[1:9] if goodbye and isinstance(goodbye[0], Transmit) else b"12345678"
    before = target.counters.links_up
    for route, data, in_session in frames:
        sent = data[:1] + session + data[1:] if in_session else data
        pair.now += 1
        for effect in target.receive((route, sent), pair.now):
            assert isinstance(effect, Transmit | Packet | LinkDown)
        target.tick(pair.now)
    assert target.counters.links_up == before
    assert held_bytes(target) < 1_000


@given(st.binary(max_size=300))
def test_whatever_follows_a_session_name_in_data_arrives_unchanged(payload: bytes) -> None:
    pair = LinkPair()
    pair.connect()
    assert pair.send(pair.dialler, payload)
    assert pair.packets(pair.answerer) == [payload]
    assert all(data[0] == DATA for from_dialler, data in pair.wire if from_dialler)
