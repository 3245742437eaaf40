"""How the last epochs ended: kept for those who come late, and a witness against a second history.

Bounded: only the newest :data:`EPOCHS_KEPT` certificates. Who slept through more comes back by an invitation.
"""

from collections.abc import Sequence

from mechdesign.group.channel import channel_of
from mechdesign.group.messages import Append, EvidenceFound
from mechdesign.group.roster import Roster
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

    @property
    def rosters(self) -> tuple[Roster, ...]:
        """Of the epochs that are kept."""
        return tuple(roster for roster, _, _ in self._ends)

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
