"""One member of a room whose members change, as a process: says numbered lines, writes down what it said and heard.

Run as ``python speaker.py CONFIG FOLDER LIFE RATE``. It says nothing while it is in no group, and nothing more once the
file ``hush`` is in the folder; it stays until it is killed or told to stop.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from mechdesign import Room, open_room
from mechdesign.kernel.errors import LocalProtocolError


async def talk(room: Room, folder: Path, life: int, rate: float) -> None:
    """Say numbered lines until there is a file ``hush``, and write down which were taken."""
    number = 0
    with (folder / f"{room.name}.{life}.said").open("w", buffering=1, encoding="utf-8") as said:
        while not (folder / "hush").exists():
            text = f"{room.name}/{life}/{number}"
            with contextlib.suppress(LocalProtocolError):  # not in the group: not yet, or not any more
                room.say(text.encode())
                said.write(text + "\n")
                number += 1
            await asyncio.sleep(1 / rate)


async def listen(room: Room, folder: Path, life: int) -> None:
    """Write down what is heard, each line whole or not at all."""
    with (folder / f"{room.name}.{life}.log").open("w", buffering=1, encoding="utf-8") as log:
        async for heard in room:
            log.write(f"{heard.epoch} {heard.position} {heard.sender} {(heard.data or b'').decode()}\n")


async def main(config: str, folder: Path, life: int, rate: float) -> None:
    """Run the member."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_room(config) as room:
        work = [asyncio.ensure_future(each) for each in (listen(room, folder, life), talk(room, folder, life, rate))]
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait([work[0], waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (*work, waiting):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


if __name__ == "__main__":
    _config, _folder, _life, _rate = sys.argv[1:]
    asyncio.run(main(_config, Path(_folder), int(_life), float(_rate)))
