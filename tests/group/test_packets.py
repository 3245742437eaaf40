"""Packets: exact round trips, strict limits, and no bytes that raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.packets import (
    BATCH_BLOCKS,
    PULL_DIGESTS,
    Blocks,
    GroupPacket,
    LogPart,
    LogWant,
    Pull,
    Snapshot,
    Tips,
    Vouch,
    Want,
    decode_packet,
    encode_packet,
    packet_bytes_max,
)
from mechdesign.kernel.wire import Value, encode
from tests.group.lockstep import make_roster

ROSTER = make_roster(4)
GROUP = ROSTER.digest[:8]


@pytest.mark.parametrize(
    "packet",
    [
        Blocks((b"one", b"two")),
        Pull((bytes(32), bytes([1]) * 32)),
        Tips((-1, 0, 5, 2**48), 0b1010, True),
        Tips((0, 0, 0, 0), 0, False, 7),
        Want((0, 0, 0, 0), 3),
        Vouch(8, bytes(32), ((0, bytes(64)), (3, bytes(64)))),
        Snapshot(b"state", ((2, bytes(64)),)),
        LogWant(0, 9, bytes(32)),
        LogPart(9, bytes(32), (b"block",)),
    ],
)
def test_a_packet_comes_back_as_it_was_and_only_in_its_own_group(packet: GroupPacket) -> None:
    data = encode_packet(ROSTER, packet)
    assert decode_packet(ROSTER, data) == packet
    assert decode_packet(make_roster(4, epoch=1), data) is None
    assert decode_packet(make_roster(5), data) is None


BAD: list[Value] = [
    (),
    (1, GROUP),
    (1, GROUP, ()),
    (1, GROUP, ("text",)),
    (1, GROUP, tuple(b"" for _ in range(BATCH_BLOCKS + 1))),
    (2, GROUP, (bytes(31),)),
    (2, GROUP, tuple(bytes(32) for _ in range(PULL_DIGESTS + 1))),
    (3, GROUP, (0, 0, 0), bytes(1), False, 0),
    (3, GROUP, (0, 0, 0, -2), bytes(1), False, 0),
    (3, GROUP, (0, 0, 0, 2**48 + 1), bytes(1), False, 0),
    (3, GROUP, (0, 0, 0, True), bytes(1), False, 0),
    (3, GROUP, (0, 0, 0, 0), bytes(2), False, 0),
    (3, GROUP, (0, 0, 0, 0), bytes(1), 0, 0),
    (3, GROUP, (0, 0, 0, 0), bytes(1), False),
    (3, GROUP, (0, 0, 0, 0), bytes(1), False, -1),
    (4, GROUP, (0, 0, 0, 0, 0), 0),
    (4, GROUP, (0, 0, 0, 0)),
    (5, GROUP, 1, bytes(31), ((0, bytes(64)),)),
    (5, GROUP, 1, bytes(32), ()),
    (5, GROUP, 1, bytes(32), ((4, bytes(64)),)),
    (5, GROUP, 1, bytes(32), ((1, bytes(64)), (1, bytes(64)))),
    (5, GROUP, 1, bytes(32), ((2, bytes(64)), (1, bytes(64)))),
    (5, GROUP, 1, bytes(32), ((0, bytes(63)),)),
    (6, GROUP, "text", ((0, bytes(64)),)),
    (7, GROUP, -1, 1, bytes(32)),
    (7, GROUP, 0, 1, b""),
    (8, GROUP, 0, bytes(32), ()),
    (9, GROUP, ()),
    (True, GROUP, (b"",)),
    (5, GROUP, ()),
    (1, bytes(8), (b"block",)),
]


@pytest.mark.parametrize("value", BAD, ids=range(len(BAD)))
def test_what_breaks_a_limit_is_no_packet(value: Value) -> None:
    assert decode_packet(ROSTER, encode(value)) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    assert decode_packet(ROSTER, data) is None


def test_a_packet_past_the_size_limit_is_not_looked_at() -> None:
    small = make_roster(4, payload_bytes_max=64 * 1024)
    data = encode_packet(small, Blocks((bytes(packet_bytes_max(small)),)))
    assert decode_packet(small, data) is None
