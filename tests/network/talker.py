"""One member of a room whose members stay the same, as a process.

Run as ``python talker.py PLACE N LISTEN NEIGHBOURS FOLDER LIFE RATE``, neighbours like ``2=tcp://127.0.0.1:7411,…``; it
says nothing more once the file ``hush`` is in the folder, and stays until it is killed or told to stop.
"""

import asyncio
import sys
from pathlib import Path

from mechdesign.decision.membership import member_of
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import Preset
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.wire import digest
from mechdesign.node import Room, tcp
from mechdesign.transport.face import PeerAddress
from tests.network.chatter import chatter

QUICK = Preset.model_validate(
    {
        "transport": {"heartbeat_s": 0.5, "silence_s": 3.0},
        "group": {"round_timeout_s": 0.5, "pull_retry_s": 0.2, "tips_min_s": 0.3, "tips_max_s": 2.0},
    }
)


def identity_of(place: int) -> Identity:
    """The keys of the member at a place; test keys that anybody can compute."""
    seeds = iter(digest("mechdesign/talker", bytes((place, part))) for part in range(3))
    return Identity.generate(lambda _: next(seeds))


def roster_of(n: int) -> Roster:
    """The room of n members."""
    return Roster(
        "talkers", tuple(member_of(identity_of(place), f"m{place}") for place in range(n)), FaultModel.default(n)
    )


async def main(place: int, n: int, listen_at: str, neighbours: str, folder: Path, life: int, rate: float) -> None:
    """Run the member."""
    roster = roster_of(n)
    near = {int(other): address for other, _, address in (each.partition("=") for each in neighbours.split(","))}
    peers = {roster.ids[other]: PeerAddress(roster.members[other].curve, address) for other, address in near.items()}
    links = tcp(identity_of(place), listen_at, peers, QUICK.transport)
    journal = folder / f"m{place}.sqlite3"
    room = Room(roster, identity_of(place), transport=links, journal=journal, config=QUICK.group)
    async with room:
        await chatter(room, folder, life, rate)


if __name__ == "__main__":
    _place, _n, _listen, _near, _folder, _life, _rate = sys.argv[1:]
    asyncio.run(main(int(_place), int(_n), _listen, _near, Path(_folder), int(_life), float(_rate)))
