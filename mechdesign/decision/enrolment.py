"""Who takes part in a session, who follows it, and who has left it."""

from dataclasses import dataclass, field
from fractions import Fraction

from mechdesign.decision.custody.cover import Cover
from mechdesign.decision.entries import DeclineEntry, EnrolEntry
from mechdesign.decision.setting import Setting
from mechdesign.kernel.crypto import MemberId

__all__ = ["Enrolment"]


@dataclass(slots=True)
class Enrolment:
    """What members said to a proposal; the first answer of each counts.

    Attributes:
        setting: the session.
        answers: whether each of those asked takes part, in log order.
        left: members that cannot attest because they have not the code, in log order.
        cover: the deposits that are there.
    """

    setting: Setting
    answers: dict[MemberId, bool] = field(default_factory=dict)
    left: dict[MemberId, None] = field(default_factory=dict)
    cover: Cover = field(init=False)

    def __post_init__(self) -> None:
        """Wait for the deposits of the same session."""
        self.cover = Cover(self.setting)

    def take(self, sender: MemberId, said: EnrolEntry | DeclineEntry, enrolling: bool, attested: bool) -> bool:
        """Take an answer; False if it counts for nothing.

        A member may still leave later, unless it has enrolled or attested.

        Args:
            sender: who answers.
            said: the answer.
            enrolling: whether enrolment is open.
            attested: whether the sender has attested.
        """
        leaves = isinstance(said, DeclineEntry) and not said.follows
        if enrolling and sender in self.setting.proposal.asked and sender not in self.answers:
            self.answers[sender] = isinstance(said, EnrolEntry)
        elif not leaves or sender in self.left or attested or self.answers.get(sender):
            return False
        if leaves:
            self.left[sender] = None
        return True

    @property
    def enrolled(self) -> tuple[MemberId, ...]:
        """Who takes part, in roster order: whoever said so, and whose deposit is there."""
        asked = self.setting.proposal.asked
        return tuple(member for member in asked if self.answers.get(member) and self.cover.holds(member))

    @property
    def lacking(self) -> tuple[tuple[MemberId, Fraction], ...]:
        """Who wants to take part and how much of its deposit is not there, in roster order."""
        wanting = (member for member in self.setting.proposal.asked if self.answers.get(member))
        return tuple((member, lacks) for member in wanting if (lacks := self.cover.lacks(member)))

    @property
    def heard(self) -> tuple[MemberId, ...]:
        """Whom enrolment waits for no more, in log order: whoever is out, or in with its deposit."""
        return tuple(member for member, wants in self.answers.items() if not wants or self.cover.holds(member))

    @property
    def silent(self) -> tuple[MemberId, ...]:
        """Who was asked and has not answered, in roster order."""
        return tuple(member for member in self.setting.proposal.asked if member not in self.answers)

    @property
    def followers(self) -> tuple[MemberId, ...]:
        """Who has not left, in roster order."""
        return tuple(member for member in self.setting.roster.ids if member not in self.left)

    @property
    def followed(self) -> bool:
        """Whether a quorum can still sign an outcome: whoever has signed one cannot leave any more."""
        return len(self.left) <= self.setting.roster.n - self.setting.roster.q

    @property
    def obstacle(self) -> str:
        """Why the session cannot go on with these, or an empty text."""
        proposal, roster = self.setting.proposal, self.setting.roster
        # With a roll it is its participants that play, and that are counted once their ballots are in. The ballots cost
        # every member, so a quorum has to agree to that.
        if proposal.rolled and len(self.enrolled) < roster.q:
            return f"{len(self.enrolled)} members serve the roll, and a quorum is {roster.q}"
        if not proposal.rolled and len(self.enrolled) < proposal.players_min:
            return f"{len(self.enrolled)} of at least {proposal.players_min} players enrolled"
        if not self.followed:
            return f"{len(self.followers)} members have the code, and a quorum is {roster.q}"
        return self._unwilling()

    def _unwilling(self) -> str:
        """Which member has a part that it did not agree to, by proposing or taking part, or that it cannot play."""
        roster = self.setting.roster
        willing = {roster.name(member) for member in (*self.enrolled, self.setting.founding.sender)}
        for account, party in self.setting.proposal.accounts:
            if roster.named(party) is not None and party not in willing:
                return f"{party} stands behind {account} and does not take part"
        custodian = roster.named(self.setting.proposal.custodian)
        if custodian is not None and custodian.id in self.left:
            return f"the custodian {custodian.name} has not the code, so it cannot know whom to pay"
        return ""
