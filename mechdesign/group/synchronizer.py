"""Who gets which block from whom: forwarding, pulls by digest, vectors of tips.

**Forwarding.** A block goes from its author to all neighbours. Whoever accepts it hands it on to a neighbour that has
not shown it, unless that neighbour says that it has a link to the author itself: in a full mesh every block goes once
from its author to each, in any other connected topology the DAG is the relay. This is safe because it only saves the
eager copy: an author that serves some neighbours and not others, or a copy that was lost, is made good by the pull of
whoever meets a reference to the block, and when nobody speaks by the exchange of tips. A neighbour that lies about its
links starves nobody but itself.

**Catching up.** A member that sees tips ahead of its own asks for what is newer: whom, and how long it waits for that,
is the business of ``catchup``.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence

from mechdesign.group.block import Block, Reference
from mechdesign.group.block_manager import Missing
from mechdesign.group.catchup import CatchUp
from mechdesign.group.dag import Dag
from mechdesign.group.instants import earliest
from mechdesign.group.meter import Meter
from mechdesign.group.packets import (
    BATCH_BLOCKS,
    BATCH_BYTES,
    GroupPacket,
    LogPart,
    Pull,
    Snapshot,
    Tips,
    Want,
    encode_blocks,
    encode_packet,
)
from mechdesign.group.pulls import Pulls
from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig, microseconds
from mechdesign.kernel.machine import Instant
from mechdesign.transport.messages import Send

__all__ = ["Synchronizer"]

_SHOWN_ROUNDS = 32


class Synchronizer:
    """What is sent to neighbours besides our own blocks, and when.

    Neighbours are their index in roster order.

    Args:
        roster: the group.
        me: our index.
        config: intervals.
        dag: the accepted blocks, served from here.
        needed: whether a parked block still waits for a reference that nobody sent.

    Attributes:
        catchup: what neighbours claim to have, and who is asked for it.
        throttled: how often a neighbour was not answered, because it asked for more than its share.
    """

    def __init__(
        self, roster: Roster, me: int, config: GroupConfig, dag: Dag, needed: Callable[[Reference], bool]
    ) -> None:
        self._roster = roster
        self._me = me
        self._dag = dag
        self._retry = microseconds(config.pull_retry_s)
        self._tips_min = microseconds(config.tips_min_s)
        self._tips_max = microseconds(max(config.tips_max_s, config.tips_min_s))
        self._linked: list[int] = []
        self._links_of: dict[int, int] = {}
        self._shown: dict[bytes, int] = {}
        # It only saves copies of blocks that are new, so a few rounds of them are enough.
        self._shown_max = _SHOWN_ROUNDS * roster.n
        self._pulls = Pulls(roster, me, self._retry, needed)
        self._tips_interval = self._tips_min
        self._tips_due: Instant | None = None
        self._told_at: dict[int, Instant] = {}
        self._replied_at: dict[int, Instant] = {}
        self._reminded: dict[int, tuple[Hashable, Instant]] = {}
        self._urged = False
        self._progress_at: Instant | None = None
        self.catchup = CatchUp(roster, me, config, dag)
        self._meter = Meter(roster.n, config.serve_bytes_per_s, 4 * max(config.serve_bytes_per_s, BATCH_BYTES))
        self.throttled = 0

    @property
    def linked(self) -> tuple[int, ...]:
        """Our neighbours, in roster order."""
        return tuple(self._linked)

    @property
    def pulls(self) -> int:
        """How many blocks are being asked for."""
        return len(self._pulls)

    @property
    def deadline(self) -> Instant | None:
        """When :meth:`tick` has work to do."""
        return earliest(self._pulls.due, self._tips_due if self._linked else None, self.catchup.due)

    # ------------------------------------------------------------------------------------------------------ links

    def link_up(self, place: int, now: Instant) -> list[Send]:
        """A neighbour can be reached: tell it what we have and ask what it has; the others hear of the link soon."""
        if place not in self._linked:
            self._linked = self._pulls.linked = sorted([*self._linked, place])
        self._links_of.pop(place, None)
        self._replied_at.pop(place, None)
        self._reminded.pop(place, None)
        self.catchup.linked(place)
        self._hasten(now + self._tips_min // 8)
        pulls = [self._send(asked, pull) for asked, pull in self._pulls.link_up(place, now)]
        return [*self._tips((place,), reply=True, now=now), *pulls]

    def link_down(self, place: int, now: Instant) -> None:
        """A neighbour cannot be reached; the others hear of it soon, since they may have relied on that link."""
        if place in self._linked:
            self._linked.remove(place)
        self._links_of.pop(place, None)
        self.catchup.unlinked(place, now)
        self._hasten(now + self._tips_min // 8)

    # ----------------------------------------------------------------------------------------------------- blocks

    def heard(self, place: int, digest: bytes, now: Instant) -> None:
        """A neighbour sent us a block that is worth a look."""
        self.catchup.heard(place, now)
        self.showed(place, digest)

    def showed(self, place: int, digest: bytes) -> None:
        """A neighbour has a block."""
        self._shown[digest] = self._shown.get(digest, 0) | 1 << place
        if len(self._shown) > self._shown_max:
            del self._shown[next(iter(self._shown))]

    def publish(self, block: Block) -> list[Send]:
        """Send a block of ours to all neighbours."""
        return self._spread(block, self._linked)

    def forward(self, block: Block) -> list[Send]:
        """Hand on an accepted block to the neighbours that have not got it and cannot get it from its author."""
        shown = self._shown.get(block.digest, 0)
        author = 1 << block.author
        lacking = []
        for place in self._linked:
            if self._links_of.get(place, 0) & author or place == block.author or shown >> place & 1:
                continue
            claim = self.catchup.claim(place)
            if claim is None or claim[block.author] < block.round:
                lacking.append(place)
        return self._spread(block, lacking)

    def _spread(self, block: Block, places: Iterable[int]) -> list[Send]:
        peers = [self._roster.ids[place] for place in places]
        if not peers:
            return []
        data = encode_blocks(self._roster, [block.wire])
        return [Send(peer, data) for peer in peers]

    def progress(self, now: Instant) -> None:
        """A block was accepted: tips can wait."""
        self._tips_interval = self._tips_min
        self._tips_due = now + self._tips_min
        self._progress_at = now
        self._urged = False

    # --------------------------------------------------------------------------------------------------- answering

    def missing(self, found: Iterable[Missing], now: Instant) -> list[Send]:
        """Ask for what a parked block lacks, unless it was asked for already."""
        return [self._send(place, pull) for place, pull in self._pulls.missing(found, now)]

    def arrived(self, digest: bytes) -> None:
        """A block is there, accepted or parked: nobody need be asked for it."""
        self._pulls.arrived(digest)

    def serve_pull(self, place: int, pull: Pull, now: Instant) -> list[Send]:
        """Answer a pull with what we have of it."""
        if not self.affords(place, now):
            return []
        found = (self._dag.get(digest) for digest in dict.fromkeys(pull.digests))
        return self._charged(place, self._batch(place, (block for block in found if block is not None)), now)

    # ------------------------------------------------------------------------------------------------------- tips

    def urge(self, now: Instant) -> None:
        """We have something to say and cannot: if nothing has moved for a moment, tell our tips at once."""
        if not self._urged:
            self._urged = True
            recently = now if self._progress_at is None else max(now, self._progress_at + self._retry)
            self._tips_interval = self._tips_min
            self._hasten(recently)

    def _hasten(self, due: Instant) -> None:
        self._tips_due = due if self._tips_due is None else min(self._tips_due, due)

    def hear_tips(self, place: int, tips: Tips, now: Instant) -> list[Send]:
        """A neighbour told what it has: answer it, ask for what it has more, tell it when it has less."""
        self.catchup.claims(place, tips.rounds, tips.floor)
        self.catchup.heard(place, now)
        self._links_of[place] = tips.links
        sends = []
        kept = self._dag.floor
        lags = any(theirs < own >= kept for theirs, own in zip(tips.rounds, self._dag.tips(), strict=True))
        if (tips.reply and self._rested(self._replied_at.get(place), now)) or (
            lags and self._rested(self._told_at.get(place), now)
        ):
            if tips.reply:
                self._replied_at[place] = now
            sends += self._tips((place,), reply=False, now=now)
        self.catchup.answered(place, now)
        if self.catchup.ahead(place, self.catchup.floor()):
            sends += self._want(now)
        return sends

    def reminds(self, place: int, state: Hashable, now: Instant) -> bool:
        """Whether a neighbour is told again what it may have missed: at once what is new, the same once in a while."""
        said = self._reminded.get(place)
        if said is not None and said[0] == state and not self._rested(said[1], now):
            return False
        self._reminded[place] = state, now
        return True

    def _rested(self, at: Instant | None, now: Instant) -> bool:
        """Whether what was last said at a time, if ever, may be said again."""
        return at is None or now >= at + self._retry

    def promises(self, place: int, author: int, round_: int, now: Instant) -> list[Send]:
        """A neighbour sent a block from far ahead of us: it can help us to catch up."""
        self.catchup.promises(place, author, round_)
        return self._want(now)

    def serve_want(self, place: int, want: Want, snapshot: Snapshot | None, now: Instant) -> list[Send]:
        """Send the oldest blocks that are newer than a neighbour's tips, and then our tips.

        One that may need what we no longer keep is sent the snapshot that stands for it instead.
        """
        if not self.affords(place, now):
            return []
        if want.collection < self._dag.floor and snapshot is not None:
            return self._charged(place, [self._send(place, snapshot)], now)
        batch = self._batch(place, self._dag.newer(want.rounds))
        return self._charged(place, [*batch, *self._tips((place,), reply=False, now=now)], now)

    def serve_log(self, place: int, part: LogPart, now: Instant) -> list[Send]:
        """Send blocks of the log."""
        return self._charged(place, [self._send(place, part)], now)

    def spent(self, place: int, read: int, now: Instant) -> None:
        """So many bytes were read for a neighbour, and were not what it asked for."""
        self._meter.charge(place, read, now)

    def affords(self, place: int, now: Instant) -> bool:
        """Whether a neighbour has not asked for more than its share; one that has is not answered."""
        if self._meter.allows(place, now):
            return True
        self.throttled += 1
        return False

    def _charged(self, place: int, sends: list[Send], now: Instant) -> list[Send]:
        self._meter.charge(place, sum(len(send.data) for send in sends), now)
        return sends

    def packet(self, places: Iterable[int], packet: GroupPacket) -> list[Send]:
        """One packet for several neighbours."""
        peers = [self._roster.ids[place] for place in places]
        data = encode_packet(self._roster, packet) if peers else b""
        return [Send(peer, data) for peer in peers]

    def lacking(self, source: int, signer: int) -> list[int]:
        """The neighbours that what ``signer`` said, and ``source`` handed on, will not reach without us."""
        mine = 1 << signer
        return [
            place for place in self._linked if place not in (source, signer) and not self._links_of.get(place, 0) & mine
        ]

    def after(self, place: int) -> int | None:
        """The neighbour to ask after that one, in rotation."""
        return self._pulls.after(place)

    def resumed(self, now: Instant) -> None:
        """We go on from a snapshot: nothing that was asked for before matters, and everybody may be asked again."""
        self._pulls.clear()
        self.catchup.restart(now)
        self._hasten(now)

    def tick(self, now: Instant) -> list[Send]:
        """Ask again, tell tips again."""
        sends: list[Send] = []
        if self._pulls.due is not None and self._pulls.due <= now:
            sends += [self._send(place, pull) for place, pull in self._pulls.again(now)]
        if self.catchup.due is not None and self.catchup.due <= now:
            self.catchup.end(now)
            sends += self._want(now)
        if self._tips_due is not None and self._tips_due <= now and self._linked:
            sends += self._tips(self._linked, reply=False, now=now)
            self._tips_due = now + self._tips_interval
            self._tips_interval = min(2 * self._tips_interval, self._tips_max)
            sends += self._want(now)
        return sends

    def _want(self, now: Instant) -> list[Send]:
        ask = self.catchup.ask(self._linked, now)
        return [] if ask is None else [self._send(ask[0], Want(ask[1], self._dag.collection))]

    def _tips(self, places: Sequence[int], *, reply: bool, now: Instant) -> list[Send]:
        for place in places:
            self._told_at[place] = now
        links = sum(1 << other for other in self._linked) | 1 << self._me
        return self.packet(places, Tips(self._dag.tips(), links, reply, self._dag.floor))

    def _send(self, place: int, packet: GroupPacket) -> Send:
        return Send(self._roster.ids[place], encode_packet(self._roster, packet))

    def _batch(self, place: int, blocks: Iterable[Block]) -> list[Send]:
        """One packet with as many of the blocks as it holds; what is left is asked for again."""
        batch: list[bytes] = []
        size = 0
        for block in blocks:
            if len(batch) == BATCH_BLOCKS or (batch and size + len(block.wire) > BATCH_BYTES):
                break
            batch.append(block.wire)
            size += len(block.wire)
            self.showed(place, block.digest)
        if not batch:
            return []
        return [Send(self._roster.ids[place], encode_blocks(self._roster, batch))]
