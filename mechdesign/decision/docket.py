"""Who is under suspicion of what in one session: convictions, defaults, and who pays for them."""

from dataclasses import dataclass, field

from mechdesign.decision.ask import Accusation, Ask
from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.dealt import Dealt
from mechdesign.decision.entries import AttestEntry, CarryEntry, CoinEntry, EntryValue, SealEntry, TimerEntry
from mechdesign.decision.messages import Convicted
from mechdesign.decision.offence import Offence
from mechdesign.decision.phases import Phase
from mechdesign.decision.policing import wrong_outcome
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.sealed_evidence import early_share
from mechdesign.decision.setting import Setting
from mechdesign.decision.tally import Tally
from mechdesign.kernel.crypto import MemberId

__all__ = ["Docket"]


@dataclass(slots=True)
class Docket:
    """What one session holds against members.

    Attributes:
        setting: the session.
        convicted: players under sanction, with the offence.
        defaulted: who did not open a seal, in log order without repeats.
        accused: who has signed another outcome than a quorum did.
        early: who shared before the close, with the entry that did.
    """

    setting: Setting
    convicted: dict[MemberId, str] = field(default_factory=dict)
    defaulted: dict[MemberId, None] = field(default_factory=dict)
    accused: dict[MemberId, None] = field(default_factory=dict)
    early: dict[MemberId, Entry] = field(default_factory=dict)

    def wrong(self, tally: Tally, own: AttestEntry | None) -> list[Accusation]:
        """Whoever has newly been seen to sign another outcome than a quorum did.

        Nobody is convicted of what this member computed itself: then it is the quorum that lies.

        Args:
            tally: what was signed.
            own: what whoever computed the same signs.
        """
        found: list[Accusation] = []
        certificate = tally.certificate
        for wrong in tally.wrong if certificate else ():
            if certificate and wrong.sender not in self.accused and tally.said[wrong.sender][0] != own:
                self.accused[wrong.sender] = None
                proof = wrong_outcome(certificate, wrong, self.setting.roster.q)
                found.append((wrong.sender, Offence.WRONG_OUTCOME, proof))
        return found

    def premature(self, ask: Ask | Dealt | None, phase: Phase, said: EntryValue) -> list[MemberId]:
        """Whoever shared while a phase was open, now that an entry behind its share has counted in that phase.

        Its proof has to wait until a quorum has signed the order of the entries; see :meth:`proofs`. In a session that
        aborts nobody signs that: the deposit is lost all the same, and nobody is convicted.
        """
        before = phase in (Phase.GATHERING, Phase.SEALING, Phase.TOSSING)
        timer = isinstance(said, TimerEntry) and said.phase == phase
        shows = timer or isinstance(said, SealEntry | CoinEntry | CarryEntry)
        if not before or not shows or not isinstance(ask, Dealt):
            return []
        found = [member for member in ask.early if member not in self.early]
        self.early |= {member: ask.early[member] for member in found}
        return found

    def proofs(self, certificate: Certificate, counted: list[Entry]) -> list[Convicted]:
        """The convictions of those that shared too early, at the end of the session."""
        made: list[Convicted] = []
        for member, entry in self.early.items():
            # An audit that reads piece by piece has forgotten the entries: it names the convict and makes no proof.
            proof = early_share(certificate, self.setting.roster.q, counted, entry) if entry in counted else b""
            concerned = (self.setting.session,) if member in self.convicted else ()
            made.append(Convicted(member, Offence.EARLY_SHARE.value, proof, concerned))
        return made

    def forfeited(self, players: tuple[MemberId, ...]) -> list[str]:
        """Names of the players that lose their deposit."""
        sanctions = self.setting.proposal.sanctions
        lost: dict[MemberId, object] = {}
        if {Sanction.FORFEIT, Sanction.ABORT} & set(sanctions):
            lost |= self.convicted
        if Sanction.FORFEIT in sanctions:
            lost |= self.defaulted
        return [self.setting.roster.name(member) for member in players if member in lost]
