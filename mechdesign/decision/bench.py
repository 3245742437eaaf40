"""Who judges what members prove against each other: evidence of the group layer, and whom the group shall exclude.

Evidence of the group layer convicts a member once of each kind of offence in an epoch: the same proof, presented again,
costs nothing a second time. Proofs are about one epoch and hold in no other; only that of two ends of an epoch holds in
every later one, so it convicts once for all. A member that accused others falsely :data:`FALSE_ACCUSATIONS_MAX` times
is not listened to any more. Offences inside a session are convicted from the log itself, by the session.
"""

from collections.abc import Iterable

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import EvidenceEntry, Kind
from mechdesign.decision.messages import Convicted
from mechdesign.decision.offence import Offence
from mechdesign.decision.policing import group_offence
from mechdesign.group.messages import Broadcast, EvidenceFound, Exclude
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.wire import encode

__all__ = ["FALSE_ACCUSATIONS_MAX", "Bench"]

FALSE_ACCUSATIONS_MAX = 16
"""Evidence of a member is not checked any more after so many of its proofs did not hold."""


class Bench:
    """What one member has judged in this epoch; a function of the log.

    Args:
        roster: the group's.
        scheme: how signatures are checked.
        standing: convictions of earlier epochs.

    Attributes:
        convicts: who was convicted, and of what, in log order.
    """

    def __init__(self, roster: Roster, scheme: SignatureScheme, standing: Iterable[tuple[MemberId, str]] = ()) -> None:
        self.convicts: dict[tuple[MemberId, str], None] = {}
        self._over = {each for each in standing if each[1] == Offence.FORKING}
        self._roster = roster
        self._scheme = scheme
        self._accusations: dict[MemberId, int] = {}
        self._excluded: set[MemberId] = set()

    def accuse(self, found: EvidenceFound) -> list[Broadcast]:
        """Have evidence that our group layer found ordered, unless it proves nothing new."""
        offence = group_offence(found.data, self._roster, self._scheme)
        entry = EvidenceEntry(found.data)
        if offence is None or self._is_known(offence) or len(entry.encoded) > self._roster.submission_bytes_max:
            return []
        member, name = offence
        return [Broadcast(encode(("evidence", member, name)), Kind.EVIDENCE, entry.encoded)]

    def judge(self, entry: Entry, said: EvidenceEntry) -> tuple[MemberId, str] | None:
        """Whom evidence in the log convicts anew, and of what."""
        if self._accusations.get(entry.sender, 0) >= FALSE_ACCUSATIONS_MAX:
            return None
        offence = group_offence(said.evidence, self._roster, self._scheme)
        if offence is None:
            self._accusations[entry.sender] = self._accusations.get(entry.sender, 0) + 1
            return None
        return None if self._is_known(offence) else offence

    def _is_known(self, offence: tuple[MemberId, str]) -> bool:
        return offence in self.convicts or offence in self._over

    def note(self, convicted: Convicted, excludes: bool) -> list[Exclude]:
        """Keep a conviction in mind, and ask the group once to exclude the convict where a session declared that.

        A proof that is too large to be ordered excludes nobody; it convicts all the same.
        """
        self.convicts[convicted.member, convicted.offence] = None
        fits = len(convicted.evidence) <= self._roster.submission_bytes_max
        if not excludes or not fits or convicted.member in self._excluded:
            return []
        self._excluded.add(convicted.member)
        return [Exclude(convicted.evidence)]
