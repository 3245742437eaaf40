"""Ordered broadcast without mechanisms: everybody hears the same, in the same order."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mechdesign.decision.membership import member_of
from mechdesign.group.messages import Leave
from mechdesign.group.multicast.envelope import Envelope, seal_envelope
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.errors import LocalProtocolError, MissedError
from mechdesign.kernel.identity import Identity
from mechdesign.node import Room, memory
from mechdesign.node.room import Heard
from mechdesign.transport.memory import MemoryNetwork

NAMES = ("alice", "bob", "carol", "dave")
IDENTITIES = {name: Identity.generate() for name in NAMES}
ROSTER = Roster("room", tuple(member_of(keys, name) for name, keys in IDENTITIES.items()), FaultModel.BYZANTINE)


def _room(network: MemoryNetwork, name: str, folder: Path | None = None, **options: Any) -> Room:
    identity = IDENTITIES[name]
    journal = None if folder is None else folder / f"{name}.sqlite3"
    links = memory(network, identity.public, LOCAL.transport)
    return Room(ROSTER, identity, transport=links, journal=journal, config=LOCAL.group, **options)


async def _hear(room: Room, count: int) -> list[Heard]:
    async with asyncio.timeout(60):
        return [await room.hear() for _ in range(count)]


async def test_all_hear_the_same_messages_in_the_same_order() -> None:
    network = MemoryNetwork()
    async with AsyncExitStack() as stack:
        rooms = [await stack.enter_async_context(_room(network, name)) for name in NAMES]
        for number in range(5):
            for room in rooms:
                room.say(f"{room.name} {number}".encode())
        heard = await asyncio.gather(*(_hear(room, 20) for room in rooms))
    assert all(messages == heard[0] for messages in heard)
    assert [message.position for message in heard[0]] == list(range(20))
    for name in NAMES:
        own = [message.data for message in heard[0] if message.sender == name]
        assert own == [f"{name} {number}".encode() for number in range(5)]


async def test_who_comes_back_hears_all_again_and_what_was_said_meanwhile(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with AsyncExitStack() as stack:
        rooms = [await stack.enter_async_context(_room(network, name, tmp_path)) for name in NAMES[:3]]
        async with _room(network, "dave", tmp_path) as dave:
            dave.say(b"one")
            assert [message.data for message in await _hear(dave, 1)] == [b"one"]
        rooms[0].say(b"two")
        await _hear(rooms[1], 2)
        async with _room(network, "dave", tmp_path) as dave:
            assert [message.data for message in await _hear(dave, 2)] == [b"one", b"two"]
            assert dave.status().delivered == 2


async def test_a_closed_room_says_so() -> None:
    network = MemoryNetwork()
    room = _room(network, "alice")
    with pytest.raises(LocalProtocolError, match="start"):
        await room.hear()
    async with room:
        with pytest.raises(LocalProtocolError, match="at most"):
            room.say(bytes(ROSTER.submission_bytes_max + 1))
        waiting = asyncio.create_task(room.hear())
        await asyncio.sleep(0)
    with pytest.raises(LocalProtocolError, match="not running"):
        await waiting
    with pytest.raises(LocalProtocolError, match="not running"):
        room.say(b"")


async def test_a_whisper_has_its_place_for_all_and_words_for_some() -> None:
    network = MemoryNetwork()
    async with AsyncExitStack() as stack:
        rooms = {name: await stack.enter_async_context(_room(network, name)) for name in NAMES}
        rooms["alice"].whisper(b"meet at nine", "carol", "bob")
        heard = {name: (await _hear(room, 1))[0] for name, room in rooms.items()}
        key = rooms["dave"].send(b"by the way", "alice")
        letter = (await _hear(rooms["alice"], 1))[0]
        async with asyncio.timeout(60):
            while not rooms["dave"].receipts:
                await asyncio.sleep(0.01)
    assert {name: each.data for name, each in heard.items()} == {
        "alice": None,
        "bob": b"meet at nine",
        "carol": b"meet at nine",
        "dave": None,
    }
    assert {(each.sender, each.to, each.position) for each in heard.values()} == {("alice", ("bob", "carol"), 0)}
    assert letter == Heard("dave", b"by the way", ("alice",), ordered=False)
    assert list(rooms["dave"].receipts) == [(key, "alice")]
    with pytest.raises(LocalProtocolError, match="mallory is no member"):
        rooms["alice"].send(b"", "mallory")


async def test_a_whisper_that_only_some_of_its_recipients_could_read_is_heard_by_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sealed(*arguments: Any) -> Envelope:
        whole = seal_envelope(*arguments)
        return replace(whole, wraps=(bytes(32), *whole.wraps[1:]))

    network = MemoryNetwork()
    async with AsyncExitStack() as stack:
        rooms = {name: await stack.enter_async_context(_room(network, name)) for name in NAMES}
        with monkeypatch.context() as patch:
            patch.setattr("mechdesign.group.multicast.private.seal_envelope", sealed)
            rooms["alice"].whisper(b"for one of two", "carol", "bob")
        heard = {name: (await _hear(rooms[name], 1))[0] for name in ("bob", "carol")}
    assert [(each.data, each.to) for each in heard.values()] == [(None, ("bob", "carol"))] * 2


async def test_a_letter_to_one_that_is_away_outlives_the_epoch_in_which_it_was_sent(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with AsyncExitStack() as stack:
        rooms = {name: await stack.enter_async_context(_room(network, name, tmp_path)) for name in NAMES}
        await rooms["carol"].__aexit__(None, None, None)
        key = rooms["alice"].send(b"for carol, whenever", "carol", "bob")
        assert (await _hear(rooms["bob"], 1))[0].data == b"for carol, whenever"
        async with asyncio.timeout(60):
            while rooms["alice"].status().unacknowledged != ((IDENTITIES["carol"].public, 1),):
                await asyncio.sleep(0.01)
        rooms["dave"].change(Leave())
        async with asyncio.timeout(60):
            while rooms["alice"].roster.epoch < 1 or rooms["bob"].roster.epoch < 1:
                await asyncio.sleep(0.01)
        carol = await stack.enter_async_context(_room(network, "carol", tmp_path))
        letter = (await _hear(carol, 1))[0]
        assert letter == Heard("alice", b"for carol, whenever", ("carol",), ordered=False, epoch=1)
        async with asyncio.timeout(60):
            while (key, "carol") not in rooms["alice"].receipts:
                await asyncio.sleep(0.01)
        assert rooms["alice"].status().unacknowledged == ()
        assert [member.name for member in carol.roster.members] == ["alice", "bob", "carol"]
        carol.say(b"thank you")
        assert (await _hear(rooms["alice"], 1))[0].data == b"thank you"


async def test_what_an_epoch_ordered_last_is_heard_as_its_own() -> None:
    # Alone one decides, ends the epoch and begins the next in a single turn of the loop.
    alone = Roster("room", ROSTER.members[:1], FaultModel.default(1))
    identity = IDENTITIES["alice"]
    links = memory(MemoryNetwork(), identity.public, LOCAL.transport)
    async with Room(alone, identity, transport=links, config=LOCAL.group) as alice:
        bob = ROSTER.members[1]
        alice.change(Invitation.of(alice.roster, bob, dict([alice.consent(bob)])).join)
        for number in range(3):
            alice.say(b"%d" % number)
        async with asyncio.timeout(60):
            while alice.roster.epoch < 1:
                await asyncio.sleep(0.01)
        heard = await _hear(alice, 3)
    assert [(message.sender, message.data) for message in heard] == [("alice", b"%d" % number) for number in range(3)]
    assert [message.epoch for message in heard] == [0, 0, 0]
    positions = [message.position for message in heard]
    assert positions == sorted(set(positions))


async def test_a_reader_that_does_not_read_costs_no_memory_and_no_time_of_others_and_is_told_what_it_missed(
    tmp_path: Path,
) -> None:
    network, total, line = MemoryNetwork(), 200, bytes(1000)
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(_room(network, "alice", tmp_path, unread_bytes_max=10_000))
        others = [await stack.enter_async_context(_room(network, name)) for name in NAMES[1:]]
        for number in range(total):
            others[0].say(b"%d " % number + line)
        heard = await asyncio.gather(*(_hear(room, total) for room in others))
        assert heard[0] == heard[1] == heard[2]
        async with asyncio.timeout(60):
            while slow.status().delivered < total:
                await asyncio.sleep(0.01)
        with pytest.raises(MissedError) as missed:
            await slow.hear()
        rest = await _hear(slow, total - missed.value.count)
        assert rest == heard[0][missed.value.count :]
        assert 0 < len(rest) < 10
        others[1].say(b"and on")
        assert (await _hear(slow, 1))[0].data == b"and on"
    async with _room(network, "alice", tmp_path, unread_bytes_max=10_000) as again:
        assert await _hear(again, total) == heard[0]
