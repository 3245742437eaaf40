"""How the last epochs ended: kept for those who come late, and a witness against a second history.

Bounded: only the newest :data:`EPOCHS_KEPT` certificates. Who slept through more comes back by an invitation.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mechdesign.group.channel import channel_of
from mechdesign.group.messages import Append, EvidenceFound
from mechdesign.group.roster import Roster
from mechdesign.group.views.packets import TRAIL_MAX, Signatures
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.succession import EpochCertificate, double_signers
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.kernel.errors import DamagedError, VerificationError, WireError
from mechdesign.kernel.wire import decode, encode

__all__ = ["EPOCHS_KEPT", "Annals", "End", "contradiction"]

EPOCHS_KEPT = TRAIL_MAX
"""Certificates of so many epochs are kept."""

_TABLE = "view"
_END = b"end"


class End(NamedTuple):
    """How an epoch ended.

    Attributes:
        roster: of that epoch.
        certificate: of its end.
        wire: the certificate's bytes.
        statement: what its signers signed; kept, for anybody with a link may make us look at it.
    """

    roster: Roster
    certificate: EpochCertificate
    wire: bytes
    statement: Statement

    @classmethod
    def of(cls, roster: Roster, certificate: EpochCertificate) -> "End":
        """The end of an epoch by its certificate, which holds."""
        return cls(roster, certificate, certificate.encoded, certificate.statement(roster))


class Annals:
    """Epochs that ended, each with its certificate, oldest first."""

    def __init__(self) -> None:
        # By channel.
        self._ends: dict[bytes, End] = {}
        # (epoch, member's place) of those who are known to have signed two ends.
        self._doubled: dict[tuple[int, int], None] = {}

    @property
    def rosters(self) -> tuple[Roster, ...]:
        """Of the epochs that are kept."""
        return tuple(end.roster for end in self._ends.values())

    def statement(self, roster: Roster) -> Statement | None:
        """The certified end of the epoch of a roster, or None where that is not kept."""
        end = self._ends.get(channel_of(roster))
        return None if end is None else end.statement

    def after(self, channel: bytes) -> list[bytes] | None:
        """The certificates from the epoch of a channel on, or None where that is not kept."""
        first = self._ends.get(channel)
        if first is None:
            return None
        return [end.wire for end in self._ends.values() if end.roster.epoch >= first.roster.epoch]

    def add(self, ended: Sequence[tuple[Roster, EpochCertificate]]) -> tuple[list[Append], list[tuple[str, bytes]]]:
        """Take in how epochs ended; gives the records to be written and those to be deleted."""
        new = [End.of(roster, known) for roster, known in ended]
        self._ends |= {channel_of(end.roster): end for end in new}
        old = list(self._ends.values())[:-EPOCHS_KEPT]
        for end in old:
            del self._ends[channel_of(end.roster)]
        kept = {end.roster.epoch for end in self._ends.values()}
        self._doubled = {each: None for each in self._doubled if each[0] in kept}
        written = [
            Append(_TABLE, _key(end.roster), encode((end.roster.encoded, end.wire)))
            for end in new
            if end.roster.epoch in kept
        ]
        return written, [(_TABLE, _key(end.roster)) for end in old]

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
                        end = End(roster, certificate, wire, certificate.statement(roster))
                        ends = sorted([*self._ends.values(), end], key=lambda end: end.roster.epoch)
                        self._ends = {channel_of(end.roster): end for end in ends}
                        return True
        except (WireError, VerificationError) as error:
            raise DamagedError("the journal's record of an epoch", error) from error
        raise DamagedError("the journal's record of an epoch")

    def doubled(
        self, channel: bytes, said: Signatures, scheme: SignatureScheme, ahead: End | None = None
    ) -> tuple[list[EvidenceFound], bool]:
        """Proofs against those who signed another end of an epoch, and the one that we know beside it.

        ``ahead`` is the one that we know where it is not among these yet. Each proof is found once. Also gives whether
        all signatures that were looked at hold.
        """
        proofs: list[EvidenceFound] = []
        end = ahead or self._ends.get(channel)
        if end is None:
            return proofs, True
        roster = end.roster
        statement = Statement(roster.digest, said.checkpoint, said.state, said.successor)
        if statement == end.statement:
            return proofs, True
        held = dict(end.certificate.signatures)
        for place, signature in said.signatures:
            if place not in held or (roster.epoch, place) in self._doubled:
                continue
            if not statement.signed(roster.ids[place], signature, scheme):
                return proofs, False
            self._doubled[roster.epoch, place] = None
            proofs += double_signers(roster, [(end.statement, place, held[place])], [(statement, place, signature)])
        return proofs, True

    def contradicted(self, channel: bytes, wire: bytes, scheme: SignatureScheme) -> list[EvidenceFound] | None:
        """Proofs against those who signed another end of an epoch beside the one that we know; None if nobody did.

        Empty also where all whom it could convict are known.
        """
        end = self._ends.get(channel)
        if end is None or wire == end.wire:
            return []
        epoch = end.roster.epoch
        doubled = [place for place, _ in end.certificate.signatures if (epoch, place) in self._doubled]
        proofs = contradiction(end.roster, end.certificate, wire, scheme, doubled)
        for found in proofs or ():
            place = end.roster.place(found.member)
            assert place is not None
            self._doubled[epoch, place] = None
        return proofs


def contradiction(
    roster: Roster, known: EpochCertificate, wire: bytes, scheme: SignatureScheme, convicted: Sequence[int] = ()
) -> list[EvidenceFound] | None:
    """Proofs against those who signed another end of an epoch beside a known one.

    Empty where it is the same end, or one that convicts nobody but those who are convicted; then its signatures are not
    looked at. None where it is another that no quorum signed.
    """
    other = EpochCertificate.parse(wire)
    if other is None:
        return None
    # All that is signed follows from these three, and to compare them costs no digest.
    if (other.checkpoint, other.state, other.members) == (known.checkpoint, known.state, known.members):
        return []
    both = dict(known.signatures).keys() & dict(other.signatures).keys()
    if both and both <= set(convicted):
        return []
    try:
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
