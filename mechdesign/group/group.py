"""The group over its epochs: one machine that runs them one after another.

Within an epoch the :class:`~mechdesign.group.core.GroupCore` does everything. Here an epoch ends and the next begins:

1. An entry of the log opens a change; the layer above is told and, once it has ended what belongs to the epoch, says
   with what state it goes on. When a quorum has said the same the epoch is closed, at one commit of the log.
2. Members sign how it ended. A quorum of signatures is the epoch's certificate.
3. With the certificate and the state a member begins the next epoch, with a new log, and serves the old one until a
   quorum of the next roster has begun.

A member that missed the end first tries to get the rest of the log, which is still served. Where that does not come on
it follows the certificates and begins in the newest epoch with the state that belongs to it. So does a joiner, from
its invitation.

Frames carry the channel of their epoch. Each of a core's records stands under a key that begins with the number of the
epoch, and one ``Compact`` replaces all records of an epoch by the beginning of the next.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mechdesign.group.channel import channel_of, unframe
from mechdesign.group.committer import CommitRule
from mechdesign.group.instants import earliest
from mechdesign.group.messages import (
    Broadcast,
    Change,
    Compact,
    Downward,
    EvidenceFound,
    Found,
    GroupEffect,
    GroupEvent,
    Ready,
    ViewChanged,
    ViewChanging,
)
from mechdesign.group.roster import Member, Roster
from mechdesign.group.status import GroupStatus, outsider
from mechdesign.group.views.epoch import BEGINNING, Epoch, beginning, read_beginning
from mechdesign.group.views.guide import Guide
from mechdesign.group.views.invitation import Invitation
from mechdesign.group.views.packets import (
    STATE_BYTES_MAX,
    Ask,
    Begun,
    Signatures,
    State,
    Trail,
    is_epoch_packet,
)
from mechdesign.group.views.proofs import Proofs
from mechdesign.group.views.reception import Reception
from mechdesign.group.views.said import Said
from mechdesign.group.views.transition import Transition
from mechdesign.group.views.view import Convicts, broadcast_of, is_reserved
from mechdesign.kernel.config import GroupConfig, microseconds
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Instant
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send

__all__ = ["Group"]


class Group:
    """One member's part in a group, epoch after epoch; a machine with the face of the group core.

    Args:
        start: the roster of the first epoch that this member belongs to, or the invitation with which it joins.
        signer: signs for this member.
        scheme: checks everybody's signatures.
        config: local settings.
        convicts: judges the proofs of exclusions; by default the evidence of this layer.
        carry_over: for a layer above that keeps nothing between epochs: no state is waited for, and what it submitted
            and an epoch did not order is submitted in the next, so that it is ordered once. Otherwise only a wish to
            leave is, and what else was not ordered is dropped: the layer above begins afresh from its state.
        rule: the commit rule; anything but the default exists for negative controls.

    Raises:
        LocalProtocolError: the member does not stand in the roster, or the invitation is not for it.
        VerificationError: the invitation is not signed by a quorum.
    """

    def __init__(
        self,
        start: Roster | Invitation,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        *,
        convicts: Convicts | None = None,
        carry_over: bool = False,
        rule: CommitRule | None = None,
    ) -> None:
        self._signer = signer
        self._scheme = scheme
        self._config = config
        self._convicts = convicts
        self.carry_over = carry_over
        self._rule = rule
        expected: Member | None = None
        if isinstance(start, Invitation):
            start.check(scheme)
            if start.member.id != signer.public:
                raise LocalProtocolError(f"the invitation is for {start.member.name!r}, who has another key")
            expected, start = start.member, start.roster
        elif start.place(signer.public) is None:
            raise LocalProtocolError("the signing key belongs to no member of the roster")
        self._linked: dict[MemberId, None] = {}
        self._guide = Guide(start, self._linked, microseconds(config.pull_retry_s) // 2)
        self._left = self._restored = False
        self._epoch = self._run(start) if expected is None else None
        self._transition = Transition(start, self._epoch, scheme, config, self._linked, expected)
        self._channels: tuple[bytes, ...] = (channel_of(start),)
        self._reception = Reception()
        self._proofs, self._said = Proofs(), Said()
        self._down: list[GroupEffect] = []
        self._up: list[GroupEffect] = []

    # ------------------------------------------------------------------------------------------------- three verbs

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do next, or None."""
        return earliest(self._transition.deadline, *[epoch.core.deadline for epoch in self.epochs])

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[GroupEffect]:
        """Take back the journal, in the order in which it was written; call exactly once, first, also with nothing.

        Gives ``ViewChanged`` if this is not the epoch that it was built with, then the epoch's whole log again.

        Raises:
            LocalProtocolError: it was called before.
            JournalError: a record is damaged.
        """
        if self._restored:
            raise LocalProtocolError("a group takes its journal back once, before everything else")
        self._restored = True
        records = list(records)
        self._said.restore(records)
        for table, key, data in records:
            if (table, key) == BEGINNING:
                roster, state = read_beginning(data)
                self._guide.stand(roster, state, (), None)
                self._begin(roster, state)
            elif table == BEGINNING[0] and not self._guide.annals.restore(key, data):
                self._proofs.restore(key, data)
        self._listen()
        if self._epoch is not None:
            self._take(self._epoch, self._epoch.restore(records, self._said, now), now)
        self._up += self._proofs.holding(self.roster)
        return self._effects(now)

    def submit(self, request: Broadcast | Change | Ready, now: Instant) -> Sequence[GroupEffect]:
        """Have a submission ordered, or the view changed, or say that the layer above is ready for the next epoch.

        Raises:
            LocalProtocolError: called before ``restore`` or by one that is no member now, or out of bounds.
        """
        self._require_restored()
        if self._epoch is None:
            raise LocalProtocolError("this member has left the group" if self._left else "not yet in the group")
        match request:
            case Broadcast():
                if is_reserved(request.kind):
                    raise LocalProtocolError(f"entries of kind {request.kind} are the group's own")
            case Ready(state):
                if self._epoch.core.order.view.since is None:
                    raise LocalProtocolError("the view does not change, so there is nothing to be ready for")
                if len(state) > STATE_BYTES_MAX:
                    raise LocalProtocolError(f"a state has at most {STATE_BYTES_MAX} bytes, not {len(state)}")
                self._transition.said = state if self._transition.said is None else self._transition.said
        entry = request if isinstance(request, Broadcast) else broadcast_of(request)
        self._take(self._epoch, self._epoch.core.submit(entry, now), now)
        return self._effects(now)

    def receive(self, incoming: GroupEvent, now: Instant) -> Sequence[GroupEffect]:
        """Take an event from the transport, or what was read; never raises for what a peer sent."""
        self._require_restored()
        match incoming:
            case LinkUp(peer):
                self._linked[peer] = None
                self._both(incoming, now)
                self._down += self._transition.met(peer, now)
            case LinkDown(peer):
                self._linked.pop(peer, None)
                self._guide.unlinked(peer)
                self._both(incoming, now)
            case Packet(peer, data):
                self._packet(peer, *unframe(data), now)
            case Found():
                self._both(incoming, now)
        return self._effects(now)

    def tick(self, now: Instant) -> Sequence[GroupEffect]:
        """Do what was due at ``deadline``."""
        self._require_restored()
        if (due := self._transition.due) is not None and due <= now:
            # By now the layer above has been handed the last entries of the epoch.
            self._switch(now)
            return self._effects(now)
        for epoch in self.epochs:
            if epoch.core.deadline is not None and epoch.core.deadline <= now:
                self._take(epoch, epoch.core.tick(now), now)
        self._down += self._transition.tick(now)
        return self._effects(now)

    # ------------------------------------------------------------------------------------------------------- status

    @property
    def roster(self) -> Roster:
        """Of the present epoch; a joiner's is that of its invitation."""
        return self._guide.roster

    @property
    def epochs(self) -> list[Epoch]:
        """Those that run here: the present one, where we are a member, and the old one as long as it is served."""
        return [epoch for epoch in (self._epoch, self._guide.old) if epoch is not None]

    def awaits(self, key: bytes) -> bool:
        """Whether what was submitted under a key is still to be ordered in the present epoch."""
        return self._epoch is not None and self._epoch.core.outbox.awaits(key)

    @property
    def before(self) -> Roster | None:
        """Of the epoch before the present one, where it is known."""
        return next(reversed(self._guide.annals.rosters), None)

    @property
    def channels(self) -> tuple[bytes, ...]:
        """On which this group's frames come: of past epochs that are kept, of the present one, and where we go."""
        ahead = map(channel_of, self._transition.pursuit.rosters)
        return tuple(dict.fromkeys((*self._channels, *ahead)))

    def status(self) -> GroupStatus:
        """What this member can say about its group now."""
        refusal = self._transition.refusal
        if self._epoch is None:
            detail = refusal or ("" if self._left else "asks for the certificates of the epoch that it is to join")
            state = "left" if self._left else "refusing" if refusal else "joining"
            dropped = tuple(sorted(self._reception.dropped.items()))
            return outsider(self.roster, state, detail, tuple(self._linked), dropped)
        status = self._epoch.core.status()
        status = replace(status, dropped=tuple(sorted({**dict(status.dropped), **self._reception.dropped}.items())))
        closed = self._epoch.core.order.final is not None
        if status.view is not None and closed:
            status = replace(status, view=replace(status.view, closed=True, signed=self._epoch.closing.signed))
        if refusal:
            return replace(status, state="refusing", detail=refusal)
        if (newest := self._transition.pursuit.newest.epoch) > self.roster.epoch and not closed:
            detail = f"epoch {newest} has begun: fetches what is left of epoch {self.roster.epoch}, or what replaces it"
            return replace(status, state="behind", detail=detail)
        return status

    # ------------------------------------------------------------------------------------------------------ packets

    def _packet(self, peer: MemberId, channel: bytes, data: bytes, now: Instant) -> None:
        epoch = next((epoch for epoch in self.epochs if epoch.channel == channel), None)
        if not is_epoch_packet(data):
            if epoch is not None:
                self._take(epoch, epoch.core.receive(Packet(peer, data), now), now)
            if epoch is not None and epoch is self._epoch:
                self._guide.moved(peer)
            else:
                self._point(peer, channel, now)
            return
        match self._reception.packet(peer, data, now):
            case Signatures() as said:
                present = epoch is not None and epoch is self._epoch
                heard = self._transition.hear(peer, said) if present else None
                ahead = self._transition.pursuit.end(channel)
                sends, proofs, hold = heard or self._guide.hear(channel, said, self._scheme, ahead)
                self._tell(sends, proofs)
                if not present:
                    self._point(peer, channel, now)
                if not hold:
                    self._reception.drop("forged", peer, now)
            case Ask(state):
                self._down += self._guide.answer(peer, channel, state, now)
            case Trail(certificates):
                contradicted = self._guide.annals.contradicted(channel, certificates[0], self._scheme)
                followed = ([], []) if self._left else self._transition.follow(peer, channel, certificates, now)
                self._tell((), contradicted or ())
                if contradicted is None or followed is None:
                    self._reception.drop("trail", peer, now, self.roster.q)
                else:
                    self._tell(*followed)
            case State(data):
                self._transition.offer(data, now)
            case Begun():
                self._guide.begun(peer, channel)

    def _point(self, peer: MemberId, channel: bytes, now: Instant) -> None:
        sends = self._guide.point(peer, channel, now)
        if sends is None:
            self._reception.drop("channel")
        self._down += sends or ()

    # ----------------------------------------------------------------------------------------------------- the switch

    def _switch(self, now: Instant) -> None:
        """Begin the newest epoch that we know of."""
        pursuit, epoch = self._transition.pursuit, self._epoch
        assert pursuit.state is not None
        closed = epoch is not None and epoch.closing.statement is not None and len(pursuit.certificates) == 1
        final = pursuit.certificates[0].checkpoint
        pending, used = ([], []) if epoch is None else epoch.unordered(final, self.carry_over)
        records, gone = self._guide.stand(pursuit.newest, pursuit.state, pursuit.ended, epoch if closed else None)
        written, forgotten = self._said.add(used)
        records += [*written, beginning(pursuit.newest, pursuit.state)]
        gone += forgotten
        gone += [] if epoch is None else list(epoch.names())
        gone += self._proofs.release(pursuit.newest)
        self._begin(pursuit.newest, pursuit.state)
        # What was found as an epoch ended came too late for its log.
        self._up += self._proofs.holding(pursuit.newest)
        self._listen()
        begun = [] if self._epoch is None else self._epoch.restore((), self._said, now)
        if self._epoch is not None:
            # What is carried over changes epochs together with us: a crash finds it in one of the two.
            records += self._epoch.carry(pending, now)
        self._down.append(Compact(tuple(records), tuple(gone)))
        self._down += [*self._guide.announce(now), *([] if epoch is None else self._guide.warn(epoch))]
        if self._epoch is None:
            return
        self._take(self._epoch, begun, now)
        for peer in [peer for peer in self._linked if self._epoch.roster.place(peer) is not None]:
            self._take(self._epoch, self._epoch.core.receive(LinkUp(peer), now), now)

    def _begin(self, roster: Roster, state: bytes) -> None:
        """Stand at the beginning of an epoch."""
        self._left = roster.place(self._signer.public) is None
        self._epoch = None if self._left else self._run(roster)
        self._transition = Transition(roster, self._epoch, self._scheme, self._config, self._linked)
        self._up.append(ViewChanged(roster, state))

    def _run(self, roster: Roster) -> Epoch:
        return Epoch(roster, self._signer, self._scheme, self._config, self._convicts, self._rule)

    def _listen(self) -> None:
        self._channels = tuple(map(channel_of, (*self._guide.annals.rosters, self.roster)))

    # -------------------------------------------------------------------------------------------------------- helpers

    def _both(self, event: LinkUp | LinkDown | Found, now: Instant) -> None:
        for epoch in self.epochs:
            if epoch.roster.place(event.peer) is not None:
                self._take(epoch, epoch.core.receive(event, now), now)

    def _take(self, epoch: Epoch, effects: Sequence[GroupEffect], now: Instant) -> None:
        """Put effects where they belong; a layer above that has nothing to end is ready at once."""
        changing = False
        for effect in epoch.wrap(effects):
            if isinstance(effect, Downward):
                self._down.append(effect)
                continue
            if isinstance(effect, EvidenceFound):
                self._prove(effect, epoch)
                continue
            self._up.append(effect)
            changing = changing or isinstance(effect, ViewChanging)
        if changing and self.carry_over:
            self._take(epoch, epoch.core.submit(broadcast_of(Ready(b"")), now), now)

    def _tell(self, sends: Iterable[Send], proofs: Iterable[EvidenceFound]) -> None:
        """Send, and hand up proofs that hold in any epoch."""
        self._down += sends
        for found in proofs:
            self._prove(found, None)

    def _prove(self, found: EvidenceFound, epoch: Epoch | None) -> None:
        """Hand up a proof as it holds in the present epoch; one about the past once, and only against its members."""
        news = self._proofs.keep(found, self.roster if epoch is None else epoch.roster)
        self._down += [] if news is None else [news[1]]
        if epoch is not None and not epoch.over:
            self._up.append(found)
        elif news is not None and (not news[0].since or self.roster.place(found.member) is not None):
            self._up.append(news[0].found)

    def _require_restored(self) -> None:
        if not self._restored:
            raise LocalProtocolError("call restore first, with no records if the journal is new")

    def _effects(self, now: Instant) -> Sequence[GroupEffect]:
        self._down += self._transition.look(now)
        self._down += self._guide.retire(self._epoch)
        effects, self._down, self._up = [*self._down, *self._up], [], []
        return effects
