"""The transport inside one process: the same face, one order, bounded queues."""

import asyncio

import pytest

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import Recorder, seeded_identity
from mechdesign.transport.face import PeerAddress, Transport
from mechdesign.transport.memory import MemoryNetwork, MemoryTransport
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet

ALICE, BOB, CAROL = (seeded_identity(name) for name in ("alice", "bob", "carol"))


async def started(
    network: MemoryNetwork, identity: Identity, *, config: TransportConfig | None = None
) -> tuple[MemoryTransport, Recorder]:
    recorder = Recorder()
    transport = MemoryTransport(network, identity.public, recorder, config=config)
    await transport.start()
    return transport, recorder


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_link_is_up_at_both_ends_once_both_have_started() -> None:
    network = MemoryNetwork()
    alice, alice_saw = await started(network, ALICE)
    await turns()
    assert alice_saw.events == []
    bob, bob_saw = await started(network, BOB)
    await turns()
    assert (alice_saw.events, bob_saw.events) == ([LinkUp(BOB.public)], [LinkUp(ALICE.public)])
    assert (alice.peers_up, bob.peers_up) == ((BOB.public,), (ALICE.public,))


async def test_frames_arrive_in_order_and_never_from_inside_send() -> None:
    network = MemoryNetwork()
    alice, _ = await started(network, ALICE)
    _, bob_saw = await started(network, BOB)
    await turns()
    frames = [b"%d" % number for number in range(1_000)]
    assert all(alice.send(BOB.public, frame) for frame in frames)
    assert bob_saw.packets() == []
    await turns()
    assert bob_saw.packets(ALICE.public) == frames


async def test_closing_takes_the_link_down_at_the_other_end_and_ends_events_here() -> None:
    network = MemoryNetwork()
    alice, alice_saw = await started(network, ALICE)
    bob, bob_saw = await started(network, BOB)
    await turns()
    bob.send(ALICE.public, b"unread")
    alice.send(BOB.public, b"last words")
    await alice.close()
    await alice.close()
    await turns()
    assert bob_saw.events[1:] == [Packet(ALICE.public, b"last words"), LinkDown(ALICE.public)]
    assert len(alice_saw.events) == 1
    assert not bob.send(ALICE.public, b"too late")
    assert not alice.send(BOB.public, b"too late")
    assert bob.counters["dropped_down"] == alice.counters["dropped_down"] == 1
    with pytest.raises(LocalProtocolError, match="once"):
        await alice.start()


async def test_a_member_that_comes_back_is_linked_again_with_full_credit() -> None:
    network, config = MemoryNetwork(), TransportConfig(credit_bytes=1_000)
    alice, _ = await started(network, ALICE, config=config)
    bob, bob_saw = await started(network, BOB, config=config)
    await turns()
    assert bob.send(ALICE.public, b"x" * 900)
    await alice.close()
    alice, alice_saw = await started(network, ALICE, config=config)
    await turns()
    assert bob_saw.events == [LinkUp(ALICE.public), LinkDown(ALICE.public), LinkUp(ALICE.public)]
    assert bob.send(ALICE.public, b"y" * 900)
    await turns()
    assert alice_saw.packets() == [b"y" * 900]


async def test_what_is_queued_for_a_peer_is_bounded_by_its_credit() -> None:
    network, config = MemoryNetwork(), TransportConfig(credit_bytes=10_000)
    alice, _ = await started(network, ALICE, config=config)
    _, bob_saw = await started(network, BOB)
    await turns()
    assert sum(alice.send(BOB.public, b"x" * 936) for _ in range(50)) == 10
    assert alice.counters["dropped_credit"] == 40
    await turns()
    assert len(bob_saw.packets()) == 10
    assert alice.send(BOB.public, b"x" * 936)


async def test_a_member_hears_only_whom_it_knows_and_who_knows_it() -> None:
    network = MemoryNetwork()
    saw = {each.public: Recorder() for each in (ALICE, BOB, CAROL)}
    known = {ALICE.public: [BOB.public], BOB.public: [ALICE.public, CAROL.public], CAROL.public: [ALICE.public]}
    for member, peers in known.items():
        await MemoryTransport(network, member, saw[member], peers=peers).start()
    await turns()
    assert [saw[each.public].events for each in (ALICE, BOB, CAROL)] == [
        [LinkUp(BOB.public)],
        [LinkUp(ALICE.public)],
        [],
    ]


async def test_our_own_mistakes_are_named() -> None:
    network = MemoryNetwork()
    alice, _ = await started(network, ALICE)
    with pytest.raises(LocalProtocolError, match="already"):
        await started(network, ALICE)
    with pytest.raises(LocalProtocolError, match="not a peer"):
        alice.send(ALICE.public, b"to myself")
    with pytest.raises(LocalProtocolError, match="limit"):
        alice.send(BOB.public, b"x" * (TransportConfig().frame_bytes_max + 1))


async def test_two_runs_of_a_conversation_are_the_same_event_by_event() -> None:
    async def conversation() -> list[tuple[bytes, LinkEvent]]:
        network = MemoryNetwork()
        history: list[tuple[bytes, LinkEvent]] = []
        transports: dict[bytes, MemoryTransport] = {}

        def handler(identity: Identity) -> MemoryTransport:
            def take(event: LinkEvent) -> None:
                history.append((identity.public, event))
                if len(history) < 400:
                    for peer in (ALICE, BOB, CAROL):
                        if peer is not identity:
                            transports[identity.public].send(peer.public, b"%d" % len(history))

            return MemoryTransport(network, identity.public, take)

        for identity in (ALICE, BOB, CAROL):
            transports[identity.public] = handler(identity)
            await transports[identity.public].start()
        await turns(50)
        return history

    first = await conversation()
    assert len(first) > 400
    assert await conversation() == first


async def test_an_event_handler_that_fails_does_not_stop_the_others() -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    network = MemoryNetwork()

    def broken(event: LinkEvent) -> None:
        raise RuntimeError("a bug above the transport")

    await MemoryTransport(network, ALICE.public, broken).start()
    _, bob_saw = await started(network, BOB)
    await turns()
    assert bob_saw.events == [LinkUp(ALICE.public)]
    assert len(failures) == 1


def test_it_has_the_common_face() -> None:
    transport: Transport = MemoryTransport(MemoryNetwork(), ALICE.public, Recorder())
    assert transport.counters["sent"] == 0


async def test_nothing_is_kept_of_peers_that_came_and_went() -> None:
    network = MemoryNetwork()
    alice = MemoryTransport(network, ALICE.public, Recorder(), peers=())
    bob = MemoryTransport(network, BOB.public, Recorder(), peers=[ALICE.public])
    await alice.start()
    await bob.start()
    for _ in range(20):
        alice.add(BOB.public, PeerAddress(BOB.public))
        await turns(1)
        bob.send(ALICE.public, b"queued, or dropped where the link is down already")
        alice.remove(BOB.public)
    await turns()
    assert (alice._deaf, alice._up, alice._peers, network._lines) == ({}, {}, {}, {})
    assert bob._up == {}


async def test_who_was_removed_from_everybody_stays_out_until_it_is_added() -> None:
    network = MemoryNetwork()
    alice, _ = await started(network, ALICE)
    bob, _ = await started(network, BOB)
    await turns()
    alice.remove(BOB.public)
    await turns()
    assert (alice.peers_up, bob.peers_up) == ((), ())
    await bob.close()
    bob, bob_saw = await started(network, BOB)
    await turns()
    assert bob_saw.events == []
    alice.add(BOB.public, PeerAddress(BOB.public))
    await turns()
    assert (alice.peers_up, bob.peers_up) == ((BOB.public,), (ALICE.public,))


async def test_a_member_that_is_known_by_another_key_is_not_linked() -> None:
    network, saw = MemoryNetwork(), Recorder()
    peers = {BOB.public: PeerAddress(CAROL.curve_public)}
    alice = MemoryTransport(network, ALICE.public, saw, peers=peers)
    await alice.start()
    await MemoryTransport(network, BOB.public, Recorder(), curve=BOB.curve_public).start()
    await turns()
    assert saw.events == []
    alice.add(BOB.public, PeerAddress(BOB.curve_public))
    await turns()
    assert saw.events == [LinkUp(BOB.public)]
