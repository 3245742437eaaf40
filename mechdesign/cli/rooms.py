"""A room from a node's configuration file, for programs of one's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mechdesign.cli.changes import change_handlers
from mechdesign.cli.plan import Plan
from mechdesign.cli.standing import Pulse, standing
from mechdesign.kernel.config import PRESETS
from mechdesign.node import NodeStatus
from mechdesign.node.control import Control
from mechdesign.node.driver import clock
from mechdesign.node.links import tcp
from mechdesign.node.room import Room
from mechdesign.stack import StackStatus

__all__ = ["open_room", "room_standing"]

_LOOK_S = 0.5


def room_standing(room: Room, pulse: Pulse) -> dict[str, Any]:
    """What a room sees, as plain data: that of a node without sessions."""
    seen = NodeStatus(room.name, StackStatus(room.status(), ()), dict(room.transport.counters))
    return standing(seen, room.roster, clock(), pulse)


async def _watch(room: Room, pulse: Pulse) -> None:
    """Look now and then, so that who asks once is told how long nothing has moved."""
    while True:
        pulse.still(room.status().round, clock())
        await asyncio.sleep(_LOOK_S)


@asynccontextmanager
async def open_room(config: Path | str) -> AsyncIterator[Room]:
    """Open the room of the group that a node's configuration file names, with its key, addresses and data folder.

    While it is open, ``mechdesign status``, ``admit``, ``leave`` and ``exclude`` work on it as on a node.

    Raises:
        ConfigError: a file cannot be used.
        IdentityError: the key file does not open.
        JournalError: the room's journal is in use, damaged, or of another member or group.
    """
    plan = Plan.read(Path(config))
    plan.file.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    preset = PRESETS[plan.file.preset]
    room = Room(
        plan.start,
        plan.identity,
        transport=tcp(plan.identity, plan.listen, plan.peers, preset.transport),
        journal=plan.file.data / "room.sqlite3",
        config=preset.group,
        address=plan.newcomer,
        here=plan.here,
    )

    pulse = Pulse()
    control = Control(plan.file.data, {"status": lambda _: room_standing(room, pulse)} | change_handlers(room))
    async with room:
        await control.start()
        watching = asyncio.create_task(_watch(room, pulse))
        try:
            yield room
        finally:
            watching.cancel()
            await control.close()
