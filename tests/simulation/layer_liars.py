"""A member that has the others keep things, and strangers that have a link and nothing to say."""

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from mechdesign.group.block import Reference, genesis, make_block
from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.checkpoint import sign_checkpoint
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Submission
from mechdesign.group.multicast.letters import Letter, Receipt
from mechdesign.group.packets import Pull, Vouch, encode_blocks, encode_packet
from mechdesign.group.roster import Roster
from mechdesign.group.topology import LINKS_KIND
from mechdesign.group.views.packets import (
    Ask,
    Begun,
    EpochPacket,
    Signatures,
    State,
    Trail,
    decode_epoch_packet,
    encode_epoch_packet,
    is_epoch_packet,
)
from mechdesign.group.views.statement import Statement
from mechdesign.kernel.wire import digest, encode
from tests.group.lockstep import MILLISECOND, member, signer

__all__ = ["LIAR", "STRANGERS", "Hoarder", "Strangers"]

LIAR = 3
STRANGERS = range(5, 13)

_STATEMENTS = 300 * MILLISECOND
_PAST = 4
_FAR = 400


class Net(Protocol):
    """What they lie to: layers by place, and wires to them."""

    now: int
    layers: dict[int, Any]

    @property
    def roster(self) -> Roster:
        """Of the newest epoch."""
        ...

    def give(self, source: int, target: int, data: bytes) -> None:
        """Put a frame on the wire."""
        ...

    def link(self, place: int, other: int) -> None:
        """One end learns of a link."""
        ...

    def unlink(self, place: int, other: int) -> None:
        """One end learns that a link is down."""
        ...


class Hoarder:
    """Says only what has to be kept, and signs as many ends of an epoch as it can."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.chance = Random("hoarder")
        self._number = 0
        self._stated = 0
        self._rosters: dict[bytes, Roster] = {}
        self._ended: dict[bytes, None] = {}

    def _next(self) -> int:
        self._number += 1
        return self._number

    def lie(self) -> None:
        """Say all that there is to say at one time."""
        roster = self.net.roster
        self._rosters[channel_of(roster)] = roster
        for channel in list(self._rosters)[:-_PAST]:
            del self._rosters[channel]
            self._ended.pop(channel, None)
        core = self.net.layers[0].group.epochs[0].core
        about: tuple[Callable[[Roster], bytes], ...] = (self._letter, self._receipt, self._early, self._links)
        packets = [self._late(roster, core._dag.collection), self._endless(roster, core._dag.highest)]
        packets += [make(roster) for make in about]
        packets.append(encode_packet(roster, Pull(tuple(self.chance.randbytes(32) for _ in range(4)))))
        for place in self.net.layers:
            for packet in packets:
                if packet:
                    self.net.give(LIAR, place, frame(channel_of(roster), packet))
        for channel, known in self._rosters.items():
            self._end(channel, known)

    def hear(self, source: int, data: bytes) -> None:
        """Sign the end of an epoch as soon as anybody did, so as to stand in its certificate."""
        channel, packet = unframe(data)
        roster = self._rosters.get(channel)
        if roster is None or channel in self._ended or not is_epoch_packet(packet):
            return
        match decode_epoch_packet(packet):
            case Signatures(checkpoint, state, successor, _):
                self._ended[channel] = None
                self._sign(channel, Statement(roster.digest, checkpoint, state, successor))

    # ----------------------------------------------------------------------------------------------- ends of epochs

    def _end(self, channel: bytes, roster: Roster) -> None:
        """Another end of an epoch than the last time; in every second one not before it signed the true one, too."""
        if roster.epoch % 2 and channel not in self._ended:
            return
        named = [self.chance.randbytes(32) for _ in range(3)]
        self._sign(channel, Statement(roster.digest, *named))
        for packet in (Ask(self.chance.randbytes(32)), State(self.chance.randbytes(20)), Begun()):
            self._tell(channel, packet)

    def _sign(self, channel: bytes, end: Statement) -> None:
        roster = self._rosters[channel]
        place = roster.place(member(LIAR))
        assert place is not None
        signed = ((place, end.sign(signer(LIAR))),)
        self._tell(channel, Signatures(end.checkpoint, end.state, end.successor, signed))

    def _tell(self, channel: bytes, packet: EpochPacket) -> None:
        for place in self.net.layers:
            self.net.give(LIAR, place, frame(channel, encode_epoch_packet(packet)))

    # ------------------------------------------------------------------------------------------------------- blocks

    def _nothing(self, roster: Roster, round_: int) -> Reference:
        return Reference(round_, self.chance.randrange(LIAR), self.chance.randbytes(32))

    def _block(self, roster: Roster, round_: int, weak: list[Reference], leaves: list[bytes]) -> bytes:
        others = [place for place in range(roster.n) if roster.ids[place] != member(LIAR)][: roster.q]
        place = roster.place(member(LIAR))
        assert place is not None
        own = genesis(roster, place)
        strong = sorted([Reference(round_ - 1, other, self.chance.randbytes(32)) for other in others])
        return make_block(roster, signer(LIAR), round_, [own, *strong], weak, leaves).wire

    def _late(self, roster: Roster, collection: int) -> bytes:
        """A block with a word that nobody refers to any more, and a twin of it: they come as late as they may."""
        if not collection:
            return b""
        wires = []
        for word in (b"late", b"twin"):
            leaf = encode_leaf(Submission(0, member(LIAR), self._next(), word))
            wires.append(self._block(roster, collection, [], [leaf]))
        return encode_blocks(roster, wires)

    def _endless(self, roster: Roster, highest: int) -> bytes:
        """Long blocks that rest on what there never is, for rounds that are far away."""
        leaves = [encode_leaf(Submission(0, member(LIAR), self._next(), bytes(300))) for _ in range(3)]
        rounds = [highest + 2 + self._next() % _FAR for _ in range(3)]
        return encode_blocks(roster, [self._block(roster, round_, [], leaves) for round_ in rounds])

    def _early(self, roster: Roster) -> bytes:
        """A signature over a checkpoint of a day to come."""
        index, named = 10_000 + self._next(), self.chance.randbytes(32)
        place = roster.place(member(LIAR))
        assert place is not None
        return encode_packet(
            roster, Vouch(index, named, ((place, sign_checkpoint(index, named, roster, signer(LIAR))),))
        )

    # ------------------------------------------------------------------------------------------------------ beside it

    def _letter(self, roster: Roster) -> bytes:
        """A letter to everybody that waits for the first one, which never comes."""
        place = roster.place(member(LIAR))
        assert place is not None
        to = tuple(other for other in range(roster.n) if other != place)
        number = self.chance.choice((1 + self._next() % 6, 1 << 40))
        return Letter(place, to, (number,) * len(to), self._next(), self.chance.randbytes(80)).signed(
            roster, signer(LIAR)
        )

    def _receipt(self, roster: Roster) -> bytes:
        """It took nothing of what it was sent."""
        place = roster.place(member(LIAR))
        assert place is not None
        return Receipt(place, ((place + 1) % roster.n,), 0, self._next(), self._next()).signed(roster, signer(LIAR))

    def _links(self, roster: Roster) -> bytes:
        """It has other links and listens elsewhere than the last time."""
        if self.net.now < self._stated + _STATEMENTS:
            return b""
        self._stated = self.net.now
        place = roster.place(member(LIAR))
        assert place is not None
        number = self._next()
        body = encode((roster.digest[:8], place, number, ((place + 1) % roster.n,), f"tcp://198.51.100.{number}:1"))
        signed = signer(LIAR).sign(digest("mechdesign/links/1", roster.digest, body))
        return encode((LINKS_KIND, body, signed))


class Strangers:
    """Keys with a link that belong to nobody in the group; one after another they say something to everybody."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.chance = Random("strangers")
        self._turn = 0

    def bother(self) -> None:
        """One of them says everything that a stranger is heard with, and loses its link now and then."""
        self._turn += 1
        source = STRANGERS[self._turn % len(STRANGERS)]
        channels = [channel_of(roster) for roster in (self.net.roster, self.net.layers[0].before) if roster is not None]
        channel = channels[self._turn % len(channels)]
        false, named = self.chance.randbytes(60), self.chance.randbytes(32)
        said: tuple[EpochPacket, ...] = (Ask(b""), Ask(named), Begun(), State(b""), Trail((false,)))
        packets = [encode_epoch_packet(packet) for packet in said] + [self.chance.randbytes(40), b"\x91\x22"]
        for place in list(self.net.layers):
            for packet in packets:
                self.net.give(source, place, frame(channel, packet))
            if self._turn % 5 == 0:
                self.net.unlink(place, source)
                self.net.link(place, source)
