"""From one epoch to the next at one member: when the log ends it signs the end, and when a quorum did it may go on.

A member that missed the end first tries to get the rest of the log, which is still served. Where that does not come on,
or not to its end in time, or where the group is two epochs ahead, it follows the certificates and goes on with the
state that belongs to them. That loses nothing of ours: the state is the one for which a quorum was ready, and the last
checkpoint says what of ours was ordered, so that the rest is carried over. The layer above reads the end of that log no
more; to wait for it longer than a while would cost the group a member of the next epoch.
"""

from collections.abc import Mapping, Sequence

from mechdesign.group.channel import channel_of
from mechdesign.group.instants import earliest
from mechdesign.group.messages import EvidenceFound, GroupEffect
from mechdesign.group.roster import Member, Roster
from mechdesign.group.views.epoch import Epoch
from mechdesign.group.views.packets import Ask, Signatures, say
from mechdesign.group.views.pursuit import Pursuit
from mechdesign.kernel.config import GroupConfig, microseconds
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.machine import Instant
from mechdesign.transport.messages import Send

__all__ = ["Transition"]

_PATIENCE = 8
# So many retries without progress, and a member gives up fetching the rest of a log whose end is certified.
_PATIENCES = 8
# And with progress it waits for so many times that, for anybody can hand it one block now and then.


class Transition:
    """The way out of one epoch, or of a joiner into its first.

    Args:
        roster: the epoch's; a joiner's is that of its invitation.
        epoch: the epoch as this member runs it, or None where it is no member.
        scheme: checks signatures.
        config: intervals.
        linked: our neighbours, kept by the caller.
        expected: the line of a joiner, which has to stand in the next roster.

    Attributes:
        pursuit: what is known of the epochs that follow.
        said: the state with which the layer above would go on, once it said so.
        due: when the next epoch can begin, or None while it cannot.
    """

    def __init__(
        self,
        roster: Roster,
        epoch: Epoch | None,
        scheme: SignatureScheme,
        config: GroupConfig,
        linked: Mapping[MemberId, None],
        expected: Member | None = None,
    ) -> None:
        self.pursuit = Pursuit(roster, scheme, expected)
        self.said: bytes | None = None
        self.due: Instant | None = None
        self._epoch = epoch
        self._joins = expected is not None
        self._linked = linked
        self._retry = microseconds(config.pull_retry_s)
        self._interval_max = max(self._retry, microseconds(config.tips_max_s))
        self._interval = self._retry
        self._again: Instant | None = None
        self._asked = 0
        self._jump: Instant | None = None
        self._waited = 0
        self._progress: tuple[int, int, int] | None = None
        self._given_up = False

    @property
    def deadline(self) -> Instant | None:
        """When there is something to do."""
        return earliest(self.due, self._again, self._jump)

    @property
    def refusal(self) -> str:
        """Why we never go on from here; empty while we may."""
        return self.pursuit.refusal or ("" if self._epoch is None else self._epoch.refusal)

    @property
    def waits(self) -> bool:
        """Whether we wait for something that others have to tell us."""
        if self.refusal:
            return False
        closed = self._epoch is not None and self._epoch.closing.statement is not None
        return self._joins or closed or bool(self.pursuit.certificates)

    # ------------------------------------------------------------------------------------------------------- inputs

    def met(self, peer: MemberId, now: Instant) -> list[Send]:
        """A peer can be reached: it may know what we wait for."""
        if not self.waits:
            return []
        self._hasten(now)
        return [*self._ask(peer), *self._say_end([peer])]

    def hear(self, peer: MemberId, said: Signatures) -> tuple[list[Send], list[EvidenceFound], bool]:
        """Signatures that are new to us go on to whoever has no link to the signer; also gives whether they hold."""
        epoch = self._epoch
        source = None if epoch is None else epoch.roster.place(peer)
        if epoch is None or source is None:
            return [], [], True
        fresh, proofs, hold = epoch.closing.heard(said)
        sends: list[Send] = []
        for place, signature in fresh:
            relayed = Signatures(said.checkpoint, said.state, said.successor, ((place, signature),))
            sends += say(epoch.core.lacking(source, place), epoch.channel, relayed)
        return sends, proofs, hold

    def follow(
        self, peer: MemberId, channel: bytes, certificates: Sequence[bytes], now: Instant
    ) -> tuple[list[Send], list[EvidenceFound]] | None:
        """Take certificates that a peer sent on the channel of an epoch; None where they do not hold."""
        known = [channel_of(roster) for roster in self.pursuit.rosters]
        if channel not in known or self.refusal:
            return [], []
        before = len(self.pursuit.certificates)
        holds, proofs = self.pursuit.extend(known.index(channel), certificates)
        if len(self.pursuit.certificates) == before:
            return ([], proofs) if holds or proofs else None
        if not before and self._epoch is not None:
            proofs = [*proofs, *self._epoch.closing.certified(self.pursuit.certificates[0])]
        self._jump, self._given_up = None, False
        self.pursuit.offer(self._states())
        self._hasten(now)
        return (self._ask(peer) if self.pursuit.wanted else []), proofs

    def offer(self, state: bytes, now: Instant) -> None:
        """A peer sent a state; it is taken if it is the one that is wanted."""
        if self.pursuit.offer([state]):
            self._hasten(now)

    # ------------------------------------------------------------------------------------------------------ deciding

    def look(self, now: Instant) -> list[GroupEffect]:
        """See whether the epoch has ended, and whether the next can begin."""
        epoch, pursuit = self._epoch, self.pursuit
        effects: list[GroupEffect] = []
        if epoch is not None and epoch.core.order.final is not None:
            if epoch.closing.statement is None and not epoch.refusal:
                effects += epoch.close()
                effects += self._say_end(self._linked)
                self._hasten(now)
            certificate = epoch.closing.certificate() if not pursuit.certificates else None
            if certificate is not None:
                pursuit.adopt(certificate)
                self._hasten(now)
            pursuit.offer(self._states())
        if pursuit.certificates:
            self.due = now if self._may_go_on(now) else None
        return effects

    def _may_go_on(self, now: Instant) -> bool:
        epoch, pursuit = self._epoch, self.pursuit
        if epoch is not None and epoch.closing.statement is not None:
            if epoch.closing.statement != pursuit.certificates[0].statement(epoch.roster):
                epoch.refusal = "a quorum signed another end than our log has: more members lie than the roster bears"
        elif epoch is not None and len(pursuit.certificates) == 1 and not self._given_up:
            if self._jump is None:
                self._progress, self._jump = _progress(epoch), now + _PATIENCE * self._retry
            return False
        return pursuit.state is not None and not self.refusal

    def _states(self) -> list[bytes]:
        return [b""] if self.said is None else [b"", self.said]

    # ----------------------------------------------------------------------------------------------------- repeating

    def tick(self, now: Instant) -> list[Send]:
        """Say again what may have been lost, ask the next neighbour, lose patience."""
        if self._jump is not None and self._jump <= now:
            self._jump = None
            self._waited += 1
            stuck = self._epoch is not None and _progress(self._epoch) == self._progress
            self._given_up = stuck or self._waited >= _PATIENCES
        if self._again is None or self._again > now:
            return []
        self._again = None
        if not self.waits:
            return []
        self._interval = min(2 * self._interval, self._interval_max)
        self._again = now + self._interval
        if self._epoch is not None and not self.pursuit.certificates:
            return self._say_end(self._linked)
        if not self._linked:
            return []
        self._asked = (self._asked + 1) % len(self._linked)
        return self._ask(list(self._linked)[self._asked])

    def _hasten(self, now: Instant) -> None:
        self._interval = self._retry
        self._again = now + self._retry

    def _ask(self, peer: MemberId) -> list[Send]:
        return say([peer], channel_of(self.pursuit.newest), Ask(self.pursuit.wanted))

    def _say_end(self, peers: Sequence[MemberId] | Mapping[MemberId, None]) -> list[Send]:
        epoch = self._epoch
        said = None if epoch is None else epoch.closing.signatures()
        if epoch is None or said is None:
            return []
        return say([peer for peer in epoch.roster.ids if peer in peers], epoch.channel, said)


def _progress(epoch: Epoch) -> tuple[int, int, int]:
    """Changes whenever a member comes closer to the others."""
    order = epoch.core.order
    return order.commits, len(order.dag), order.chronicle.count
