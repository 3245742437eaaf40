"""What a member does for those who are still in a past epoch: they are served, pointed on, and told how it ended.

The epoch that has just ended is served, blocks and log, until a quorum of the next roster has begun; one that left
hears of that from those who stayed. Of older epochs only the certificates are kept, and the state of the present one.
Anybody with a link may ask, for a joiner is no member yet; each is answered once in a while.
"""

from collections.abc import Container, Mapping, Sequence

from mechdesign.group.channel import channel_of
from mechdesign.group.messages import Append, EvidenceFound
from mechdesign.group.roster import Roster
from mechdesign.group.views.annals import Annals, End
from mechdesign.group.views.epoch import Epoch
from mechdesign.group.views.packets import Begun, Signatures, State, say, trail_of
from mechdesign.group.views.statement import carried_digest
from mechdesign.group.views.succession import EpochCertificate
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.machine import Instant
from mechdesign.transport.messages import Send

__all__ = ["Guide"]


class Guide:
    """Shows the way to the present epoch.

    Args:
        roster: of the present epoch.
        linked: our neighbours, kept by the caller.
        interval: a peer is told the same not more often than this.

    Attributes:
        annals: how past epochs ended.
        old: the epoch that is still served, if any.
        roster: of the present epoch.
        state: with which it began.
    """

    def __init__(self, roster: Roster, linked: Mapping[MemberId, None], interval: Instant) -> None:
        self.annals = Annals()
        self.old: Epoch | None = None
        self.roster = roster
        self.state = b""
        self._linked = linked
        self._interval = interval
        self._told: dict[MemberId, Instant] = {}
        # Who speaks on the present channel, and needs no pointing.
        self._moved: dict[MemberId, None] = {}
        # Who told us, who left, that a quorum has begun.
        self._begun: dict[MemberId, None] = {}

    def stand(
        self, roster: Roster, state: bytes, ended: Sequence[tuple[Roster, EpochCertificate]], old: Epoch | None
    ) -> tuple[list[Append], list[tuple[str, bytes]]]:
        """The present epoch is another one; gives the records to be written and those to be deleted."""
        self.roster, self.state, self.old = roster, state, old
        self._told.clear()
        self._moved.clear()
        self._begun.clear()
        if old is not None:
            old.over = True
            old.core.rest()
        return self.annals.add(ended)

    def moved(self, peer: MemberId) -> None:
        """A peer speaks on the present channel."""
        self._moved[peer] = None

    def unlinked(self, peer: MemberId) -> None:
        """A peer cannot be reached: when it comes back it may have missed what it was told."""
        self._told.pop(peer, None)
        self._moved.pop(peer, None)

    def hear(
        self, channel: bytes, said: Signatures, scheme: SignatureScheme, ahead: End | None
    ) -> tuple[list[Send], list[EvidenceFound], bool]:
        """Take signatures under the end of a past epoch: as ``Closing.heard``; those under another end go on.

        ``ahead`` is how the channel's epoch ended, where that is known and we have not gone on from there yet.
        """
        if self.old is None or self.old.channel != channel:
            return ([], *self.annals.doubled(channel, said, scheme, ahead))
        fresh, proofs, hold = self.old.closing.heard(said)
        return (self.warn(self.old, [place for place, _ in fresh]) if fresh else []), proofs, hold

    def warn(self, ended: Epoch, places: Container[int] | None = None) -> list[Send]:
        """Show the neighbours what members signed beside the certified end of an epoch, if anything; or some of them.

        A member that shows each of us one half of its double signature is convicted where the halves meet.
        """
        certified = self.annals.statement(ended.roster)
        strays = {} if certified is None else ended.closing.strays(certified)
        sends: list[Send] = []
        for place, said in strays.items():
            if places is None or place in places:
                peers = [peer for peer in self._linked if ended.roster.place(peer) not in (None, place)]
                sends += say(peers, ended.channel, said)
        return sends

    def begun(self, peer: MemberId, channel: bytes) -> None:
        """A peer of the present epoch serves the old one no more."""
        if self.old is not None and self.old.channel == channel and self.roster.place(peer) is not None:
            self._begun[peer] = None

    def point(self, peer: MemberId, channel: bytes, now: Instant) -> list[Send] | None:
        """Tell one that speaks on the channel of a past epoch how that ended; None where it is not kept."""
        certificates = self.annals.after(channel)
        if certificates is None:
            return None
        if peer in self._moved or not self._affords(peer, now):
            return []
        sends = say([peer], channel, trail_of(certificates))
        if self.old is None and self.roster.place(peer) is None:
            sends += say([peer], channel, Begun())
        return sends

    def answer(self, peer: MemberId, channel: bytes, state: bytes, now: Instant) -> list[Send]:
        """Answer what came after an epoch, or else with which state the present one began."""
        self._moved.pop(peer, None)
        found = self.point(peer, channel, now)
        if found is not None:
            return found
        known = channel == channel_of(self.roster) and bool(state) and state == carried_digest(self.state)
        return say([peer], channel, State(self.state)) if known and self._affords(peer, now) else []

    def announce(self, now: Instant) -> list[Send]:
        """Tell neighbours how the old epoch ended, but for those who signed its end: they find out by themselves."""
        if self.old is None:
            return []
        certificates = self.annals.after(self.old.channel)
        assert certificates is not None
        peers = [peer for peer in self._linked if peer not in self.old.closing.signed]
        self._told.update(dict.fromkeys(peers, now))
        return say(peers, self.old.channel, trail_of(certificates))

    def retire(self, present: Epoch | None) -> list[Send]:
        """Stop serving the old epoch once a quorum of the present one has begun, and tell those who left.

        One that left stops when b + 1 members have told it so.
        """
        old = self.old
        if old is None:
            return []
        if present is None:
            # One of so many is honest. Who has fewer links serves as long as it runs: nobody can talk it out of that.
            if len(self._begun) > self.roster.b:
                self.old = None
            return []
        if present.core.order.dag.begun < self.roster.q:
            return []
        self.old = None
        gone = [peer for peer in old.roster.ids if peer in self._linked and self.roster.place(peer) is None]
        return say(gone, old.channel, Begun())

    def _affords(self, peer: MemberId, now: Instant) -> bool:
        told = self._told.get(peer)
        if peer not in self._linked or (told is not None and now < told + self._interval):
            return False
        self._told[peer] = now
        return True
