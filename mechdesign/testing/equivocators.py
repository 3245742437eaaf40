"""Members that sign two blocks for one round, or two checkpoints of one index, and the table of all kinds of liars."""

from collections.abc import Sequence
from typing import Literal, get_args

from mechdesign.group.block import Block, Reference, make_block, parse_block
from mechdesign.group.checkpoint import sign_checkpoint
from mechdesign.group.core import GroupCore
from mechdesign.group.leaf import decode_leaf, encode_leaf
from mechdesign.group.messages import Broadcast, Submission
from mechdesign.group.packets import Blocks, Pull, Vouch, decode_packet, encode_blocks, encode_packet
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.adversaries import (
    Boaster,
    Forger,
    Incoming,
    Liar,
    Promiser,
    Replayer,
    Silent,
    Stage,
    Withholder,
)
from mechdesign.testing.saboteurs import (
    Flooder,
    PullInducer,
    Racer,
    SelectiveReferencer,
    SelectiveSender,
    Staller,
)
from mechdesign.testing.simulator import AnyMachine
from mechdesign.transport.messages import Packet, Send

__all__ = [
    "COLLUDING_KINDS",
    "EQUIVOCATING_KINDS",
    "LIAR_KINDS",
    "Conspirator",
    "Equivocator",
    "Hider",
    "LiarKind",
    "Rewinder",
    "Splitter",
    "TwoFaced",
    "Voucher",
    "corrupt",
]

LiarKind = Literal[
    "equivocate",
    "split",
    "two-faced",
    "conspire",
    "hide",
    "rewind",
    "withhold",
    "select",
    "snub",
    "race",
    "replay",
    "induce",
    "flood",
    "forge",
    "boast",
    "stall",
    "silent",
    "promise",
    "vouch-twice",
]
"""Name of a way to break the protocol."""

LIAR_KINDS: tuple[LiarKind, ...] = tuple(kind for kind in get_args(LiarKind) if kind not in ("promise", "vouch-twice"))
"""Those that any run may have; the others do harm, or anything at all, only where the group goes on for long."""

COLLUDING_KINDS: tuple[LiarKind, ...] = ("conspire", "hide", "two-faced")
"""Those that are worse when others of them are about."""

EQUIVOCATING_KINDS: tuple[LiarKind, ...] = ("equivocate", "split", "two-faced", "conspire")
"""Those that live with two blocks of theirs for one round."""


class Equivocator(Liar):
    """Makes a twin of many of its blocks and shows some members the one, some the other.

    A run draws its habits: the same camps all the time or new ones each round; a twin with other content or with
    another choice of parents (so that it votes differently); a chain of twins, each on the twin before; only in rounds
    whose first slots are its own; twins shown late, when much rests on the first.
    """

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        self._faithful = self.chance.random() < 0.4
        self._chain = self.chance.random() < 0.4
        self._in_slots = self.chance.random() < 0.3
        self._late = self.chance.random() < 0.3
        self._share = self.chance.choice((0.2, 0.6, 1.0))
        self._twins: dict[bytes, Block] = {}
        self._wires: dict[bytes, bytes] = {}
        self._camp: dict[int, frozenset[int]] = {}

    def _hear(self, packet: Packet, now: Instant) -> Sequence[object]:
        content = decode_packet(self.roster, packet.data)
        if isinstance(content, Pull):
            served = [self._wires[digest] for digest in content.digests if digest in self._wires]
            if served:
                return [Send(packet.peer, encode_blocks(self.roster, served)), *super()._hear(packet, now)]
        return super()._hear(packet, now)

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        content = decode_packet(self.roster, send.data)
        if not isinstance(content, Blocks):
            return [send]
        peer = self.roster.place(send.peer)
        wires = [shown for wire in content.blocks if (shown := self._shown(wire, peer)) is not None]
        if not wires:
            return []
        lie = Send(send.peer, encode_blocks(self.roster, wires))
        if lie != send and self._late:
            self._hold(lie, now, 2 * SECOND)
            return []
        return [lie]

    def _shown(self, wire: bytes, peer: int | None) -> bytes | None:
        block = parse_block(wire, self.roster)
        if block is None or block.author != self.place:
            return wire
        if block.digest in self._wires:
            # Our core handed a twin on that came back to it: only the twin's camp is to see it from us.
            return wire if peer in self._camp[block.round] else None
        twin = self._twins.get(block.digest)
        if twin is None and block.round not in self._camp:
            twin = self._plot(block)
        return twin.wire if twin is not None and peer in self._camp[block.round] else wire

    def _plot(self, block: Block) -> Block | None:
        others = [place for place in range(self.roster.n) if place != self.place]
        camp = frozenset(self.chance.sample(others, self.chance.randint(0, len(others))))
        self._camp[block.round] = self.stage.sides if self._faithful else camp
        slots = self.roster.slots_per_round
        if self._in_slots and (self.place - block.round) % self.roster.n >= min(2, slots):
            return None
        if self.chance.random() >= self._share or len(self._twins) >= self.stage.twins:
            return None
        twin = self.twin(block)
        if twin.digest == block.digest:
            return None
        self._twins[block.digest] = twin
        self._wires[twin.digest] = twin.wire
        return twin

    def twin(self, block: Block) -> Block:
        """Another block of the same round, valid like the first."""
        parents, leaves = list(block.header.parents), list(block.leaves)
        if self._chain and parents[0].digest in self._twins:
            parents[0] = self._twins[parents[0].digest].ref
        if self.chance.random() < 0.5:
            before = sum(parent.round == block.round - 1 for parent in parents)
            while before > self.roster.q and self.chance.random() < 0.8:
                del parents[self.chance.randrange(1, len(parents))]
                before -= 1
        style = self.chance.random()
        if leaves and style < 0.3:
            leaves = self._other_content(leaves)
        elif style < 0.7 or (tuple(parents) == block.header.parents and tuple(leaves) == block.leaves):
            extra = Submission(0, self.stage.signer.public, 2**20 + block.round, self.chance.randbytes(4))
            leaves.append(encode_leaf(extra))
        return make_block(self.roster, self.stage.signer, block.round, parents, block.header.weak, leaves)

    def _other_content(self, leaves: Sequence[bytes]) -> list[bytes]:
        said = [decode_leaf(leaf, self.roster) for leaf in leaves]
        return [
            encode_leaf(Submission(item.kind, item.sender, item.sequence, item.data + b"?"))
            for item in said
            if item is not None
        ]


class Splitter(Equivocator):
    """Equivocates in each of its blocks, with every parent kept, so that the votes for it split between two camps."""

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        self._faithful, self._chain, self._in_slots, self._late, self._share = True, False, False, False, 1.0

    def twin(self, block: Block) -> Block:
        """The same block with one more leaf."""
        extra = encode_leaf(Submission(0, self.stage.signer.public, 2**20 + block.round, b"twin"))
        header = block.header
        return make_block(
            self.roster, self.stage.signer, block.round, header.parents, header.weak, (*block.leaves, extra)
        )


class Conspirator(Equivocator):
    """Equivocates together with others: they keep the same camps apart, and each builds on the twins of all.

    So each camp sees a history in which nobody seems to equivocate; the other half of it is in the shared plan.
    """

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        self._faithful, self._in_slots, self._late, self._share = True, False, False, 0.9
        self._twins, self._wires = stage.plan.twins, stage.plan.wires

    def _shown(self, wire: bytes, peer: int | None) -> bytes | None:
        block = parse_block(wire, self.roster)
        if block is None or block.author == self.place or block.author not in self.stage.accomplices:
            return super()._shown(wire, peer)
        # An accomplice's block is handed on to the camp that it is meant for only.
        if block.digest in self._wires:
            return wire if peer in self.stage.sides else None
        return None if block.digest in self._twins and peer in self.stage.sides else wire

    def twin(self, block: Block) -> Block:
        """The same block on the twins of its parents, where there are any, or with one more leaf."""
        twins, header = self.stage.plan.twins, block.header
        parents = [twins[parent.digest].ref if parent.digest in twins else parent for parent in header.parents]
        leaves = list(block.leaves)
        if tuple(parents) == header.parents or self.chance.random() < 0.3:
            extra = Submission(0, self.stage.signer.public, 2**20 + block.round, self.chance.randbytes(4))
            leaves.append(encode_leaf(extra))
        return make_block(self.roster, self.stage.signer, block.round, parents, header.weak, leaves)


class Hider(Withholder):
    """Works for an equivocator: rests its blocks on the twin that nobody saw, and gives that to some who ask."""

    def fresh(self, now: Instant) -> GroupCore:
        """A core that prefers hidden twins for its parents."""
        core, twins = super().fresh(now), self.stage.plan.twins
        parents_of = core._proposer.parents

        def parents(round_: int) -> list[Reference]:
            found = parents_of(round_)
            return [twins[parent.digest].ref if parent.digest in twins else parent for parent in found]

        core._proposer.parents = parents  # type: ignore[method-assign]
        return core

    def _hear(self, packet: Packet, now: Instant) -> Sequence[object]:
        content = decode_packet(self.roster, packet.data)
        said = super()._hear(packet, now)
        if isinstance(content, Pull) and self.roster.place(packet.peer) not in self._kept_from:
            wires = self.stage.plan.wires
            served = [wires[digest] for digest in content.digests if digest in wires]
            if served:
                return [Send(packet.peer, encode_blocks(self.roster, served)), *said]
        return said


class Rewinder(Liar):
    """Signs one block for each round, but names the same predecessor twice: two histories, one of which it forgets."""

    _TIMES = 10

    def __init__(self, stage: Stage, now: Instant) -> None:
        self._left = self._TIMES
        super().__init__(stage, now)

    def fresh(self, now: Instant) -> GroupCore:
        """A core that goes back by one of its blocks where a quorum of others lets it."""
        core = super().fresh(now)
        parents_of = core._proposer.parents

        def parents(round_: int) -> list[Reference]:
            newest = core._proposer.newest
            found = parents_of(round_)
            if newest is not None and len(found) > self.roster.q and self._left and self.chance.random() < 0.5:
                self._left -= 1
                found[0] = newest.header.parents[0]
            return found

        core._proposer.parents = parents  # type: ignore[method-assign]
        return core


class _Face(Liar):
    """One of the two honest cores of a two-faced member."""


class TwoFaced:
    """Two honest cores under one key: each knows only its own camp, and the same face of each accomplice.

    Frames between accomplices carry the name of the face in front; to honest members they look as they should.
    """

    def __init__(self, stage: Stage, now: Instant) -> None:
        self._stage = stage
        self._faces = (_Face(stage, now), _Face(stage, now))

    @property
    def deadline(self) -> Instant | None:
        """The earlier of the two."""
        return min((face.deadline for face in self._faces if face.deadline is not None), default=None)

    def submit(self, request: Broadcast, now: Instant) -> Sequence[object]:
        """Each face says something else."""
        said: list[object] = []
        for index, face in enumerate(self._faces):
            other = Broadcast(request.key, request.kind, request.data + b"'" * index)
            said += self._out(index, face.submit(other, now))
        return said

    def receive(self, incoming: Incoming, now: Instant) -> Sequence[object]:
        """Let the face hear it to whose camp the sender belongs; accomplices belong to both."""
        peer = self._stage.roster.place(incoming.peer)
        if peer in self._stage.accomplices:
            if isinstance(incoming, Packet):
                if incoming.data[:1] not in (b"\x00", b"\x01"):
                    return []
                index = incoming.data[0]
                return self._hear(index, Packet(incoming.peer, incoming.data[1:]), now)
            return [*self._hear(0, incoming, now), *self._hear(1, incoming, now)]
        return self._hear(int(peer in self._stage.sides), incoming, now)

    def tick(self, now: Instant) -> Sequence[object]:
        """Let both faces work."""
        return [said for index, face in enumerate(self._faces) for said in self._out(index, face.tick(now))]

    def _hear(self, index: int, incoming: Incoming, now: Instant) -> list[object]:
        face = self._faces[index]
        return self._out(index, face.receive(incoming, now))

    def _out(self, index: int, effects: Sequence[object]) -> list[object]:
        said: list[object] = []
        for effect in effects:
            if isinstance(effect, Send) and self._stage.roster.place(effect.peer) in self._stage.accomplices:
                said.append(Send(effect.peer, bytes([index]) + effect.data))
            else:
                said.append(effect)
        return said


class Voucher(Liar):
    """Signs another checkpoint beside each that it signs, and shows both to everybody."""

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        content = decode_packet(self.roster, send.data)
        if not isinstance(content, Vouch):
            return [send]
        other = content.named[::-1]
        signature = sign_checkpoint(content.index, other, self.roster, self.stage.signer)
        vouch = Vouch(content.index, other, ((self.place, signature),))
        return [send, Send(send.peer, encode_packet(self.roster, vouch))]


def corrupt(kind: LiarKind, stage: Stage, now: Instant) -> AnyMachine:
    """The liar of that kind."""
    makers: dict[LiarKind, type[Liar] | type[TwoFaced]] = {
        "equivocate": Equivocator,
        "split": Splitter,
        "two-faced": TwoFaced,
        "conspire": Conspirator,
        "hide": Hider,
        "rewind": Rewinder,
        "withhold": Withholder,
        "select": SelectiveSender,
        "snub": SelectiveReferencer,
        "race": Racer,
        "replay": Replayer,
        "induce": PullInducer,
        "flood": Flooder,
        "forge": Forger,
        "boast": Boaster,
        "stall": Staller,
        "silent": Silent,
        "promise": Promiser,
        "vouch-twice": Voucher,
    }
    return makers[kind](stage, now)
