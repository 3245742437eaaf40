"""What a node's links have to carry: limits that a group could not live with are refused before it starts."""

import asyncio
import os

import pytest

from mechdesign.group.block import block_bytes_max
from mechdesign.group.channel import CHANNEL_BYTES, FRAME_BYTES_LEAST, frame
from mechdesign.group.lobby.packets import LOBBY_PACKET_BYTES_MAX
from mechdesign.group.packets import Blocks, decode_packet, encode_packet, packet_bytes_max
from mechdesign.group.roster import MEMBERS_MAX, PAYLOAD_BYTES_MAX, FaultModel, Member, Roster
from mechdesign.group.views.packets import STATE_BYTES_MAX, State, decode_epoch_packet, encode_epoch_packet, trail_of
from mechdesign.group.views.succession import CERTIFICATE_BYTES_MAX
from mechdesign.kernel.config import PRESETS, TransportConfig
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError
from mechdesign.kernel.identity import Identity
from mechdesign.node import memory, tcp
from mechdesign.node.links import TransportFactory
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.memory import MemoryNetwork
from mechdesign.transport.messages import LinkUp, Packet

ALICE, BOB = Identity.generate(), Identity.generate()
LEAST = TransportConfig(frame_bytes_max=FRAME_BYTES_LEAST)


def over(kind: str, config: TransportConfig) -> TransportFactory:
    if kind == "memory":
        return memory(MemoryNetwork(), ALICE.public, config)
    return tcp(ALICE, None, {}, config)


def longest() -> dict[str, bytes]:
    """The longest frames that a group sends, by what they are."""
    seeds = iter(range(3 * MEMBERS_MAX))
    keys = [MemberId(next(seeds).to_bytes(32, "big")) for _ in range(MEMBERS_MAX)]
    members = tuple(Member(key, f"m{place}", bytes(key), bytes(key)) for place, key in enumerate(keys))
    roster = Roster("largest", members, FaultModel.BYZANTINE, payload_bytes_max=PAYLOAD_BYTES_MAX)
    blocks = encode_packet(roster, Blocks((os.urandom(block_bytes_max(roster)),)))
    assert decode_packet(roster, blocks) is not None
    certificates = trail_of([os.urandom(CERTIFICATE_BYTES_MAX)] * 9)
    packets = {
        "state": encode_epoch_packet(State(os.urandom(STATE_BYTES_MAX))),
        "trail": encode_epoch_packet(certificates),
        "blocks": blocks,
        "anything of the largest group": os.urandom(packet_bytes_max(roster)),
        "anything of the lobby": os.urandom(LOBBY_PACKET_BYTES_MAX),
    }
    assert decode_epoch_packet(packets["state"]) is not None
    assert decode_epoch_packet(packets["trail"]) is not None
    return {name: frame(bytes(CHANNEL_BYTES), packet) for name, packet in packets.items()}


@pytest.mark.parametrize("kind", ["memory", "tcp"])
def test_a_frame_limit_below_what_a_group_sends_is_refused_with_its_value_and_the_least(kind: str) -> None:
    over(kind, TransportConfig(frame_bytes_max=FRAME_BYTES_LEAST, bytes_per_s=FRAME_BYTES_LEAST))
    with pytest.raises(ConfigError, match=f"frame_bytes_max is 600000 and has to be {1 << 20} at least"):
        over(kind, TransportConfig(frame_bytes_max=600_000))
    with pytest.raises(ConfigError, match=f"bytes_per_s is 500000 .* {1 << 20}, at least"):
        over(kind, TransportConfig(bytes_per_s=500_000))


def test_every_preset_can_be_used() -> None:
    for preset in PRESETS.values():
        over("tcp", preset.transport)


async def test_the_longest_frames_of_a_group_arrive_over_links_with_the_lowest_limits() -> None:
    arrived: asyncio.Queue[object] = asyncio.Queue()
    frames = longest()
    bob = tcp(BOB, "tcp://127.0.0.1:*", {ALICE.public: PeerAddress(ALICE.curve_public, None)}, LEAST)(
        arrived.put_nowait
    )
    await bob.start()
    try:
        address = getattr(bob, "address")  # noqa: B009 - of transports over sockets only
        up = asyncio.Event()
        peers = {BOB.public: PeerAddress(BOB.curve_public, address)}
        alice = tcp(ALICE, None, peers, LEAST)(lambda event: up.set() if isinstance(event, LinkUp) else None)
        await alice.start()
        try:
            async with asyncio.timeout(60):
                await up.wait()
                assert await arrived.get() == LinkUp(ALICE.public)
                for name, sent in frames.items():
                    assert alice.send(BOB.public, sent), name
                    assert await arrived.get() == Packet(ALICE.public, sent), name
        finally:
            await alice.close()
    finally:
        await bob.close()
