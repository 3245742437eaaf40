"""One member of a room whose members change, as a process.

Run as ``python speaker.py CONFIG FOLDER LIFE RATE``. It says nothing while it is in no group, and nothing more once the
file ``hush`` is in the folder; it stays until it is killed or told to stop.
"""

import asyncio
import sys
from pathlib import Path

from mechdesign import open_room
from mechdesign.kernel.errors import LocalProtocolError
from tests.network.chatter import chatter


async def main(config: str, folder: Path, life: int, rate: float) -> None:
    """Run the member."""
    async with open_room(config) as room:
        # It is not in the group: not yet, or not any more.
        await chatter(room, folder, life, rate, LocalProtocolError)


if __name__ == "__main__":
    _config, _folder, _life, _rate = sys.argv[1:]
    asyncio.run(main(_config, Path(_folder), int(_life), float(_rate)))
