"""How the last epochs ended: kept for those who come late, and a witness against a second history.

Bounded: only the newest :data:`EPOCHS_KEPT` certificates. Who slept through more comes back by an invitation.
"""

from collections.abc import Sequence

from mechdesign.group.channel import channel_of
from mechdesign.group.messages import Append, EvidenceFound
from mechdesign.group.roster import Roster
from mechdesign.group.views.packets import Signatures
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.succession import EpochCertificate, double_signers
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.kernel.errors import JournalError, VerificationError, WireError
from mechdesign.kernel.wire import decode, encode

__all__ = ["EPOCHS_KEPT", "Annals"]

EPOCHS_KEPT = 64
"""Certificates of so many epochs are kept."""

_TABLE = "view"
_END = b"end"


class Annals:
    """Epochs that ended, each with its certificate, oldest first."""

    def __init__(self) -> None:
        self._ends: list[tuple[Roster, EpochCertificate, bytes]] = []
        # (epoch, member's place) of those who are known to have signed two ends.
        self._doubled: dict[tuple[int, int], None] = {}

    @property
    def rosters(self) -> tuple[Roster, ...]:
        """Of the epochs that are kept."""
        return tuple(roster for roster, _, _ in self._ends)

    def statement(self, roster: Roster) -> Statement | None:
        """The certified end of the epoch of a roster, or None where that is not kept."""
        return next((known.statement(each) for each, known, _ in self._ends if each == roster), None)

    def after(self, channel: bytes) -> list[bytes] | None:
        """The certificates from the epoch of a channel on, or None where that is not kept."""
        for at, (roster, _, _) in enumerate(self._ends):
            if channel_of(roster) == channel:
                return [encoded for _, _, encoded in self._ends[at:]]
        return None

    def add(self, ended: Sequence[tuple[Roster, EpochCertificate]]) -> tuple[list[Append], list[tuple[str, bytes]]]:
        """Take in how epochs ended; gives the records to be written and those to be deleted."""
        self._ends += [(roster, certificate, certificate.encoded) for roster, certificate in ended]
        old, self._ends = self._ends[:-EPOCHS_KEPT], self._ends[-EPOCHS_KEPT:]
        kept = {roster.epoch for roster, _, _ in self._ends}
        self._doubled = {each: None for each in self._doubled if each[0] in kept}
        new = self._ends[-len(ended) :] if ended else []
        written = [Append(_TABLE, _key(roster), encode((roster.encoded, wire))) for roster, _, wire in new]
        return written, [(_TABLE, _key(roster)) for roster, _, _ in old]

    def restore(self, key: bytes, data: bytes) -> bool:
        """Take back a record; whether it is one of these.

        Raises:
            JournalError: it is damaged.
        """
        if not key.startswith(_END):
            return False
        try:
            match decode(data):
                case (bytes(encoded), bytes(wire)):
                    roster, certificate = Roster.parse(encoded), EpochCertificate.parse(wire)
                    if certificate is not None:
                        self._ends.append((roster, certificate, wire))
                        self._ends.sort(key=lambda end: end[0].epoch)
                        return True
        except WireError as error:
            raise JournalError(f"the journal's record of an epoch is damaged: {error}") from error
        raise JournalError("the journal's record of an epoch is damaged")

    def doubled(self, channel: bytes, said: Signatures, scheme: SignatureScheme) -> tuple[list[EvidenceFound], bool]:
        """Proofs against those who signed another end of an epoch, and the one that we know beside it.

        Each is found once. Also gives whether all signatures that were looked at hold.
        """
        proofs: list[EvidenceFound] = []
        for roster, known, _ in self._ends:
            statement = Statement(roster.digest, said.checkpoint, said.state, said.successor)
            if channel_of(roster) != channel or statement == known.statement(roster):
                continue
            held = dict(known.signatures)
            for place, signature in said.signatures:
                if place not in held or (roster.epoch, place) in self._doubled:
                    continue
                if not statement.signed(roster.ids[place], signature, scheme):
                    return proofs, False
                self._doubled[roster.epoch, place] = None
                one = (known.statement(roster), place, held[place])
                proofs += double_signers(roster, [one], [(statement, place, signature)])
        return proofs, True

    def contradicted(self, channel: bytes, wire: bytes, scheme: SignatureScheme) -> list[EvidenceFound] | None:
        """Proofs against those who signed another end of an epoch beside the one that we know; None if nobody did."""
        for roster, known, encoded in self._ends:
            if channel_of(roster) == channel and wire != encoded:
                return contradiction(roster, known, wire, scheme)
        return []


def contradiction(
    roster: Roster, known: EpochCertificate, wire: bytes, scheme: SignatureScheme
) -> list[EvidenceFound] | None:
    """Proofs against those who signed another end of an epoch beside a known one.

    Empty where it is the same end, None where it is another that no quorum signed.
    """
    other = EpochCertificate.parse(wire)
    try:
        if other is None:
            return None
        if other.statement(roster) == known.statement(roster):
            return []
        other.follow(roster, scheme)
    except VerificationError:
        return None
    ours, theirs = known.statement(roster), other.statement(roster)
    return double_signers(
        roster,
        [(ours, place, signature) for place, signature in known.signatures],
        [(theirs, place, signature) for place, signature in other.signatures],
    )


def _key(roster: Roster) -> bytes:
    return _END + roster.epoch.to_bytes(4, "big")
