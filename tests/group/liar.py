"""A member that signs whatever chance suggests: twins, forked chains, old predecessors, invalid blocks."""

from random import Random

from mechdesign.group.block import Block, Reference, genesis, make_block, parse_block
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Submission
from mechdesign.group.packets import Blocks, Pull, Tips, Want, decode_packet, encode_blocks, encode_packet
from tests.group.lockstep import MILLISECOND, Lockstep, member, signer


class Liar:
    """Sits at one place of a lockstep network and answers packets with lies drawn from a seed."""

    def __init__(self, net: Lockstep, place: int, random: Random, *, invalid: bool = True, twins: int = 3) -> None:
        self.net = net
        self.place = place
        self.random = random
        self.invalid = invalid
        self.twins = twins
        self.blocks: dict[bytes, Block] = {}
        self.rounds: dict[int, dict[int, list[Block]]] = {}
        self.own: list[Block] = []
        self.sequence = 0
        self.rest_until = 0

    def _know(self, block: Block) -> None:
        if block.digest not in self.blocks:
            self.blocks[block.digest] = block
            self.rounds.setdefault(block.round, {}).setdefault(block.author, []).append(block)

    def hear(self, source: int, data: bytes) -> None:
        """Take a packet from an honest member and do something about it."""
        roster = self.net.roster
        match decode_packet(roster, data):
            case Blocks(blocks):
                for wire in blocks:
                    block = parse_block(wire, roster)
                    if block is not None:
                        self._know(block)
                if self.random.random() < 0.5 and self.net.now >= self.rest_until:
                    self.rest_until = self.net.now + 2 * MILLISECOND
                    self.lie()
            case Pull(digests):
                found = [self.blocks[digest].wire for digest in digests if digest in self.blocks]
                if found and self.random.random() < 0.8:
                    self.net.give(self.place, source, encode_blocks(roster, found))
            case Tips(reply=True):
                claims = tuple(self.random.choice((-1, 0, 3, 10_000)) for _ in range(roster.n))
                links = self.random.getrandbits(roster.n)
                self.net.give(self.place, source, encode_packet(roster, Tips(claims, links, False)))
            case Want() if self.random.random() < 0.3:
                some = self.random.sample(sorted(self.blocks), min(20, len(self.blocks)))
                if some:
                    self.net.give(self.place, source, encode_blocks(roster, [self.blocks[d].wire for d in some]))

    def lie(self) -> None:
        """Sign one to three blocks for a recent round and show each of them to some."""
        roster, random = self.net.roster, self.random
        full = [r for r in self.rounds if len(self.rounds[r]) >= roster.q]
        last = max(full, default=-1)
        round_ = max(0, last + 1 - random.choice((0, 0, 0, 0, 1, 2, 5)))
        if round_ > 0 and len(self.rounds.get(round_ - 1, ())) < roster.q:
            return
        for _ in range(random.randint(1, self.twins)):
            block = self._invent(round_)
            self._know(block)
            self.own.append(block)
            for target in self.net.live:
                if random.random() < 0.6:
                    at = self.net.now + random.randint(0, 8) * MILLISECOND
                    self.net.wire.append((at + MILLISECOND, self.place, target, encode_blocks(roster, [block.wire])))

    def _invent(self, round_: int) -> Block:
        roster, random = self.net.roster, self.random
        lower = [block for block in self.own if block.round < round_]
        first = genesis(roster, self.place)
        if lower and random.random() < 0.8:
            first = random.choice(lower[-4:] if random.random() < 0.8 else lower).ref
        parents = [first]
        if round_ > 0:
            before = self.rounds[round_ - 1]
            authors = [author for author in sorted(before) if author != self.place]
            need = roster.q - (first.round == round_ - 1)
            if len(authors) >= need:
                authors = sorted(random.sample(authors, random.randint(max(need, 0), len(authors))))
            parents += [random.choice(before[author]).ref for author in authors]
        weak: list[Reference] = []
        old = [block.ref for r in sorted(self.rounds) if round_ - roster.depth <= r < round_
               for author in sorted(self.rounds[r]) for block in self.rounds[r][author]]  # fmt: skip
        if old and random.random() < 0.3:
            weak = random.sample(old, min(len(old), 3))
        if self.invalid and random.random() < 0.03:
            parents = parents[:1]
        leaves = []
        if random.random() < 0.3:
            # Sometimes a number is used again for something else.
            number = self.sequence if random.random() < 0.7 else random.randint(0, self.sequence)
            self.sequence = max(self.sequence, number) + 1
            said = b"lie %d" % random.getrandbits(16)
            leaves.append(encode_leaf(Submission(1, member(self.place), number, said)))
            if random.random() < 0.3:
                leaves.append(random.choice((b"", b"\xc1", encode_leaf(Submission(1, member(0), 0, b"not mine")))))
        return make_block(roster, signer(self.place), round_, parents, weak, leaves)
