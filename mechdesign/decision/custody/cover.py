"""Whether the deposits of a session are there, as its custodian says in the log.

The custodian is trusted with the money, and so with its receipts: one that signs for what it has not received lets a
player in without a deposit, and one that is silent keeps players out. It cannot move a report, an outcome or a date.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from mechdesign.decision.custody.receipts import ReceiptEntry
from mechdesign.decision.setting import Setting
from mechdesign.kernel.crypto import MemberId

__all__ = ["RECEIPTS_PER_PLAYER", "Cover"]

RECEIPTS_PER_PLAYER = 16
"""In so many parts a deposit can be paid."""


@dataclass(slots=True)
class Cover:
    """What the custodian of one session has received, by player; a reference counts once.

    Attributes:
        setting: the session.
        received: how much, in log order of the first receipt of each.
    """

    setting: Setting
    received: dict[MemberId, Fraction] = field(default_factory=dict)
    _references: dict[str, MemberId] = field(default_factory=dict)

    def take(self, sender: MemberId, said: ReceiptEntry) -> bool:
        """Take a receipt; False if it counts for nothing."""
        proposal = self.setting.proposal
        whole = (said.amount * 10**proposal.decimals).denominator == 1
        parts = sum(player == said.player for player in self._references.values())
        if self.setting.roster.name(sender) != proposal.custodian or said.player not in proposal.asked or not whole:
            return False
        if said.reference in self._references or parts >= RECEIPTS_PER_PLAYER:
            return False
        self._references[said.reference] = said.player
        self.received[said.player] = self.received.get(said.player, Fraction(0)) + said.amount
        return True

    @property
    def named(self) -> tuple[tuple[str, Fraction], ...]:
        """What was received, by player's name."""
        return tuple((self.setting.roster.name(player), amount) for player, amount in self.received.items())

    def lacks(self, player: MemberId) -> Fraction:
        """How much of a player's deposit is not there."""
        proposal = self.setting.proposal
        held = self.received.get(player, Fraction(0))
        return max(proposal.deposit - held, Fraction(0)) if proposal.custodian else Fraction(0)

    def holds(self, player: MemberId) -> bool:
        """Whether a player's deposit is there, or nobody holds deposits."""
        return not self.lacks(player)
