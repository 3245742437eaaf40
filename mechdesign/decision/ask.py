"""One ask of a session: who is asked, what they sealed, what they reported."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import OpenEntry, ReportEntry, SealEntry, StepEntry
from mechdesign.decision.offence import Offence
from mechdesign.decision.phases import Phase
from mechdesign.decision.policing import false_opening
from mechdesign.decision.sealing.commit_reveal import COMMITMENT_BYTES, commitment, unpad
from mechdesign.decision.setting import Setting
from mechdesign.kernel.crypto import MemberId

__all__ = ["Accusation", "Ask", "Step", "Waits", "waits_for"]

Accusation: TypeAlias = tuple[MemberId, Offence, bytes]
"""Whom the log convicts, of what, and the proof."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What a phase waits for.

    Attributes:
        needed: how many have to be heard.
        heard: how many were.
        missing: which members could still be heard, in roster order.
        outsiders: how many others could, who are known by their ballots only. The phase is over too when there is
            nobody to be heard any more.
    """

    needed: int
    heard: int
    missing: tuple[MemberId, ...]
    outsiders: int = 0

    @property
    def nobody(self) -> bool:
        """Whether nobody is left who could be heard."""
        return not self.missing and not self.outsiders


def waits_for(expected: tuple[MemberId, ...], heard: Container[MemberId]) -> Waits:
    """What a phase waits for that wants to hear everybody."""
    missing = tuple(member for member in expected if member not in heard)
    return Waits(len(expected), len(expected) - len(missing), missing)


class Step(Protocol):
    """An ask or a toss: what a session loops over."""

    step: int

    def take(self, phase: Phase, entry: Entry, said: StepEntry) -> tuple[Accusation, ...] | None:
        """Take an entry: None if it counts for nothing, else whom it convicts."""
        ...

    def waits(self, phase: Phase, followers: tuple[MemberId, ...]) -> Waits:
        """What a phase of this step waits for; ``followers`` are the members that did not leave."""
        ...

    def lock(self) -> bool:
        """What was sealed or dealt is fixed from here on; False if it is too little to go on with."""
        ...

    def close(self) -> tuple[Accusation, ...] | None:
        """The step is over: whom it convicts, or None if it cannot be opened."""
        ...


@dataclass(slots=True)
class Ask:
    """What was heard of one ask that is plain, or sealed by commitments; the first that a player says counts.

    Attributes:
        setting: the session.
        step: counts the steps of the session from 0.
        of: who is asked, in roster order.
        seals: the commitment of each, None for a pass, with the entry that carried it.
        reports: the report of each that reported or opened; None for a pass and for an opening that is void in itself,
            unless that convicts its sender and the proposal has a default for it.
    """

    setting: Setting
    step: int
    of: tuple[MemberId, ...]
    seals: dict[MemberId, tuple[bytes | None, Entry]] = field(default_factory=dict)
    reports: dict[MemberId, bytes | None] = field(default_factory=dict)

    @property
    def sealed(self) -> tuple[MemberId, ...]:
        """Who is bound by a commitment, in roster order."""
        return tuple(member for member in self.of if member in self.seals and self.seals[member][0] is not None)

    @property
    def unopened(self) -> tuple[MemberId, ...]:
        """Who is bound by a commitment and has not opened it, in roster order."""
        return tuple(member for member in self.sealed if member not in self.reports)

    @property
    def answers(self) -> tuple[tuple[MemberId, bytes], ...]:
        """The reports that count, in roster order."""
        given = ((member, self.reports.get(member)) for member in self.of)
        return tuple((member, report) for member, report in given if report is not None)

    def take(self, phase: Phase, entry: Entry, said: StepEntry) -> tuple[Accusation, ...] | None:
        """Take a commitment, a plain report or an opening; see :class:`Step`."""
        if said.step != self.step or entry.sender not in self.of:
            return None
        match said:
            case SealEntry(sealed=sealed) if entry.sender not in self.seals:
                if sealed is not None and len(sealed) != COMMITMENT_BYTES:
                    return None
                self.seals[entry.sender] = sealed, entry
            case ReportEntry(report=report) if entry.sender not in self.reports:
                self.reports[entry.sender] = report
            case OpenEntry() if entry.sender in self.unopened:
                return self._open(entry, said)
            case _:
                return None
        return ()

    def _open(self, entry: Entry, said: OpenEntry) -> tuple[Accusation, ...]:
        bound, sealed = self.seals[entry.sender]
        made = commitment(self.setting.roster, said.session, said.step, entry.sender, said.salt, said.padded)
        if made != bound:
            self.reports[entry.sender] = self.setting.proposal.default_report
            return ((entry.sender, Offence.FALSE_OPENING, false_opening(sealed, entry)),)
        self.reports[entry.sender] = unpad(said.padded, self.setting.proposal.report_bytes)
        return ()

    def waits(self, phase: Phase, followers: tuple[MemberId, ...]) -> Waits:
        """Whom the phase waits for among those asked, or among those that sealed."""
        if phase is Phase.OPENING:
            return waits_for(self.sealed, self.reports)
        return waits_for(self.of, self.seals if phase is Phase.SEALING else self.reports)

    def lock(self) -> bool:
        """Commitments are fixed by themselves."""
        return True

    def close(self) -> tuple[Accusation, ...] | None:
        """Nothing more to find: openings were checked when they came."""
        return ()
