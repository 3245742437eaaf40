"""What both transports do alike when peers come and go."""

import asyncio
import itertools
from functools import partial
from typing import Any

import pytest

from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import seeded_identity
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet
from tests.transport.ends import ALICE, BOB, CAROL, counted, heard, linked, orderly, settle, up


async def test_peers_that_were_added_while_running_are_linked(network: Any) -> None:
    alice, alice_saw = await network.open(ALICE)
    bob, bob_saw = await network.open(BOB)
    alice.add(BOB.public, network.at(BOB))
    bob.add(ALICE.public, network.at(ALICE))
    await up(alice, alice_saw, BOB)
    await up(bob, bob_saw, ALICE)
    await heard(alice, BOB, bob_saw, b"hello")
    await heard(bob, ALICE, alice_saw, b"hello to you")
    assert alice_saw.events[0] == LinkUp(BOB.public)


async def test_adding_what_is_known_and_removing_what_is_not_changes_nothing(network: Any) -> None:
    alice, alice_saw, _bob, bob_saw = await linked(network)
    for _ in range(3):
        alice.add(BOB.public, network.at(BOB))
        alice.add(ALICE.public, network.at(ALICE))
        alice.remove(CAROL.public)
    await heard(alice, BOB, bob_saw, b"as before")
    assert bob_saw.events == [Packet(ALICE.public, b"as before")]
    assert alice_saw.events == []
    assert alice.counters["links_up"] == 1
    with pytest.raises(LocalProtocolError, match="not a peer"):
        alice.send(ALICE.public, b"to myself")


async def test_a_removed_peer_goes_down_at_both_ends_and_is_a_peer_no_more(network: Any) -> None:
    alice, alice_saw, bob, bob_saw = await linked(network)
    await heard(bob, ALICE, alice_saw, b"before")
    alice.remove(BOB.public)
    assert alice.peers_up == ()
    with pytest.raises(LocalProtocolError, match="not a peer"):
        alice.send(BOB.public, b"x")
    await bob_saw.until(lambda: bob_saw.count(LinkDown) == 1)
    assert not bob.send(ALICE.public, b"x")
    await alice_saw.until(lambda: alice_saw.count(LinkDown) == 1)
    assert alice_saw.events == [Packet(BOB.public, b"before"), LinkDown(BOB.public)]
    assert bob.peers_up == ()


async def test_counters_keep_what_a_removed_peer_added_to_them(network: Any) -> None:
    alice, alice_saw, bob, bob_saw = await linked(network)
    await heard(alice, BOB, bob_saw, b"12345")
    await heard(bob, ALICE, alice_saw, b"1234567")
    before = alice.counters
    alice.remove(BOB.public)
    await alice_saw.until(lambda: alice_saw.count(LinkDown) == 1)
    after = alice.counters
    assert (after["sent_bytes"], after["received_bytes"], after["links_up"]) == (5, 7, 1)
    assert after["links_down"] == before["links_down"] + 1
    alice.add(BOB.public, network.at(BOB))
    await up(alice, alice_saw, BOB)
    assert (alice.counters["sent_bytes"], alice.counters["links_up"]) == (5, 2)


async def test_removing_is_never_reported_from_inside_the_call_and_only_once(network: Any) -> None:
    alice, alice_saw, _bob, _ = await linked(network)
    alice.remove(BOB.public)
    alice.remove(BOB.public)
    assert alice_saw.events == []
    await alice_saw.until(lambda: alice_saw.events)
    await settle(network, CAROL, seeded_identity("dave"))
    assert alice_saw.events == [LinkDown(BOB.public)]


async def test_a_peer_that_was_removed_and_added_again_is_linked_again(network: Any) -> None:
    alice, alice_saw, bob, bob_saw = await linked(network)
    for number in range(3):
        alice.remove(BOB.public)
        alice.add(BOB.public, network.at(BOB))
        await alice_saw.until(partial(counted, alice_saw, number + 1))
        await up(bob, bob_saw, ALICE)
    await heard(alice, BOB, bob_saw, b"again")
    await heard(bob, ALICE, alice_saw, b"and again")
    assert [type(event) for event in alice_saw.events[:6]] == [LinkDown, LinkUp] * 3


async def test_removing_and_adding_under_load_loses_order_nowhere(network: Any) -> None:
    alice, alice_saw, bob, bob_saw = await linked(network)
    alice_saw.events.append(LinkUp(BOB.public))  # which `linked` forgot
    bob_saw.events.append(LinkUp(ALICE.public))
    numbers, known = itertools.count(), {ALICE.public: True, BOB.public: True}
    ends = {ALICE.public: (alice, BOB), BOB.public: (bob, ALICE)}
    for turn in range(60):
        for member, (transport, peer) in ends.items():
            for _ in range(20):
                if known[member]:
                    transport.send(peer.public, next(numbers).to_bytes(8, "big"))
        if turn % 6 == 5:
            member = (ALICE, BOB)[turn // 6 % 2].public
            transport, peer = ends[member]
            transport.remove(peer.public)
            known[member] = False
        elif turn % 6 == 1:
            for member, (transport, peer) in ends.items():
                transport.add(peer.public, network.at(peer))
                known[member] = True
        if turn % 3 == 0:
            await asyncio.sleep(0.01)
    for transport, peer in ends.values():
        transport.add(peer.public, network.at(peer))
    await up(alice, alice_saw, BOB)
    await up(bob, bob_saw, ALICE)
    # The other end may still have to find out that this was a new link.
    await alice_saw.until(lambda: alice.send(BOB.public, b"end") and b"end" in bob_saw.packets())
    await bob_saw.until(lambda: bob.send(ALICE.public, b"end") and b"end" in alice_saw.packets())
    for saw, peer in ((alice_saw, BOB), (bob_saw, ALICE)):
        frames = [data for data in saw.packets() if data != b"end"]
        assert frames == sorted(set(frames))
        assert orderly(saw.events, peer.public)


@pytest.mark.parametrize("kind", [LinkUp, Packet])
async def test_a_peer_that_is_removed_from_inside_its_own_event_is_gone_at_once(network: Any, kind: Any) -> None:
    alice, alice_saw = await network.open(ALICE, BOB)
    removed: list[int] = []

    def take(event: LinkEvent) -> None:
        alice_saw(event)
        if isinstance(event, kind) and not removed:
            alice.remove(BOB.public)
            removed.append(len(alice_saw.events))

    alice._on_event = take
    bob, bob_saw = await network.open(BOB, ALICE)
    if kind is Packet:
        await up(bob, bob_saw, ALICE)
        await bob_saw.until(lambda: bob.peers_up and all(bob.send(ALICE.public, b"%d" % n) for n in range(10)))
    await alice_saw.until(lambda: alice_saw.count(LinkDown))
    await bob_saw.until(lambda: bob_saw.count(LinkUp) == bob_saw.count(LinkDown))
    assert alice_saw.events[removed[0] :] == [LinkDown(BOB.public)]


async def test_a_handshake_is_given_up_when_its_peer_is_removed(network: Any) -> None:
    alice, alice_saw = await network.open(ALICE, BOB)
    bob, bob_saw = await network.open(BOB, ALICE)
    # Looked at from every turn of the loop that the handshake may have come to.
    for _ in range(12):
        await asyncio.sleep(0)
        alice.remove(BOB.public)
        await asyncio.sleep(0)
        alice.add(BOB.public, network.at(BOB))
    await up(alice, alice_saw, BOB)
    await alice_saw.until(lambda: alice.send(BOB.public, b"whole") and bob_saw.packets())
    assert set(bob_saw.packets()) == {b"whole"}
    assert orderly(alice_saw.events, BOB.public)
    assert orderly(bob_saw.events, ALICE.public)
    alice.remove(BOB.public)
    await bob_saw.until(lambda: not bob.peers_up)


async def test_a_peer_may_be_added_and_removed_before_the_start_and_after_the_end(network: Any) -> None:
    alice, alice_saw, _bob, bob_saw = await linked(network)
    await alice.close()
    alice.remove(BOB.public)
    alice.add(BOB.public, network.at(BOB))
    alice.add(CAROL.public, network.at(CAROL))
    assert not alice.send(CAROL.public, b"x")
    await bob_saw.until(lambda: bob_saw.count(LinkDown) == 1)
    assert alice_saw.events == []


async def test_a_key_of_another_peer_or_of_ours_is_refused_and_nothing_is_changed(network: Any) -> None:
    alice, alice_saw, _bob, bob_saw = await linked(network)
    for curve in (BOB.curve_public, ALICE.curve_public):
        with pytest.raises(ConfigError, match="another member"):
            alice.add(CAROL.public, PeerAddress(curve))
    with pytest.raises(ConfigError, match="another member"):
        alice.add(BOB.public, PeerAddress(ALICE.curve_public))
    with pytest.raises(LocalProtocolError, match="not a peer"):
        alice.send(CAROL.public, b"x")
    await heard(alice, BOB, bob_saw, b"as before")
    assert alice_saw.events == []


async def test_another_key_of_a_peer_ends_its_link(network: Any) -> None:
    alice, alice_saw, bob, bob_saw = await linked(network)
    alice.add(BOB.public, PeerAddress(CAROL.curve_public, network.at(BOB).address))
    await alice_saw.until(lambda: alice_saw.count(LinkDown) == 1)
    await bob_saw.until(lambda: bob_saw.count(LinkDown) == 1)
    alice.add(BOB.public, network.at(BOB))
    await up(alice, alice_saw, BOB)
    await alice_saw.until(lambda: alice.send(BOB.public, b"under the right key") and bob_saw.packets())
    assert bob.peers_up == (ALICE.public,)


@pytest.mark.parametrize(("host", "guest"), [(ALICE, BOB), (BOB, ALICE)], ids=["smaller key", "larger key"])
async def test_the_address_of_a_peer_that_dials_us_is_learnt_without_harm_to_the_link(
    network: Any, host: Identity, guest: Identity
) -> None:
    here, here_saw = await network.open(host)
    here.add(guest.public, PeerAddress(guest.curve_public))
    there, there_saw = await network.open(guest, host, introduction=b"who dials with one does not wait long")
    await up(here, here_saw, guest)
    await up(there, there_saw, host)
    here.add(guest.public, network.at(guest))
    await settle(network, CAROL, seeded_identity("dave"))
    await heard(here, guest, there_saw, b"as before")
    await heard(there, host, here_saw, b"of course")
    assert (here_saw.count(LinkDown), there_saw.count(LinkDown)) == (0, 0)


async def test_a_line_of_three_carries_frames_between_neighbours_only(network: Any) -> None:
    (alice, _), (bob, bob_saw) = await network.open(ALICE, BOB), await network.open(BOB, ALICE, CAROL)
    carol, carol_saw = await network.open(CAROL, BOB)
    await bob_saw.until(lambda: len(bob.peers_up) == 2)
    await up(carol, carol_saw, BOB)
    await heard(carol, BOB, bob_saw, b"up the line")
    assert (alice.peers_up, carol.peers_up) == ((BOB.public,), (BOB.public,))
    with pytest.raises(LocalProtocolError, match="not a peer"):
        alice.send(CAROL.public, b"past the neighbour")
