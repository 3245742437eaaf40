"""Over real links and real journals: a member that nobody can help from memory is helped from the disks."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from unittest.mock import patch

from mechdesign.decision.membership import member_of
from mechdesign.group.journal import Journal
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.identity import Identity
from mechdesign.node import Room
from mechdesign.node.links import tcp
from mechdesign.transport.face import PeerAddress

NAMES = ("alice", "bob", "carol", "dave")
KEYS = {name: Identity.generate() for name in NAMES}
LINES = {name: member_of(keys, name) for name, keys in KEYS.items()}
ROSTER = Roster("far behind", tuple(LINES.values()), FaultModel.BYZANTINE, depth=4)
FORGETFUL = LOCAL.group.model_copy(update={"log_bytes_max": 500})


def _addresses() -> dict[str, str]:
    sockets = [socket.socket() for _ in NAMES]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    where = {name: f"tcp://127.0.0.1:{each.getsockname()[1]}" for name, each in zip(NAMES, sockets, strict=True)}
    for each in sockets:
        each.close()
    return where


def _room(name: str, where: dict[str, str], folder: Path) -> Room:
    peers = {LINES[other].id: PeerAddress(LINES[other].curve, where[other]) for other in NAMES if other != name}
    links = tcp(KEYS[name], where[name], peers, LOCAL.transport)
    return Room(ROSTER, KEYS[name], transport=links, journal=folder / f"{name}.sqlite3", config=FORGETFUL)


async def test_a_member_that_was_never_there_hears_all_that_is_in_nobodys_memory(tmp_path: Path) -> None:
    where = _addresses()
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        reads = stack.enter_context(patch.object(Journal, "read", autospec=True, side_effect=Journal.read))
        there = [await stack.enter_async_context(_room(name, where, tmp_path)) for name in NAMES[:3]]
        number = 0
        while any(room.status().floor < 20 for room in there):
            there[number % 3].say(b"%d" % number)
            number += 1
            await asyncio.sleep(0.005)
        dave = await stack.enter_async_context(_room("dave", where, tmp_path))
        # What is said only now is heard by everybody in the end, behind all that was said before.
        there[0].say(b"on")
        heard = [[await room.hear() for _ in range(number + 1)] for room in (*there, dave)]
        assert heard[3] == heard[0] == heard[1] == heard[2]
        assert {message.data for message in heard[3]} == {b"on", *(b"%d" % each for each in range(number))}
        assert reads.called
        dave.say(b"here")
        assert {(await room.hear()).data for room in (*there, dave)} == {b"here"}
