"""Audits: a whole session checked again from one file, with no network and nobody's word.

The audit runs the same state machine as the members did, over the entries that the file carries, with the outcome
computed again by a function that the caller injects: this layer computes none. What the file shows is the outcome,
its inputs and the quorum's signatures. Deposits follow from the entries too; those ordered after the freeze are
signed by their senders, but nobody signs that the list of them is complete.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.entries import EvidenceEntry, Kind, Verdict, parse
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Attest,
    CoinReady,
    Convicted,
    Decided,
    DecisionEvent,
    Enrolled,
    Proposed,
    Request,
    Toss,
)
from mechdesign.decision.policing import group_offence, verify_evidence
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.record import Record
from mechdesign.decision.session import Session
from mechdesign.group.block import check_inclusion
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import MechdesignError, VerificationError
from mechdesign.kernel.flow import Flow

__all__ = ["AuditReport", "Recomputation", "Recompute", "audit", "verify_evidence"]


class Recomputation(Protocol):
    """The computation of one session, with the session core's three reactions."""

    def enrolled(self, event: Enrolled) -> Request | Toss | Attest:
        """The first ask or toss, or the outcome."""
        ...

    def answered(self, event: Answers) -> Request | Toss | Attest:
        """The next ask or toss, or the outcome."""
        ...

    def tossed(self, event: CoinReady) -> Request | Toss | Attest:
        """The same, once a coin has fallen."""
        ...


Recompute: TypeAlias = Callable[[Proposed], Recomputation]
"""Makes the computation that a proposal names, or raises a MechdesignError if there is none here."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found to hold.

    Attributes:
        roster: the group's, as the file carries it.
        fingerprint: the roster's digest in hexadecimal.
        authentic: whether the caller gave that roster; without it the file is consistent in itself and no more.
        session: the session's identifier.
        proposer: who proposed.
        proposal: the terms.
        players: who took part, identifiers and names in roster order.
        verdict: settled, or failed.
        digest: what the quorum signed.
        certificate: the signatures.
        reports: the reports to the last ask, in roster order.
        coins: the coins that fell, in their order.
        flows: everything booked.
        defaulted: who did not open a seal.
        convicted: who was convicted, and of what.
    """

    roster: Roster
    fingerprint: str
    authentic: bool
    session: bytes
    proposer: MemberId
    proposal: Proposal
    players: tuple[tuple[MemberId, str], ...]
    verdict: Verdict
    digest: bytes
    certificate: Certificate
    reports: tuple[tuple[MemberId, bytes], ...]
    coins: tuple[bytes, ...]
    flows: tuple[Flow, ...]
    defaulted: tuple[MemberId, ...]
    convicted: tuple[tuple[MemberId, str], ...]


def audit(data: bytes, scheme: SignatureScheme, recompute: Recompute, roster: Roster | None = None) -> AuditReport:
    """Check a transcript and compute its session again.

    Args:
        data: the transcript.
        scheme: how signatures are checked.
        recompute: makes the computation that the proposal names.
        roster: the roster that the caller trusts, if it has one.

    Raises:
        VerificationError: the first check that failed, and whose signature is on what failed.
    """
    record = Record.parse(data)
    if roster is not None and roster.encoded != record.roster.encoded:
        known = roster.digest.hex()[:16]
        raise VerificationError("roster", f"the transcript is of roster {record.roster.digest.hex()[:16]}, not {known}")
    for entry in (*record.frozen, *record.later):
        if not check_inclusion(record.roster, scheme, entry.submission, entry.inclusion):
            name = record.roster.name(entry.sender)
            raise VerificationError(
                "inclusion", f"an entry said to be of {name} bears no valid signature of {name}", name
            )
    return _Audit(record, scheme, recompute).report(data, roster is not None)


class _Audit:
    """One run of the session's state machine over a record whose signatures hold."""

    def __init__(self, record: Record, scheme: SignatureScheme, recompute: Recompute) -> None:
        founding = record.frozen[0] if record.frozen else None
        session = None
        if founding is not None and founding.submission.kind == Kind.PROPOSE:
            session = Session.found(record.roster, founding)
        if session is None:
            raise VerificationError("proposal", "the transcript does not begin with a valid proposal")
        self._session = session
        self._scheme = scheme
        self._convicted: list[tuple[MemberId, str]] = []
        self._last: DecisionEvent | None = None
        try:
            self._computation = recompute(session.proposed(None))
            self._run(record)
        except VerificationError:
            raise
        except MechdesignError as error:
            raise VerificationError("code", f"the session cannot be computed again here: {error}") from error

    def _run(self, record: Record) -> None:
        for entry in (*record.frozen[1:], *record.later):
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        session, name = self._session, self._session.roster.name(entry.sender)
        before = session.counted
        said = parse(entry.submission.kind, entry.submission.data)
        if isinstance(said, EvidenceEntry):
            self._judge(entry, said)
        elif said is not None and said.session == session.id:
            self._see(session.apply(entry, said))
        if session.counted == before:
            raise VerificationError("entries", f"an entry of {name} counts for nothing where it stands", name)

    def _judge(self, entry: Entry, said: EvidenceEntry) -> None:
        offence = group_offence(said.evidence, self._session.roster, self._scheme)
        if offence is not None and self._session.sanctions(offence[0]):
            self._convicted.append(offence)
            self._see(self._session.punish(entry, *offence))

    def _see(self, events: list[DecisionEvent]) -> None:
        for event in events:
            self._last = event
            if isinstance(event, Convicted):
                self._convicted.append((event.member, event.offence))
        if isinstance(waiting := self._session.waiting, Enrolled):
            self._see(self._session.answer(self._computation.enrolled(waiting)))
        elif isinstance(waiting, Answers):
            self._see(self._session.answer(self._computation.answered(waiting)))
        elif isinstance(waiting, CoinReady):
            self._see(self._session.answer(self._computation.tossed(waiting)))

    def report(self, data: bytes, authentic: bool) -> AuditReport:
        """What holds, once everything does."""
        session, decided = self._session, self._last
        if isinstance(decided, Aborted):
            raise VerificationError("certificate", f"the session aborted: {decided.reason}")
        if not isinstance(decided, Decided):
            need = session.roster.q
            raise VerificationError("certificate", f"the transcript ends before {need} members signed one outcome")
        if not decided.agrees:
            signers = ", ".join(map(session.roster.name, decided.certificate.signers))
            raise VerificationError("outcome", f"computed again, the outcome is not the one that {signers} signed")
        # The members' own bytes again: another spelling, or an entry on the wrong side of the freeze, is not theirs.
        if decided.transcript != data:
            raise VerificationError("format", "the transcript has another, canonical form")
        return AuditReport(
            roster=session.roster,
            fingerprint=session.roster.digest.hex(),
            authentic=authentic,
            session=session.id,
            proposer=session.proposer,
            proposal=session.proposal,
            players=tuple((member, session.roster.name(member)) for member in session.players),
            verdict=decided.verdict,
            digest=decided.digest,
            certificate=decided.certificate,
            reports=session.reports,
            coins=tuple(session.coins),
            flows=decided.flows,
            defaulted=tuple(session.defaulted),
            convicted=tuple(self._convicted),
        )
