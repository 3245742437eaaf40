"""A message that never ends: libzmq keeps its parts, so whoever sends one is cut off."""

import asyncio
import queue
import socket
import sys
from functools import partial
from typing import Any

import pytest

from mechdesign.kernel.config import LOCAL
from mechdesign.testing.links import Recorder, seeded_identity
from mechdesign.transport.descriptors import came_in
from mechdesign.transport.face import PeerAddress, Strangers
from mechdesign.transport.frames import OPEN
from tests.transport.curve_client import CurveClient, CurveServer

ALICE, BOB, MALLORY = (seeded_identity(name) for name in ("alice", "bob", "mallory"))
PART = bytes(60_000)
SMALL = LOCAL.transport.model_copy(update={"frame_bytes_max": 100_000, "credit_bytes": 1_000_000})
FAR_TOO_MUCH = 2_000_000_000  # a sender that nobody cuts off gets rid of all of it
MOST = 2 * SMALL.credit_bytes + SMALL.frame_bytes_max

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much came over a connection")


def entry(*identities: Any, address: str | None = None) -> dict[Any, PeerAddress]:
    return {each.public: PeerAddress(each.curve_public, address) for each in identities}


async def bob_and_alice(open_transport: Any, **options: Any) -> tuple[Any, Recorder, Any, Recorder]:
    """Bob listens and knows Alice and Mallory; Alice is linked to him."""
    bob, bob_saw = await open_transport(BOB, entry(ALICE, MALLORY), listen="tcp://127.0.0.1:*", config=SMALL, **options)
    alice, alice_saw = await open_transport(ALICE, entry(BOB, address=bob.address), config=SMALL)
    await alice_saw.until(lambda: alice.peers_up and bob.peers_up)
    return bob, bob_saw, alice, alice_saw


def endless(client: CurveClient | CurveServer, first: bytes) -> int:
    """Send a message without an end, after a whole one if ``first`` is one; gives how much of it went."""
    sent = 0
    if first:
        client.part(first, more=False)
    try:
        while sent < FAR_TOO_MUCH:
            client.part(PART, more=True)
            sent += len(PART)
    except OSError:
        pass
    return sent


async def attack(bob: Any, bob_saw: Recorder, identity: Any, first: bytes) -> int:
    """Send a message without an end until Bob has cut a connection off; gives how much of it went."""
    with await asyncio.to_thread(CurveClient, bob.address, BOB.curve_public, identity) as client:
        sending = asyncio.ensure_future(asyncio.to_thread(endless, client, first))
        await bob_saw.until(lambda: bob.counters["connections_cut"] == 1)
        client.hang_up()  # a system may leave the sender waiting for a connection that has ended
        return await sending


@pytest.mark.parametrize("first", [b"", bytes((OPEN,)) + b"n" * 32], ids=["from the start", "after a whole message"])
async def test_a_peer_whose_message_never_ends_is_cut_off(open_transport: Any, first: bytes) -> None:
    bob, bob_saw, alice, _ = await bob_and_alice(open_transport)
    assert await attack(bob, bob_saw, MALLORY, first) < FAR_TOO_MUCH
    assert alice.send(BOB.public, b"still there?")
    await bob_saw.until(lambda: bob_saw.packets(ALICE.public) == [b"still there?"])
    assert bob.peers_up == (ALICE.public,)


async def test_a_stranger_whose_message_never_ends_is_cut_off(open_transport: Any) -> None:
    bob, bob_saw, _, _ = await bob_and_alice(open_transport, strangers=Strangers(lambda curve, record: None))
    assert await attack(bob, bob_saw, seeded_identity("stranger"), b"") < FAR_TOO_MUCH
    assert bob.peers_up == (ALICE.public,)


async def test_a_peer_that_sends_many_whole_messages_is_not_cut_off_however_much_they_are(open_transport: Any) -> None:
    bob, bob_saw, alice, _ = await bob_and_alice(open_transport)

    def heard(count: int) -> bool:
        return len(bob_saw.packets(ALICE.public)) == count

    for count in range(1, 200):
        while not alice.send(BOB.public, PART):  # no credit
            await asyncio.sleep(0.001)
        if count % 50 == 0:
            await bob_saw.until(partial(heard, count))
    assert 199 * len(PART) > 4 * MOST
    await bob_saw.until(lambda: len(bob_saw.packets(ALICE.public)) == 199)
    assert bob.counters["connections_cut"] == 0
    assert bob.peers_up == (ALICE.public,)


async def test_a_long_message_of_many_parts_that_ends_in_time_is_read_past(open_transport: Any) -> None:
    bob, bob_saw, _, _ = await bob_and_alice(open_transport)
    read: queue.Queue[None] = queue.Queue()

    def send() -> None:
        with CurveClient(bob.address, BOB.curve_public, MALLORY) as client:
            for parts in (0, MOST // len(PART) // 2, MOST // len(PART) // 2):
                for _ in range(parts):
                    client.part(PART, more=True)
                client.part(b"\x09", more=False)
                read.get(timeout=60)

    def refused(count: int) -> bool:
        return bool(bob._peers.link(MALLORY.public).counters.malformed == count)

    sending = asyncio.ensure_future(asyncio.to_thread(send))
    for count in range(1, 4):
        await bob_saw.until(partial(refused, count))
        read.put(None)
    await sending
    assert bob.counters["connections_cut"] == 0


class Mallory:
    """Listens where she is dialled, and answers with a message that has no end, as often as she is dialled."""

    def __init__(self, first: bytes) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._first = first
        self._closed = False
        self.address = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self.sent: list[int] = []

    def serve(self) -> None:
        """Until :meth:`close`."""
        while not self._closed:
            try:
                connection, _ = self._listening.accept()
                with CurveServer(connection, MALLORY) as server:
                    self.sent.append(endless(server, self._first))
            except (OSError, AssertionError):
                continue

    def close(self) -> None:
        """Serve no more."""
        self._closed = True
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.mark.parametrize("first", [b"", b"\x09"], ids=["from the start", "after a whole message"])
async def test_a_peer_that_we_dial_and_whose_message_never_ends_is_given_up_and_dialled_anew(
    open_transport: Any, first: bytes
) -> None:
    mallory = Mallory(first)
    serving = asyncio.ensure_future(asyncio.to_thread(mallory.serve))
    try:
        bob, bob_saw = await open_transport(BOB, entry(ALICE), listen="tcp://127.0.0.1:*", config=SMALL)
        peers = {**entry(BOB, address=bob.address), **entry(MALLORY, address=mallory.address)}
        alice, alice_saw = await open_transport(ALICE, peers, config=SMALL)
        await alice_saw.until(lambda: alice.counters["connections_cut"] >= 3)
        assert len(mallory.sent) >= 2
        assert max(mallory.sent) < FAR_TOO_MUCH
        # Who shares the loop with her is heard all the while.
        await alice_saw.until(lambda: alice.peers_up == (BOB.public,))
        assert alice.send(BOB.public, b"still there?")
        await bob_saw.until(lambda: bob_saw.packets(ALICE.public) == [b"still there?"])
    finally:
        mallory.close()
        await alice.close()
        await serving


async def test_a_peer_that_we_dial_may_send_as_many_whole_messages_as_it_likes(open_transport: Any) -> None:
    bob, _, alice, alice_saw = await bob_and_alice(open_transport)

    def heard(count: int) -> bool:
        return len(alice_saw.packets(BOB.public)) == count

    for count in range(1, 200):
        while not bob.send(ALICE.public, PART):  # no credit
            await asyncio.sleep(0.001)
        if count % 50 == 0:
            await alice_saw.until(partial(heard, count))
    await alice_saw.until(partial(heard, 199))
    assert alice.counters["connections_cut"] == 0
    assert alice.peers_up == (BOB.public,)


def test_what_came_over_something_that_is_no_connection_is_not_known() -> None:
    with open("/dev/null", "rb") as nothing:
        assert came_in(nothing.fileno()) is None
    assert came_in(1 << 20) is None
