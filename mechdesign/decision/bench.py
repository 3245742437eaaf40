"""Who judges what members prove against each other: evidence of the group layer, and whom the group shall exclude.

Evidence of the group layer convicts a member once of each kind of offence in an epoch, by the first proof in the log
that holds. That proof is kept: ordered again it is known by its bytes, and a convict that plays in a further session of
the epoch is sanctioned there for it. Every other proof of the same offence adds nothing and is not checked. Else a liar
could have signatures checked for ever, by proofs against itself that hold and that nobody answers for; so what is
checked in an epoch is one proof of each offence of each member, and the false ones.

What holds in later epochs, too, is a proof of two ends of an epoch and one that carries the roster of its epoch along;
such a proof convicts nobody of an offence of which it was convicted before. A member that accused others falsely
:data:`FALSE_ACCUSATIONS_MAX` times is not listened to any more. Offences inside a session are convicted from the log
itself, by the session.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import EvidenceEntry, Kind
from mechdesign.decision.messages import Convicted
from mechdesign.decision.phases import Phase
from mechdesign.decision.policing import alleged, group_offence, proof_digest
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.session import Session
from mechdesign.group.evidence import Forking, Former, decode_evidence
from mechdesign.group.messages import Broadcast, EvidenceFound, Exclude, Expel
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.wire import encode

__all__ = ["FALSE_ACCUSATIONS_MAX", "Bench", "Sentence", "exclusion"]

FALSE_ACCUSATIONS_MAX = 16
"""Evidence of a member is not checked any more after so many of its proofs did not hold."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Evidence in the log that holds.

    Attributes:
        entry: which carried it.
        member: whom it convicts.
        offence: of what.
        evidence: the proof.
        anew: whether this member of the group was not convicted of it yet in this epoch.
    """

    entry: Entry
    member: MemberId
    offence: str
    evidence: bytes
    anew: bool


class Bench:
    """What one member has judged in this epoch; a function of the log.

    Args:
        roster: the group's.
        scheme: how signatures are checked.
        standing: convictions of earlier epochs.

    Attributes:
        convicts: who was convicted, and of what, with the first log position that says so.
    """

    def __init__(self, roster: Roster, scheme: SignatureScheme, standing: Iterable[tuple[MemberId, str]] = ()) -> None:
        self.convicts: dict[tuple[MemberId, str], int] = {}
        self._standing = frozenset(standing)
        self._roster = roster
        self._scheme = scheme
        self._proofs: dict[tuple[MemberId, str], bytes] = {}
        self._accusations: dict[MemberId, int] = {}
        self._excluded: set[MemberId] = set()

    def accuse(self, found: EvidenceFound) -> list[Broadcast]:
        """Have evidence that our group layer found ordered, unless it proves nothing new."""
        offence = alleged(found.data, self._roster)
        entry = EvidenceEntry(found.data)
        if len(entry.encoded) > self._roster.submission_bytes_max:
            return []
        if offence is None or offence in self.convicts or self._is_over(offence, found.data):
            return []
        if group_offence(found.data, self._roster, self._scheme) is None:
            return []
        member, name = offence
        return [Broadcast(encode(("evidence", member, name)), Kind.EVIDENCE, entry.encoded)]

    def judge(self, entry: Entry, said: EvidenceEntry) -> Sentence | None:
        """Whom evidence in the log convicts, and of what; None if it proves nothing that counts in this epoch.

        A function of the log alone. What is not new matters to sessions whose sanctions have not been applied yet.
        """
        if self._accusations.get(entry.sender, 0) >= FALSE_ACCUSATIONS_MAX:
            return None
        offence = alleged(said.evidence, self._roster)
        if offence is not None and self._is_over(offence, said.evidence):
            return None
        if offence not in self._proofs:
            if offence is None or group_offence(said.evidence, self._roster, self._scheme) is None:
                self._accusations[entry.sender] = self._accusations.get(entry.sender, 0) + 1
                return None
            self._proofs[offence] = said.evidence
        if said.evidence != self._proofs[offence]:
            return None
        return Sentence(entry, *offence, said.evidence, offence not in self.convicts)

    def remind(self, session: Session) -> list[Broadcast]:
        """Have the proof against each player that stands convicted ordered again, when reports begin to show.

        Or whoever was convicted once could offend in all later sessions of the epoch, and it would cost nothing. Not
        earlier: else a convict could end every session that declares ``abort``, by taking part.
        """
        first = {member: proof for (member, _), proof in reversed(self._proofs.items())}
        proofs = [(member, first[member]) for member in session.players if member in first]
        sanctions, deposit = set(session.proposal.sanctions), session.proposal.deposit
        costs = Sanction.EXCLUDE in sanctions or (deposit and {Sanction.FORFEIT, Sanction.ABORT} & sanctions)
        if not proofs or not costs or session.step or session.phase not in (Phase.OPENING, Phase.ASKING):
            return []
        return [
            Broadcast(encode(("evidence", member, session.id)), Kind.EVIDENCE, EvidenceEntry(proof).encoded)
            for member, proof in proofs
        ]

    def _is_over(self, offence: tuple[MemberId, str], evidence: bytes) -> bool:
        """Whether a proof is of an earlier epoch that convicted already."""
        return offence in self._standing and isinstance(decode_evidence(evidence), Forking | Former)

    def convicted_by(self, position: int) -> list[tuple[MemberId, str]]:
        """Who was convicted up to a log position, and of what: the same at all members, whatever they look at later."""
        return [offence for offence, first in self.convicts.items() if first <= position]

    def note(self, convicted: Convicted, position: int, excludes: bool) -> list[Exclude | Expel]:
        """Keep a conviction in mind, and ask the group once to exclude the convict where a session declared that."""
        offence = convicted.member, convicted.offence
        self.convicts[offence] = min(position, self.convicts.get(offence, position))
        if not excludes or convicted.member in self._excluded:
            return []
        self._excluded.add(convicted.member)
        return [exclusion(convicted.member, convicted.evidence, self._roster)]


def exclusion(member: MemberId, evidence: bytes, roster: Roster) -> Exclude | Expel:
    """How to ask the group to exclude a member that a proof convicts.

    A proof that is too long to be ordered is named by its digest: b + 1 members that hold it are enough.
    """
    if len(evidence) <= roster.submission_bytes_max:
        return Exclude(evidence)
    return Expel(member, proof_digest(evidence))
