"""Real sockets on loopback: links come up, carry frames, heal after restarts, and never block or leak."""

import asyncio
import errno
import socket
from typing import Any

import pytest
import zmq

from mechdesign.kernel.config import LOCAL, TransportConfig
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import Recorder, seeded_identity
from mechdesign.transport.face import PeerAddress, Transport
from mechdesign.transport.messages import LinkDown, LinkUp
from mechdesign.transport.zeromq import ZeroMQTransport

ANY = "tcp://127.0.0.1:*"
# The smaller key dials where both could; tests name the ends by what they do.
ALICE, BOB, CAROL = sorted((seeded_identity(name) for name in ("alice", "bob", "carol")), key=lambda each: each.public)


def at(identity: Identity, address: str | None = None) -> dict[Any, PeerAddress]:
    return {identity.public: PeerAddress(identity.curve_public, address)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_two_members_exchange_ten_thousand_frames_each_in_order(open_transport: Any) -> None:
    bob, bob_saw = await open_transport(BOB, at(ALICE), listen=ANY)
    alice, alice_saw = await open_transport(ALICE, at(BOB, bob.address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    frames = [number.to_bytes(4, "big") * 40 for number in range(10_000)]
    for number, frame in enumerate(frames):
        assert alice.send(BOB.public, frame)
        assert bob.send(ALICE.public, frame)
        if number % 200 == 0:
            await asyncio.sleep(0)
    await alice_saw.until(lambda: len(alice_saw.events) > 10_000)
    await bob_saw.until(lambda: len(bob_saw.events) > 10_000)
    assert alice_saw.packets(BOB.public) == frames
    assert bob_saw.packets(ALICE.public) == frames


async def test_three_members_that_all_listen_make_one_connection_a_pair(open_transport: Any) -> None:
    ports = {each.public: f"tcp://127.0.0.1:{free_port()}" for each in (ALICE, BOB, CAROL)}
    # Everybody's list has everybody in it, themselves too: that is how a roster file reads.
    peers = {each.public: PeerAddress(each.curve_public, ports[each.public]) for each in (ALICE, BOB, CAROL)}
    opened = [await open_transport(each, peers, listen=ports[each.public]) for each in (ALICE, BOB, CAROL)]
    for transport, saw in opened:
        await saw.until(lambda transport=transport: len(transport.peers_up) == 2)
    assert [transport.counters["links_up"] for transport, _ in opened] == [2, 2, 2]
    opened[2][0].send(ALICE.public, b"up the line")
    await opened[0][1].until(opened[0][1].packets)
    assert opened[0][1].packets(CAROL.public) == [b"up the line"]


async def test_the_larger_key_dials_where_only_it_can(open_transport: Any) -> None:
    alice, alice_saw = await open_transport(ALICE, at(BOB), listen=ANY)
    bob, _ = await open_transport(BOB, at(ALICE, alice.address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    assert alice_saw.events == [LinkUp(BOB.public)]


async def test_a_transport_may_send_from_inside_its_events(open_transport: Any) -> None:
    bob, bob_saw = await open_transport(BOB, at(ALICE), listen=ANY)

    class Echo(Recorder):
        def __call__(self, event: Any) -> None:
            super().__call__(event)
            if len(self.packets()) < 50:
                alice.send(BOB.public, b"ping")

    def pong(event: Any) -> None:
        bob_saw(event)
        bob.send(ALICE.public, b"pong")

    bob._on_event = pong
    echo = Echo()
    alice = ZeroMQTransport(ALICE, Ed25519(), None, at(BOB, bob.address), LOCAL.transport, echo)
    await alice.start()
    try:
        await echo.until(lambda: len(echo.packets()) >= 50)
    finally:
        await alice.close()


@pytest.mark.parametrize("restarted", ["dialler", "listener", "both"])
async def test_a_link_heals_by_itself_after_a_restart(open_transport: Any, restarted: str) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    bob, bob_saw = await open_transport(BOB, at(ALICE), listen=address)
    alice, alice_saw = await open_transport(ALICE, at(BOB, address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    if restarted in ("dialler", "both"):
        await alice.close()
    if restarted in ("listener", "both"):
        await bob.close()
        bob, bob_saw = await open_transport(BOB, at(ALICE), listen=address)
    if restarted in ("dialler", "both"):
        alice, alice_saw = await open_transport(ALICE, at(BOB, address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    assert alice.send(BOB.public, b"there again")
    assert bob.send(ALICE.public, b"welcome back")
    await bob_saw.until(bob_saw.packets)
    await alice_saw.until(alice_saw.packets)
    assert (bob_saw.packets(), alice_saw.packets()) == ([b"there again"], [b"welcome back"])


@pytest.mark.parametrize("killed", ["dialler", "listener"])
async def test_a_peer_that_vanishes_without_goodbye_is_replaced_by_its_next_life(
    open_transport: Any, killed: str
) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    bob, bob_saw = await open_transport(BOB, at(ALICE), listen=address)
    alice, alice_saw = await open_transport(ALICE, at(BOB, address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    if killed == "dialler":
        alice._free()
        alice, alice_saw = await open_transport(ALICE, at(BOB, address))
        survivor, saw, other, other_saw = bob, bob_saw, alice, alice_saw
        peer, mine = ALICE.public, BOB.public
    else:
        bob._free()
        bob, bob_saw = await open_transport(BOB, at(ALICE), listen=address)
        survivor, saw, other, other_saw = alice, alice_saw, bob, bob_saw
        peer, mine = BOB.public, ALICE.public
    await saw.until(lambda: saw.count(LinkUp, peer) == 2 and other.peers_up)
    assert saw.count(LinkDown, peer) == 1
    # A stale return address must not capture the reply.
    assert survivor.send(peer, b"to the new life")
    assert other.send(mine, b"from the new life")
    await other_saw.until(other_saw.packets)
    await saw.until(saw.packets)


async def test_a_vanished_peer_is_reported_down_and_sends_to_it_are_dropped_and_counted(open_transport: Any) -> None:
    bob, bob_saw = await open_transport(BOB, at(ALICE), listen=ANY)
    alice, alice_saw = await open_transport(ALICE, at(BOB, bob.address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    alice._free()
    await bob_saw.until(lambda: bob_saw.count(LinkDown) == 1)
    assert not any(bob.send(ALICE.public, b"x") for _ in range(100))
    assert bob.counters["dropped_down"] == 100


@pytest.mark.parametrize("vanished", ["dialler", "listener"])
async def test_nothing_is_queued_for_a_peer_whose_connection_is_gone(open_transport: Any, vanished: str) -> None:
    patient = LOCAL.transport.model_copy(update={"silence_s": 60.0})
    bob, _ = await open_transport(BOB, at(ALICE), listen=ANY, config=patient)
    alice, saw = await open_transport(ALICE, at(BOB, bob.address), config=patient)
    await saw.until(lambda: alice.peers_up and bob.peers_up)
    lost, left, peer = (alice, bob, ALICE.public) if vanished == "dialler" else (bob, alice, BOB.public)
    lost._free()
    # The link counts as up until the silence is over, yet the socket has nowhere to put a frame.
    await saw.until(lambda: not left.send(peer, b"x"))
    assert left.peers_up == (peer,)
    assert left.counters["dropped_full"] == 1
    left._free()


async def test_sends_to_a_peer_that_does_not_read_are_bounded_by_its_credit(open_transport: Any) -> None:
    config = LOCAL.transport.model_copy(update={"credit_bytes": 100_000})
    bob, _ = await open_transport(BOB, at(ALICE), listen=ANY, config=config)
    alice, alice_saw = await open_transport(ALICE, at(BOB, bob.address), config=config)
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    # The loop does not run in between, so nobody reads.
    taken = sum(alice.send(BOB.public, b"x" * 936) for _ in range(1_000))
    assert taken == 100
    assert alice.counters["dropped_credit"] == 900
    assert alice.counters["sent"] == 100


async def test_sends_to_a_peer_that_never_was_there_return_at_once(open_transport: Any) -> None:
    alice, _ = await open_transport(ALICE, at(BOB, f"tcp://127.0.0.1:{free_port()}"))
    assert not any(alice.send(BOB.public, b"x" * 1_000) for _ in range(1_000))
    assert alice.counters["dropped_down"] == 1_000


async def test_a_connection_that_is_not_answered_is_replaced(open_transport: Any) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        config = LOCAL.transport.model_copy(update={"heartbeat_s": 0.05})
        alice, alice_saw = await open_transport(ALICE, at(BOB, address), config=config)
        first = alice._dealers.get(BOB.public)
        await alice_saw.until(lambda: alice._dealers.get(BOB.public) is not first)
    bob, _ = await open_transport(BOB, at(ALICE), listen=address)
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)


async def test_closing_lets_everything_sent_before_arrive(open_transport: Any) -> None:
    bob, bob_saw = await open_transport(BOB, at(ALICE), listen=ANY)
    alice, alice_saw = await open_transport(ALICE, at(BOB, bob.address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    for number in range(500):
        assert alice.send(BOB.public, b"%d" % number)
    await alice.close()
    await bob_saw.until(lambda: bob_saw.count(LinkDown) == 1)
    assert len(bob_saw.packets()) == 500


async def test_closing_ends_events_and_sends_and_may_be_repeated(open_transport: Any) -> None:
    bob, bob_saw = await open_transport(BOB, at(ALICE), listen=ANY)
    alice, alice_saw = await open_transport(ALICE, at(BOB, bob.address))
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    seen = len(bob_saw.events)
    await bob.close()
    await bob.close()
    assert not bob.send(ALICE.public, b"too late")
    await alice_saw.until(lambda: alice_saw.count(LinkDown) == 1)
    assert len(bob_saw.events) == seen
    with pytest.raises(LocalProtocolError, match="once"):
        await bob.start()


async def test_a_transport_that_was_never_started_closes_in_peace() -> None:
    transport = ZeroMQTransport(ALICE, Ed25519(), ANY, at(BOB), TransportConfig(), Recorder())
    assert not transport.send(BOB.public, b"too early")
    await transport.close()


async def test_our_own_mistakes_are_named(open_transport: Any) -> None:
    alice, _ = await open_transport(ALICE, at(BOB), listen=ANY)
    with pytest.raises(LocalProtocolError, match="not a peer"):
        alice.send(CAROL.public, b"x")
    with pytest.raises(LocalProtocolError, match="limit"):
        alice.send(BOB.public, b"x" * (LOCAL.transport.frame_bytes_max + 1))
    with pytest.raises(LocalProtocolError, match="once"):
        await alice.start()


async def test_an_address_that_is_taken_or_malformed_is_a_configuration_error(open_transport: Any) -> None:
    alice, _ = await open_transport(ALICE, at(BOB), listen=ANY)
    with pytest.raises(ConfigError, match="cannot listen"):
        await open_transport(BOB, at(ALICE), listen=alice.address)
    with pytest.raises(ConfigError, match="cannot dial"):
        await open_transport(BOB, at(ALICE, "nonsense"))


@pytest.mark.parametrize("made", [zmq.DEALER, zmq.PAIR], ids=["the socket", "its monitor"])
async def test_a_dial_for_which_no_descriptor_is_left_leaves_nothing_open_and_is_made_again(
    open_transport: Any, monkeypatch: pytest.MonkeyPatch, made: int
) -> None:
    bob, _ = await open_transport(BOB, at(ALICE), listen=ANY)
    left, make = False, zmq.Context.socket

    def socket(context: zmq.Context[Any], kind: int, *rest: Any, **options: Any) -> Any:
        if kind == made and not left:
            raise zmq.ZMQError(errno.EMFILE)
        return make(context, kind, *rest, **options)

    monkeypatch.setattr(zmq.Context, "socket", socket)
    alice, alice_saw = await open_transport(ALICE, at(BOB, bob.address))
    await alice_saw.until(lambda: alice.counters["dials_failed"] >= 3)
    assert (len(alice._dealers), len(alice._ports._ports)) == (0, 0)
    left = True
    await alice_saw.until(lambda: alice.peers_up == (BOB.public,))
    assert (len(alice._dealers), len(alice._ports._ports)) == (1, 2)


def test_two_peers_with_one_curve_key_are_a_configuration_error() -> None:
    twins = {BOB.public: PeerAddress(BOB.curve_public), CAROL.public: PeerAddress(BOB.curve_public)}
    with pytest.raises(ConfigError, match="another member"):
        ZeroMQTransport(ALICE, Ed25519(), ANY, twins, TransportConfig(), Recorder())


def test_a_curve_key_of_another_length_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        PeerAddress(b"short")


def test_it_has_the_common_face() -> None:
    transport: Transport = ZeroMQTransport(ALICE, Ed25519(), None, at(BOB), TransportConfig(), Recorder())
    assert transport.counters["sent"] == 0
