"""Which valid proposals found a session: a function of the log, so that all members admit the same ones."""

from collections.abc import Iterable

from mechdesign.decision.session import Session

__all__ = ["SESSIONS_MAX", "SESSIONS_PER_PROPOSER", "refusal", "sessions_per_proposer"]

SESSIONS_PER_PROPOSER = 64
"""A proposal of a member that has so many sessions open founds none, nor one that has its share of the following."""

SESSIONS_MAX = 1024
"""No more sessions are open at a time. Each member has an equal share of them for itself, at least one, which the
proposals of others cannot use up: however many liars propose, they leave the honest members' shares alone."""


def sessions_per_proposer(n: int) -> int:
    """How many sessions of one proposer can be open in a group of n members."""
    return min(SESSIONS_PER_PROPOSER, max(1, SESSIONS_MAX // n))


def refusal(proposed: Session, sessions: Iterable[Session], closing: bool) -> str:
    """Why a proposal founds no session while these are open, or an empty text.

    Args:
        proposed: the session that it would found.
        sessions: those that are open.
        closing: whether a change of the view was ordered.
    """
    if closing:
        return "the members are changing: propose it again when they have"
    running = sum(other.proposer == proposed.proposer for other in sessions)
    if running >= sessions_per_proposer(proposed.roster.n):
        return f"its proposer has {running} sessions open already"
    return ""
