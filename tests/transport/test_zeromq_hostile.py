"""Strangers, forgers, impersonators and flooders at real sockets: nothing of theirs gets through or gets in the way."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import Recorder, seeded_entropy, seeded_identity
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.frames import DATA, OPEN
from mechdesign.transport.link import Transmit
from mechdesign.transport.messages import LinkUp, Packet
from mechdesign.transport.zeromq import ZeroMQTransport

ANY = "tcp://127.0.0.1:*"
ALICE, BOB, MALLORY = (seeded_identity(name) for name in ("alice", "bob", "mallory"))


def entry(identity: Identity, address: str | None = None) -> dict[Any, PeerAddress]:
    return {identity.public: PeerAddress(identity.curve_public, address)}


class RawPeer:
    """A ZeroMQ socket under somebody's CURVE key that speaks whatever a test wants."""

    def __init__(self, address: str, identity: Identity | None, *, routing_id: bytes | None = None) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        if identity is not None:
            self.socket.curve_secretkey = identity.curve_secret
            self.socket.curve_publickey = identity.curve_public
            self.socket.curve_serverkey = BOB.curve_public
        if routing_id is not None:
            self.socket.routing_id = routing_id
        self.socket.connect(address)

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames, zmq.NOBLOCK)

    def close(self) -> None:
        self.socket.close()
        self.context.term()


@pytest.fixture
async def raw() -> AsyncIterator[Any]:
    made: list[RawPeer] = []

    def make(address: str, identity: Identity | None, **options: Any) -> RawPeer:
        made.append(RawPeer(address, identity, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


async def bob_and_alice(open_transport: Any, **options: Any) -> tuple[Any, Recorder, Any, Recorder]:
    """Bob listens and knows Alice and Mallory; Alice is linked to him."""
    bob, bob_saw = await open_transport(BOB, entry(ALICE) | entry(MALLORY), listen=ANY, **options)
    alice, alice_saw = await open_transport(ALICE, entry(BOB, bob.address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    return bob, bob_saw, alice, alice_saw


async def still_served(bob: Any, bob_saw: Recorder, alice: Any, alice_saw: Recorder) -> None:
    """Alice and Bob hear one another."""
    before = len(bob_saw.packets(ALICE.public)), len(alice_saw.packets())
    assert alice.send(BOB.public, b"still there?")
    assert bob.send(ALICE.public, b"still here")
    await bob_saw.until(lambda: len(bob_saw.packets(ALICE.public)) == before[0] + 1)
    await alice_saw.until(lambda: len(alice_saw.packets()) == before[1] + 1)


async def test_an_unknown_curve_key_is_refused_at_the_gate(open_transport: Any, raw: Any) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport)
    stranger = raw(bob.address, seeded_identity("stranger"))
    stranger.send(bytes((1,)) + b"n" * 32)
    await bob_saw.until(lambda: bob.counters["keys_refused"] == 1)
    await still_served(bob, bob_saw, alice, alice_saw)
    assert bob.counters["unattributed"] == 0


async def test_a_client_without_encryption_never_reaches_a_link(open_transport: Any, raw: Any) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport)
    raw(bob.address, None).send(b"in the clear")
    for _ in range(5):
        await still_served(bob, bob_saw, alice, alice_saw)
    assert {bob.counters[name] for name in ("unattributed", "malformed", "stale", "hello_refused")} == {0}


async def test_a_known_curve_key_under_a_false_identity_brings_no_link_up(open_transport: Any) -> None:
    # Mallory's own signature over a connection under Alice's CURVE key, which she stole.
    thief = Identity(seeded_entropy("mallory")(32), ALICE.curve_secret, ALICE.sealing_seed)
    assert thief.public == MALLORY.public
    bob, bob_saw = await open_transport(BOB, entry(ALICE), listen=ANY)
    stolen, thief_saw = await open_transport(thief, entry(BOB, bob.address))
    await thief_saw.until(lambda: stolen.counters["hello_refused"] == 3)
    assert bob_saw.events == thief_saw.events == []


async def test_a_member_that_dials_the_wrong_curve_key_never_connects(open_transport: Any) -> None:
    bob, bob_saw = await open_transport(BOB, entry(ALICE), listen=ANY)
    wrong = {BOB.public: PeerAddress(MALLORY.curve_public, bob.address)}
    alice, _ = await open_transport(ALICE, wrong)
    await bob_saw.until(lambda: alice._peers.link(BOB.public).dialling.attempts > 3)
    assert bob_saw.events == []


async def test_a_peer_that_takes_another_peers_routing_id_and_session_cannot_speak_for_it(
    open_transport: Any, raw: Any
) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport)
    victim = bob._peers.link(ALICE.public)
    mallory = raw(bob.address, MALLORY, routing_id=victim._route)
    other = raw(bob.address, MALLORY)
    for peer in (mallory, other):
        peer.send(bytes((DATA,)) + victim._session + b"I am Alice")
    await bob_saw.until(lambda: bob._peers.link(MALLORY.public).counters.stale > 0)
    # Replies still go to Alice and not to who took her routing id.
    await still_served(bob, bob_saw, alice, alice_saw)
    assert b"I am Alice" not in bob_saw.packets()
    assert bob_saw.count(LinkUp, MALLORY.public) == 0


async def test_an_oversize_frame_costs_the_sender_its_connection_and_nobody_else(open_transport: Any, raw: Any) -> None:
    config = LOCAL.transport.model_copy(update={"frame_bytes_max": 10_000})
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport, config=config)
    mallory = raw(bob.address, MALLORY)
    mallory.send(b"\x09" * 100)
    await bob_saw.until(lambda: bob._peers.link(MALLORY.public).counters.malformed == 1)
    mallory.send(b"x" * 1_000_000)
    mallory.send(b"\x09" * 100)
    await still_served(bob, bob_saw, alice, alice_saw)
    # Over the next connection of the same socket small frames come through again; the large one never did.
    await bob_saw.until(lambda: mallory.send(b"\x09" * 100) or bob._peers.link(MALLORY.public).counters.malformed > 1)
    assert bob._peers.link(MALLORY.public).counters.oversize == 0


async def test_a_dialler_whose_connection_broke_over_an_oversize_frame_dials_again(open_transport: Any) -> None:
    # libzmq never reconnects a socket whose connection ended in a protocol error; the link replaces the socket.
    quick = LOCAL.transport.model_copy(update={"heartbeat_s": 0.05, "silence_s": 0.3})
    small = quick.model_copy(update={"frame_bytes_max": 10_000})
    bob, _ = await open_transport(BOB, entry(ALICE), listen=ANY, config=quick)
    alice, alice_saw = await open_transport(ALICE, entry(BOB, bob.address), config=small)
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    assert bob.send(ALICE.public, b"x" * 500_000)
    await alice_saw.until(lambda: alice_saw.count(LinkUp) >= 2)
    assert alice_saw.packets() == []
    await alice_saw.until(lambda: bob.send(ALICE.public, b"small") and alice_saw.packets())
    assert set(alice_saw.packets()) == {b"small"}


async def test_a_message_of_many_parts_is_refused_and_read_past(open_transport: Any, raw: Any) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport)
    mallory = raw(bob.address, MALLORY)
    hello = bytes((OPEN,)) + b"n" * 32  # would be answered if it came alone
    mallory.send(hello, *[hello] * 5_000)
    mallory.send(b"\x09")
    link = bob._peers.link(MALLORY.public)
    await bob_saw.until(lambda: link.counters.malformed == 2)
    assert link._pending is None
    mallory.send(hello)
    await bob_saw.until(lambda: link._pending is not None)
    await still_served(bob, bob_saw, alice, alice_saw)


async def test_a_flooding_peer_is_limited_while_another_is_served(open_transport: Any) -> None:
    limited = LOCAL.transport.model_copy(update={"messages_per_s": 1_000})
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport, config=limited)
    mallory, mallory_saw = await open_transport(MALLORY, entry(BOB, bob.address))
    await mallory_saw.until(lambda: mallory.peers_up and len(bob.peers_up) == 2)
    for turn in range(200):
        for _ in range(100):
            mallory.send(BOB.public, b"flood")
        if turn % 20 == 0:
            await still_served(bob, bob_saw, alice, alice_saw)
    await bob_saw.until(lambda: bob._peers.link(MALLORY.public).counters.dropped_rate > 1_000)
    assert bob._peers.link(ALICE.public).counters.dropped_rate == 0
    await still_served(bob, bob_saw, alice, alice_saw)


async def test_one_turn_of_the_loop_reads_a_bounded_number_of_frames(open_transport: Any) -> None:
    _bob, bob_saw, alice, _ = await bob_and_alice(open_transport)
    turns: list[int] = []

    def watch() -> None:
        turns.append(len(bob_saw.packets()))
        if len(bob_saw.packets()) < 5_000:
            asyncio.get_running_loop().call_soon(watch)

    for _ in range(5_000):
        assert alice.send(BOB.public, b"x")
    watch()
    await bob_saw.until(lambda: len(bob_saw.packets()) == 5_000)
    steps = [after - before for before, after in itertools.pairwise(turns)]
    # The readiness callback and the one that was promised may fall into one pass over the loop.
    assert max(steps) <= 512


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00CURVE" + bytes(15) + b"\x00" + bytes(31)


@pytest.mark.parametrize("opening", [b"", b"GET / HTTP/1.1\r\n\r\n", GREETING[:10], GREETING], ids=repr)
async def test_garbage_on_the_port_does_no_harm(open_transport: Any, opening: bytes) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport)
    port = int(bob.address.rsplit(":", 1)[1])
    noise = seeded_entropy("noise")
    connections = []
    for size in (0, 1, 64, 5_000, 100_000):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(opening + noise(size))
        connections.append(writer)
    await still_served(bob, bob_saw, alice, alice_saw)
    for writer in connections:
        writer.transport.abort()
    await still_served(bob, bob_saw, alice, alice_saw)
    assert bob.counters["unattributed"] == 0


async def test_hostile_frames_from_an_admitted_peer_change_nothing(open_transport: Any, raw: Any) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport)
    mallory = raw(bob.address, MALLORY)
    noise = seeded_entropy("frames")
    for number in range(400):
        mallory.send(bytes((number % 9,)) + noise(number))
    mallory.send(b"")
    counters = bob._peers.link(MALLORY.public).counters
    await bob_saw.until(lambda: counters.malformed + counters.stale + counters.hello_refused > 300)
    await still_served(bob, bob_saw, alice, alice_saw)
    assert bob_saw.packets(MALLORY.public) == []
    assert bob_saw.count(LinkUp, MALLORY.public) == 0


async def test_an_event_handler_that_fails_is_reported_and_does_not_stop_the_reading(open_transport: Any) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport)
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))

    def fragile(event: Any) -> None:
        bob_saw(event)
        if isinstance(event, Packet) and event.data == b"break":
            raise RuntimeError("a bug above the transport")

    bob._on_event = fragile
    for data in (b"break", b"one", b"two"):
        alice.send(BOB.public, data)
    await bob_saw.until(lambda: len(bob_saw.packets()) == 3)
    assert [str(each["exception"]) for each in failures] == ["a bug above the transport"]
    await still_served(bob, bob_saw, alice, alice_saw)


@settings(max_examples=25)
@given(noise=st.lists(st.binary(max_size=400), max_size=5))
def test_no_bytes_on_the_port_stop_a_node_from_linking(noise: list[bytes]) -> None:
    async def scenario() -> None:
        saw = Recorder()
        bob = ZeroMQTransport(BOB, Ed25519(), ANY, entry(ALICE), LOCAL.transport, Recorder())
        await bob.start()
        address = bob.address or ""
        plain = [socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) for _ in noise]
        alice = ZeroMQTransport(ALICE, Ed25519(), None, entry(BOB, address), LOCAL.transport, saw)
        try:
            for each, data in zip(plain, noise, strict=True):
                each.sendall(data)
            await alice.start()
            await saw.until(lambda: saw.count(LinkUp) == 1)
        finally:
            for each in plain:
                each.close()
            await alice.close()
            await bob.close()

    asyncio.run(scenario())


async def test_the_harness_can_make_a_link_when_nothing_is_hostile(open_transport: Any) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport)
    (effect,) = alice._peers.link(BOB.public).submit(b"made by hand", 0)
    assert isinstance(effect, Transmit)
    assert alice._transmit(alice._peers.link(BOB.public), effect)
    await bob_saw.until(lambda: bob_saw.packets(ALICE.public))
    assert bob_saw.packets(ALICE.public) == [b"made by hand"]
    await still_served(bob, bob_saw, alice, alice_saw)
