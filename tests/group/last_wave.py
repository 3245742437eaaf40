"""Four members end an epoch beside a liar that is honest until the last wave, and does there what decides least."""

from collections.abc import Sequence
from random import Random

from mechdesign.group.block import Block, Reference, genesis, make_block, parse_block
from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.group import Group
from mechdesign.group.leaf import decode_leaf
from mechdesign.group.messages import Append, Broadcast, Delivered, EvidenceFound, GroupEffect, Leave, ViewChanged
from mechdesign.group.packets import Blocks, Pull, Tips, decode_packet, encode_blocks, encode_packet
from mechdesign.group.views.packets import is_epoch_packet
from mechdesign.group.views.view import ViewKind
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.lockstep import CONFIG, MILLISECOND, SCHEME, SECOND, make_roster, member, signer

HONEST, LIAR = (0, 1, 2), 3
_LIES = 6


class LastWave:
    """Three honest members of four, full links, and a liar at the fourth place.

    Args:
        chance: what the liar makes of the rounds behind the last READY, and which frames come late there. None plays
            the one schedule in which only member 0 can decide the last leader directly.

    Attributes:
        last: the round of the last READY, once all three are known.
        delivered: what each honest member was told, with the epoch.
        epochs: by place the newest epoch that it has come to.
        convicted: who was proved guilty of something, to anybody.
        made: how many blocks of the first epoch each honest member has written down.
        late: the frames that the schedule has held up, and will bring in time.
    """

    def __init__(self, chance: Random | None = None) -> None:
        self.roster = make_roster(4)
        self.now = SECOND
        self.last: int | None = None
        self.delivered: dict[int, list[tuple[int, bytes]]] = {place: [] for place in HONEST}
        self.epochs = dict.fromkeys(HONEST, 0)
        self.convicted: set[int] = set()
        self.made = dict.fromkeys(HONEST, 0)
        self.late: list[bytes] = []
        self._chance = chance
        self._channel = channel_of(self.roster)
        self._wire: list[tuple[int, int, int, bytes]] = []
        self._blocks: dict[tuple[int, int], Block] = {}
        self._own: dict[int, Block] = {}
        self._wires: dict[bytes, bytes] = {}
        self._ready: dict[int, int] = {}
        self.groups = {place: Group(self.roster, signer(place), SCHEME, CONFIG, carry_over=True) for place in HONEST}
        for place in HONEST:
            self._perform(place, self.groups[place].restore((), self.now))
        for place in HONEST:
            for other in range(4):
                if other != place:
                    self._perform(place, self.groups[place].receive(LinkUp(member(other)), self.now))
            self._tell(place, encode_packet(self.roster, Tips((-1,) * 4, 0b1111, False)))

    # ------------------------------------------------------------------------------------------------- the network

    def say(self, place: int, request: Broadcast | Leave) -> None:
        """An honest member asks for something."""
        self._perform(place, self.groups[place].submit(request, self.now))

    def _put(self, source: int, target: int, data: bytes, delay: int = MILLISECOND) -> None:
        self._wire.append((self.now + delay, source, target, data))

    def _tell(self, target: int, packet: bytes, delay: int = MILLISECOND) -> None:
        self._put(LIAR, target, frame(self._channel, packet), delay)

    def _perform(self, place: int, effects: Sequence[GroupEffect]) -> None:
        for effect in effects:
            match effect:
                case Send(peer, data):
                    target = self.roster.place(peer)
                    assert target is not None
                    self._put(place, target, data, MILLISECOND + self._delay(place, target, data))
                case Append("block", _, data):
                    block = parse_block(data, self.roster)
                    self.made[place] += block is not None and block.author == place
                case Delivered(_, submission):
                    self.delivered[place].append((self.epochs[place], submission.data))
                case ViewChanged(roster):
                    self.epochs[place] = roster.epoch
                case EvidenceFound(accused):
                    convict = self.roster.place(accused)
                    assert convict is not None
                    self.convicted.add(convict)

    def _delay(self, source: int, target: int, data: bytes) -> int:
        """By how much a frame of the last wave is late."""
        if self.last is None or LIAR in (source, target):
            return 0
        new = [block.round for block in self._read(data) if block.author == source and block.round > self.last]
        if not new or new[0] > self.last + _LIES:
            return 0
        if self._chance is not None:
            return self._chance.choice((0, 0, 0, 1, 3, 8)) * MILLISECOND
        if (source, target, new[0]) == (0, 2, self.last + 1):
            self.late.append(data)
            return 20 * MILLISECOND
        return 0

    def _read(self, data: bytes) -> list[Block]:
        channel, packet = unframe(data)
        if channel != self._channel or is_epoch_packet(packet):
            return []
        read = decode_packet(self.roster, packet)
        found = [parse_block(wire, self.roster) for wire in read.blocks] if isinstance(read, Blocks) else []
        return [block for block in found if block is not None]

    def run(self, duration: int) -> None:
        """Let time pass, event by event."""
        end = self.now + duration
        while True:
            for group, place in zip(self.groups.values(), HONEST, strict=True):
                while group.deadline is not None and group.deadline <= self.now:
                    self._perform(place, group.tick(self.now))
            dues = [group.deadline for group in self.groups.values() if group.deadline is not None]
            times = [item[0] for item in self._wire] + dues
            if not times or min(times) > end:
                self.now = end
                return
            self.now = max(self.now, min(times))
            due = [item for item in self._wire if item[0] <= self.now]
            self._wire = [item for item in self._wire if item[0] > self.now]
            for _, source, target, data in due:
                if target == LIAR:
                    self._hear(source, data)
                else:
                    self._perform(target, self.groups[target].receive(Packet(member(source), data), self.now))

    # ---------------------------------------------------------------------------------------------------- the liar

    def _hear(self, source: int, data: bytes) -> None:
        channel, packet = unframe(data)
        if channel != self._channel or is_epoch_packet(packet):
            return
        read = decode_packet(self.roster, packet)
        if isinstance(read, Pull):
            wires = [self._wires[digest] for digest in read.digests if digest in self._wires]
            if wires:
                self._tell(source, encode_blocks(self.roster, wires))
        for block in self._read(data):
            if block.author == LIAR:
                continue
            self._blocks[block.round, block.author] = block
            said = [decode_leaf(leaf, self.roster) for leaf in block.leaves]
            if any(entry is not None and entry.kind == ViewKind.READY for entry in said):
                self._ready[block.author] = block.round
        if len(self._ready) == len(HONEST):
            self.last = max(self._ready.values())
        self._go_on()

    def _go_on(self) -> None:
        """Make the block of the next round, once all honest ones of the round before are there."""
        round_ = max(self._own, default=-1) + 1
        if not self._blocks or not all(round_ == 0 or (round_ - 1, place) in self._blocks for place in HONEST):
            return
        if self.last is not None and round_ > self.last:
            self._lie(round_)
            return
        # It raises no round before, and comes a little late, so that the honest ones' READYs are all in one round.
        if any((round_, place) in self._blocks for place in HONEST):
            self._show(self._make(round_, HONEST), HONEST, 1500)

    def _lie(self, round_: int) -> None:
        assert self.last is not None
        if self._chance is None:
            # It skips the leader; then one of its twins certifies it, to member 0 alone. After that it says nothing.
            if round_ == self.last + 1:
                self._show(self._make(round_, (0, 1)), HONEST)
            elif round_ == self.last + 2:
                self._show(self._make(round_, (0, 1), b"twin"), (1, 2))
                self._show(self._make(round_, HONEST), (0,))
            return
        if round_ > self.last + _LIES:
            return
        for twin in range(self._chance.choice((1, 2))):
            seen = self._chance.choice(((0, 1, 2), (0, 1), (0, 2), (1, 2)))
            shown = [place for place in HONEST if self._chance.random() < 0.6]
            delay = self._chance.choice((100, 500, 1000, 4000))
            self._show(self._make(round_, seen, b"twin" * twin), shown, delay)

    def _make(self, round_: int, seen: Sequence[int], said: bytes = b"") -> Block:
        first: Reference = self._own[round_ - 1].ref if round_ else genesis(self.roster, LIAR)
        others = [self._blocks[round_ - 1, place].ref for place in seen] if round_ else []
        block = make_block(self.roster, signer(LIAR), round_, [first, *others], (), [said] if said else [])
        self._wires[block.digest] = block.wire
        self._own[round_] = block
        return block

    def _show(self, block: Block, to: Sequence[int], delay: int = MILLISECOND) -> None:
        for target in to:
            self._tell(target, encode_blocks(self.roster, [block.wire]), delay)


def close(chance: Random | None = None) -> LastWave:
    """Say a few words, let member 1 leave, and give the others all the time that they need."""
    net = LastWave(chance)
    net.run(SECOND // 4)
    for number in range(3):
        net.say(0, Broadcast(b"%d" % number, 7, b"word %d" % number))
        net.run(30 * MILLISECOND)
    net.say(1, Leave())
    net.run(20 * SECOND)
    return net
