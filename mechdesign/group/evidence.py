"""Proofs that a member broke the protocol, checkable offline by anyone who holds the roster.

Five kinds: two signed headers for one (epoch, round, author) or on one own predecessor; a signed header that is
invalid by its own bytes; two different signed submissions under one (sender, sequence number); two different signed
ends of one epoch; two different signed checkpoints of one index. Silence, delay and a reference left out can never be
proved, so there is no kind for them.

A proof is judged by the roster of its epoch. One that came too late for that carries the roster along: no honest member
breaks the rules of any roster, so whoever knows only the present one can convict all the same.
"""

from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.block import (
    ROUND_MAX,
    Header,
    check_header,
    check_inclusion,
    header_bytes_max,
    parse_header,
    signed_by_author,
)
from mechdesign.group.checkpoint import signed_checkpoint
from mechdesign.group.leaf import Said
from mechdesign.group.messages import Inclusion
from mechdesign.group.roster import Roster
from mechdesign.group.views.statement import Statement
from mechdesign.kernel.crypto import SIGNATURE_BYTES, MemberId, SignatureScheme
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode, encode

__all__ = [
    "ConflictingSubmissions",
    "Equivocation",
    "Evidence",
    "Forking",
    "Former",
    "InvalidBlock",
    "Signed",
    "TwoCheckpoints",
    "convict",
    "decode_evidence",
    "encode_evidence",
    "evidence_bytes_max",
    "unwrapped",
]

_EQUIVOCATION = 1
_INVALID_BLOCK = 2
_CONFLICT = 3
_FORKING = 4
_CHECKPOINTS = 5
_FORMER = 6
_PATH_MAX = 32
_SAID_BYTES = 128


@dataclass(frozen=True, slots=True, order=True)
class Signed:
    """A header as it was signed, with its signature.

    Attributes:
        header: the header's bytes.
        signature: 64 bytes.
    """

    header: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two headers of one author for one round, or on one own predecessor; in the order of their bytes."""

    one: Signed
    other: Signed


@dataclass(frozen=True, slots=True)
class InvalidBlock:
    """A header that breaks a clause of validity, and that its author signed all the same."""

    signed: Signed


@dataclass(frozen=True, slots=True)
class ConflictingSubmissions:
    """Two different submissions under one sequence number, each with its proof of inclusion.

    Their data stand as digests, so that the proof is short enough to be ordered, whatever they were.
    """

    one: Said
    one_inclusion: Inclusion
    other: Said
    other_inclusion: Inclusion


@dataclass(frozen=True, slots=True)
class Forking:
    """Two different ends of one epoch, both signed by one member.

    The roster of that epoch need not be known: an honest member signs one end for one roster, whatever that is.

    Attributes:
        member: who signed both.
        one: an end, and the signature.
        other: another.
    """

    member: MemberId
    one: tuple[Statement, bytes]
    other: tuple[Statement, bytes]


@dataclass(frozen=True, slots=True)
class TwoCheckpoints:
    """Two different checkpoints of one index, both signed by one member: two logs, for one log has one of each index.

    Attributes:
        member: who signed both.
        index: of the commit.
        one: digest of a checkpoint, and the signature.
        other: another.
    """

    member: MemberId
    index: int
    one: tuple[bytes, bytes]
    other: tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Former:
    """A proof about a past epoch of the group, for those who may know nothing of that epoch.

    Attributes:
        roster: the bytes of that epoch's roster.
        proof: the encoded evidence, of any kind but :class:`Forking`, which needs no roster, and this one.
    """

    roster: bytes
    proof: bytes


Evidence: TypeAlias = Equivocation | InvalidBlock | ConflictingSubmissions | Forking | TwoCheckpoints | Former
"""Everything that convicts."""


def encode_evidence(evidence: Evidence) -> bytes:
    """The canonical bytes of an evidence; the two halves are sorted, so that both orders give the same bytes."""
    match evidence:
        case Equivocation(one, other):
            first, second = sorted((one, other))
            return encode((_EQUIVOCATION, first.header, first.signature, second.header, second.signature))
        case InvalidBlock(signed):
            return encode((_INVALID_BLOCK, signed.header, signed.signature))
        case ConflictingSubmissions():
            halves = sorted(
                (
                    _half(evidence.one, evidence.one_inclusion),
                    _half(evidence.other, evidence.other_inclusion),
                )
            )
            return encode((_CONFLICT, *halves))
        case Forking(member, first_end, second_end):
            return encode((_FORKING, member, *sorted((_end(*first_end), _end(*second_end)))))
        case Former(roster, proof):
            return encode((_FORMER, roster, proof))
        case TwoCheckpoints(member, index, first_signed, second_signed):
            return encode((_CHECKPOINTS, member, index, *sorted((encode(first_signed), encode(second_signed)))))


def evidence_bytes_max(roster: Roster) -> int:
    """The size that no evidence about a valid or invalid block of the present epoch passes, in bytes.

    A roster whose submissions may not be as long leaves some misdeeds without a conviction.
    """
    return 2 * (header_bytes_max(roster) + SIGNATURE_BYTES + _PATH_MAX * (DIGEST_BYTES + 2) + _SAID_BYTES)


def _end(statement: Statement, signature: bytes) -> bytes:
    fields = (statement.roster, statement.checkpoint, statement.state, statement.successor)
    return encode((*fields, signature))


def _ended(data: bytes) -> tuple[Statement, bytes] | None:
    match decode(data):
        case (bytes(roster), bytes(checkpoint), bytes(state), bytes(successor), bytes(signature)):
            fields = (roster, checkpoint, state, successor)
            if all(len(field) == DIGEST_BYTES for field in fields):
                return Statement(*fields), signature
    return None


def _named(data: bytes) -> tuple[bytes, bytes] | None:
    match decode(data):
        case (bytes(named), bytes(signature)) if len(named) == DIGEST_BYTES:
            return named, signature
    return None


def _half(said: Said, inclusion: Inclusion) -> bytes:
    what: Value = tuple(said)
    return encode((what, inclusion.header, inclusion.signature, inclusion.index, inclusion.path))


def _whole(half: bytes) -> tuple[Said, Inclusion] | None:
    match decode(half):
        case (
            (int(kind), bytes(sender), int(sequence), bytes(hashed)),
            bytes(header), bytes(signature), int(index), tuple(path),
        ) if len(path) <= _PATH_MAX:  # fmt: skip
            siblings = tuple(sibling for sibling in path if isinstance(sibling, bytes))
            if len(siblings) == len(path) and not any(type(value) is bool for value in (kind, sequence, index)):
                said = Said(kind, MemberId(sender), sequence, hashed)
                return said, Inclusion(header, signature, index, siblings)
    return None


def decode_evidence(data: bytes) -> Evidence | None:
    """Read the bytes of :func:`encode_evidence`; None for bytes that are none.

    What comes back has the right shape and nothing more: :func:`convict` checks it.
    """
    try:
        match decode(data):
            case (int(kind), bytes(header), bytes(signature), bytes(header2), bytes(signature2)) if (
                kind == _EQUIVOCATION and type(kind) is int
            ):
                return Equivocation(Signed(header, signature), Signed(header2, signature2))
            case (int(kind), bytes(header), bytes(signature)) if kind == _INVALID_BLOCK and len(signature) == (
                SIGNATURE_BYTES
            ):
                return InvalidBlock(Signed(header, signature))
            case (int(kind), bytes(half), bytes(half2)) if kind == _CONFLICT:
                one, other = _whole(half), _whole(half2)
                if one is not None and other is not None:
                    return ConflictingSubmissions(*one, *other)
            case (int(kind), bytes(member), bytes(end), bytes(end2)) if kind == _FORKING:
                first, second = _ended(end), _ended(end2)
                if first is not None and second is not None:
                    return Forking(MemberId(member), first, second)
            case (int(kind), bytes(roster), bytes(proof)) if kind == _FORMER:
                return Former(roster, proof)
            case (int(kind), bytes(member), int(index), bytes(named), bytes(named2)) if (
                kind == _CHECKPOINTS and type(index) is int and 0 <= index <= ROUND_MAX
            ):
                one_named, other_named = _named(named), _named(named2)
                if one_named is not None and other_named is not None:
                    return TwoCheckpoints(MemberId(member), index, one_named, other_named)
    except WireError:
        return None
    return None


def unwrapped(data: bytes) -> Evidence | None:
    """What was done, for a proof of any epoch; None for bytes that are no evidence."""
    evidence = decode_evidence(data)
    return decode_evidence(evidence.proof) if isinstance(evidence, Former) else evidence


def _signed(signed: Signed, roster: Roster, scheme: SignatureScheme) -> Header | None:
    header = parse_header(signed.header, roster)
    if header is None or not signed_by_author(signed.header, header, signed.signature, roster, scheme):
        return None
    return header


def convict(data: bytes, roster: Roster, scheme: SignatureScheme) -> MemberId | None:
    """Whom an evidence convicts, or None where it proves nothing; pure, and never raises.

    Only the canonical bytes of an evidence count, so that one misdeed has one proof.
    """
    evidence = decode_evidence(data)
    if evidence is None or encode_evidence(evidence) != data:
        return None
    match evidence:
        case Equivocation(one, other):
            first, second = parse_header(one.header, roster), parse_header(other.header, roster)
            if first is None or second is None or first.author != second.author or one.header == other.header:
                return None
            if not _twins(first, second):
                return None
            if _signed(one, roster, scheme) is None or _signed(other, roster, scheme) is None:
                return None
            return roster.ids[first.author]
        case InvalidBlock(signed):
            header = parse_header(signed.header, roster)
            if header is None or check_header(header, roster) is None or _signed(signed, roster, scheme) is None:
                return None
            return roster.ids[header.author]
        case ConflictingSubmissions(one, one_inclusion, other, other_inclusion):
            if one.sender != other.sender or one.sequence != other.sequence or one == other:
                return None
            if not check_inclusion(roster, scheme, one, one_inclusion):
                return None
            return one.sender if check_inclusion(roster, scheme, other, other_inclusion) else None
        case Forking(member, (one_end, one_signature), (other_end, other_signature)):
            if roster.place(member) is None or one_end.roster != other_end.roster or one_end == other_end:
                return None
            both = one_end.signed(member, one_signature, scheme) and other_end.signed(member, other_signature, scheme)
            return member if both else None
        case TwoCheckpoints(member, index, (one_named, one_signature), (other_named, other_signature)):
            place = roster.place(member)
            if place is None or one_named == other_named:
                return None
            holds = signed_checkpoint(index, one_named, place, one_signature, roster, scheme)
            if not holds or not signed_checkpoint(index, other_named, place, other_signature, roster, scheme):
                return None
            return member
        case Former(encoded, proof):
            past = _past(encoded, roster)
            if past is None or isinstance(decode_evidence(proof), Forking | Former):
                return None
            convicted = convict(proof, past, scheme)
            return convicted if convicted is not None and roster.place(convicted) is not None else None


def _past(encoded: bytes, roster: Roster) -> Roster | None:
    """The roster of an earlier epoch of a group."""
    try:
        past = Roster.parse(encoded)
    except WireError:
        return None
    return past if past.group == roster.group and past.epoch < roster.epoch and past.encoded == encoded else None


def _twins(first: Header, second: Header) -> bool:
    """Whether two different headers of one author exclude each other."""
    same_round = first.round == second.round
    same_predecessor = bool(first.parents and second.parents) and first.parents[0] == second.parents[0]
    return same_round or same_predecessor
