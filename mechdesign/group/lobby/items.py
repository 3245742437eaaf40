"""Reads the parts of formations that others pass on; each part only holds parts of lower kinds, so nothing nests."""

from collections.abc import Callable
from typing import TypeAlias

from mechdesign.group.lobby.admission import INVITATION_BYTES
from mechdesign.group.lobby.convention import Announcement, Certificate, Consent, Enrolment, Item, Proposal
from mechdesign.group.lobby.packets import NONCE_BYTES
from mechdesign.group.lobby.presence import well_formed_line
from mechdesign.group.lobby.terms import parse_terms
from mechdesign.group.roster import MEMBERS_MAX, Member
from mechdesign.kernel.crypto import KEY_BYTES, SIGNATURE_BYTES, MemberId
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode

__all__ = ["ITEM_BYTES_MAX", "parse_announcement", "parse_enrolment", "parse_item", "parse_proposal"]

ITEM_BYTES_MAX = 384 * 1024
"""No part of a formation is longer."""

_DATED_MAX = 2**62

_Fields: TypeAlias = "tuple[Value, ...]"


def parse_item(data: bytes) -> Item | None:
    """Read any part of a formation; None for everything else. Checks no signature, never raises."""
    kind, fields = _open(data)
    reader = _READERS.get(kind)
    return None if reader is None else reader(fields)


def parse_announcement(data: bytes) -> Announcement | None:
    """Read an announcement; None for everything else."""
    kind, fields = _open(data)
    return _announcement(fields) if kind == Announcement.KIND else None


def parse_enrolment(data: bytes) -> Enrolment | None:
    """Read an enrolment; None for everything else."""
    kind, fields = _open(data)
    return _enrolment(fields) if kind == Enrolment.KIND else None


def parse_proposal(data: bytes) -> Proposal | None:
    """Read a proposal; None for everything else."""
    kind, fields = _open(data)
    return _proposal(fields) if kind == Proposal.KIND else None


def _open(data: bytes) -> tuple[int, _Fields]:
    try:
        value = decode(data, bytes_max=ITEM_BYTES_MAX)
    except WireError:
        return 0, ()
    if type(value) is not tuple or not value or type(value[0]) is not int:
        return 0, ()
    return value[0], value[1:]


def _announcement(fields: _Fields) -> Announcement | None:
    match fields:
        case (bytes(convener), value, bytes(nonce), int(dated), bytes(signature)):
            terms = parse_terms(value)
            lengths = (len(convener), len(nonce), len(signature))
            if terms is None or lengths != (KEY_BYTES, NONCE_BYTES, SIGNATURE_BYTES):
                return None
            if type(dated) is int and 0 <= dated <= _DATED_MAX:
                return Announcement(MemberId(convener), terms, nonce, dated, signature)
    return None


def _enrolment(fields: _Fields) -> Enrolment | None:
    match fields:
        case (
            bytes(announcement), bytes(key), str(name), bytes(curve), bytes(sealing), bytes(possession),
            bytes(invitation), bytes(signature),
        ):  # fmt: skip
            line = Member(MemberId(key), name, curve, sealing)
            if len(announcement) != DIGEST_BYTES or len(signature) != SIGNATURE_BYTES:
                return None
            if len(invitation) in (0, INVITATION_BYTES) and well_formed_line(line, possession):
                return Enrolment(announcement, line, possession, invitation, signature)
    return None


def _proposal(fields: _Fields) -> Proposal | None:
    match fields:
        case (bytes(announcement), int(attempt), tuple(wires), bytes(signature)):
            enrolments = [parse_enrolment(wire) for wire in wires[:MEMBERS_MAX] if type(wire) is bytes]
            known = tuple(enrolment for enrolment in enrolments if enrolment is not None)
            if not known or len(known) != len(wires) or type(attempt) is not int or not 0 <= attempt < MEMBERS_MAX:
                return None
            if len(announcement) == DIGEST_BYTES and len(signature) == SIGNATURE_BYTES:
                return Proposal(announcement, attempt, known, signature)
    return None


def _consent(fields: _Fields) -> Consent | None:
    match fields:
        case (bytes(announcement), int(attempt), bytes(member), bytes(roster), bytes(signature)):
            lengths = (len(announcement), len(member), len(roster), len(signature))
            fixed = (DIGEST_BYTES, KEY_BYTES, DIGEST_BYTES, SIGNATURE_BYTES)
            if lengths == fixed and type(attempt) is int and 0 <= attempt < MEMBERS_MAX:
                return Consent(announcement, attempt, MemberId(member), roster, signature)
    return None


def _certificate(fields: _Fields) -> Certificate | None:
    match fields:
        case (bytes(one), bytes(other), tuple(signatures)):
            announcement, proposal = parse_announcement(one), parse_proposal(other)
            known = tuple(each for each in signatures if type(each) is bytes and len(each) == SIGNATURE_BYTES)
            if announcement is not None and proposal is not None and len(known) == len(signatures):
                return Certificate(announcement, proposal, known)
    return None


_READERS: dict[int, Callable[[_Fields], Item | None]] = {
    Announcement.KIND: _announcement,
    Enrolment.KIND: _enrolment,
    Proposal.KIND: _proposal,
    Consent.KIND: _consent,
    Certificate.KIND: _certificate,
}
