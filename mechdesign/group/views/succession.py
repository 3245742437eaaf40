"""The succession of epochs: certificates by which anybody gets from a roster that it knows to the newest one.

A certificate says how one epoch ended: its last checkpoint, the digest of the state that the layers above took along,
who belongs to the next epoch, and a quorum's signatures over all of that. The next roster follows from it, so one
certificate leads to the next. Nothing but the first roster has to be trusted, and that one has to be recent: keys of
members that left long ago could sign a second succession. Where two successions part, those who signed both ways are
convicted by their own signatures.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mechdesign.group.checkpoint import Checkpoint, state_digest
from mechdesign.group.evidence import Forking, encode_evidence
from mechdesign.group.messages import EvidenceFound
from mechdesign.group.roster import MEMBERS_MAX, Member, Roster
from mechdesign.group.views.invitation import line_of, member_in
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.view import successor
from mechdesign.kernel.crypto import SIGNATURE_BYTES, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError, VerificationError, WireError
from mechdesign.kernel.wire import DIGEST_BYTES, decode, encode

__all__ = ["CERTIFICATE_BYTES_MAX", "EpochCertificate", "Succession", "double_signers"]

CERTIFICATE_BYTES_MAX = 192 * 1024
"""No certificate is longer: 128 members with their lines, signatures and counts of submissions."""


@dataclass(frozen=True, slots=True)
class EpochCertificate:
    """How an epoch ended, signed by a quorum of it.

    Attributes:
        checkpoint: the last checkpoint's bytes.
        state: digest of the state of the layers above.
        members: who belongs to the next epoch.
        signatures: (index in the roster of the epoch that ended, signature), ascending.
    """

    checkpoint: bytes
    state: bytes
    members: tuple[Member, ...]
    signatures: tuple[tuple[int, bytes], ...]

    @property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode((self.checkpoint, self.state, tuple(map(line_of, self.members)), self.signatures))

    @classmethod
    def parse(cls, data: bytes) -> "EpochCertificate | None":
        """Read the bytes of :attr:`encoded`; what they say is for :meth:`follow` to check."""
        try:
            value = decode(data, bytes_max=CERTIFICATE_BYTES_MAX)
        except WireError:
            return None
        match value:
            case (bytes(checkpoint), bytes(state), tuple(lines), tuple(signatures)) if len(state) == DIGEST_BYTES:
                members = tuple(member for member in map(member_in, lines) if member is not None)
                pairs = [item for item in signatures if isinstance(item, tuple) and len(item) == 2]
                signed = tuple((p, s) for p, s in pairs if type(p) is int and isinstance(s, bytes))
                if len(members) == len(lines) and len(signed) == len(signatures) <= MEMBERS_MAX:
                    return cls(checkpoint, state, members, signed)
        return None

    def successor(self, roster: Roster) -> Roster:
        """The next epoch's roster.

        Raises:
            VerificationError: no roster has these members.
        """
        try:
            return successor(roster, self.members, state_digest(self.checkpoint, roster), self.state)
        except LocalProtocolError as error:
            raise VerificationError("succession", f"the next roster is none: {error}") from error

    def statement(self, roster: Roster) -> Statement:
        """What was signed.

        Raises:
            VerificationError: no roster has these members.
        """
        checkpoint = state_digest(self.checkpoint, roster)
        return Statement(roster.digest, checkpoint, self.state, self.successor(roster).digest)

    def follow(self, roster: Roster, scheme: SignatureScheme) -> Roster:
        """The next epoch's roster, once all is checked.

        Raises:
            VerificationError: this is not how an epoch of that roster ended.
        """
        if Checkpoint.parse(self.checkpoint, roster) is None:
            raise VerificationError("succession", f"there is no such checkpoint in epoch {roster.epoch}")
        places = [place for place, _ in self.signatures]
        if not roster.q <= len(places) <= roster.n or places != sorted(set(places)) or not 0 <= places[0] <= roster.n:
            raise VerificationError("succession", f"no quorum of epoch {roster.epoch} signed its end")
        statement = self.statement(roster)
        for place, signature in self.signatures:
            if place >= roster.n or len(signature) != SIGNATURE_BYTES:
                raise VerificationError("succession", f"no quorum of epoch {roster.epoch} signed its end")
            if not statement.signed(roster.ids[place], signature, scheme):
                name = roster.members[place].name
                raise VerificationError("succession", f"{name} did not sign that epoch {roster.epoch} ended so", name)
        return self.successor(roster)


@dataclass(frozen=True, slots=True)
class Succession:
    """Certificates of consecutive epochs, oldest first.

    Attributes:
        certificates: how each of the epochs ended.
    """

    certificates: tuple[EpochCertificate, ...]

    @property
    def encoded(self) -> bytes:
        """The canonical bytes, for a file."""
        return encode(tuple(certificate.encoded for certificate in self.certificates))

    @classmethod
    def parse(cls, data: bytes) -> "Succession":
        """Read the bytes of :attr:`encoded`.

        Raises:
            WireError: they are no succession.
        """
        value = decode(data, bytes_max=len(data))
        if isinstance(value, tuple):
            found = [EpochCertificate.parse(item) if isinstance(item, bytes) else None for item in value]
            certificates = tuple(certificate for certificate in found if certificate is not None)
            if len(certificates) == len(value):
                return cls(certificates)
        raise WireError("not a succession of epochs")

    def follow(self, roster: Roster, scheme: SignatureScheme) -> tuple[Roster, ...]:
        """The rosters of the epochs from the known one to the newest, both included.

        Raises:
            VerificationError: a certificate does not hold, or is not of the epoch that the one before leads to.
        """
        rosters = [roster]
        for certificate in self.certificates:
            rosters.append(certificate.follow(rosters[-1], scheme))
        return tuple(rosters)


def double_signers(
    roster: Roster, one: Iterable[tuple[Statement, int, bytes]], other: Iterable[tuple[Statement, int, bytes]]
) -> list[EvidenceFound]:
    """Proofs against everybody who signed two different ends of one epoch.

    Args:
        roster: of that epoch.
        one: ends with a member's index and its signature.
        other: more of them.
    """
    first = {place: (statement, signature) for statement, place, signature in one}
    found = []
    for statement, place, signature in other:
        if place in first and first[place][0] != statement:
            proof = Forking(roster.ids[place], first[place], (statement, signature))
            found.append(EvidenceFound(roster.ids[place], encode_evidence(proof)))
    return found
