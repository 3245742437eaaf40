"""When our next block is due, for which round, and at whose cost.

The next round is the one after our last, or the first with an undecided slot if that is later: in step this is the
same; after an absence it skips only what is decided and fills what is not. It needs a quorum of the round before.

Once the log has come to the end of the epoch a member says nothing more, and still votes: who could not decide the last
leader by itself needs later rounds for that, and they need a quorum. So it fills up to the highest round that it holds
with empty blocks. This raises no round; the members that still have to decide do, and when there are none all is quiet.

Blocks that others cause, by a payload or by a round to fill, are metered by who caused them; what reaches the log is
given back. So a liar cannot keep the group awake for nothing: once its allowance is used up it gets what refills.
"""

from dataclasses import dataclass

from mechdesign.group.block import Block, check_header, make_block
from mechdesign.group.meter import Meter
from mechdesign.group.ordering import Ordering
from mechdesign.group.outbox import Outbox
from mechdesign.group.pacing import Pacing
from mechdesign.group.proposer import Proposer
from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Instant

__all__ = ["Look", "Turn"]

_ROUNDS_A_COMMIT = 3
_LOSSES = 2


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be done now.

    Attributes:
        round: make a block of this round, or None.
        wake: look again at this instant, if nothing happens before.
        stuck: we have something to say, and no quorum to say it on.
    """

    round: int | None = None
    wake: Instant | None = None
    stuck: bool = False


class Turn:
    """Decides when to make blocks, and makes them; members are their index in roster order.

    Attributes:
        awake: how many of our blocks each member caused.
    """

    def __init__(
        self,
        roster: Roster,
        me: int,
        config: GroupConfig,
        order: Ordering,
        proposer: Proposer,
        outbox: Outbox,
        pacing: Pacing,
    ) -> None:
        self.awake = [0] * roster.n
        self._roster = roster
        self._me = me
        self._order = order
        self._proposer = proposer
        self._outbox = outbox
        self._pacing = pacing
        self._meter = Meter(roster.n, config.awake_rounds_per_s, config.awake_rounds_burst)
        # How often what waits was collected, and until when it rests at most.
        self._rest: tuple[int, Instant] = (0, 0)
        self._resting = False

    def look(self, now: Instant) -> Look:
        """Whether a block is due; the caller makes it at once if so."""
        round_ = self._round()
        rests = self._rests(now)
        self._resting = rests is not None
        causes = self._causes(round_)
        if not causes or not self._proposer.anchored:
            return Look(wake=rests)
        if not self._quorum(round_ - 1):
            return Look(stuck=self._outbox.waiting and not self._closed)
        if round_ > 0 and not self._quorum(round_):
            absent = [place for place in self._order.dag.absent(round_ - 1) if place != self._me]
            until = self._pacing.wait(round_ - 1, absent, now)
            if until is not None:
                return Look(wake=until)
        if self._me in causes:
            cause = self._me
        else:
            able = [place for place in causes if self._meter.allows(place, now)]
            if not able:
                return Look(wake=min(self._meter.due(place, now) for place in causes))
            cause = able[0]
            self._meter.charge(cause, 1, now)
        self.awake[cause] += 1
        return Look(round=round_)

    def make(self, round_: int, signer: Signer, now: Instant) -> Block:
        """Our block of a round: on all that we hold of the round before; the newest one has everything that waits."""
        parents = self._proposer.parents(round_)
        weak = self._proposer.weak(round_, parents)
        block = make_block(self._roster, signer, round_, parents, weak, self._payload(round_))
        broken = check_header(block.header, self._roster)
        if broken is not None:
            raise LocalProtocolError(f"our own block of round {round_} breaks a clause: {broken}")
        self._proposer.own(block)
        self._pacing.proposed(round_, now)
        return block

    def useful(self, author: int) -> None:
        """Something of an author reached the log: the rounds that it took were not for nothing."""
        self._meter.refund(author, _ROUNDS_A_COMMIT)

    def missing(self) -> list[int]:
        """Who keeps us from the quorum that our next block needs; nobody while none is due."""
        round_ = self._round()
        if not self._causes(round_) or self._quorum(round_ - 1):
            return []
        return self._order.dag.absent(round_ - 1)

    @property
    def _closed(self) -> bool:
        return self._order.final is not None

    def _payload(self, round_: int) -> list[bytes]:
        # Who fills rounds that the others have left behind says what it has to say in the newest: an older one may be
        # collected before it is heard. That is at most one round below the highest, since a higher block has a quorum.
        fills = round_ + 1 < self._order.dag.highest
        return [] if fills or self._closed or self._resting else self._outbox.take()

    def _rests(self, now: Instant) -> Instant | None:
        """Until when we say nothing because what we said was collected twice and more; None if that is not so.

        Who is so late that it is collected again and again keeps the others awake with just that, and they it. Once
        they are silent its next block is in time, so it waits for that; or, where others speak on, for a while.
        """
        losses = self._outbox.losses
        if losses < _LOSSES:
            return None
        if self._rest[0] != losses:
            self._rest = losses, now + self._pacing.rest(losses - _LOSSES)
        until = min(self._rest[1], self._pacing.quiet_at)
        return until if until > now else None

    def _round(self) -> int:
        return max(self._proposer.round + 1, self._order.committer.undecided_round)

    def _quorum(self, round_: int) -> bool:
        """Whether q authors have a block of the round; the genesis stands for q of them."""
        return round_ < 0 or self._order.dag.authors(round_) >= self._roster.q

    def _causes(self, round_: int) -> list[int]:
        """Whose doing it is that a block of ours is due; empty while there is no reason for one.

        In an epoch that follows another the first is always due: until they see it the others keep serving the old one.
        """
        if self._closed:
            return self._proposer.fills(round_)
        opens = self._roster.epoch > 0 and self._proposer.newest is None
        ours = opens or (self._outbox.waiting and not self._resting)
        return [self._me] if ours else self._proposer.causes(round_)
