"""Checkpoints in the life of a member: signing them, forgetting what they stand for, coming back by one."""

from collections.abc import Sequence

from mechdesign.group.block import Block
from mechdesign.group.certifier import Certifier
from mechdesign.group.checkpoint import Certified, Checkpoint, parse_certified
from mechdesign.group.messages import Compact, EvidenceFound, Read
from mechdesign.group.ordering import Ordering
from mechdesign.group.outbox import Outbox
from mechdesign.group.packets import BATCH_BLOCKS, BATCH_BYTES, LogPart, LogWant, Snapshot, Tips, Vouch
from mechdesign.group.records import Records, log_keys
from mechdesign.group.recovery import Recovery
from mechdesign.group.roster import Roster
from mechdesign.group.synchronizer import Synchronizer
from mechdesign.kernel.crypto import SignatureScheme, Signer
from mechdesign.kernel.machine import Instant
from mechdesign.transport.messages import Send

__all__ = ["Keeping"]


class Keeping:
    """What a member keeps, vouches for and serves; neighbours are their index in roster order.

    Args:
        roster: the group.
        signer: signs for this member.
        scheme: checks everybody's signatures.
        order: the order so far.
        outbox: our own submissions.
        sync: sends to neighbours.
        retry: ask another neighbour for a part of the log after this.

    Attributes:
        records: which blocks the journal has.
    """

    def __init__(
        self,
        roster: Roster,
        signer: Signer,
        scheme: SignatureScheme,
        order: Ordering,
        outbox: Outbox,
        sync: Synchronizer,
        retry: Instant,
    ) -> None:
        self.records = Records()
        self._roster = roster
        self._scheme = scheme
        self._order = order
        self._outbox = outbox
        self._sync = sync
        me = roster.place(signer.public)
        assert me is not None
        self._me = me
        self._certifier = Certifier(roster, me, signer, scheme)
        self._recovery = Recovery(roster, scheme, order.chronicle, retry, sync.after)
        # What neighbours asked for and is being read, one thing for each.
        self._reading: dict[int, LogWant] = {}

    @property
    def deadline(self) -> Instant | None:
        """When :meth:`fetch` has work to do."""
        return self._recovery.deadline

    @property
    def index(self) -> int:
        """Commits up to the newest certified checkpoint, 0 before the first."""
        return self._certifier.index

    @property
    def behind(self) -> str:
        """What is fetched before we go on, for people; empty almost always."""
        return self._recovery.progress

    # --------------------------------------------------------------------------------------------------- signatures

    def reached(self, checkpoint: Checkpoint, *, say: bool) -> list[Send]:
        """We committed up to a checkpoint: sign it, and tell the neighbours."""
        self._certifier.reached(checkpoint)
        vouch = self._certifier.own(checkpoint.index) if say else None
        return [] if vouch is None else self._sync.packet(self._sync.linked, vouch)

    def _hear(self, place: int, vouch: Vouch, now: Instant) -> tuple[list[Send], str | None]:
        """A neighbour passed on signatures: those that are new go on to whoever has no link to the signer."""
        sends: list[Send] = []
        fresh, hold = self._certifier.heard(vouch, now)
        for signer, signature in fresh:
            relayed = Vouch(vouch.index, vouch.named, ((signer, signature),))
            sends += self._sync.packet(self._sync.lacking(place, signer), relayed)
        return sends, None if hold else "forged"

    def remind(self, place: int, tips: Tips, now: Instant) -> list[Send]:
        """Make good signatures that a neighbour may have missed; the same only once in a while."""
        if not self._sync.reminds(place, self._certifier.known, now):
            return []
        proof = self._certifier.proof() if tips.floor < self._certifier.floor else None
        vouches = [vouch for vouch in (proof, self._certifier.vouch()) if vouch is not None]
        return [send for vouch in vouches for send in self._sync.packet((place,), vouch)]

    def proofs(self) -> list[EvidenceFound]:
        """Proofs against those who signed two checkpoints of one index, since the last call."""
        return self._certifier.proofs()

    # --------------------------------------------------------------------------------------------------- forgetting

    def settle(self, newest: Block | None) -> tuple[Compact, list[Block]] | None:
        """If a checkpoint has become certified: how the journal shrinks, and the blocks that are let go."""
        certified = self._certifier.certified()
        if certified is None:
            return None
        gone = self._order.prune(certified.checkpoint.collection)
        return self._compact(certified, newest), gone

    def adopt(self, certified: Certified, newest: Block | None) -> Compact:
        """Take over a certified checkpoint that the order went on from; gives how the journal shrinks."""
        self._certifier.adopt(certified)
        return self._compact(certified, newest)

    def restored(self, certified: Certified) -> None:
        """Take back the checkpoint that the journal holds."""
        self._order.chronicle.settle(certified.checkpoint.blocks)
        self._certifier.adopt(certified)

    def _compact(self, certified: Certified, newest: Block | None) -> Compact:
        settled = self._outbox.settle(certified.checkpoint.counts[self._me])
        compact = self.records.compact(certified, self._order.chronicle, newest, settled)
        self._order.chronicle.settle(certified.checkpoint.blocks)
        return compact

    # ---------------------------------------------------------------------------------------------------- returning

    def snapshot(self) -> Snapshot | None:
        """The newest certified checkpoint, for a member that needs it."""
        newest = self._certifier.newest
        return None if newest is None else Snapshot(newest.encoded, newest.signatures)

    def packet(
        self, place: int, packet: LogWant | LogPart | Snapshot | Vouch, now: Instant
    ) -> tuple[Sequence[Send | Read], str | None]:
        """Take what a neighbour sent; gives the answer, and why it is dropped if it is."""
        match packet:
            case LogWant():
                return self._serve_log(place, packet, now), None
            case LogPart():
                return [], self._recovery.take(packet, now)
            case Snapshot():
                return [], self._take_snapshot(place, packet, now)
            case Vouch():
                return self._hear(place, packet, now)

    def _serve_log(self, place: int, want: LogWant, now: Instant) -> Sequence[Send | Read]:
        """Send blocks of the log from memory, or read what is only in the journal any more."""
        chronicle = self._order.chronicle
        if not self._sync.affords(place, now):
            return []
        found = chronicle.before(want.end, want.named, want.begin, BATCH_BLOCKS, BATCH_BYTES)
        if found is not None:
            return self._sync.serve_log(place, LogPart(want.end, found[0], tuple(found[1])), now)
        numbers = chronicle.stored(want.end, want.begin, BATCH_BLOCKS)
        known = chronicle.hash_at(want.end) in (None, want.named)
        if not known or not numbers or place in self._reading:
            return []
        self._reading[place] = want
        return [Read(self._roster.ids[place], *log_keys(numbers), BATCH_BYTES)]

    def found(self, place: int, records: Sequence[bytes], now: Instant) -> list[Send]:
        """Send a neighbour what was read for it; it pays for what was read in vain, too."""
        want = self._reading.pop(place, None)
        if want is None:
            return []
        found = self._order.chronicle.linked(want.named, records)
        if found is None:
            self._sync.spent(place, sum(map(len, records)), now)
            return []
        return self._sync.serve_log(place, LogPart(want.end, found[0], tuple(found[1])), now)

    def _take_snapshot(self, place: int, snapshot: Snapshot, now: Instant) -> str | None:
        """A neighbour says that what we ask for is no longer kept."""
        if not self._sync.catchup.owed(place):
            return "unasked"
        certified = parse_certified(snapshot.state, snapshot.signatures, self._roster, self._scheme)
        if certified is None:
            return "garbage"
        if certified.checkpoint.index > self._order.commits:
            self._recovery.begin(certified, place, now)
            self._sync.catchup.wait_for_log(True, now)
        return None

    def fetch(self, now: Instant) -> tuple[list[Send], tuple[Certified, Sequence[Block]] | None]:
        """Ask for the log that we lack; once it is all there, gives the checkpoint to go on from, and that log."""
        target = self._recovery.target
        if target is None:
            return [], None
        ahead = self._order.commits < target.checkpoint.index
        blocks = self._recovery.whole()
        if blocks is None and ahead:
            ask = self._recovery.due(now)
            return [] if ask is None else self._sync.packet((ask[0],), ask[1]), None
        self._recovery.drop()
        self._sync.catchup.wait_for_log(False, now)
        return [], (target, blocks) if blocks is not None and ahead else None
