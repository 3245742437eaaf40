"""Members that make odd blocks or speak oddly, and sign nothing twice: nothing that they do can be proved.

Those that make blocks do it by changing one part of their honest core.
"""

from collections.abc import Iterable

from mechdesign.group.block import WEAK_PER_MEMBER, Block, Reference, make_block
from mechdesign.group.core import GroupCore
from mechdesign.group.packets import Blocks, Pull, Vouch, Want, decode_packet, encode_blocks, encode_packet
from mechdesign.kernel.crypto import Signer
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.adversaries import Liar, Stage
from mechdesign.transport.messages import Send

__all__ = ["Flooder", "PullInducer", "Racer", "SelectiveReferencer", "SelectiveSender", "Staller"]


class SelectiveSender(Liar):
    """Says everything to some members and nothing at all to the others; to whom may change."""

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        self._others = [place for place in range(self.roster.n) if place != self.place]
        self._fickle = self.chance.random() < 0.5
        self._choose()

    def _choose(self) -> None:
        self._favoured = set(self.chance.sample(self._others, self.chance.randint(0, len(self._others))))

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        if self._fickle and self.chance.random() < 0.02:
            self._choose()
        return [send] if self.roster.place(send.peer) in self._favoured else []


class SelectiveReferencer(Liar):
    """Refers to no more blocks than it must, and to none of its victims if it can do without them."""

    def __init__(self, stage: Stage, now: Instant) -> None:
        self._victims: set[int] = set()
        super().__init__(stage, now)
        self._victims.update(self.chance.sample(range(self.roster.n), self.chance.randint(0, self.roster.n)))

    def fresh(self, now: Instant) -> GroupCore:
        """A core that leaves references out."""
        core = super().fresh(now)
        parents_of = core._proposer.parents

        def parents(round_: int) -> list[Reference]:
            own, *others = parents_of(round_)
            needed = self.roster.q - (own.round == round_ - 1) if round_ else 0
            # Stable, so that among equals the order of the roster stays.
            others.sort(key=lambda parent: parent.author in self._victims)
            return [own, *sorted(others[: max(needed, 0)], key=lambda parent: parent.author)]

        core._proposer.parents = parents  # type: ignore[method-assign]
        core._proposer.weak = lambda round_, parents: []  # type: ignore[method-assign]
        return core


class Racer(Liar):
    """Makes a block the moment it may, waits for nobody, and needs no reason; after so many rounds it is honest."""

    _ROUNDS = 80

    def __init__(self, stage: Stage, now: Instant) -> None:
        self._left = self._ROUNDS
        super().__init__(stage, now)

    def fresh(self, now: Instant) -> GroupCore:
        """A core that does not wait."""
        core = super().fresh(now)
        causes_of, make_of = core._turn._causes, core._turn.make

        def causes(round_: int) -> list[int]:
            return [self.place] if self._left else causes_of(round_)

        def make(round_: int, signer: Signer, now: Instant) -> Block:
            self._left = max(0, self._left - 1)
            return make_of(round_, signer, now)

        core._turn._causes = causes  # type: ignore[method-assign]
        core._turn.make = make  # type: ignore[method-assign]
        core._pacing.wait = lambda round_, absent, now: None  # type: ignore[method-assign]
        return core


class PullInducer(Liar):
    """Refers to blocks that do not exist, so that whoever hears it asks for them, everywhere and in vain."""

    def fresh(self, now: Instant) -> GroupCore:
        """A core that invents references."""
        core = super().fresh(now)
        weak_of = core._proposer.weak

        def weak(round_: int, parents: Iterable[Reference]) -> list[Reference]:
            links = weak_of(round_, parents)
            oldest = max(0, round_ - self.roster.depth)
            if oldest < round_ and self.chance.random() < 0.5:
                for _ in range(min(self.chance.randint(1, 3), WEAK_PER_MEMBER * self.roster.n - len(links))):
                    author, at = self.chance.randrange(self.roster.n), self.chance.randrange(oldest, round_)
                    links.append(Reference(at, author, self.chance.randbytes(32)))
            return links

        core._proposer.weak = weak  # type: ignore[method-assign]
        return core


class Flooder(Liar):
    """Says everything several times, asks for all there is again and again, and sends what only fills memory."""

    _FRAMES = 400

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        self._left = self._FRAMES

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        if self._left <= 0:
            return [send]
        said = [send] * self.chance.choice((1, 2, 3))
        if self.chance.random() < 0.5:
            said.append(Send(send.peer, self._junk(send.data)))
        self._left -= len(said) - 1
        return said

    def _junk(self, data: bytes) -> bytes:
        chance, roster = self.chance, self.roster
        style = chance.randrange(4)
        if style == 0:
            return encode_packet(roster, Pull(tuple(chance.randbytes(32) for _ in range(chance.choice((1, 40))))))
        if style == 1:
            return encode_packet(roster, Want((-1,) * roster.n))
        if style == 2:
            signatures = ((self.place, chance.randbytes(64)),)
            return encode_packet(roster, Vouch(chance.randrange(1, 2**20), chance.randbytes(32), signatures))
        # A block far ahead, on ancestors that nobody can have.
        round_ = self.core._proposer.round + chance.choice((3, 5, 40, 400))
        own = Reference(round_ - 1, self.place, chance.randbytes(32))
        others = [place for place in range(roster.n) if place != self.place]
        parents = [own, *(Reference(round_ - 1, place, chance.randbytes(32)) for place in others)]
        block = make_block(roster, self.stage.signer, round_, parents, (), [bytes(chance.randrange(200))])
        return encode_blocks(roster, [block.wire])


class Staller(Liar):
    """Speaks at the last moment at which it is still waited for: a little before the round timeout, always."""

    def _twist(self, send: Send, now: Instant) -> list[Send]:
        if not isinstance(decode_packet(self.roster, send.data), Blocks):
            return [send]
        timeout = min(self.core._pacing.timeout, SECOND)
        self._hold(send, now, max(timeout, 2), max(1, timeout * 9 // 10))
        return []
