"""A member that floods the others over ZeroMQ: it is cut off at its limits, and what the rest say is ordered."""

import asyncio
from contextlib import AsyncExitStack

from mechdesign.decision.membership import member_of
from mechdesign.group.channel import channel_of
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.node import Room, tcp
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp
from mechdesign.transport.zeromq import ZeroMQTransport

NAMES = ("alice", "bob", "carol")
KEYS = {name: Identity.generate() for name in (*NAMES, "mallory")}
ROSTER = Roster("flooded", tuple(member_of(keys, name) for name, keys in KEYS.items()), FaultModel.BYZANTINE)
LIMITED = LOCAL.transport.model_copy(update={"messages_per_s": 2_000})
LINES = 20


class Mallory:
    """Floods whoever it has a link with."""

    def __init__(self, peers: dict[MemberId, PeerAddress]) -> None:
        self.up: dict[MemberId, None] = {}
        self.links = tcp(KEYS["mallory"], "tcp://127.0.0.1:*", peers, LIMITED)(self._hear)

    def _hear(self, event: LinkEvent) -> None:
        if isinstance(event, LinkUp):
            self.up[event.peer] = None
        elif isinstance(event, LinkDown):
            self.up.pop(event.peer, None)

    async def flood(self) -> None:
        """Never ends."""
        frame = channel_of(ROSTER) + b"\x93\x02 whatever"
        while True:
            for peer in tuple(self.up):
                for _ in range(50):
                    self.links.send(peer, frame)
            await asyncio.sleep(0)


def _address(transport: object) -> str:
    assert isinstance(transport, ZeroMQTransport)
    assert transport.address is not None
    return transport.address


async def test_a_member_that_floods_is_cut_off_while_the_rest_go_on() -> None:
    addresses: dict[MemberId, str] = {}

    def peers() -> dict[MemberId, PeerAddress]:
        return {key.public: PeerAddress(key.curve_public, addresses.get(key.public)) for key in KEYS.values()}

    async with AsyncExitStack() as stack, asyncio.timeout(120):
        rooms: dict[str, Room] = {}
        # The smaller key of a pair dials, so the larger one has to listen by then; mallory dials everybody.
        for name in sorted(NAMES, key=lambda each: KEYS[each].public, reverse=True):
            links = tcp(KEYS[name], "tcp://127.0.0.1:*", peers(), LIMITED)
            rooms[name] = await stack.enter_async_context(Room(ROSTER, KEYS[name], transport=links, config=LOCAL.group))
            addresses[KEYS[name].public] = _address(rooms[name].transport)
        mallory = Mallory(peers())
        await mallory.links.start()
        stack.push_async_callback(mallory.links.close)
        while len(mallory.up) < len(NAMES):
            await asyncio.sleep(0.01)
        flood = asyncio.create_task(mallory.flood())
        try:
            while any(room.transport.counters["dropped_rate"] < 1_000 for room in rooms.values()):
                await asyncio.sleep(0.01)
            for number in range(LINES):
                for room in rooms.values():
                    room.say(f"{room.name} {number}".encode())
            heard = [[(await room.hear()).data or b"" for _ in range(3 * LINES)] for room in rooms.values()]
        finally:
            flood.cancel()
        assert heard[0] == heard[1] == heard[2]
        assert sorted(heard[0]) == sorted(f"{name} {number}".encode() for name in NAMES for number in range(LINES))
        for name, room in rooms.items():
            linked = set(room.status().linked)
            assert {KEYS[other].public for other in NAMES if other != name} <= linked, "honest links stay"
