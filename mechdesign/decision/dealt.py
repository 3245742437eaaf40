"""Steps that are dealt to the members: asks sealed by threshold encryption, and tosses of a coin.

They run the same way, and so does the gathering of ballots (``gathering.py``): dealings, close, shares of all members,
open. A share that is ordered before the close is kept aside as early; the session convicts its sender once the log
shows that the phase was still open behind it.
"""

from dataclasses import dataclass, field

from mechdesign.decision.ask import Accusation, Waits, waits_for
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import CoinEntry, SealEntry, ShareEntry, StepEntry
from mechdesign.decision.offence import Offence
from mechdesign.decision.phases import Phase
from mechdesign.decision.sealed_evidence import false_dealing, false_share, garbage
from mechdesign.decision.sealing.threshold import Garbage
from mechdesign.decision.vault import Vault
from mechdesign.kernel.crypto import MemberId

__all__ = ["Dealt", "SealedAsk", "Tossing"]


@dataclass(slots=True)
class Dealt:
    """What all of them have in common.

    Attributes:
        step: counts the steps of the session from 0.
        vault: dealings and shares.
        early: the first share of each member that came before the close.
    """

    step: int
    vault: Vault
    early: dict[MemberId, Entry] = field(default_factory=dict)

    def _deal(self, entry: Entry, data: bytes) -> tuple[Accusation, ...]:
        if self.vault.deal(entry, data):
            return ()
        return ((entry.sender, Offence.FALSE_DEALING, false_dealing(self.vault.setting.founding, entry)),)

    def _share(self, phase: Phase, entry: Entry, data: bytes) -> tuple[Accusation, ...] | None:
        if phase is not Phase.OPENING:
            if entry.sender in self.early:
                return None
            self.early[entry.sender] = entry
            return ()
        holds = self.vault.share(entry, data)
        if holds is None:
            return None
        if holds:
            return ()
        return ((entry.sender, Offence.FALSE_SHARE, self._false(entry)),)

    def _false(self, entry: Entry) -> bytes:
        """The proof that the share in an entry is false."""
        return false_share(self.vault.setting.founding, entry, self.vault.sealed)

    def _shares(self, followers: tuple[MemberId, ...]) -> Waits:
        missing = tuple(member for member in followers if member not in self.vault.heard)
        return Waits(self.vault.needed, len(self.vault.shares), missing)


@dataclass(slots=True)
class SealedAsk(Dealt):
    """An ask under threshold sealing; see also :class:`~mechdesign.decision.ask.Step`.

    Attributes:
        of: who is asked, in roster order.
        seals: who sealed or passed.
        reports: what was opened, or stands in for an invalid dealing and one without a report: the proposal's default
            or None.
    """

    of: tuple[MemberId, ...] = ()
    seals: dict[MemberId, None] = field(default_factory=dict)
    reports: dict[MemberId, bytes | None] = field(default_factory=dict)

    @property
    def answers(self) -> tuple[tuple[MemberId, bytes], ...]:
        """The reports that count, in roster order."""
        given = ((member, self.reports.get(member)) for member in self.of)
        return tuple((member, report) for member, report in given if report is not None)

    def take(self, phase: Phase, entry: Entry, said: StepEntry) -> tuple[Accusation, ...] | None:
        """Take a sealed report or a share."""
        if said.step != self.step:
            return None
        match said:
            case SealEntry(sealed=sealed) if entry.sender in self.of and entry.sender not in self.seals:
                self.seals[entry.sender] = None
                accused = () if sealed is None else self._deal(entry, sealed)
                self.reports |= {dealer: self.vault.setting.proposal.default_report for dealer, _, _ in accused}
                return accused
            case ShareEntry(share=share):
                return self._share(phase, entry, share)
        return None

    def waits(self, phase: Phase, followers: tuple[MemberId, ...]) -> Waits:
        """Those asked while seals come in; then t valid shares of any members."""
        return waits_for(self.of, self.seals) if phase is Phase.SEALING else self._shares(followers)

    def lock(self) -> bool:
        """Fix the sealed reports."""
        self.vault.lock()
        return True

    def close(self) -> tuple[Accusation, ...] | None:
        """Open every sealed report, or none."""
        if not self.vault.opens:
            return None
        accused: list[Accusation] = []
        for place, (context, _) in enumerate(self.vault.locked):
            opened = self.vault.report(place)
            if isinstance(opened, Garbage):
                shares = tuple(entry for _, entry in self.vault.shares.values())
                proof = garbage(self.vault.setting.founding, place, shares, self.vault.sealed)
                accused.append((context.dealer, Offence.GARBAGE, proof))
            instead = self.vault.setting.proposal.default_report
            self.reports[context.dealer] = instead if isinstance(opened, Garbage) else opened
        return tuple(accused)


@dataclass(slots=True)
class Tossing(Dealt):
    """A toss; see also :class:`~mechdesign.decision.ask.Step`.

    Attributes:
        heard: who has dealt, validly or not.
        coin: 32 bytes once it has fallen.
    """

    heard: dict[MemberId, None] = field(default_factory=dict)
    coin: bytes = b""

    def take(self, phase: Phase, entry: Entry, said: StepEntry) -> tuple[Accusation, ...] | None:
        """Take a dealing or a share."""
        if said.step != self.step:
            return None
        match said:
            case CoinEntry(dealing=dealing) if entry.sender not in self.heard:
                self.heard[entry.sender] = None
                return self._deal(entry, dealing)
            case ShareEntry(share=share):
                return self._share(phase, entry, share)
        return None

    def waits(self, phase: Phase, followers: tuple[MemberId, ...]) -> Waits:
        """Everybody's dealing; then t valid shares."""
        return waits_for(followers, self.heard) if phase is Phase.TOSSING else self._shares(followers)

    @property
    def least(self) -> int:
        """How many valid dealings a coin needs, so that one of them is an honest member's."""
        return self.vault.setting.roster.b + 1

    @property
    def enough(self) -> bool:
        """Whether there are that many."""
        return len(self.vault.dealt) >= self.least

    def lock(self) -> bool:
        """Fix the dealings, if they are enough for a coin."""
        if not self.enough:
            return False
        self.vault.lock()
        return True

    def close(self) -> tuple[Accusation, ...] | None:
        """Let the coin fall."""
        if not self.vault.opens:
            return None
        self.coin = self.vault.coin()
        return ()
