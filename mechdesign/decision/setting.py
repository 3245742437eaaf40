"""What every ask and toss of a session needs to know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from mechdesign.decision.certificate import Entry
from mechdesign.decision.membership import committee_of
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing, Purpose
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId

__all__ = ["Check", "Setting"]

Check: TypeAlias = Callable[[Committee, Context, Dealing], bool]
"""``verify_dealing``, or something that remembers what it said: always the same function of its arguments."""


@dataclass(frozen=True)
class Setting:
    """The fixed part of a session.

    Attributes:
        roster: the group's.
        proposal: the terms, which fit the roster.
        session: the session's identifier.
        founding: the entry that carried the proposal.
        check: how dealings are checked.
    """

    roster: Roster
    proposal: Proposal
    session: bytes
    founding: Entry
    check: Check

    @cached_property
    def committee(self) -> Committee:
        """Who holds shares: the whole roster."""
        made = committee_of(self.roster, self.proposal.threshold)
        assert made is not None  # the proposal has no fault
        return made

    def context(self, step: int, purpose: Purpose, dealer: MemberId) -> Context:
        """Where a dealing of this session belongs."""
        return Context(self.roster.digest, self.roster.epoch, self.session, step, purpose, dealer)
