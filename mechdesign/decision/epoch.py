"""One epoch of a group as the decision layer sees it: the balances over its sessions, and how it ends.

Sessions never span epochs. Once a change of the view is ordered no session begins; when the last one has ended, the
member is ready, with the state that the next epoch starts from: the same bytes at every member that could compute what
flowed. A change waits for :data:`DRAIN_MS`, by each member's own clock since its process read of the change; then a
quorum that says so ends a session in which nothing shows yet, and closes the phase of one in which something does, each
of whose later phases lasts :data:`STEP_MS` at most. So no proposer can keep the members as they are by a session that
lasts, and nobody gets out of what it has seen. Without a quorum, such as under ``unanimous`` with a member gone,
nothing ends; and a member that had to leave a session for
lack of its code, while a quorum went on, does not say that it is ready. :meth:`Epoch.hindrance` says so.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction

from mechdesign.decision.books import Books, Due
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.messages import Aborted, Booked, Decided, DecisionEvent, SessionId
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.session import Session
from mechdesign.decision.state import EpochState
from mechdesign.group.messages import Ready
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import Flow

__all__ = ["DRAIN_MS", "STEP_MS", "Ending", "Epoch"]

DRAIN_MS = 7 * 24 * 60 * 60 * 1000
"""How long a change of the members waits for the phases that are open, in milliseconds: long enough for people."""

STEP_MS = 60 * 60 * 1000
"""How long at most a phase lasts that begins while the members change, if something shows already."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a session that is over leaves to the books.

    Attributes:
        position: the log position at which it ended.
        session: its identifier.
        proposer: who proposed it.
        proposal: its terms.
        flows: what flowed in it, by our own computation.
        received: what its custodian received, by player.
        known: whether this member computed what a quorum signed.
    """

    position: int
    session: SessionId
    proposer: MemberId
    proposal: Proposal
    flows: tuple[Flow, ...]
    received: tuple[tuple[str, Fraction], ...]
    known: bool = True

    @classmethod
    def of(cls, session: Session, end: DecisionEvent, position: int) -> "Ending":
        """The end of a session by an event at a log position.

        Raises:
            LocalProtocolError: no session ends so.
        """
        if not isinstance(end, Decided | Aborted):
            raise LocalProtocolError("a session ends by being decided or aborted")
        known = isinstance(end, Aborted) or end.agrees
        terms = session.proposer, session.proposal, end.flows, tuple(session.enrolment.cover.named)
        return cls(position, session.id, *terms, known)


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

    def reserve(self, session: Session) -> bool:
        """Keep room in the books for a session that begins; gives whether there is any, see :meth:`Books.reserve`."""
        names = map(self._roster.name, session.proposal.asked)
        return self.books.reserve(session.id, session.proposer, session.proposal, names)

    def book(self, end: Ending) -> list[Booked]:
        """Book a session that has ended; in the order of the log."""
        if not end.known:
            self.books.leave(end.session)
            self.books.release(end.session)
            return []
        kept = self.books.book(end.session, end.proposer, end.proposal, end.flows, end.received)
        return [Booked(end.session, end.position, end.proposal, end.flows, kept)]

    def owes(self, member: MemberId, custodian: str | None) -> bool:
        """Whether a member is a custodian of this name."""
        return custodian == self._roster.name(member)

    def pay(self, sender: MemberId, said: PayoutEntry) -> Due | None:
        """Book a pay-out that a custodian reports. One that comes too late for this epoch is said again in the next."""
        return None if self._ready else self.books.pay(said.session, said.party, self._roster.name(sender))

    def ready(self, open_sessions: Collection[SessionId], convicts: Iterable[tuple[MemberId, str]]) -> list[Ready]:
        """Say once that nothing is open any more, in answer to ``ViewChanging``."""
        if not self.closing or self._ready or open_sessions or not self.books.complete:
            return []
        self._ready = True
        return [Ready(EpochState.of(self.books, self._roster, (*self.standing, *convicts)).encoded)]

    def hindrance(self, open_sessions: Iterable[SessionId]) -> str:
        """Why this member is not ready for a change that was ordered, or an empty text."""
        waiting = [session.hex()[:16] for session in open_sessions]
        if not self.closing or self._ready:
            return ""
        if waiting:
            return f"the change of members waits for the end of {', '.join(waiting)}"
        return "this member left a session whose code it lacks: it takes the balances over from the others"
