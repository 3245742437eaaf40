"""The signed parts of which a group is formed, and what makes each of them valid.

======================= ============ =====================================================================
part                    signed by    says
======================= ============ =====================================================================
:class:`Announcement`   convener     a group by these terms is being formed
:class:`Enrolment`      player       I want to be in it, with this line of the roster
:class:`Proposal`       convener     attempt k: these enrolments make the roster
:class:`Consent`        member       I sign that roster
:class:`Certificate`    every member the roster with everybody's signature: the group exists
======================= ============ =====================================================================

A roster is a function of the announcement, the attempt and the enrolments: the nonce is the hash of the first two, so
two attempts never share an identifier, and the order of members follows a hash, so it is nobody's choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from mechdesign.group.lobby.packets import NAME_BYTES, NONCE_BYTES
from mechdesign.group.lobby.presence import KeyCheck
from mechdesign.group.lobby.terms import Terms
from mechdesign.group.roster import Member, Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import Value, digest, encode

__all__ = [
    "Announcement",
    "Certificate",
    "Consent",
    "Enrolment",
    "Item",
    "Proposal",
    "consent_signed",
    "roster_of",
    "signed_by",
    "valid_announcement",
    "valid_certificate",
    "valid_enrolment",
    "valid_proposal",
]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A convener's word that a group is being formed.

    Attributes:
        convener: who forms it; a member of every roster that it proposes, and the last to sign.
        terms: the group's.
        nonce: tells apart two announcements of the same terms; 16 bytes.
        dated: microseconds of the convener's wall clock; old announcements are refused by it.
        signature: the convener's.
    """

    KIND: ClassVar[int] = 1

    convener: MemberId
    terms: Terms
    nonce: bytes
    dated: int
    signature: bytes = b""

    @property
    def id(self) -> bytes:
        """The announcement's identifier, 32 bytes; it is what the convener signs."""
        body = encode((self.convener, self.terms.value, self.nonce, self.dated))
        return digest("mechdesign/formation/announcement/1", body)

    @property
    def name(self) -> bytes:
        """What neighbours compare."""
        return self.id[:NAME_BYTES]

    @property
    def wire(self) -> bytes:
        """The canonical bytes."""
        return encode((self.KIND, self.convener, self.terms.value, self.nonce, self.dated, self.signature))


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A player's wish to be in a group.

    Attributes:
        announcement: the announcement's identifier.
        line: the player's line of the roster.
        possession: the proof that it knows its sealing and its CURVE key.
        invitation: where the group's admission asks for one.
        signature: the player's.
    """

    KIND: ClassVar[int] = 2

    announcement: bytes
    line: Member
    possession: bytes
    invitation: bytes = b""
    signature: bytes = b""

    @property
    def member(self) -> MemberId:
        """Who enrols."""
        return self.line.id

    @property
    def _fields(self) -> tuple[Value, ...]:
        line = self.line
        keys = (line.id, line.name, line.curve, line.sealing)
        return (self.announcement, *keys, self.possession, self.invitation)

    @property
    def signed(self) -> bytes:
        """What the signature covers."""
        return digest("mechdesign/formation/enrolment/1", encode(self._fields))

    @property
    def name(self) -> bytes:
        """What neighbours compare."""
        return self.signed[:NAME_BYTES]

    @property
    def wire(self) -> bytes:
        """The canonical bytes."""
        return encode((self.KIND, *self._fields, self.signature))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A convener's roster.

    Attributes:
        announcement: the announcement's identifier.
        attempt: counts the convener's rosters from 0.
        enrolments: of all members, the convener's among them, ascending by key.
        signature: the convener's.
    """

    KIND: ClassVar[int] = 3

    announcement: bytes
    attempt: int
    enrolments: tuple[Enrolment, ...]
    signature: bytes = b""

    @property
    def signed(self) -> bytes:
        """What the signature covers."""
        wires = (enrolment.wire for enrolment in self.enrolments)
        return digest("mechdesign/formation/proposal/1", self.announcement, self.attempt.to_bytes(4, "big"), *wires)

    @property
    def name(self) -> bytes:
        """What neighbours compare."""
        return self.signed[:NAME_BYTES]

    @property
    def wire(self) -> bytes:
        """The canonical bytes."""
        wires = tuple(enrolment.wire for enrolment in self.enrolments)
        return encode((self.KIND, self.announcement, self.attempt, wires, self.signature))

    def by(self, member: MemberId) -> Enrolment | None:
        """A member's enrolment, or None where it is left out."""
        return next((enrolment for enrolment in self.enrolments if enrolment.member == member), None)


@dataclass(frozen=True, slots=True)
class Consent:
    """A member's signature over a roster.

    Attributes:
        announcement: the announcement's identifier.
        attempt: the proposal's.
        member: whose signature it is.
        roster: the roster's digest, which covers both.
        signature: over :func:`consent_signed`.
    """

    KIND: ClassVar[int] = 4

    announcement: bytes
    attempt: int
    member: MemberId
    roster: bytes
    signature: bytes

    @property
    def name(self) -> bytes:
        """What neighbours compare."""
        return digest("mechdesign/formation/consent-name/1", self.member, self.roster)[:NAME_BYTES]

    @property
    def wire(self) -> bytes:
        """The canonical bytes."""
        return encode((self.KIND, self.announcement, self.attempt, self.member, self.roster, self.signature))


@dataclass(frozen=True, slots=True)
class Certificate:
    """A group that exists: anybody can check it with nothing else at hand.

    Attributes:
        announcement: what was announced.
        proposal: the attempt that everybody signed.
        signatures: of all members, in roster order.
    """

    KIND: ClassVar[int] = 5

    announcement: Announcement
    proposal: Proposal
    signatures: tuple[bytes, ...]

    @property
    def roster(self) -> Roster:
        """The group's roster.

        Raises:
            LocalProtocolError: the proposal makes none.
        """
        return roster_of(self.announcement, self.proposal)

    @property
    def name(self) -> bytes:
        """What neighbours compare."""
        return digest("mechdesign/formation/certificate-name/1", self.proposal.signed)[:NAME_BYTES]

    @property
    def wire(self) -> bytes:
        """The canonical bytes."""
        return encode((self.KIND, self.announcement.wire, self.proposal.wire, self.signatures))


Item: TypeAlias = Announcement | Enrolment | Proposal | Consent | Certificate
"""Every part of a formation that players pass on."""


def roster_of(announcement: Announcement, proposal: Proposal) -> Roster:
    """The one roster of an attempt.

    Raises:
        LocalProtocolError: two members share a name or a key.
    """
    attempt = proposal.attempt.to_bytes(4, "big")
    nonce = digest("mechdesign/formation/nonce/1", announcement.id, attempt)[:NONCE_BYTES]
    lines = [enrolment.line for enrolment in proposal.enrolments]
    if len({line.curve for line in lines} | {line.sealing for line in lines}) < 2 * len(lines):
        raise LocalProtocolError("two members of the roster share a CURVE or a sealing key")
    place = {line.id: digest("mechdesign/formation/place/1", nonce, line.id) for line in lines}
    return announcement.terms.roster(tuple(sorted(lines, key=lambda line: place[line.id])), nonce)


def consent_signed(roster: bytes) -> bytes:
    """What every member signs: a roster's digest, which binds announcement, attempt, terms and members."""
    return digest("mechdesign/formation/consent/1", roster)


def signed_by(item: Announcement | Enrolment | Proposal, signer: Signer) -> bytes:
    """The signature that makes a part complete."""
    return signer.sign(item.id if isinstance(item, Announcement) else item.signed)


def valid_announcement(announcement: Announcement, scheme: SignatureScheme) -> bool:
    """Whether the convener signed it."""
    return scheme.verify(announcement.convener, announcement.id, announcement.signature)


def valid_enrolment(
    enrolment: Enrolment, announcement: Announcement, scheme: SignatureScheme, holds_key: KeyCheck
) -> bool:
    """Whether a player enrolled, may do so, and knows the keys of its line."""
    line, terms = enrolment.line, announcement.terms
    return (
        enrolment.announcement == announcement.id
        and scheme.valid_key(line.id)
        and terms.admission.admits(line.id, enrolment.invitation, announcement.convener, terms.group, scheme)
        and scheme.verify(line.id, enrolment.signed, enrolment.signature)
        and holds_key(scheme, line, enrolment.possession)
    )


def valid_proposal(
    proposal: Proposal,
    announcement: Announcement,
    known: Sequence[Enrolment],
    scheme: SignatureScheme,
    holds_key: KeyCheck,
) -> Roster | None:
    """The roster of a proposal that the convener signed and that keeps to its own terms, or None.

    Args:
        proposal: what is judged.
        announcement: the announcement that it names.
        known: enrolments that were checked before.
        scheme: how signatures are checked.
        holds_key: how proofs of possession are checked.
    """
    terms = announcement.terms
    keys = [enrolment.member for enrolment in proposal.enrolments]
    if proposal.announcement != announcement.id or not 0 <= proposal.attempt < terms.attempts:
        return None
    if not terms.size_min <= len(keys) <= terms.size_max or announcement.convener not in keys:
        return None
    if keys != sorted(set(keys)) or not scheme.verify(announcement.convener, proposal.signed, proposal.signature):
        return None
    if not all(
        enrolment in known or valid_enrolment(enrolment, announcement, scheme, holds_key)
        for enrolment in proposal.enrolments
    ):
        return None
    try:
        return roster_of(announcement, proposal)
    except LocalProtocolError:
        return None


def valid_certificate(
    certificate: Certificate, scheme: SignatureScheme, holds_key: KeyCheck, known: Sequence[Enrolment] = ()
) -> Roster | None:
    """The roster that every one of its members signed, or None where anything is missing."""
    announcement, proposal = certificate.announcement, certificate.proposal
    if not valid_announcement(announcement, scheme):
        return None
    roster = valid_proposal(proposal, announcement, known, scheme, holds_key)
    if roster is None or len(certificate.signatures) != roster.n:
        return None
    signed = consent_signed(roster.digest)
    pairs = zip(roster.ids, certificate.signatures, strict=True)
    return roster if all(scheme.verify(member, signed, signature) for member, signature in pairs) else None
