"""What members say to some of the others stops no stack, though nobody above the group listens to it."""

import pytest

from mechdesign.decision.sealing.threshold import EncryptionKey
from mechdesign.group.multicast.direct import Direct
from mechdesign.group.multicast.multicast import Means
from mechdesign.group.multicast.private import Private
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.exchange import PlainExchange
from mechdesign.stack import Stack
from mechdesign.transport.messages import LinkUp, Packet, Send

KEYS = [MemberId(bytes([place + 1]) * 32) for place in range(2)]
SEEDS = [bytes([place + 1]) * 32 for place in range(2)]
ROSTER = Roster(
    "letters",
    tuple(
        Member(key, f"m{place}", bytes(key), EncryptionKey(seed).public)
        for place, (key, seed) in enumerate(zip(KEYS, SEEDS, strict=True))
    ),
    FaultModel.UNANIMOUS,
)


class Pair:
    """Two stacks and the wire between them."""

    def __init__(self) -> None:
        self.now = 0
        self.wire: list[tuple[int, bytes]] = []
        self.stacks = [self._stack(place) for place in range(2)]
        for place, stack in enumerate(self.stacks):
            self.perform(place, stack.restore((), 0))
            self.perform(place, stack.receive(LinkUp(KEYS[1 - place]), 0))

    def _stack(self, place: int) -> Stack:
        means = Means(PlainExchange(), PlainExchange.Holder(KEYS[place]), bytes)
        signer = KeyedHash.Signer(KEYS[place])
        return Stack.build(ROSTER, signer, KeyedHash(), LOCAL.group, bytes, sealing_seed=SEEDS[place], means=means)

    def perform(self, place: int, effects: object) -> None:
        assert isinstance(effects, list | tuple)
        self.wire += [(1 - place, effect.data) for effect in effects if isinstance(effect, Send)]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            if self.wire:
                target, data = self.wire.pop(0)
                self.perform(target, self.stacks[target].receive(Packet(KEYS[1 - target], data), self.now))
            else:
                self.now = max(self.now, min(stack.deadline or self.now for stack in self.stacks))
            for place, stack in enumerate(self.stacks):
                if stack.deadline is not None and stack.deadline <= self.now:
                    self.perform(place, stack.tick(self.now))


@pytest.mark.parametrize("request_", [Direct(b"key", (KEYS[1],), b"psst"), Private(b"key", (KEYS[1],), b"psst")])
def test_a_message_to_some_members_passes_a_stack_by(request_: Direct | Private) -> None:
    pair = Pair()
    pair.run(100)
    pair.perform(0, pair.stacks[0].group.submit(request_, pair.now))
    before = [stack.status().group.commits for stack in pair.stacks]
    pair.run(400)
    assert pair.stacks[0].group.status().unacknowledged == ()
    assert isinstance(request_, Direct) or pair.stacks[1].status().group.commits > before[1]
