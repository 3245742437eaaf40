"""What a process does that is one member of a room: it says numbered lines, and writes down what it said and heard."""

import asyncio
import contextlib
import signal
from pathlib import Path

from mechdesign import Room

__all__ = ["chatter"]


async def chatter(room: Room, folder: Path, life: int, rate: float, *misses: type[Exception]) -> None:
    """Talk and listen until told to stop; of the lines that come up and of those that were taken there is a file each.

    Args:
        room: is open.
        folder: for the files; nothing more is said once the file ``hush`` is in it.
        life: how often this member was started.
        rate: lines a second.
        misses: what saying a line may raise; then the same line is said again later.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    work = [
        asyncio.ensure_future(_listen(room, folder / f"{room.name}.{life}.log")),
        asyncio.ensure_future(_talk(room, folder, life, rate, misses)),
    ]
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait([work[0], waiting], return_when=asyncio.FIRST_COMPLETED)
    for task in (*work, waiting):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _talk(room: Room, folder: Path, life: int, rate: float, misses: tuple[type[Exception], ...]) -> None:
    number = 0
    with (folder / f"{room.name}.{life}.said").open("w", buffering=1, encoding="utf-8") as said:
        while not (folder / "hush").exists():
            text = f"{room.name}/{life}/{number}"
            with contextlib.suppress(*misses):
                room.say(text.encode())
                said.write(text + "\n")
                number += 1
            await asyncio.sleep(1 / rate)


async def _listen(room: Room, file: Path) -> None:
    """Each line is written whole or not at all."""
    with file.open("w", buffering=1, encoding="utf-8") as log:
        async for heard in room:
            log.write(f"{heard.epoch} {heard.position} {heard.sender} {(heard.data or b'').decode()}\n")
