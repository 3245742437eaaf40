"""Who takes part in a session, who follows it, and who has left it."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from mechdesign.decision.ask import Waits, waits_for
from mechdesign.decision.custody.cover import Cover
from mechdesign.decision.entries import DeclineEntry, EnrolEntry
from mechdesign.decision.setting import Setting
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.text import is_plain

__all__ = ["Enrolment"]


@dataclass(slots=True)
class Enrolment:
    """What members said to a proposal; the first answer of each counts.

    A session begins once a quorum has said that it has the code, and not before. Where so many have it not that no
    quorum ever will, or where the time is up, it comes to nothing: so whoever lacks the code sees that here, where
    nobody needs it. What has begun goes on with a quorum that follows it to its end.

    Attributes:
        setting: the session.
        answers: whether each of those asked takes part, in log order.
        equipped: members that have the code, as they say, in log order: they do not leave any more.
        left: members that cannot attest because they have not the code, in log order.
        reasons: why, as they say, members do not take part that are asked, in log order.
        cover: the deposits that are there.
    """

    setting: Setting
    answers: dict[MemberId, bool] = field(default_factory=dict)
    equipped: dict[MemberId, None] = field(default_factory=dict)
    left: dict[MemberId, None] = field(default_factory=dict)
    reasons: dict[MemberId, str] = field(default_factory=dict)
    cover: Cover = field(init=False)

    def __post_init__(self) -> None:
        """Wait for the deposits of the same session."""
        self.cover = Cover(self.setting)

    def take(self, sender: MemberId, said: EnrolEntry | DeclineEntry, enrolling: bool, attested: bool) -> bool:
        """Take an answer; False if it counts for nothing.

        A member may still leave later, unless it has said that it has the code, or attested.

        Args:
            sender: who answers.
            said: the answer.
            enrolling: whether enrolment is open.
            attested: whether the sender has attested.
        """
        if sender in self.equipped or sender in self.left:
            return False
        enrols, leaves = isinstance(said, EnrolEntry), isinstance(said, DeclineEntry) and not said.follows
        asked = sender in self.setting.proposal.asked
        if (enrols and not asked) or not (enrolling or (leaves and not attested)):
            return False
        if enrolling and asked:
            self.answers[sender] = enrols
            if isinstance(said, DeclineEntry) and said.reason and is_plain(said.reason):
                self.reasons[sender] = said.reason
        (self.left if leaves else self.equipped)[sender] = None
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
        """Whom enrolment waits for no more, in log order: whoever is out, or in with its deposit.

        Once no quorum can have the code no deposit matters: it would be waited for with nobody left to be named, where
        it is the clock of a member that has left that has yet to run out.
        """
        covered = self.cover.holds if self.followed else self.answers.__contains__
        return tuple(member for member, wants in self.answers.items() if not wants or covered(member))

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
        """Whether a quorum can still sign an outcome."""
        return len(self.left) <= self.setting.roster.n - self.setting.roster.q

    @property
    def settled(self) -> bool:
        """Whether it is known that a quorum has the code, or that none has; both stay true."""
        return len(self.equipped) >= self.setting.roster.q or not self.followed

    @property
    def waits(self) -> Waits:
        """Whom enrolment waits for: those asked, and everybody while a quorum may have the code or not."""
        if self.settled:
            return waits_for(self.setting.proposal.asked, self.heard)
        answered = {member: None for member in (*self.equipped, *self.left) if member not in self.answers}
        return waits_for(self.setting.roster.ids, {**answered, **dict.fromkeys(self.heard)})

    @property
    def obstacle(self) -> str:
        """Why the session cannot go on with these, or an empty text."""
        proposal, roster = self.setting.proposal, self.setting.roster
        if not self.followed:
            return f"at most {len(self.followers)} members have the code, and a quorum is {roster.q}"
        if not self.settled:
            told = f"{len(self.equipped)} of {roster.n} members have said that they have the code"
            return f"{told}, and a quorum is {roster.q}"
        # With a roll it is its participants that play, and that are counted once their ballots are in. The ballots cost
        # every member, so a quorum has to agree to that.
        if proposal.rolled and len(self.enrolled) < roster.q:
            return f"{len(self.enrolled)} members serve the roll, and a quorum is {roster.q}"
        if not proposal.rolled and len(self.enrolled) < proposal.players_min:
            return f"{len(self.enrolled)} of at least {proposal.players_min} players enrolled{self._declined}"
        return self._unwilling()

    @property
    def _declined(self) -> str:
        """What most of those say that declined, or an empty text."""
        if not self.reasons:
            return ""
        said, many = Counter(self.reasons.values()).most_common(1)[0]
        return f"; {many} of {len(self.setting.proposal.asked)} say: {said}"

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
