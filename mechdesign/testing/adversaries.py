"""Members that break the protocol, each around honest cores so that it stays part of the group.

Every liar has the real signer of its own identity and forges no other. It is a machine like any other: what its honest
core wants to send is changed, held back, doubled or added to. ``saboteurs.py`` has the kinds that make odd blocks or
speak oddly, ``equivocators.py`` those that sign two blocks for one round.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from mechdesign.group.block import Block, make_block, parse_block
from mechdesign.group.core import GroupCore
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Append, Broadcast, Compact, Submission
from mechdesign.group.packets import Blocks, Pull, Tips, Want, decode_packet, encode_blocks, encode_packet
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.kernel.wire import encode
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send

__all__ = ["Boaster", "Forger", "Incoming", "Liar", "Plan", "Promiser", "Replayer", "Silent", "Stage", "Withholder"]

Incoming: TypeAlias = Packet | LinkUp | LinkDown
"""What a member hears from its transport."""


@dataclass(frozen=True)
class Plan:
    """What colluding liars know of one another's twins, by other ways than the network.

    Attributes:
        twins: by the digest of a block its twin.
        wires: by the digest of a twin its bytes.
    """

    twins: dict[bytes, Block] = field(default_factory=dict)
    wires: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """What a liar works with.

    Attributes:
        make: makes an honest core under the liar's own identity.
        sides: the members (by place) of one of the two camps into which colluding liars split the honest ones.
        accomplices: places of the liars, itself included.
        chance: the liar's own stream of chance.
        twins: how many of its blocks an equivocator doubles; then it is honest, and the group may fall quiet.
        plan: shared by the liars of one run, for those that collude.
        heeded: whether somebody stands above the liar's core, who is told what it decides.
    """

    roster: Roster
    signer: Signer
    make: Callable[[], GroupCore]
    sides: frozenset[int]
    accomplices: frozenset[int]
    chance: Random
    twins: int = 20
    plan: Plan = field(default_factory=Plan)
    heeded: bool = False

    @property
    def place(self) -> int:
        """The liar's place in the roster."""
        place = self.roster.place(self.signer.public)
        assert place is not None, "a liar is a member"
        return place


class Liar:
    """Honest but for what :meth:`_twist` makes of each frame; subclasses lie there."""

    def __init__(self, stage: Stage, now: Instant) -> None:
        self.stage = stage
        self.roster = stage.roster
        self.place = stage.place
        self.chance = stage.chance
        self.core = self.fresh(now)
        self.peers: list[MemberId] = []
        self._later: list[tuple[Instant, Send]] = []

    def fresh(self, now: Instant) -> GroupCore:
        """The honest core around which the lie is built, knowing nothing yet."""
        core = self.stage.make()
        core.restore((), now)
        return core

    @property
    def deadline(self) -> Instant | None:
        """When the core, or a frame held back, is due."""
        due = [instant for instant, _ in self._later]
        if self.core.deadline is not None:
            due.append(self.core.deadline)
        return min(due, default=None)

    def submit(self, request: Broadcast, now: Instant) -> Sequence[object]:
        """Let the honest core have it."""
        return self._lie(lambda: self.core.submit(request, now), now)

    def receive(self, incoming: Incoming, now: Instant) -> Sequence[object]:
        """Let the honest core hear it, and keep it from stopping when it hears of blocks that only the liar made."""
        if isinstance(incoming, LinkUp) and incoming.peer not in self.peers:
            self.peers.append(incoming.peer)
        elif isinstance(incoming, LinkDown) and incoming.peer in self.peers:
            self.peers.remove(incoming.peer)
        elif isinstance(incoming, Packet):
            return self._hear(incoming, now)
        return self._lie(lambda: self.core.receive(incoming, now), now)

    def tick(self, now: Instant) -> Sequence[object]:
        """Let the core work, and release what was held back long enough."""
        due = [send for instant, send in self._later if instant <= now]
        self._later = [(instant, send) for instant, send in self._later if instant > now]
        if self.core.deadline is None or self.core.deadline > now:
            return due
        return [*due, *self._lie(lambda: self.core.tick(now), now)]

    def _hear(self, packet: Packet, now: Instant) -> Sequence[object]:
        # An honest core that meets its own twin stops signing; a liar has no such scruples.
        said = self._lie(lambda: self.core.receive(packet, now), now)
        self.core._gate.refusal = ""
        return said

    def _lie(self, act: Callable[[], Sequence[object]], now: Instant) -> list[object]:
        try:
            effects = act()
        except LocalProtocolError:
            # Twins under its own name are a state that no honest core can be in; what it cannot say it leaves unsaid.
            return []
        except KeyError:
            # For the same reason. This core is past use: the liar goes on with a new one that knows nothing.
            self.core = self.fresh(now)
            return []
        said: list[object] = []
        for effect in effects:
            if isinstance(effect, Send):
                said += self._twist(effect, now)
            elif self.stage.heeded and not isinstance(effect, Append | Compact):
                said.append(effect)
        return said

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        return [send]

    def _hold(self, send: Send, now: Instant, longest: Instant, shortest: Instant = 1) -> None:
        self._later.append((now + self.chance.randrange(shortest, longest), send))

    def is_own(self, wire: bytes) -> bool:
        """Whether these bytes are a block under the liar's name."""
        block = parse_block(wire, self.roster)
        return block is not None and block.author == self.place


class Silent(Liar):
    """Takes part for a while, then never says anything again."""

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        self._words = self.chance.choice((0, 3, 20, 100))

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        self._words -= 1
        return [send] if self._words >= 0 else []


class Withholder(Liar):
    """Keeps its own blocks from some members, the same ones or others each time, or hands them over late."""

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        others = [place for place in range(self.roster.n) if place != self.place]
        self._kept_from = set(self.chance.sample(others, self.chance.randint(0, len(others))))
        self._fickle = self.chance.random() < 0.5
        self._late = self.chance.random() < 0.5

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        content = decode_packet(self.roster, send.data)
        if not isinstance(content, Blocks):
            return [send]
        own = [wire for wire in content.blocks if self.is_own(wire)]
        keep = self.chance.random() < 0.5 if self._fickle else self.roster.place(send.peer) in self._kept_from
        if not own or not keep:
            return [send]
        if self._late:
            self._hold(Send(send.peer, encode_blocks(self.roster, own)), now, SECOND)
        rest = [wire for wire in content.blocks if wire not in own]
        return [Send(send.peer, encode_blocks(self.roster, rest))] if rest else []


class Replayer(Liar):
    """Says old frames again, its own and those of others, to anyone."""

    _FRAMES = 200

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        self._heard: list[bytes] = []

    def _remember(self, data: bytes) -> None:
        if len(self._heard) < self._FRAMES:
            self._heard.append(data)
        else:
            self._heard[self.chance.randrange(self._FRAMES)] = data

    def _hear(self, packet: Packet, now: Instant) -> Sequence[object]:
        self._remember(packet.data)
        said = list(super()._hear(packet, now))
        if self.peers and self.chance.random() < 0.3:
            said.append(Send(self.chance.choice(self.peers), self.chance.choice(self._heard)))
        return said

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        self._remember(send.data)
        return [send]


class Boaster(Liar):
    """Claims to have, and asks for, what does not exist; sends away whoever asks it for blocks."""

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        content = decode_packet(self.roster, send.data)
        if not isinstance(content, Tips):
            return [] if self.chance.random() < 0.1 else [send]
        far = self.chance.choice((3, 100, 2**40))
        rounds = tuple(round_ + far if self.chance.random() < 0.7 else -1 for round_ in content.rounds)
        tips = Tips(rounds, self.chance.randrange(2**self.roster.n), self.chance.random() < 0.5)
        said = [Send(send.peer, encode_packet(self.roster, tips))]
        if self.chance.random() < 0.3:
            said.append(Send(send.peer, encode_packet(self.roster, Want((-1,) * self.roster.n))))
        if self.chance.random() < 0.3:
            said.append(Send(send.peer, encode_packet(self.roster, Pull((self.chance.randbytes(32),)))))
        return said

    def _hear(self, packet: Packet, now: Instant) -> Sequence[object]:
        asks = isinstance(decode_packet(self.roster, packet.data), Want)
        return [] if asks else super()._hear(packet, now)


class Promiser(Liar):
    """Tells one member with every block, and whenever it asks, that it is far ahead; is honest in all else."""

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        others = [member for member in self.roster.ids if member != stage.signer.public]
        self._victim = self.chance.choice(others)

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        if send.peer != self._victim:
            return [send]
        promise = Send(
            send.peer, encode_packet(self.roster, Tips((2**40,) * self.roster.n, 2**self.roster.n - 1, False))
        )
        return [promise] if isinstance(decode_packet(self.roster, send.data), Tips) else [send, promise]


class Forger(Liar):
    """Sends garbage beside its honest frames: random bytes, invalid blocks, blocks in the name of others."""

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        if self.chance.random() < 0.7:
            return [send]
        forged = self._forge(send.data)
        return [send, Send(send.peer, forged)] if self.chance.random() < 0.7 else [Send(send.peer, forged)]

    def _forge(self, data: bytes) -> bytes:
        chance = self.chance
        style = chance.randrange(7)
        if style == 0:
            return chance.randbytes(chance.randrange(300))
        if style == 1:
            at = chance.randrange(len(data))
            return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        if style == 2:
            return data[: chance.randrange(len(data))]
        if style == 3:
            return encode(tuple(chance.choice((None, 7, -1, 2**40, b"", b"x" * 32, "text")) for _ in range(4)))
        return self._forged_block(data, style)

    def _forged_block(self, data: bytes, style: int) -> bytes:
        chance, roster = self.chance, self.roster
        content = decode_packet(roster, data)
        wires = content.blocks if isinstance(content, Blocks) else ()
        blocks = [block for wire in wires if (block := parse_block(wire, roster)) is not None]
        if not blocks:
            return data
        block = chance.choice(blocks)
        if style == 4:
            # Another member's block under a signature that is not its own.
            return encode_blocks(roster, [encode((block.encoded, chance.randbytes(64), block.leaves))])
        if style == 5:
            # Another payload than the one that was signed.
            return encode_blocks(roster, [encode((block.encoded, block.signature, (*block.leaves, b"\x00" * 40)))])
        # Properly signed and invalid by its own bytes, or valid but over ancestors that do not exist.
        links = list(block.header.parents)
        if chance.random() < 0.5:
            links = links[: chance.randrange(len(links) + 1)]
        else:
            links = [link._replace(digest=chance.randbytes(32)) for link in links]
        round_ = block.round + chance.choice((0, 1, 5, 1000))
        strange = Submission(0, chance.choice(roster.ids), chance.randrange(3), chance.randbytes(5))
        invalid = make_block(roster, self.stage.signer, round_, links, (), [encode_leaf(strange)])
        return encode_blocks(roster, [invalid.wire])
