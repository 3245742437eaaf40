"""Audits: a whole session checked again from one file, with no network and nobody's word.

The audit runs the same state machine as the members did, over the entries that the file carries, with the outcome
computed again by a function that the caller injects: this layer computes none. What the file shows is the outcome,
its inputs and the quorum's signatures. What is given back of deposits follows from the entries too; those after the
freeze are signed by their senders, but that just these were ordered is the word of the file: whoever holds it can take
a conviction out of it, or put one in. So the report says which flows a quorum signed.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias

from mechdesign.decision.ballots.notice import announce
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
from mechdesign.decision.passing import Passing, forgetful, read_passing
from mechdesign.decision.policing import group_offence, verify_evidence
from mechdesign.decision.proposal import Proposal, Sanction
from mechdesign.decision.session import Session
from mechdesign.group.block import check_inclusion
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import MechdesignError, VerificationError, WireError
from mechdesign.kernel.flow import DEPOSIT, Flow

__all__ = ["AuditReport", "Recomputation", "Recompute", "audit", "audit_stream", "react", "verify_evidence"]


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


def react(computation: Recomputation, waiting: Enrolled | Answers | CoinReady) -> Request | Toss | Attest:
    """What a computation answers to the event that waits for it."""
    match waiting:
        case Enrolled():
            return computation.enrolled(waiting)
        case Answers():
            return computation.answered(waiting)
        case CoinReady():
            return computation.tossed(waiting)


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
        players: who took part, identifiers and names, in the order of the roster or of the roll.
        verdict: settled or failed; None where the session aborted.
        aborted: why it aborted, else empty. Nobody signs that the entries of an aborted session are all there are.
        digest: what the quorum signed; empty where the session aborted.
        certificate: the signatures; None where the session aborted.
        reports: the reports to the last ask, in roster order.
        coins: the coins that fell, in their order.
        received: what the custodian received, by player's name.
        flows: everything booked.
        signed: those of them that a quorum signed: what the mechanism moved and what the players staked, and what came
            back of the stakes only where no conviction can move them. The others are the word of the file.
        position: of the last entry of the inputs in the group's log.
        defaulted: who did not open a seal.
        convicted: who was convicted, and of what.
        entries: how many entries there are, every one signed by its sender and counted.
    """

    roster: Roster
    fingerprint: str
    authentic: bool
    session: bytes
    proposer: MemberId
    proposal: Proposal
    players: tuple[tuple[MemberId, str], ...]
    verdict: Verdict | None
    aborted: str
    digest: bytes
    certificate: Certificate | None
    reports: tuple[tuple[MemberId, bytes], ...]
    coins: tuple[bytes, ...]
    received: tuple[tuple[str, Fraction], ...]
    flows: tuple[Flow, ...]
    signed: tuple[Flow, ...]
    position: int
    defaulted: tuple[MemberId, ...]
    convicted: tuple[tuple[MemberId, str], ...]
    entries: int


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
    return audit_stream([data], scheme, recompute, roster)


def audit_stream(
    chunks: Iterable[bytes],
    scheme: SignatureScheme,
    recompute: Recompute,
    roster: Roster | None = None,
    *,
    successors: Collection[Roster] = (),
) -> AuditReport:
    """The same for a transcript of any length: each entry is checked, used and forgotten as it comes.

    Args:
        chunks: the transcript's bytes, cut anywhere.
        scheme: how signatures are checked.
        recompute: makes the computation that the proposal names.
        roster: the roster that the caller trusts, if it has one.
        successors: of later epochs, which follow from that.

    Raises:
        VerificationError: the first check that failed, and whose signature is on what failed.
    """
    try:
        passing = read_passing(chunks)
        if roster is not None and passing.roster not in (roster, *successors):
            known, found = roster.digest.hex()[:16], passing.roster.digest.hex()[:16]
            later = " nor of one that follows from it" if successors else ""
            of = f"roster {found} (epoch {passing.roster.epoch}), not {known} (epoch {roster.epoch}){later}"
            raise VerificationError("roster", f"the transcript is of {of}")
        return _Audit(passing, scheme, recompute).report(roster is not None)
    except WireError as error:
        raise VerificationError("format", f"not a transcript: {error}") from error


def _signed(proposal: Proposal, flows: tuple[Flow, ...]) -> tuple[Flow, ...]:
    """Those flows that hold whatever stands behind the freeze."""
    movable = not {Sanction.FORFEIT, Sanction.ABORT}.isdisjoint(proposal.sanctions)
    return tuple(flow for flow in flows if not movable or flow.payer != DEPOSIT)


class _Audit:
    """One run of the session's state machine over entries as they come."""

    def __init__(self, passing: Passing, scheme: SignatureScheme, recompute: Recompute) -> None:
        self._roster = passing.roster
        self._scheme = scheme
        entries = iter(passing.entries)
        founding, _ = next(entries, (None, False))
        session = None
        if founding is not None and founding.submission.kind == Kind.PROPOSE:
            self._check(founding)
            session = Session.found(passing.roster, founding, scheme=scheme)
        if session is None or founding is None:
            raise VerificationError("proposal", "the transcript does not begin with a valid proposal")
        self._inputs = forgetful(session)
        self._session = session
        self._convicted: list[tuple[MemberId, str]] = []
        self._end: Decided | Aborted | None = None
        self.position = founding.position
        self._misplaced = False
        self._recompute = recompute
        self._computation: Recomputation | None = None
        try:
            for entry, later in entries:
                self._check(entry)
                behind = self._inputs.frozen
                self._take(entry)
                self._misplaced |= later != behind
                self.position = self.position if later else entry.position
        except (VerificationError, WireError):
            raise
        except MechdesignError as error:
            raise VerificationError("code", f"the session cannot be computed again here: {error}") from error

    def _check(self, entry: Entry) -> None:
        if not check_inclusion(self._roster, self._scheme, entry.submission, entry.inclusion):
            name = self._roster.name(entry.sender)
            raise VerificationError(
                "inclusion", f"an entry said to be of {name} bears no valid signature of {name}", name
            )

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
            if isinstance(event, Decided | Aborted):
                self._end = event
            elif isinstance(event, Convicted):
                self._convicted.append((event.member, event.offence))
        if (waiting := self._session.waiting) is not None:
            self._see(self._session.answer(self._react(waiting)))

    def _react(self, waiting: Enrolled | Answers | CoinReady) -> Request | Toss | Attest:
        # Whoever has not the code can still check a session that aborted before it came to that.
        if self._computation is None:
            self._computation = self._recompute(announce(self._session.setting, None))
        return react(self._computation, waiting)

    def report(self, authentic: bool) -> AuditReport:
        """What holds, once everything does."""
        session, decided = self._session, self._end
        if decided is None:
            need = session.roster.q
            raise VerificationError("certificate", f"the transcript ends before {need} members signed one outcome")
        if isinstance(decided, Decided) and not decided.agrees:
            signers = ", ".join(map(session.roster.name, decided.certificate.signers))
            raise VerificationError("outcome", f"computed again, the outcome is not the one that {signers} signed")
        # The members' own bytes again: an entry on the wrong side of the freeze is not where they wrote it.
        if self._misplaced:
            raise VerificationError("format", "the transcript has another, canonical form")
        return AuditReport(
            roster=session.roster,
            fingerprint=session.roster.digest.hex(),
            authentic=authentic,
            session=session.id,
            proposer=session.proposer,
            proposal=session.proposal,
            players=session.named,
            verdict=decided.verdict if isinstance(decided, Decided) else None,
            aborted=decided.reason if isinstance(decided, Aborted) else "",
            digest=decided.digest if isinstance(decided, Decided) else b"",
            certificate=decided.certificate if isinstance(decided, Decided) else None,
            reports=session.reports,
            coins=tuple(session.coins),
            received=session.enrolment.cover.named,
            flows=decided.flows,
            signed=_signed(session.proposal, decided.flows) if isinstance(decided, Decided) else (),
            position=self.position,
            defaulted=tuple(session.defaulted),
            convicted=tuple(self._convicted),
            entries=self._inputs.counted,
        )
