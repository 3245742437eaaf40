"""What every ask and toss of a session needs to know of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from mechdesign.decision.certificate import Entry
from mechdesign.decision.membership import committee_of
from mechdesign.decision.proposal import Proposal, session_id
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing, Purpose, verify_dealing
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import Ed25519, MemberId, SignatureScheme

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
        scheme: how the signatures under ballots are checked.
    """

    roster: Roster
    proposal: Proposal
    session: bytes
    founding: Entry
    check: Check
    scheme: SignatureScheme = field(default_factory=Ed25519)

    @classmethod
    def found(
        cls, roster: Roster, entry: Entry, check: Check = verify_dealing, scheme: SignatureScheme | None = None
    ) -> "Setting | None":
        """What a PROPOSE entry founds, or None if its proposal is not valid here. Never raises.

        Args:
            roster: the group's.
            entry: the entry.
            check: how dealings are checked; another function than the default must give the same answers.
            scheme: how the signatures under ballots are checked, by default the strict rule for Ed25519.
        """
        sent = entry.submission
        proposal = Proposal.parse(sent.data)
        if proposal is None or proposal.fault(roster) is not None or roster.place(entry.sender) is None:
            return None
        name = session_id(roster, entry.sender, sent.sequence, sent.data)
        return cls(roster, proposal, name, entry, check, scheme or Ed25519())

    @cached_property
    def committee(self) -> Committee:
        """Who holds shares: the whole roster."""
        made = committee_of(self.roster, self.proposal.threshold)
        assert made is not None  # the proposal has no fault
        return made

    def context(self, step: int, purpose: Purpose, dealer: MemberId) -> Context:
        """Where a dealing of this session belongs."""
        return Context(self.roster.digest, self.roster.epoch, self.session, step, purpose, dealer)
