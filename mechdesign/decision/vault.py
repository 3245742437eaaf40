"""What is dealt to the members in one step, and the shares that open it again.

Dealings come in until the phase closes. Then the set of valid ones is fixed, and members publish their shares of all of
them at once. The first t that hold open everything; nothing more is checked after that. Which share is the t-th is a
matter of the log, so all members open at one position and to the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mechdesign.decision.certificate import Entry
from mechdesign.decision.coin import coin, parse_contribution
from mechdesign.decision.sealing.threshold import (
    Context,
    Dealing,
    Garbage,
    Purpose,
    Share,
    combine,
    parse_dealing,
    target_digest,
    targets,
    verify_share,
)
from mechdesign.decision.setting import Setting
from mechdesign.kernel.crypto import MemberId

__all__ = ["Vault"]


@dataclass(slots=True)
class Vault:
    """The dealings and shares of one step.

    Attributes:
        setting: the session.
        step: the ask or toss.
        purpose: reports, or a coin.
        dealt: the valid dealings, with the entries that carried them.
        locked: the same in roster order of dealers, once the phase has closed.
        shares: valid shares of what is locked, with their entries, in log order.
        heard: whose share has counted, valid or not.
    """

    setting: Setting
    step: int
    purpose: Purpose
    dealt: dict[MemberId, tuple[Dealing, Entry]] = field(default_factory=dict)
    locked: tuple[tuple[Context, Dealing], ...] = ()
    shares: dict[MemberId, tuple[Share, Entry]] = field(default_factory=dict)
    heard: dict[MemberId, None] = field(default_factory=dict)
    _opens: bytes = b""

    def deal(self, entry: Entry, data: bytes) -> bool:
        """Take a dealing; False if it is not valid, an offence of its sender."""
        committee, proposal = self.setting.committee, self.setting.proposal
        if self.purpose is Purpose.REPORT:
            dealing = parse_dealing(data, committee, proposal.report_bytes)
        else:
            dealing = parse_contribution(data, committee)
        context = self.setting.context(self.step, self.purpose, entry.sender)
        if dealing is None or not self.setting.check(committee, context, dealing):
            return False
        self.dealt[entry.sender] = dealing, entry
        return True

    def lock(self) -> None:
        """Fix what is to be opened: every valid dealing, in roster order of dealers."""
        ids = [member for member in self.setting.roster.ids if member in self.dealt]
        contexts = [self.setting.context(self.step, self.purpose, dealer) for dealer in ids]
        self.fix([(context, self.dealt[context.dealer][0]) for context in contexts])

    def fix(self, dealings: Sequence[tuple[Context, Dealing]]) -> None:
        """Open these valid dealings, in this order, and nothing else."""
        self.locked = tuple(dealings)
        if self.locked:
            committee = self.setting.committee
            self._opens = target_digest(targets(committee, committee.members[0], self.locked))

    def share(self, entry: Entry, data: bytes) -> bool | None:
        """Take a share: whether it holds, or None if it counts for nothing (such as a share of something else)."""
        found = Share.parse(data)
        if not self.locked or entry.sender in self.heard or found is None or found.opens != self._opens:
            return None
        committee = self.setting.committee
        self.heard[entry.sender] = None
        if not verify_share(committee, entry.sender, targets(committee, entry.sender, self.locked), found):
            return False
        self.shares[entry.sender] = found, entry
        return True

    @property
    def needed(self) -> int:
        """How many valid shares open everything; none where nothing is locked."""
        return self.setting.committee.threshold if self.locked else 0

    @property
    def opens(self) -> bool:
        """Whether there are enough."""
        return len(self.shares) >= self.needed

    def report(self, place: int) -> bytes | Garbage:
        """What the dealing at a place of :attr:`locked` holds, once the vault opens."""
        context, dealing = self.locked[place]
        points = {member: share.point(place) for member, (share, _) in self.shares.items()}
        return combine(self.setting.committee, context, dealing, self.setting.proposal.report_bytes, points)

    def coin(self) -> bytes:
        """The coin that all dealings make together, once the vault opens."""
        count = range(len(self.locked))
        points = {member: [share.point(place) for place in count] for member, (share, _) in self.shares.items()}
        return coin(self.setting.committee, self.locked, points, self.setting.roster.b + 1)

    @property
    def sealed(self) -> tuple[Entry, ...]:
        """The entries that carried what is locked, in its order."""
        return tuple(self.dealt[context.dealer][1] for context, _ in self.locked)
