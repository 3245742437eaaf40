"""Proofs that were found, and stay worth something when the epoch that they are about is over.

What is found while an epoch closes comes too late for its log, and the next one judges by another roster. So a proof is
kept in the form that holds in later epochs, and is handed up again there for as long as its member is in the group. It
is in the journal from the moment it was found, for the blocks that it was found in are deleted with their epoch.

Bounded: one proof of each kind against each member, of the newest epoch that there is one of.
"""

from typing import NamedTuple, TypeAlias

from mechdesign.group.evidence import Evidence, Forking, Former, decode_evidence, encode_evidence, unwrapped
from mechdesign.group.messages import Append, EvidenceFound
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import DamagedError, WireError
from mechdesign.kernel.wire import decode, digest, encode

__all__ = ["Kept", "Proofs"]

_TABLE = "view"
_PROOF = b"proof"
_TAG = "mechdesign/view/proof/1"

_About: TypeAlias = tuple[MemberId, type[Evidence]]


class Kept(NamedTuple):
    """A proof that is kept.

    Attributes:
        since: the epoch from which on it can be judged in this form.
        found: the proof.
    """

    since: int
    found: EvidenceFound


class Proofs:
    """The proofs of one member."""

    def __init__(self) -> None:
        self._kept: dict[_About, Kept] = {}

    def keep(self, found: EvidenceFound, roster: Roster) -> tuple[Kept, Append] | None:
        """Keep a proof that was found in the epoch of a roster, with the record for the journal; None if it is no news.

        It is news if none of its kind against the member is kept that is about the same epoch or a later one.
        """
        evidence = decode_evidence(found.data)
        assert evidence is not None
        about = found.member, type(evidence)
        kept = Kept(0, found)
        if not isinstance(evidence, Forking):
            former = Former(roster.encoded, found.data)
            kept = Kept(roster.epoch + 1, EvidenceFound(found.member, encode_evidence(former)))
        known = self._kept.get(about)
        if known is not None and known.since >= kept.since:
            return None
        self._kept[about] = kept
        return kept, Append(_TABLE, _name(about), encode((kept.since, found.member, kept.found.data)))

    def holding(self, roster: Roster) -> list[EvidenceFound]:
        """What can be judged in the epoch of a roster."""
        return [kept.found for kept in self._kept.values() if kept.since <= roster.epoch]

    def release(self, roster: Roster) -> list[tuple[str, bytes]]:
        """Let go of what concerns nobody in a roster; gives the names of the records to be deleted."""
        gone = [about for about in self._kept if roster.place(about[0]) is None]
        for about in gone:
            del self._kept[about]
        return [(_TABLE, _name(about)) for about in gone]

    def restore(self, key: bytes, data: bytes) -> bool:
        """Take back a record; whether it is one of these.

        Raises:
            JournalError: it is damaged.
        """
        if not key.startswith(_PROOF):
            return False
        try:
            match decode(data):
                case (int(since), bytes(member), bytes(proof)):
                    evidence = unwrapped(proof)
                    if evidence is not None:
                        found = EvidenceFound(MemberId(member), proof)
                        self._kept[found.member, type(evidence)] = Kept(since, found)
                        return True
        except WireError as error:
            raise DamagedError("the journal's record of a proof", error) from error
        raise DamagedError("the journal's record of a proof")


def _name(about: _About) -> bytes:
    member, kind = about
    return _PROOF + digest(_TAG, member, kind.__name__.encode())
