"""The ballots of one session, as members carry them into the log.

One carriage is enough: an identical copy changes nothing and is not kept. Members answer for what they carry with room
of their own only: :data:`RUBBISH_MAX` pieces that are no ballots of the session, and nothing more is taken from them. A
participant whose content is void (no valid dealing) has spoken and gave no report; it convicts nobody, since
participants stake nothing and are no members. What is too long to be a report is no ballot.

The phase closes where everyone on the roll was heard, or by the members' timers. Then, under threshold sealing, members
open what counts with the same shares as sealed reports. The players of the mechanism are those on the roll that gave a
report, in its order.
"""

from dataclasses import dataclass, field

from mechdesign.decision.ask import Accusation, Waits
from mechdesign.decision.ballots.ballot import Ballot, fault
from mechdesign.decision.certificate import Entry
from mechdesign.decision.dealt import Dealt
from mechdesign.decision.entries import CarryEntry, ShareEntry, StepEntry
from mechdesign.decision.phases import Phase
from mechdesign.decision.proposal import Seal
from mechdesign.decision.sealed_evidence import false_ballot_share
from mechdesign.decision.sealing.threshold import Dealing, Garbage, Purpose, parse_dealing
from mechdesign.decision.setting import Setting
from mechdesign.kernel.crypto import MemberId

__all__ = ["RUBBISH_MAX", "Gathering", "Said"]

RUBBISH_MAX = 64
"""Carriages of a member are not looked at any more once so many pieces in them were no ballots of the session."""


@dataclass(frozen=True, slots=True)
class Said:
    """A ballot that was carried, with what it is worth.

    Attributes:
        ballot: the ballot.
        data: its bytes.
        report: the plain report; None where it gives none.
        dealing: the valid dealing of a sealed one; None where it holds none.
    """

    ballot: Ballot
    data: bytes
    report: bytes | None
    dealing: Dealing | None


@dataclass(slots=True)
class Gathering(Dealt):
    """The ballots of a session; see also :class:`~mechdesign.decision.ask.Step`.

    Attributes:
        said: for each line of the roll that was heard, what was said under each sequence number; None where two
            different ballots void each other.
        rubbish: how much each member has carried that was no ballot.
        counted: what counts, in the order of the roll, once the phase has closed.
        reports: of everyone that gave one, in the order of the roll, once all is open.
    """

    said: dict[int, dict[int, Said | None]] = field(default_factory=dict)
    rubbish: dict[MemberId, int] = field(default_factory=dict)
    counted: tuple[Said, ...] = ()
    reports: tuple[tuple[MemberId, bytes], ...] = ()

    @property
    def _setting(self) -> Setting:
        return self.vault.setting

    @property
    def names(self) -> dict[MemberId, str]:
        """What the players are called."""
        return {each.ballot.key: each.ballot.name for each in self.counted}

    @property
    def answers(self) -> tuple[tuple[MemberId, bytes], ...]:
        """The reports that count, in the order of the roll."""
        return self.reports

    @property
    def contradictions(self) -> int:
        """How many sequence numbers are void because two different ballots bear them."""
        return sum(said is None for each in self.said.values() for said in each.values())

    def news(self, data: bytes) -> bool:
        """Whether the log does not say yet what this ballot says; that it is one of the session was checked."""
        ballot = Ballot.parse(data)
        return ballot is not None and not self._known(ballot)

    def take(self, phase: Phase, entry: Entry, said: StepEntry) -> tuple[Accusation, ...] | None:
        """Take a carriage, which counts if it brings anything new, or a share."""
        if said.step != self.step:
            return None
        match said:
            case CarryEntry(ballots=ballots):
                if self.rubbish.get(entry.sender, 0) >= RUBBISH_MAX:
                    return None
                news = [self._carry(entry.sender, data) for data in ballots]
                return () if any(news) else None
            case ShareEntry(share=share):
                return self._share(phase, entry, share)
        return None

    def _known(self, ballot: Ballot) -> bool:
        """Whether this sequence number has been heard with the same content, or is void by two others.

        What the signature is worth is not asked: another one under the same words says nothing else, and its
        participant could make ever new ones, for members to check and nobody to answer for.
        """
        heard = self.said.get(ballot.index, {})
        if ballot.sequence not in heard:
            return False
        known = heard[ballot.sequence]
        return known is None or known.ballot.content == ballot.content

    def _carry(self, carrier: MemberId, data: bytes) -> bool:
        ballot = Ballot.parse(data)
        if ballot is not None and self._known(ballot):
            return False
        if ballot is None or fault(ballot, self._setting) is not None:
            self.rubbish[carrier] = self.rubbish.get(carrier, 0) + 1
            return False
        heard = self.said.setdefault(ballot.index, {})
        heard[ballot.sequence] = None if ballot.sequence in heard else self._read(ballot, data)
        return True

    def _read(self, ballot: Ballot, data: bytes) -> Said:
        setting, content = self._setting, ballot.content
        if content is None or setting.proposal.seal is not Seal.THRESHOLD:
            return Said(ballot, data, content, None)
        dealing = parse_dealing(content, setting.committee, setting.proposal.report_bytes)
        context = setting.context(self.step, Purpose.REPORT, ballot.key)
        valid = dealing is not None and setting.check(setting.committee, context, dealing)
        return Said(ballot, data, None, dealing if valid else None)

    def waits(self, phase: Phase, followers: tuple[MemberId, ...]) -> Waits:
        """Everyone on the roll, who cannot be named; then t valid shares."""
        if phase is not Phase.GATHERING:
            return self._shares(followers)
        rolled, heard = self._setting.proposal.rolled, len(self.said)
        return Waits(rolled, heard, (), rolled - heard)

    def lock(self) -> bool:
        """Fix what counts: of each participant the highest sequence number that is not void."""
        found: list[Said] = []
        keys: dict[MemberId, None] = {}
        names: dict[str, None] = {}
        for index in sorted(self.said):
            valid = [said for said in self.said[index].values() if said is not None]
            last = max(valid, key=lambda said: said.ballot.sequence, default=None)
            if last is None or last.ballot.key in keys or last.ballot.name in names:
                continue
            keys[last.ballot.key] = names[last.ballot.name] = None
            found.append(last)
        self.counted = tuple(found)
        sealed = [(each.ballot.key, each.dealing) for each in found if each.dealing is not None]
        self.vault.fix([(self._setting.context(self.step, Purpose.REPORT, key), dealing) for key, dealing in sealed])
        return True

    def close(self) -> tuple[Accusation, ...] | None:
        """Open every ballot, or none."""
        if not self.vault.opens:
            return None
        reports = {each.ballot.key: each.report for each in self.counted}
        for place, (context, _) in enumerate(self.vault.locked):
            report = self.vault.report(place)
            reports[context.dealer] = None if isinstance(report, Garbage) else report
        self.reports = tuple((key, report) for key, report in reports.items() if report is not None)
        return ()

    def _false(self, entry: Entry) -> bytes:
        dealt = [each.data for each in self.counted if each.dealing is not None]
        return false_ballot_share(self._setting.founding, entry, dealt)
