"""One epoch of a group as the decision layer sees it: the balances over its sessions, and how it ends.

Sessions never span epochs. Once a change of the view is ordered no session begins; when the last one has ended, the
member is ready, with the state that the next epoch starts from: the same bytes at every member that could compute what
flowed. A change waits for :data:`DRAIN_MS`, by each member's own clock since its process read of the change; then a
quorum that says so ends a session in which nothing shows yet, and closes the phase of one in which something does, each
of whose later phases lasts :data:`STEP_MS` at most. So no proposer can keep the members as they are by a session that
lasts, and nobody gets out of what it has seen. Without a quorum, such as under ``unanimous`` with a member gone,
nothing ends; and at one member alone, a session that it had to leave for lack of its code holds the change up.
:meth:`Epoch.hindrance` says so.
"""

from collections.abc import Collection, Iterable

from mechdesign.decision.bench import Bench
from mechdesign.decision.books import Books, Due
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.messages import Aborted, Booked, Decided, DecisionEvent, SessionId
from mechdesign.decision.session import Session
from mechdesign.decision.state import EpochState
from mechdesign.group.messages import Ready
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError

__all__ = ["DRAIN_MS", "STEP_MS", "Epoch"]

DRAIN_MS = 7 * 24 * 60 * 60 * 1000
"""How long a change of the members waits for the phases that are open, in milliseconds: long enough for people."""

STEP_MS = 60 * 60 * 1000
"""How long at most a phase lasts that begins while the members change, if something shows already."""


class Epoch:
    """What outlives the sessions of an epoch.

    Args:
        roster: of the epoch.
        state: what the epoch before left; empty for a group's first.

    Attributes:
        books: the balances.
        standing: members that were convicted in earlier epochs, with their offences.
        position: how far the log was read.
        closing: whether a change of the view was ordered.

    Raises:
        LocalProtocolError: the state is none.
    """

    def __init__(self, roster: Roster, state: bytes = b"") -> None:
        before = EpochState.parse(state) if state else EpochState(Books(), (), ())
        if before is None:
            raise LocalProtocolError("what the epoch before left is no state of this layer")
        self.books, self.standing = before.carried(roster)
        self.position = 0
        self.closing = False
        self._roster = roster
        self._ready = False

    def book(self, session: Session, end: DecisionEvent) -> list[Booked]:
        """Book a session that has ended with this event."""
        if not isinstance(end, Decided | Aborted):
            raise LocalProtocolError("a session ends by being decided or aborted")
        proposal = session.proposal
        if isinstance(end, Decided) and not end.agrees:
            self.books.complete = False
            return []
        kept = self.books.book(session.id, session.proposer, proposal, end.flows, session.enrolment.cover.named)
        return [Booked(session.id, self.position, proposal, end.flows, kept)]

    def pay(self, sender: MemberId, said: PayoutEntry) -> Due | None:
        """Book a pay-out that a custodian reports. One that comes too late for this epoch is said again in the next."""
        return None if self._ready else self.books.pay(said.session, said.party, self._roster.name(sender))

    def ready(self, open_sessions: Collection[SessionId], bench: Bench) -> list[Ready]:
        """Say once that nothing is open any more, in answer to ``ViewChanging``."""
        if not self.closing or self._ready or open_sessions or not self.books.complete:
            return []
        self._ready = True
        return [Ready(EpochState.of(self.books, self._roster, (*self.standing, *bench.convicts)).encoded)]

    def hindrance(self, open_sessions: Iterable[SessionId]) -> str:
        """Why this member is not ready for a change that was ordered, or an empty text."""
        waiting = [session.hex()[:16] for session in open_sessions]
        if not self.closing or self._ready:
            return ""
        if waiting:
            return f"the change of members waits for the end of {', '.join(waiting)}"
        return "this member left a session whose code it lacks: it takes the balances over from the others"
