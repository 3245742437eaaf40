"""What a person wants to know about an open session."""

from dataclasses import dataclass

from mechdesign.decision.phases import Phase
from mechdesign.decision.session import Session
from mechdesign.kernel.machine import Instant

__all__ = ["SessionStatus", "describe"]


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A local view of one open session; waiting is never an ordered fact.

    Attributes:
        session: its identifier.
        mechanism: name and version, such as ``auction.second-price/1``.
        phase: where it stands; "computing" while the session core has yet to answer.
        step: the ask.
        heard: how many were heard in this phase.
        asked: how many it waits for.
        missing: names of the others, in roster order. Where these are participants, who have no names before they are
            heard, or it is deposits that are missing, the members whose clocks have yet to run out, once that of one
            has: a quorum of them is waited for.
        unpaid: names of those who want to take part and for whose deposits the custodian has given no receipt yet.
        since: when this member's own log entered the phase.
        delays: whether a change of the members waits for it to end.
    """

    session: bytes
    mechanism: str
    phase: str
    step: int
    heard: int
    asked: int
    missing: tuple[str, ...]
    unpaid: tuple[str, ...]
    since: Instant
    delays: bool = False


def describe(session: Session, since: Instant, closing: bool) -> SessionStatus:
    """The view of a session whose phase was entered at ``since``, while a change of the members waits or not."""
    seen, proposal = session.progress, session.proposal
    enrolling = session.phase is Phase.ENROLLING
    unpaid = tuple(member for member, _ in session.enrolment.lacking) if enrolling else ()
    unheard = tuple(member for member in seen.missing if member not in unpaid)
    # What waits for participants or deposits alone would name nobody, and a member that is gone can keep it open.
    lacking = unheard or (session.late if seen.heard < seen.asked else ())
    missing, owing = (tuple(map(session.roster.name, members)) for members in (lacking, unpaid))
    name = f"{proposal.mechanism}/{proposal.version}"
    phase = seen.phase if session.waiting is None else "computing"
    return SessionStatus(session.id, name, phase, seen.step, seen.heard, seen.asked, missing, owing, since, closing)
