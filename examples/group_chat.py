"""A chat in which everybody reads the same lines in the same order, and nobody runs a server.

Each member starts it on its own host with the configuration of its node (see docs/files.md)::

    python examples/group_chat.py alice.toml

What is typed is said to all. A member that comes back is told all that was said since the members last changed.
"""

import asyncio
import sys

from mechdesign import open_room


async def main(config: str) -> None:
    async with open_room(config) as room:

        async def listen() -> None:
            async for line in room:
                print(f"{line.position} {line.sender}: {(line.data or b'?').decode(errors='replace')}", flush=True)

        listening = asyncio.create_task(listen())
        while text := await asyncio.to_thread(sys.stdin.readline):
            room.say(text.strip().encode())
        listening.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
