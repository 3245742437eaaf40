"""Where the computations of sessions run: at once, or beside everything else that a process does.

A computation is a pure function, so where it runs and how long it takes changes no outcome. It must not run twice at a
time for one session, and it never does: a session has one step at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mechdesign.decision.messages import Attest, Request, SessionId, Toss
from mechdesign.kernel.crypto import MemberId

__all__ = ["AtOnce", "Computed", "Job", "Reaction", "Work"]

Reaction: TypeAlias = Request | Toss | Attest
"""What a mechanism wants next, or that it is done."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One step of a session's computation; compared by identity.

    Attributes:
        session: the session.
        proposer: who proposed it.
        plays: whether this member plays in it, so that no other session may keep it waiting.
        run: computes the step; called once.
    """

    session: SessionId
    proposer: MemberId
    plays: bool
    run: Callable[[], Reaction]


@dataclass(frozen=True, slots=True)
class Computed:
    """A job is done, to be handed to whoever gave it away.

    Attributes:
        job: which.
        reaction: what came out.
    """

    job: Job
    reaction: Reaction


class Work(Protocol):
    """Runs jobs."""

    def begin(self, job: Job) -> Reaction | None:
        """Take a job: what came out, or None if :class:`Computed` will say so later."""
        ...

    def finish(self, job: Job) -> Reaction:
        """Wait for a job that was begun; that it is done may be said once more."""
        ...


class AtOnce:
    """Runs every job where it is given."""

    def begin(self, job: Job) -> Reaction | None:
        """Run it."""
        return job.run()

    def finish(self, job: Job) -> Reaction:
        """Run it; nothing is ever left to be finished."""
        return job.run()
