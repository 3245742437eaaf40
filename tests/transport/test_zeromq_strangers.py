"""Hostile strangers at real sockets: they are few, they are cut off, and nobody who is known notices them."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zmq

from mechdesign.kernel.config import LOCAL, TransportConfig
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import Recorder, seeded_entropy, seeded_identity
from mechdesign.transport.face import PeerAddress, Strangers
from mechdesign.transport.frames import CONFIRM, DATA, INTRODUCE, OPEN
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp

ANY = "tcp://127.0.0.1:*"
ALICE, BOB, MALLORY = (seeded_identity(name) for name in ("alice", "bob", "mallory"))
# Who is cut off under PATIENT is cut off for what it did, and under QUICK for what it did not do.
PATIENT = LOCAL.transport.model_copy(update={"silence_s": 600.0})
QUICK = LOCAL.transport.model_copy(update={"heartbeat_s": 0.1})


def entry(identity: Identity, address: str | None = None) -> dict[Any, PeerAddress]:
    return {identity.public: PeerAddress(identity.curve_public, address)}


class RawStranger:
    """A ZeroMQ socket under some CURVE key that speaks whatever a test wants, and counts the ends of its connection."""

    def __init__(self, context: "zmq.Context[Any]", address: str, identity: Identity, number: int) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.curve_secretkey = identity.curve_secret
        self.socket.curve_publickey = identity.curve_public
        self.socket.curve_serverkey = BOB.curve_public
        self.socket.monitor(f"inproc://stranger-{number}", zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self.monitor = context.socket(zmq.PAIR)
        self.monitor.connect(f"inproc://stranger-{number}")
        self.connected = self.ended = 0
        self.socket.connect(address)

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames, zmq.NOBLOCK)

    def look(self) -> "RawStranger":
        """Count what happened to its connections."""
        while self.monitor.poll(0):
            (event, _) = self.monitor.recv_multipart()
            succeeded = int.from_bytes(event[:2], "little") == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self.connected += succeeded
            self.ended += not succeeded and self.connected > self.ended
        return self

    def received(self) -> list[bytes]:
        got = []
        while self.socket.poll(0):
            got.append(self.socket.recv())
        return got

    def close(self) -> None:
        if not self.socket.closed:
            self.socket.disable_monitor()
            self.socket.close()
            self.monitor.close(linger=0)


@pytest.fixture
async def stranger() -> AsyncIterator[Any]:
    context: zmq.Context[Any] = zmq.Context()
    made: list[RawStranger] = []

    def make(address: str, identity: Identity | str) -> RawStranger:
        keys = seeded_identity(identity) if isinstance(identity, str) else identity
        made.append(RawStranger(context, address, keys, len(made)))
        return made[-1]

    yield make
    for each in made:
        each.close()
    context.term()


async def bob_and_alice(
    open_transport: Any, strangers: Strangers | None, *, config: TransportConfig = PATIENT
) -> tuple[Any, Recorder, Any, Recorder]:
    """Bob listens, receives strangers and knows Alice, who is linked to him."""
    bob, bob_saw = await open_transport(BOB, entry(ALICE), listen=ANY, strangers=strangers, config=config)
    alice, alice_saw = await open_transport(ALICE, entry(BOB, bob.address), config=config)
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    return bob, bob_saw, alice, alice_saw


async def still_served(bob: Any, bob_saw: Recorder, alice: Any, alice_saw: Recorder) -> None:
    """Alice and Bob hear one another, over the link that they had."""
    before = len(bob_saw.packets(ALICE.public)), len(alice_saw.packets())
    assert alice.send(BOB.public, b"still there?")
    assert bob.send(ALICE.public, b"still here")
    await bob_saw.until(lambda: len(bob_saw.packets(ALICE.public)) == before[0] + 1)
    await alice_saw.until(lambda: len(alice_saw.packets()) == before[1] + 1)
    assert bob_saw.count(LinkDown, ALICE.public) == 0


def nobody(curve: bytes, introduction: bytes) -> MemberId | None:
    return None


async def test_a_stranger_that_says_nothing_is_cut_off(open_transport: Any, stranger: Any) -> None:
    four = await bob_and_alice(open_transport, Strangers(nobody), config=QUICK)
    mallory = stranger(four[0].address, MALLORY)
    await four[1].until(lambda: mallory.look().ended)
    await still_served(*four)
    assert four[0].counters["connections_cut"] >= 1


@pytest.mark.parametrize("kind", [OPEN, DATA, CONFIRM, 0, 255])
async def test_a_stranger_that_says_anything_but_its_introduction_is_not_heard_and_cut_off(
    open_transport: Any, stranger: Any, kind: int
) -> None:
    asked: list[bytes] = []
    four = await bob_and_alice(open_transport, Strangers(lambda curve, data: asked.append(data)))
    mallory = stranger(four[0].address, MALLORY)
    noise = seeded_entropy("noise")
    for length in range(20):
        mallory.send(bytes((kind,)) + noise(length))
    await four[1].until(lambda: mallory.look().ended)
    await still_served(*four)
    assert (asked, mallory.received()) == ([], [])


@pytest.mark.parametrize(
    "frames",
    [
        [bytes((INTRODUCE,))],
        [bytes((INTRODUCE,)) + bytes(4097)],
        [bytes((INTRODUCE,)) + bytes(100_000)],
        [bytes((INTRODUCE,)) + b"in two", b"parts"],
    ],
    ids=["empty", "just too long", "huge", "several parts"],
)
async def test_what_is_no_introduction_costs_the_connection_and_asks_nobody(
    open_transport: Any, stranger: Any, frames: list[bytes]
) -> None:
    asked: list[bytes] = []
    four = await bob_and_alice(open_transport, Strangers(lambda curve, data: asked.append(data)))
    mallory = stranger(four[0].address, MALLORY)
    mallory.send(*frames)
    await four[1].until(lambda: mallory.look().ended)
    await still_served(*four)
    assert asked == []


async def test_a_frame_beyond_the_limit_of_frames_ends_a_stranger_at_once(open_transport: Any, stranger: Any) -> None:
    four = await bob_and_alice(open_transport, Strangers(nobody))
    mallory = stranger(four[0].address, MALLORY)
    mallory.send(bytes(2 * QUICK.frame_bytes_max))
    await four[1].until(lambda: mallory.look().ended)
    await still_served(*four)


async def test_a_stranger_is_judged_once_a_visit_however_often_it_asks(open_transport: Any, stranger: Any) -> None:
    asked: list[bytes] = []
    four = await bob_and_alice(open_transport, Strangers(lambda curve, data: asked.append(data)))
    mallory = stranger(four[0].address, MALLORY)
    for _ in range(500):
        mallory.send(bytes((INTRODUCE,)) + b"please")
    await four[1].until(lambda: mallory.look().ended)
    assert asked == [b"please"]
    await still_served(*four)


async def test_a_crowd_of_strangers_is_kept_small_and_leaves_room_for_the_next(
    open_transport: Any, stranger: Any, record: Any
) -> None:
    four = await bob_and_alice(open_transport, Strangers(record.admit, at_once=16, per_s=1_000), config=QUICK)
    bob, bob_saw = four[:2]
    crowd = [stranger(bob.address, f"crowd {number}") for number in range(40)]
    await bob_saw.until(lambda: sum(each.look().connected for each in crowd) >= 4 and bob.counters["keys_delayed"] > 20)
    # All come from one host, which may fill a quarter; known peers are not counted.
    assert sum(each.look().connected - each.ended for each in crowd) <= 4
    await still_served(*four)
    for each in crowd:
        each.close()
    carol = seeded_identity("carol")
    _, carol_saw = await open_transport(carol, entry(BOB, bob.address), introduction=record.of(carol), config=QUICK)
    await carol_saw.until(lambda: carol_saw.count(LinkUp) == 1)
    await still_served(*four)


async def test_strangers_that_come_and_go_leave_no_connection_behind(open_transport: Any, stranger: Any) -> None:
    four = await bob_and_alice(open_transport, Strangers(nobody, at_once=64, per_s=1_000), config=QUICK)
    crowd = [stranger(four[0].address, f"crowd {number}") for number in range(16)]
    await four[1].until(lambda: all(each.look().ended for each in crowd))
    for each in crowd:
        each.close()
    await four[1].until(lambda: len(four[0]._door.connections) == 1)  # Alice's
    await still_served(*four)


async def test_the_key_of_a_known_member_does_not_make_a_stranger_of_it(open_transport: Any, stranger: Any) -> None:
    # Mallory stole Alice's CURVE key. The gate takes her for Alice, and Alice's link asks for Alice's signature.
    asked: list[bytes] = []
    four = await bob_and_alice(open_transport, Strangers(lambda curve, data: asked.append(data)))
    bob, bob_saw = four[:2]
    thief = stranger(bob.address, ALICE)
    thief.send(bytes((INTRODUCE,)) + b"I am Mallory, under this key")
    thief.send(bytes((OPEN,)) + bytes(32))
    await bob_saw.until(thief.received)
    thief.send(bytes((CONFIRM,)) + bytes(96))
    await bob_saw.until(lambda: bob.counters["hello_refused"] >= 1)
    await still_served(*four)
    assert asked == []
    assert bob_saw.count(LinkUp) == 1


async def test_who_shows_the_record_and_the_link_key_of_another_cannot_sign_for_it(
    open_transport: Any, stranger: Any, record: Any
) -> None:
    carol = seeded_identity("carol")
    four = await bob_and_alice(open_transport, Strangers(record.admit))
    bob, bob_saw = four[:2]
    thief = Identity(seeded_entropy("mallory")(32), carol.curve_secret, carol.sealing_seed)
    _, thief_saw = await open_transport(thief, entry(BOB, bob.address), introduction=record.of(carol), config=QUICK)
    await bob_saw.until(lambda: bob.counters["strangers_admitted"] == 1)
    honest, honest_saw = await open_transport(
        carol, entry(BOB, bob.address), introduction=record.of(carol), config=QUICK
    )
    await honest_saw.until(lambda: honest.peers_up)
    await still_served(*four)
    assert thief_saw.events == []


@pytest.mark.parametrize("goes_on", [False, True], ids=["silent", "talking"])
async def test_a_removed_peer_that_does_not_hang_up_is_cut_off(
    open_transport: Any, stranger: Any, goes_on: bool
) -> None:
    bob, bob_saw = await open_transport(BOB, entry(MALLORY), listen=ANY, config=PATIENT)
    mallory = stranger(bob.address, MALLORY)
    mallory.send(b"\x09")
    await bob_saw.until(lambda: bob.counters["malformed"] == 1)
    bob.remove(MALLORY.public)
    await bob_saw.until(lambda: (goes_on and mallory.send(b"\x09")) or mallory.look().ended)
    await bob_saw.until(lambda: bob.counters["keys_refused"] >= 1)
    assert mallory.look().connected == 1


async def test_a_peer_holds_few_connections_however_many_it_makes(open_transport: Any, stranger: Any) -> None:
    bob, bob_saw = await open_transport(BOB, entry(MALLORY), listen=ANY, config=PATIENT)
    several = [stranger(bob.address, MALLORY) for _ in range(8)]
    for each in several:
        each.send(b"\x09")
    await bob_saw.until(lambda: sum(each.look().ended > 0 for each in several) >= 4)
    assert bob_saw.events == []


async def test_a_judgement_that_fails_is_reported_and_harms_nobody(open_transport: Any, stranger: Any) -> None:
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def broken(curve: bytes, introduction: bytes) -> MemberId | None:
        raise RuntimeError("a bug above the transport")

    four = await bob_and_alice(open_transport, Strangers(broken), config=QUICK)
    mallory = stranger(four[0].address, MALLORY)
    mallory.send(bytes((INTRODUCE,)) + b"please")
    await four[1].until(lambda: mallory.look().ended)
    await still_served(*four)
    assert [str(each) for each in failures] == ["a bug above the transport"]


async def test_an_admitted_stranger_is_still_bound_by_the_limits_of_a_peer(
    open_transport: Any, stranger: Any, record: Any
) -> None:
    four = await bob_and_alice(open_transport, Strangers(record.admit))
    mallory = stranger(four[0].address, MALLORY)
    mallory.send(bytes((INTRODUCE,)) + record.of(MALLORY))
    await four[1].until(lambda: four[0].counters["strangers_admitted"] == 1)
    for number in range(100):
        mallory.send(bytes((OPEN,)) + bytes((number,)) * 32)
    await four[1].until(lambda: four[0].counters["hello_refused"] >= 80)
    await still_served(*four)
    assert four[1].count(LinkUp, MALLORY.public) == 0


async def test_a_change_of_address_makes_the_dialler_dial_there(open_transport: Any) -> None:
    bob, _ = await open_transport(BOB, entry(ALICE), listen=ANY)
    moved, moved_saw = await open_transport(BOB, entry(ALICE), listen=ANY)
    alice, alice_saw = await open_transport(ALICE, entry(BOB, bob.address))
    await alice_saw.until(lambda: alice.peers_up)
    alice.add(BOB.public, PeerAddress(BOB.curve_public, moved.address))
    await moved_saw.until(lambda: moved.peers_up and alice.peers_up)
    assert alice.send(BOB.public, b"to the new place")
    await moved_saw.until(moved_saw.packets)
    assert [type(event) for event in alice_saw.events] == [LinkUp, LinkDown, LinkUp]


async def test_an_address_that_leads_nowhere_is_made_up_for_by_the_other_end(open_transport: Any) -> None:
    small, large = sorted((ALICE, BOB), key=lambda each: each.public)
    # The smaller key dials by rule; what it was told about the larger is wrong.
    nowhere = {large.public: PeerAddress(large.curve_public, "tcp://127.0.0.1:9")}
    one, one_saw = await open_transport(small, nowhere, listen=ANY, config=QUICK)
    other, other_saw = await open_transport(large, entry(small, one.address), listen=ANY, config=QUICK)
    await one_saw.until(lambda: one.peers_up and other.peers_up)
    assert one.send(large.public, b"over your connection")
    await other_saw.until(other_saw.packets)
    assert len(one._dealers) == 0
    assert [type(event) for event in one_saw.events] == [LinkUp]


async def test_nothing_is_kept_of_peers_that_came_and_went(open_transport: Any) -> None:
    bob, bob_saw = await open_transport(BOB, entry(ALICE), listen=ANY)
    alice, alice_saw = await open_transport(ALICE, entry(BOB, bob.address), listen=ANY)
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    sizes = [kept(each) for each in (alice, bob)]
    for number in range(100):
        other = seeded_identity(f"passer-by {number}")
        address = PeerAddress(other.curve_public, f"tcp://127.0.0.1:{10_000 + number}" if number % 2 else None)
        for transport in (alice, bob):
            transport.add(other.public, address)
            assert not transport.send(other.public, b"not there")
            transport.remove(other.public)
    await alice_saw.until(lambda: [kept(each) for each in (alice, bob)] == sizes)
    assert alice.counters["dropped_down"] == bob.counters["dropped_down"] == 100
    assert (alice_saw.count(LinkDown), bob_saw.count(LinkDown)) == (0, 0)
    assert alice.send(BOB.public, b"all the time")
    await bob_saw.until(bob_saw.packets)


def kept(transport: Any) -> list[int]:
    """The sizes of everything that has an entry for each peer."""
    peers = transport._peers
    tables = [peers._links, peers._by_user, peers._addresses, transport._door.gate._meters, transport._dealers]
    return [len(each) for each in [*tables, transport._ports._ports]]


async def test_a_peer_that_is_removed_when_it_went_down_does_not_come_up_in_its_next_life(open_transport: Any) -> None:
    bob, bob_saw, alice, _ = await bob_and_alice(open_transport, None)

    def take(event: LinkEvent) -> None:
        bob_saw(event)
        if isinstance(event, LinkDown):
            bob.remove(ALICE.public)

    bob._on_event = take
    alice._free()
    # The silence is long, so it is the handshake of the next life that ends the link and makes another, in one go.
    await open_transport(ALICE, entry(BOB, bob.address), config=PATIENT)
    await bob_saw.until(lambda: bob_saw.count(LinkDown) == 1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert [type(event) for event in bob_saw.events] == [LinkUp, LinkDown]
    assert bob.counters["links_up"] == 2  # the next one parted before anyone heard of it


@pytest.mark.parametrize("removes", ["dialler", "listener"])
async def test_who_is_removed_hears_a_goodbye_and_need_not_wait_for_the_silence(
    open_transport: Any, removes: str
) -> None:
    bob, bob_saw, alice, alice_saw = await bob_and_alice(open_transport, None)
    here, peer = (alice, BOB.public) if removes == "dialler" else (bob, ALICE.public)
    there, there_saw = (bob, bob_saw) if removes == "dialler" else (alice, alice_saw)
    for _ in range(1_000):
        here.send(peer, bytes(500))
    here.remove(peer)
    await there_saw.until(lambda: there_saw.count(LinkDown) == 1)
    assert there.peers_up == ()


async def test_only_connections_to_our_own_port_are_ever_cut(open_transport: Any) -> None:
    four = await bob_and_alice(open_transport, None)
    bob = four[0]
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as mine:
        theirs, _ = server.accept()
        with theirs, tempfile.TemporaryFile() as file:
            # As if libzmq had closed connections with these descriptors, and others had taken them since.
            for descriptor in (mine.fileno(), theirs.fileno(), file.fileno(), 1_000_000):
                bob._connections.opened(descriptor, 0)
            bob._cut_off(bob._connections.deadline)
            assert bob.counters["connections_cut"] == 4
            mine.sendall(b"unharmed")
            assert theirs.recv(8) == b"unharmed"
    await still_served(*four)
