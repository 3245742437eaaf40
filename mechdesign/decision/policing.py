"""What can be proved against a member, as bytes that anyone with the roster can check.

This layer adds to the offences of the group layer: an opening that does not match its commitment, a signed outcome that
differs from what a quorum signed for the same log position, and what can be wrong with dealings and shares (see
``sealed_evidence.py``). All proofs carry the entries themselves, with headers, signatures and inclusion paths. Silence,
delay and defaults have no form here: they are never guilt.
"""

from collections.abc import Sequence

from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.entries import AttestEntry, Kind, OpenEntry, SealEntry, parse
from mechdesign.decision.offence import MAGIC, Offence, encode_proof
from mechdesign.decision.record import unpack_signed
from mechdesign.decision.sealed_evidence import CHECKS
from mechdesign.decision.sealing.commit_reveal import commitment
from mechdesign.group.block import check_inclusion, parse_header
from mechdesign.group.evidence import (
    ConflictingSubmissions,
    Equivocation,
    Evidence,
    Forking,
    Former,
    InvalidBlock,
    Signed,
    TwoCheckpoints,
    convict,
    decode_evidence,
    unwrapped,
)
from mechdesign.group.messages import Inclusion, Submission
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import VerificationError, WireError
from mechdesign.kernel.wire import decode, digest

__all__ = [
    "EVIDENCE_BYTES_MAX",
    "Offence",
    "alleged",
    "convict_of",
    "false_opening",
    "group_offence",
    "proof_digest",
    "resting_on",
    "verify_evidence",
    "wrong_outcome",
]

EVIDENCE_BYTES_MAX = 16 << 20
"""Longest evidence: as many attestations as the largest roster has members, each with its header."""


_TAG_PROOF = "mechdesign/proof/1"


def false_opening(sealed: Entry, opened: Entry) -> bytes:
    """The proof that ``opened`` does not open ``sealed``."""
    return encode_proof(Offence.FALSE_OPENING, [(entry.submission, entry.inclusion) for entry in (sealed, opened)])


def wrong_outcome(certificate: Certificate, wrong: Entry, quorum: int) -> bytes:
    """The proof that ``wrong`` contradicts a quorum; carries exactly a quorum of the certificate's signatures."""
    signed = [*certificate.signed[:quorum], (wrong.submission, wrong.inclusion)]
    return encode_proof(Offence.WRONG_OUTCOME, signed)


def resting_on(data: bytes) -> tuple[MemberId, ...]:
    """On whose word a proof that holds rests, beside the signatures of the convict itself.

    A wrong outcome and an early share are shown by what a quorum signed, of whom b at most are taken to lie; more of
    them could sign such a proof against an honest member. Every other proof is the convict's own doing: empty.
    """
    try:
        value = decode(data, bytes_max=EVIDENCE_BYTES_MAX)
    except WireError:
        return ()
    match value:
        case (str(magic), Offence.WRONG_OUTCOME | Offence.EARLY_SHARE, tuple(items), _) if magic == MAGIC:
            signed = [unpack_signed(item) for item in items[:-1]]
            return tuple(pair[0].sender for pair in signed if pair is not None)
    return ()


def proof_digest(data: bytes) -> bytes:
    """What names a proof, 32 bytes."""
    return digest(_TAG_PROOF, data)


def group_offence(data: bytes, roster: Roster, scheme: SignatureScheme) -> tuple[MemberId, str] | None:
    """Whom the group layer's evidence convicts and of what, or None if it proves nothing; never raises."""
    member = convict(data, roster, scheme)
    return None if member is None else (member, _called(unwrapped(data)))


def alleged(data: bytes, roster: Roster) -> tuple[MemberId, str] | None:
    """Whom the group layer's evidence could convict and of what: :func:`group_offence` gives just this, or None.

    Costs no signature check. Never raises.
    """
    evidence = decode_evidence(data)
    if isinstance(evidence, Former):
        try:
            roster = Roster.parse(evidence.roster)
        except WireError:
            return None
        evidence = decode_evidence(evidence.proof)
    member: MemberId | None = None
    match evidence:
        case Equivocation(Signed(header)) | InvalidBlock(Signed(header)):
            found = parse_header(header, roster)
            member = roster.ids[found.author] if found is not None else None
        case ConflictingSubmissions(said):
            member = said.sender
        case Forking(accused) | TwoCheckpoints(accused):
            member = accused
    return None if member is None else (member, _called(evidence))


def _called(evidence: Evidence | None) -> str:
    """The offence that evidence of the group layer is of."""
    match evidence:
        case ConflictingSubmissions():
            return Offence.TWO_SUBMISSIONS.value
        case InvalidBlock():
            return Offence.INVALID_BLOCK.value
        case Forking():
            return Offence.FORKING.value
        case TwoCheckpoints():
            return Offence.TWO_CHECKPOINTS.value
    return Offence.EQUIVOCATION.value


def verify_evidence(data: bytes, roster: Roster, scheme: SignatureScheme) -> tuple[MemberId, str]:
    """Check a proof of any kind, with nothing but the roster.

    Returns:
        Who is convicted, and of what.

    Raises:
        VerificationError: the proof does not hold, and whose signature is on what failed.
    """
    try:
        value = decode(data, bytes_max=EVIDENCE_BYTES_MAX)
    except WireError as error:
        raise VerificationError("format", f"not evidence: {error}") from error
    match value:
        case (str(magic), str(offence), tuple(packed), terms) if magic == MAGIC:
            signed = [unpack_signed(item) for item in packed]
        case _:
            if (found := group_offence(data, roster, scheme)) is None:
                raise VerificationError("evidence", "the evidence proves nothing against a member of this roster")
            return found
    pairs = [pair for pair in signed if pair is not None]
    if len(pairs) < len(signed) or len(pairs) < 2:
        raise VerificationError("format", "not evidence: its entries are malformed")
    for submission, inclusion in pairs:
        if not check_inclusion(roster, scheme, submission, inclusion):
            name = roster.name(submission.sender)
            raise VerificationError("inclusion", f"an entry of {name} is not signed by {name}", name)
    if offence == Offence.FALSE_OPENING:
        return _check_opening([submission for submission, _ in pairs], roster), offence
    if offence == Offence.WRONG_OUTCOME:
        return _check_outcome(pairs, roster, scheme), offence
    if offence in CHECKS:
        return CHECKS[Offence(offence)](pairs, terms, roster, scheme), offence
    raise VerificationError("format", f"no offence is called {offence!r}")


def convict_of(data: bytes, roster: Roster, scheme: SignatureScheme) -> MemberId | None:
    """Whom a proof of any kind convicts, or None if it proves nothing; never raises.

    Pure: what the group layer needs to judge a request to exclude a member.
    """
    try:
        return verify_evidence(data, roster, scheme)[0]
    except VerificationError:
        return None


def _check_opening(submissions: Sequence[Submission], roster: Roster) -> MemberId:
    said = [parse(submission.kind, submission.data) for submission in submissions]
    match said:
        case [SealEntry() as sealed, OpenEntry() as opened] if submissions[0].sender == submissions[1].sender:
            sender = submissions[1].sender
            same = (sealed.session, sealed.step) == (opened.session, opened.step) and sealed.sealed is not None
            made = commitment(roster, opened.session, opened.step, sender, opened.salt, opened.padded)
            if same and made != sealed.sealed:
                return sender
    raise VerificationError("evidence", "the opening does not contradict the commitment")


def _check_outcome(pairs: Sequence[tuple[Submission, Inclusion]], roster: Roster, scheme: SignatureScheme) -> MemberId:
    accused = pairs[-1][0]
    said = [parse(submission.kind, submission.data) for submission, _ in pairs]
    first, wrong = said[0], said[-1]
    if not isinstance(first, AttestEntry) or not isinstance(wrong, AttestEntry) or accused.kind != Kind.ATTEST:
        raise VerificationError("evidence", "these are not attestations")
    Certificate(first, tuple(pairs[:-1])).check(roster, scheme)
    if len(pairs) != roster.q + 1:
        raise VerificationError("evidence", "the proof carries more than a quorum and the accused")
    if not wrong.contradicts(first):
        raise VerificationError("evidence", "the attestation does not contradict the quorum's")
    return accused.sender
