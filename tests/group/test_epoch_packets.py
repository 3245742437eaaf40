"""Packets about the end of an epoch: their bytes, and bytes that are none."""

from random import Random

import pytest

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.group import Group
from mechdesign.group.views.packets import (
    Ask,
    Begun,
    Signatures,
    State,
    Trail,
    decode_epoch_packet,
    encode_epoch_packet,
    is_epoch_packet,
)
from mechdesign.testing.cluster import BRISK
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.epochs import end
from tests.group.lockstep import member, signer
from tests.group.lone_groups import FOUR, SCHEME


@pytest.mark.parametrize(
    "packet",
    [
        Signatures(b"c" * 32, b"s" * 32, b"n" * 32, ((0, b"x" * 64), (3, b"y" * 64))),
        Ask(b""),
        Ask(b"d" * 32),
        Trail((b"one", b"two")),
        State(b""),
        State(b"state"),
        Begun(),
    ],
)
def test_packets_are_read_back(packet):
    data = encode_epoch_packet(packet)
    assert is_epoch_packet(data)
    assert decode_epoch_packet(data) == packet


def test_bent_packets_are_none_and_never_raise():
    chance = Random(5)
    whole = [
        encode_epoch_packet(Signatures(b"c" * 32, b"s" * 32, b"n" * 32, ((0, b"x" * 64),))),
        encode_epoch_packet(Trail((end(FOUR, FOUR.members).encoded,))),
        encode_epoch_packet(Ask(b"d" * 32)),
    ]
    group = Group(FOUR, signer(0), SCHEME, BRISK)
    group.restore((), 0)
    group.receive(LinkUp(member(1)), 0)
    for number in range(600):
        data = bytearray(whole[number % 3])
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        for effect in group.receive(Packet(member(1), frame(channel_of(FOUR), bytes(data))), number):
            assert isinstance(effect, Send)
    assert unframe(frame(b"c" * 16, b"packet")) == (b"c" * 16, b"packet")
    for bad in (
        Signatures(b"c", b"s" * 32, b"n" * 32, ((0, b"x" * 64),)),
        Signatures(b"c" * 32, b"s" * 32, b"n" * 32, ((1, b"x" * 64), (0, b"x" * 64))),
        Ask(b"short"),
        Trail(()),
    ):
        assert decode_epoch_packet(encode_epoch_packet(bad)) is None
