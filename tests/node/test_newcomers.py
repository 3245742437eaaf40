"""Players that came in one after another find each other through those who let them in."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

from mechdesign.decision.membership import member_of
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.identity import Identity
from mechdesign.node import Room
from mechdesign.node.links import tcp
from mechdesign.transport.face import PeerAddress

NAMES = ("alice", "bob", "carol")
KEYS = {name: Identity.generate() for name in NAMES}
LINES = {name: member_of(keys, name) for name, keys in KEYS.items()}
FIRST = Roster("newcomers", (LINES["alice"],), FaultModel.UNANIMOUS)


def _ports() -> dict[str, str]:
    sockets = [socket.socket() for _ in NAMES]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    where = {name: f"tcp://127.0.0.1:{each.getsockname()[1]}" for name, each in zip(NAMES, sockets, strict=True)}
    for each in sockets:
        each.close()
    return where


def _room(name: str, start: Roster | Invitation, where: dict[str, str], folder: Path) -> Room:
    """A room of one that was told where alice listens and nobody else."""
    roster = start if isinstance(start, Roster) else start.roster
    told = {
        each.id: PeerAddress(each.curve, where["alice"] if each.name == "alice" else None) for each in roster.members
    }
    links = tcp(KEYS[name], where[name], told, LOCAL.transport)
    journal = folder / f"{name}.sqlite3"
    return Room(start, KEYS[name], transport=links, journal=journal, config=LOCAL.group, here=where[name])


async def _linked(bob: Room, carol: Room) -> None:
    while LINES["carol"].id not in bob.status().linked or LINES["bob"].id not in carol.status().linked:
        await asyncio.sleep(0.01)


async def test_two_that_only_know_where_the_first_listens_link_to_each_other_also_once_it_is_away(
    tmp_path: Path,
) -> None:
    where = _ports()
    invitations: dict[str, Invitation] = {}
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        rooms = {"alice": await stack.enter_async_context(_room("alice", FIRST, where, tmp_path))}
        for name in ("bob", "carol"):
            roster = rooms["alice"].roster
            consents = dict(room.consent(LINES[name]) for room in rooms.values())
            invitation = invitations[name] = Invitation.of(roster, LINES[name], consents)
            rooms[name] = await stack.enter_async_context(_room(name, invitation, where, tmp_path))
            rooms["alice"].change(invitation.join)
            while any(room.roster.epoch == roster.epoch for room in rooms.values()):
                await asyncio.sleep(0.01)
        await _linked(rooms["bob"], rooms["carol"])
        assert all(len(room.status().linked) == 2 for room in rooms.values())
    # All were stopped, and the only one whose address they were given does not come back.
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        again = [_room(name, invitations[name], where, tmp_path) for name in ("bob", "carol")]
        await _linked(*[await stack.enter_async_context(room) for room in again])
