"""Proofs against members about what was dealt: dealings, shares, and what is in a sealed report.

The first three carry the signed proposal, because it says what a dealing has to look like (its digest with its sender
is the session that every other entry names), and the signed entries themselves. The fourth is about an order: that a
share came before the close shows in the chain of counted entries, whose end a quorum signed with the outcome.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mechdesign.decision.ballots.ballot import Ballot
from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.coin import parse_contribution
from mechdesign.decision.entries import (
    AttestEntry,
    CarryEntry,
    CoinEntry,
    Kind,
    SealEntry,
    ShareEntry,
    TimerEntry,
    parse,
)
from mechdesign.decision.membership import committee_of
from mechdesign.decision.offence import Offence, Signed, encode_proof
from mechdesign.decision.proposal import Proposal, Seal, session_id
from mechdesign.decision.record import Chained, chain
from mechdesign.decision.sealing.share import DEALINGS_MAX
from mechdesign.decision.sealing.threshold import (
    Committee,
    Context,
    Dealing,
    Purpose,
    Share,
    parse_dealing,
    proves_false_share,
    proves_garbage,
    targets,
    verify_dealing,
)
from mechdesign.group.messages import Submission
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.wire import DIGEST_BYTES, Value

__all__ = ["CHECKS", "early_share", "false_ballot_share", "false_dealing", "false_share", "garbage"]

_BEFORE_OPENING = ("gathering", "sealing", "tossing")

# Making


def _signed(entries: Sequence[Entry]) -> list[Signed]:
    return [(entry.submission, entry.inclusion) for entry in entries]


def false_dealing(founding: Entry, dealt: Entry) -> bytes:
    """The proof that a SEAL or COIN of the session that ``founding`` founded holds no valid dealing."""
    return encode_proof(Offence.FALSE_DEALING, _signed([founding, dealt]))


def false_share(founding: Entry, shared: Entry, dealt: Sequence[Entry]) -> bytes:
    """The proof that a SHARE opens just these dealings, and wrongly."""
    return encode_proof(Offence.FALSE_SHARE, _signed([founding, shared, *dealt]))


def false_ballot_share(founding: Entry, shared: Entry, ballots: Sequence[bytes]) -> bytes:
    """The same of a SHARE that opens the dealings in just these ballots."""
    return encode_proof(Offence.FALSE_SHARE, _signed([founding, shared]), tuple(ballots))


def garbage(founding: Entry, place: int, shared: Sequence[Entry], dealt: Sequence[Entry]) -> bytes:
    """The proof that the dealing at a place among these is valid and holds no report, as these t shares show."""
    return encode_proof(Offence.GARBAGE, _signed([founding, *shared, *dealt]), (place, len(shared)))


def early_share(certificate: Certificate, quorum: int, counted: Sequence[Entry], shared: Entry) -> bytes:
    """The proof that a share was ordered while its phase was open, by the chain of entries whose end the quorum signed.

    It carries the share and the first entry behind it that counts in an open phase only; of all the others no more than
    32 bytes, and of those before the share nothing, so that it stays short however long the reports are.
    """
    said = parse(shared.submission.kind, shared.submission.data)
    assert isinstance(said, ShareEntry)
    at = counted.index(shared)
    chained = [Chained.of(entry) for entry in counted]
    leaves = [entry.leaf for entry in chained]
    shown = next(place for place in range(at + 1, len(chained)) if _was_open(chained[place].submission, said))
    terms = (
        chain(certificate.statement.session, leaves[:at]),
        chained[at].position,
        b"".join(leaves[at + 1 : shown]),
        chained[shown].packed,
        b"".join(leaves[shown + 1 :]),
    )
    signed = [*certificate.signed[:quorum], (shared.submission, shared.inclusion)]
    return encode_proof(Offence.EARLY_SHARE, signed, terms)


# Checking; every signature has been checked before


@dataclass(frozen=True)
class _Case:
    """The session that a signed proposal founds."""

    roster: Roster
    proposal: Proposal
    session: bytes
    committee: Committee

    @classmethod
    def open(cls, roster: Roster, founding: Submission) -> "_Case":
        proposal = Proposal.parse(founding.data) if founding.kind == Kind.PROPOSE else None
        if proposal is None or proposal.fault(roster) is not None:
            raise VerificationError("evidence", "the proof does not begin with a proposal that fits this roster")
        committee = committee_of(roster, proposal.threshold)
        assert committee is not None  # the proposal has no fault
        return cls(roster, proposal, session_id(roster, founding.sender, founding.sequence, founding.data), committee)

    def dealt(self, submission: Submission) -> tuple[Context, Dealing | None]:
        """The dealing in a SEAL or COIN of this session, None if it is malformed."""
        match parse(submission.kind, submission.data):
            case SealEntry(session, step, bytes(data)) if self.proposal.seal is Seal.THRESHOLD:
                purpose, dealing = Purpose.REPORT, parse_dealing(data, self.committee, self.proposal.report_bytes)
            case CoinEntry(session, step, data):
                purpose, dealing = Purpose.COIN, parse_contribution(data, self.committee)
            case _:
                raise VerificationError("evidence", "an entry that should be a dealing is none of this session")
        if session != self.session:
            raise VerificationError("evidence", "an entry belongs to another session")
        place = self.roster.digest, self.roster.epoch, session, step, purpose
        return Context(*place, submission.sender), dealing

    def valid(self, submissions: Sequence[Submission]) -> list[tuple[Context, Dealing]]:
        """Dealings of one step and purpose, all well formed; that each is valid is not checked here."""
        found: list[tuple[Context, Dealing]] = []
        for context, dealing in map(self.dealt, submissions):
            if dealing is None or (found and context.of(found[0][0].dealer) != found[0][0]):
                raise VerificationError("evidence", "the dealings are malformed, or of different steps")
            found.append((context, dealing))
        if not 1 <= len(found) <= DEALINGS_MAX:
            raise VerificationError("evidence", "there are no dealings in the proof")
        return found

    def ballots(self, terms: Value) -> list[tuple[Context, Dealing]]:
        """The dealings in the ballots that a proof carries; a share names the very dealings that it opens."""
        found: list[tuple[Context, Dealing]] = []
        for data in terms if isinstance(terms, tuple) else ():
            ballot = Ballot.parse(data) if isinstance(data, bytes) else None
            if ballot is None or ballot.content is None or ballot.session != self.session:
                raise VerificationError("evidence", "what should be a sealed ballot of this session is none")
            dealing = parse_dealing(ballot.content, self.committee, self.proposal.report_bytes)
            if dealing is None:
                raise VerificationError("evidence", "a ballot holds no dealing")
            place = self.roster.digest, self.roster.epoch, self.session, ballot.step, Purpose.REPORT
            found.append((Context(*place, ballot.key), dealing))
        if not 1 <= len(found) <= DEALINGS_MAX or any(context.step != found[0][0].step for context, _ in found):
            raise VerificationError("evidence", "there are no ballots in the proof, or of different steps")
        return found

    def share(self, submission: Submission, context: Context) -> Share:
        """The share in a SHARE of the step of these dealings."""
        said = parse(submission.kind, submission.data)
        if isinstance(said, ShareEntry) and (said.session, said.step) == (self.session, context.step):
            share = Share.parse(said.share)
            if share is not None:
                return share
        raise VerificationError("evidence", "an entry that should be a share is none of this step")


def _check_dealing(signed: Sequence[Signed], terms: Value, roster: Roster, scheme: SignatureScheme) -> MemberId:
    case = _Case.open(roster, signed[0][0])
    context, dealing = case.dealt(signed[1][0])
    if len(signed) != 2 or (dealing is not None and verify_dealing(case.committee, context, dealing)):
        raise VerificationError("evidence", "the dealing is valid")
    return context.dealer


def _check_share(signed: Sequence[Signed], terms: Value, roster: Roster, scheme: SignatureScheme) -> MemberId:
    case = _Case.open(roster, signed[0][0])
    accused = signed[1][0]
    dealt = [submission for submission, _ in signed[2:]]
    dealings = case.valid(dealt) if dealt else case.ballots(terms)
    share = case.share(accused, dealings[0][0])
    if not proves_false_share(case.committee, accused.sender, dealings, share):
        raise VerificationError("evidence", "the share is right, or a share of something else")
    return accused.sender


def _check_garbage(signed: Sequence[Signed], terms: Value, roster: Roster, scheme: SignatureScheme) -> MemberId:
    case = _Case.open(roster, signed[0][0])
    match terms:
        case (int(place), int(shares)) if 0 < shares < len(signed) - 1:
            given, dealt = signed[1 : shares + 1], signed[shares + 1 :]
        case _:
            raise VerificationError("format", "the proof does not say what is accused")
    dealings = case.valid([submission for submission, _ in dealt])
    if not 0 <= place < len(dealings) or dealings[0][0].purpose != Purpose.REPORT:
        raise VerificationError("evidence", "the accused dealing is not in the proof")
    context, dealing = dealings[place]
    opened = {}
    for submission, _ in given:
        member = submission.sender
        opened[member] = (targets(case.committee, member, dealings), case.share(submission, context))
    if not proves_garbage(case.committee, context, dealing, case.proposal.report_bytes, opened):
        raise VerificationError("evidence", "the shares do not show that the sealed report is garbage")
    return context.dealer


def _check_early(signed: Sequence[Signed], terms: Value, roster: Roster, scheme: SignatureScheme) -> MemberId:
    accused = signed[-1][0]
    first = parse(signed[0][0].kind, signed[0][0].data)
    said = parse(accused.kind, accused.data)
    if not isinstance(first, AttestEntry) or not isinstance(said, ShareEntry) or first.session != said.session:
        raise VerificationError("evidence", "these are not attestations and a share of one session")
    Certificate(first, tuple(signed[:-1])).check(roster, scheme)
    if len(signed) != roster.q + 1:
        raise VerificationError("evidence", "the proof carries more than a quorum and the accused")
    match terms:
        case (bytes(start), int(position), bytes(between), behind, bytes(rest)):
            shared = Chained.unpack((position, accused.kind, accused.sender, accused.sequence, accused.data))
            shown = Chained.unpack(behind)
        case _:
            shared = shown = None
    if shared is None or shown is None:
        raise VerificationError("format", "not evidence: its chain of entries is malformed")
    # The chain may begin anywhere: leaves and links are hashed under tags of their own, so whatever ends in the digest
    # that the quorum signed is a part of the one chain that begins with the session.
    if chain(start, [shared.leaf, *_split(between), shown.leaf, *_split(rest)]) != first.inputs:
        raise VerificationError("evidence", "the chain of entries is not the one whose end the quorum signed")
    if not _was_open(shown.submission, said):
        raise VerificationError("evidence", "the chain does not show that the phase was open behind the share")
    return accused.sender


def _split(leaves: bytes) -> list[bytes]:
    return [leaves[at : at + DIGEST_BYTES] for at in range(0, len(leaves), DIGEST_BYTES)]


def _was_open(submission: Submission, share: ShareEntry) -> bool:
    """Whether an entry counts only before the close of the phase that the share opens."""
    said = parse(submission.kind, submission.data)
    match said:
        case SealEntry() | CoinEntry() | CarryEntry():
            return (said.session, said.step) == (share.session, share.step)
        case TimerEntry(phase=phase):
            return (said.session, said.step) == (share.session, share.step) and phase in _BEFORE_OPENING
    return False


CHECKS: Mapping[Offence, Callable[[Sequence[Signed], Value, Roster, SignatureScheme], MemberId]] = {
    Offence.FALSE_DEALING: _check_dealing,
    Offence.FALSE_SHARE: _check_share,
    Offence.GARBAGE: _check_garbage,
    Offence.EARLY_SHARE: _check_early,
}
"""How each proof is checked: gives the convict or raises VerificationError."""
