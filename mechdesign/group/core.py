"""The group core: packets between pairs in, one order of submissions out.

It joins the parts of this package: ``block`` judges, ``block_manager`` accepts, ``committer`` decides, ``linearizer``
orders; ``outbox``, ``proposer`` and ``pacing`` make our own blocks; ``synchronizer`` talks to neighbours.

Promises on effects, beside those of every machine:

* within one returned list everything for the journal and the transport comes before everything for the layer above, so
  a layer that answers an entry of the log while the list is being routed cannot overtake it;
* ``submit`` only journals and asks to be ticked at once; whatever was submitted until then goes into one block.
"""

from collections.abc import Iterable, Iterator, Sequence

from mechdesign.group.block import Block
from mechdesign.group.block_manager import BlockManager, parked_bytes_max
from mechdesign.group.checkpoint import Certified
from mechdesign.group.committer import CommitRule
from mechdesign.group.gate import Gate
from mechdesign.group.instants import earliest
from mechdesign.group.intake import Intake
from mechdesign.group.keeping import Keeping
from mechdesign.group.linearizer import Conflict
from mechdesign.group.messages import Append, Broadcast, Delivered, Found, GroupEffect, GroupEvent, Read
from mechdesign.group.ordering import Ordered, Ordering
from mechdesign.group.outbox import Outbox
from mechdesign.group.pacing import Pacing
from mechdesign.group.packets import Blocks, LogPart, LogWant, Pull, Snapshot, Tips, Vouch, Want
from mechdesign.group.proposer import Proposer
from mechdesign.group.records import read_records
from mechdesign.group.roster import Roster
from mechdesign.group.status import GroupStatus, describe
from mechdesign.group.synchronizer import Synchronizer
from mechdesign.group.turn import Turn
from mechdesign.group.views.view import Convicts, View
from mechdesign.group.watch import Watch
from mechdesign.kernel.config import GroupConfig, microseconds
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import DamagedError, LocalProtocolError
from mechdesign.kernel.machine import Instant
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send

__all__ = ["GroupCore"]

_STEPS_MAX, _FAR = 64, 2


class GroupCore:
    """One member's part in the group.

    Args:
        roster: the group.
        signer: signs for this member, who stands in the roster.
        scheme: checks everybody's signatures.
        config: local settings.
        rule: the commit rule; anything but the default exists for negative controls.
        convicts: judges the proofs of exclusions; by default the evidence of this layer.

    Raises:
        LocalProtocolError: the signer's member does not stand in the roster.
    """

    def __init__(
        self,
        roster: Roster,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        *,
        rule: CommitRule | None = None,
        convicts: Convicts | None = None,
    ) -> None:
        me = roster.place(signer.public)
        if me is None:
            raise LocalProtocolError("the signing key belongs to no member of the roster")
        self._roster = roster
        self._signer = signer
        self._scheme = scheme
        self._me = me
        self._gate = Gate(roster, microseconds(config.round_timeout_s))
        self._order = Ordering(roster, config.log_bytes_max, rule, View(roster, scheme, convicts))
        self._dag = self._order.dag
        self._watch = Watch(roster)
        room, equivocates = parked_bytes_max(roster), self._watch.equivocates
        self._manager = BlockManager(self._dag, roster.n, config.parked_per_author, equivocates, room)
        self._intake = Intake(roster, scheme, self._manager, config.rounds_ahead_max)
        self._proposer = Proposer(roster, me, self._dag)
        self._outbox = Outbox(roster, signer.public, config.pending_bytes_max)
        self._pacing = Pacing(roster, config)
        self._sync = Synchronizer(roster, me, config, self._dag, self._manager.wants)
        retry = microseconds(config.pull_retry_s)
        self._keeping = Keeping(roster, signer, scheme, self._order, self._outbox, self._sync, retry)
        self._turn = Turn(roster, me, config, self._order, self._proposer, self._outbox, self._pacing)
        self._restored = self._restoring = self._resting = False
        self._wake: Instant | None = None
        self._down: list[GroupEffect] = []
        self._up: list[GroupEffect] = []

    # ------------------------------------------------------------------------------------------------- three verbs

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do next, or None."""
        return earliest(self._wake, self._sync.deadline, self._gate.deadline, self._keeping.deadline)

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[GroupEffect]:
        """Take back the journal, in the order in which it was written; call exactly once, first, also with nothing.

        Gives the whole log that the journal holds again, and signs nothing.

        Raises:
            LocalProtocolError: it was called before.
            JournalError: a record is damaged.
        """
        if self._restored:
            raise LocalProtocolError("a group core takes its journal back once, before everything else")
        self._restored = self._restoring = True
        found = read_records(records, self._roster, self._scheme)
        self._keeping.records.counted(len(found.settled))
        self._outbox.remember(key for keys in found.settled for key in keys)
        for key, record in found.own:
            self._outbox.restore(key, record)
        if found.certified is not None:
            for block in found.log:
                self._deliver(Ordered(block, self._order.enter(block)), now)
            if not self._order.agrees(found.certified.checkpoint):
                raise DamagedError("the journal's log", "it is not the one of its checkpoint")
            self._order.resume(found.certified.checkpoint)
            self._keeping.restored(found.certified)
        if found.newest is not None:
            self._proposer.own(found.newest)
        for block in found.blocks:
            self._keeping.records.note(block)
            if block.author == self._me:
                self._proposer.own(block)
            if self._manager.is_missing(block.digest):
                self._absorb(self._manager.offer(block, None), None, now)
        self._wake = now
        effects = self._effects()
        self._restoring = False
        return effects

    def submit(self, request: Broadcast, now: Instant) -> Sequence[GroupEffect]:
        """Have a submission ordered; a key that was used before does nothing.

        Raises:
            LocalProtocolError: called before ``restore``, or the request is out of bounds.
        """
        self._require_restored()
        if (record := self._outbox.add(request)) is None:
            return ()
        self._wake = now
        return (Append("own", request.key, record),)

    def receive(self, incoming: GroupEvent, now: Instant) -> Sequence[GroupEffect]:
        """Take an event from the transport, or what was read; never raises for what a peer sent."""
        self._require_restored()
        place = self._roster.place(incoming.peer)
        if place is None or place == self._me:
            self._intake.drop("stranger", incoming.peer, now)
            return ()
        match incoming:
            case Packet(peer, data):
                self._packet(place, peer, data, now)
            case LinkUp():
                self._send(self._sync.link_up(place, now))
                self._gate.linked(now)
            case LinkDown():
                self._sync.link_down(place, now)
            case Found(_, records):
                self._send(self._keeping.found(place, records, now))
        self._advance(now)
        return self._effects()

    def tick(self, now: Instant) -> Sequence[GroupEffect]:
        """Do what was due at ``deadline``."""
        self._require_restored()
        if self._sync.deadline is not None and self._sync.deadline <= now:
            self._send(self._sync.missing(self._manager.all_missing(), now))
            self._send(self._sync.tick(now))
        self._fetch(now)
        self._advance(now)
        return self._effects()

    def status(self) -> GroupStatus:
        """What this member can say about its group now."""
        parts = (self._order, self._proposer, self._pacing, self._turn, self._sync, self._keeping, self._gate)
        return describe(self._roster, *parts, self._watch, self._manager, len(self._outbox), self._intake.dropped)

    # ----------------------------------------------------------------------------------------------------- the epoch

    def log_digests(self) -> tuple[bytes, ...]:
        """The hash of the log before each of its blocks in memory, and after the last: the same in all members."""
        return self._order.chronicle.hashes()

    @property
    def order(self) -> Ordering:
        """What was decided; once it has a final checkpoint no more entries are handed up, and our blocks are empty."""
        return self._order

    @property
    def outbox(self) -> Outbox:
        """Our own submissions."""
        return self._outbox

    def rest(self) -> None:
        """The epoch is over and its end is certified: serve what is held, and sign no more."""
        self._resting = True

    def lacking(self, source: int, signer: int) -> tuple[MemberId, ...]:
        """The neighbours that what a member said, and a neighbour handed on, will not reach without us."""
        return self._ids(self._sync.lacking(source, signer))

    def names(self) -> Iterator[tuple[str, bytes]]:
        """(table, key) of everything that the journal holds of this epoch."""
        yield from self._keeping.records.names(self._order.chronicle)
        yield from (("own", key) for key in self._outbox.keys)

    # ----------------------------------------------------------------------------------------------------- packets

    def _packet(self, place: int, peer: MemberId, data: bytes, now: Instant) -> None:
        match self._intake.packet(peer, data, now):
            case Blocks(blocks):
                for wire in blocks:
                    self._block(place, peer, wire, now)
            case Tips() as tips:
                self._send(self._sync.hear_tips(place, tips, now))
                self._send(self._keeping.remind(place, tips, now))
                self._gate.answered(place, tips.rounds[self._me], self._proposer.round)
            case Pull() as pull:
                self._send(self._sync.serve_pull(place, pull, now))
            case Want() as want:
                self._send(self._sync.serve_want(place, want, self._keeping.snapshot(), now))
            case LogWant() | LogPart() | Snapshot() | Vouch() as packet:
                sends, dropped = self._keeping.packet(place, packet, now)
                self._send(sends)
                self._intake.refused(packet, dropped, peer, now)
                self._fetch(now)

    def _block(self, place: int, peer: MemberId, wire: bytes, now: Instant) -> None:
        block, dropped = self._intake.block(peer, wire, self._order.committer.undecided_round, now)
        if block is None or dropped is not None:
            if block is not None:
                self._dropped(place, block, dropped, now)
            return
        if block.author == self._me:
            self._gate.stolen(block.round)
        self._sync.heard(place, block.digest, now)
        self._sync.arrived(block.digest)
        self._pacing.heard(block.author)
        self._up.extend(self._watch.arrived(block, self._manager.parked_of(block.author)))
        self._absorb(self._manager.offer(block, peer), place, now)
        self._intake.parked(peer, block, len(wire), now)
        if block.digest in self._dag:
            self._sync.catchup.brought(place, block.round)
        if block.digest in self._manager:
            far = block.round > self._dag.highest + _FAR
            self._send(self._sync.missing(self._manager.missing(block, far), now))
            if far:
                self._send(self._sync.promises(place, block.author, block.round, now))

    def _dropped(self, place: int, block: Block, reason: str | None, now: Instant) -> None:
        """What a block that is dropped still tells."""
        match reason:
            case "duplicate":
                self._sync.showed(place, block.digest)
            case "ahead":
                self._send(self._sync.promises(place, block.author, block.round, now))
            case "invalid":
                self._up.extend(self._watch.invalid(block))

    # -------------------------------------------------------------------------------------------------- acceptance

    def _absorb(self, acceptable: Iterator[Block], place: int | None, now: Instant) -> None:
        """Accept what became acceptable, and what becomes so when the collection round moves on."""
        while True:
            collection = self._dag.collection
            for block in acceptable:
                self._accept(block, place, now)
            if self._dag.collection == collection:
                return
            # Payloads below the collection round are for their authors to propose again.
            self._outbox.collected(self._dag.collection)
            self._proposer.collected()
            acceptable = self._manager.retry()

    def _accept(self, block: Block, place: int | None, now: Instant) -> None:
        """Take one block whose references are held."""
        self._up.extend(self._watch.accepted(block))
        self._order.add(block)
        if self._dag.authors(block.round) == self._roster.q:
            self._pacing.quorum(block.round, now)
        self._proposer.accepted(block)
        if block.author == self._me and not self._dag.is_ordered(block.digest):
            self._outbox.carried(block)
        if block.digest not in self._keeping.records:
            own = block is self._proposer.newest
            self._keeping.records.note(block)
            self._down.append(Append("block", block.digest, block.wire, sync=own))
            self._sync.arrived(block.digest)
            self._sync.progress(now)
            self._send(self._sync.publish(block) if own else self._sync.forward(block))
        for event in self._order.decide():
            if isinstance(event, Ordered):
                self._proposer.ordered(event.block)
                self._deliver(event, now)
                continue
            self._pacing.committed(self._order.committed_round)
            if event.checkpoint is not None:
                self._send(self._keeping.reached(event.checkpoint, say=not self._restoring))

    def _deliver(self, ordered: Ordered, now: Instant) -> None:
        author = ordered.block.author
        useful = False
        for entry in ordered.entries:
            if isinstance(entry, Conflict):
                self._up.extend(self._watch.conflict(entry))
                continue
            self._up.append(entry)
            if isinstance(entry, Delivered):
                useful = True
                if author == self._me:
                    self._outbox.delivered(entry.submission.sequence)
        if useful:
            # What reaches the log was not for nothing.
            self._turn.useful(author)
        if author == self._me:
            self._outbox.widen(self._order.linearizer.limit(author))
            self._outbox.ordered(ordered.block.digest)

    # ------------------------------------------------------------------------------------------------- checkpoints

    def _settle(self) -> None:
        """Forget what a certified checkpoint stands for."""
        if (settled := self._keeping.settle(self._proposer.newest)) is not None:
            self._down.append(settled[0])
            self._watch.pruned(settled[1])

    def _fetch(self, now: Instant) -> None:
        """Go on with fetching the log, or from the checkpoint once it is all there."""
        sends, ready = self._keeping.fetch(now)
        self._send(sends)
        if ready is not None:
            self._resume(*ready, now)

    def _resume(self, certified: Certified, log: Sequence[Block], now: Instant) -> None:
        """Go on from a certified checkpoint: first what it adds to the log, then what is kept of the blocks above."""
        checkpoint = certified.checkpoint
        for block in log:
            if block.author == self._me and block.round > self._proposer.round:
                self._gate.stolen(block.round)
            self._deliver(Ordered(block, self._order.enter(block)), now)
        if not self._order.agrees(checkpoint):
            self._gate.forked()
            return
        held = [*self._dag.blocks(), *self._manager.reset()]
        self._order.resume(checkpoint)
        self._proposer.reset()
        self._outbox.collected(checkpoint.collection)
        self._watch.pruned([block for block in held if block.round < checkpoint.collection])
        self._down.append(self._keeping.adopt(certified, self._proposer.newest))
        self._sync.resumed(now)
        for block in held:
            if self._manager.is_missing(block.digest):
                self._absorb(self._manager.offer(block, None), None, now)

    # --------------------------------------------------------------------------------------------------- proposing

    def _advance(self, now: Instant) -> None:
        """Make the blocks that are due, and note when to look again."""
        for _ in range(_STEPS_MAX):
            ended = self._resting or self._order.committer.forked is not None
            if not self._gate.passes(now) or ended or self._sync.catchup.holds(now):
                self._wake = None
                return
            turn = self._turn.look(now)
            if turn.stuck:
                self._sync.urge(now)
            self._wake = turn.wake
            if turn.round is None:
                return
            self._absorb(iter((self._turn.make(turn.round, self._signer, now),)), None, now)
        self._wake = now

    # ----------------------------------------------------------------------------------------------------- helpers

    def _require_restored(self) -> None:
        if not self._restored:
            raise LocalProtocolError("call restore first, with no records if the journal is new")

    def _ids(self, places: Iterable[int]) -> tuple[MemberId, ...]:
        return tuple(self._roster.ids[place] for place in places)

    def _send(self, sends: Iterable[Send | Read]) -> None:
        self._down.extend(sends)

    def _effects(self) -> Sequence[GroupEffect]:
        if not self._restoring:
            self._settle()
        effects, self._down, self._up = [*self._down, *self._up, *self._keeping.proofs()], [], []
        return effects
