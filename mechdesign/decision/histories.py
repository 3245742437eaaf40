"""Two histories of one group: what they disagree about, and which members signed on both sides.

Where a group has two logs, outcomes or ends of an epoch, two quorums of n members signed, and these share at least
2q - n members: so many have signed twice, and their own signatures convict them. The witnesses are transcripts and the
records of journals, read without taking part. Nobody is named for being on the other side: only for two signatures that
no honest member gives.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.entries import AttestEntry, Kind, parse
from mechdesign.decision.policing import convict_of, wrong_outcome
from mechdesign.decision.proposal import session_id
from mechdesign.decision.record import Chained, Record, chain
from mechdesign.decision.tally import Tally
from mechdesign.group.block import Block, Standing, check_inclusion, inclusions, judge, parse_block, parse_header
from mechdesign.group.checkpoint import Certified, parse_certified
from mechdesign.group.evidence import ConflictingSubmissions, Equivocation, Signed, TwoCheckpoints, encode_evidence
from mechdesign.group.leaf import Said, decode_leaf, said
from mechdesign.group.messages import Delivered, Inclusion, Submission
from mechdesign.group.reading import Reading
from mechdesign.group.roster import Roster
from mechdesign.group.views.succession import EpochCertificate, double_signers
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import VerificationError, WireError
from mechdesign.kernel.wire import decode

__all__ = ["Comparison", "History", "Named", "compare"]

_EPOCH = b"epoch"
_END = b"end"

_Author = tuple[bytes, MemberId]
"""A member in one epoch, by the digest of its roster."""

_Sides = tuple[Mapping[Any, Any], Mapping[Any, Any]]
"""The same part of both histories."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What stands at a position of a log.

    Attributes:
        said: the entry.
        round: of the block that brought it there.
    """

    said: Said
    round: int


@dataclass(slots=True)
class History:
    """What one witness holds: only what its signers really signed.

    Args:
        scheme: how signatures are checked.

    Attributes:
        rosters: by digest, of the epochs that the witness knows.
        headers: by author and round.
        next: by author and own predecessor, the header that follows.
        submissions: by author and sequence number.
        attested: by session, what each member attested.
        log: by roster and position, what stands there, and the round and the author of the block that brought it.
        sessions: by session, how many of its entries the witness has.
        checkpoints: by roster and index.
        ends: by roster, how its epoch ended.
        refused: how many pieces bore no valid signature, and were not looked at.
    """

    scheme: SignatureScheme
    rosters: dict[bytes, Roster] = field(default_factory=dict)
    headers: dict[tuple[_Author, int], Signed] = field(default_factory=dict)
    next: dict[tuple[_Author, bytes], Signed] = field(default_factory=dict)
    submissions: dict[tuple[_Author, int], tuple[Said, Inclusion]] = field(default_factory=dict)
    attested: dict[tuple[bytes, bytes], Tally] = field(default_factory=dict)
    log: dict[tuple[bytes, int], Placed] = field(default_factory=dict)
    sessions: dict[bytes, int] = field(default_factory=dict)
    checkpoints: dict[tuple[bytes, int], Certified] = field(default_factory=dict)
    ends: dict[bytes, EpochCertificate] = field(default_factory=dict)
    refused: int = 0

    @property
    def shown(self) -> set[bytes]:
        """The rosters of the epochs that it shows something of."""
        authors = {author[0] for author, _ in self.headers}
        return authors | {digest for digest, _ in (*self.log, *self.checkpoints)} | set(self.ends)

    def add_roster(self, roster: Roster) -> None:
        """Know an epoch."""
        self.rosters[roster.digest] = roster

    def add_transcript(self, data: bytes) -> None:
        """Take in what a transcript shows.

        Raises:
            VerificationError: it is none, or an entry of it is not signed by its sender.
        """
        record = Record.parse(data)
        roster = record.roster
        if not record.frozen:
            raise VerificationError("proposal", "the transcript does not begin with a proposal")
        for entry in (*record.frozen, *record.later):
            if not check_inclusion(roster, self.scheme, entry.submission, entry.inclusion):
                name = roster.name(entry.sender)
                raise VerificationError(
                    "inclusion", f"an entry said to be of {name} bears no signature of {name}", name
                )
        self.add_roster(roster)
        first = record.frozen[0].submission
        session = session_id(roster, first.sender, first.sequence, first.data)
        self.sessions[session] = max(self.sessions.get(session, 0), len(record.frozen) + len(record.later))
        for entry in (*record.frozen, *record.later):
            self._header(roster, entry.inclusion.header, entry.inclusion.signature)
            self._submission(roster, entry.submission, entry.inclusion)
        # Where an entry stands nobody signs by itself: it counts where a quorum signed the list.
        signed = self.attested.get((roster.digest, session), Tally(roster)).certified
        if signed is not None and signed.inputs == chain(session, (Chained.of(entry).leaf for entry in record.frozen)):
            for entry in record.frozen:
                self._place(roster, entry.position, entry.submission, entry.inclusion)

    def add_log(self, reading: Reading) -> None:
        """Take in the log that a journal's blocks decide."""
        self.add_roster(reading.roster)
        for entry in reading.entries:
            if isinstance(entry, Delivered):
                self._place(reading.roster, entry.position, entry.submission, entry.inclusion)

    def _place(self, roster: Roster, position: int, submission: Submission, inclusion: Inclusion) -> None:
        header = parse_header(inclusion.header, roster)
        assert header is not None  # its signature was checked
        self.log[roster.digest, position] = Placed(said(submission), header.round)

    def add_records(self, records: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Take in the records (table, key, data) of a journal; what belongs to no known epoch is passed over."""
        kept = [record for record in records if record[0] in ("view", "block", "log", "checkpoint")]
        for table, key, data in kept:
            if table == "view":
                self._view(key, data)
        for table, _, data in kept:
            for roster in self.rosters.values() if table != "view" else ():
                if table == "checkpoint":
                    self._checkpoint(roster, data)
                elif (block := parse_block(data, roster)) is not None:
                    self._block(roster, block)

    def _view(self, key: bytes, data: bytes) -> None:
        try:
            match decode(data, bytes_max=len(data)):
                case (bytes(encoded), bytes(rest)) if key == _EPOCH or key.startswith(_END):
                    roster = Roster.parse(encoded)
                    self.add_roster(roster)
                    certificate = EpochCertificate.parse(rest) if key != _EPOCH else None
                    if certificate is not None:
                        certificate.follow(roster, self.scheme)
                        self.ends[roster.digest] = certificate
        except (WireError, VerificationError):
            self.refused += 1

    def _checkpoint(self, roster: Roster, data: bytes) -> None:
        try:
            match decode(data, bytes_max=len(data)):
                case (bytes(state), tuple(items), bytes(old)):
                    pairs = [item for item in items if isinstance(item, tuple) and len(item) == 2]
                    signatures = tuple((p, s) for p, s in pairs if isinstance(p, int) and isinstance(s, bytes))
                    certified = parse_certified(state, signatures, roster, self.scheme)
                    if certified is not None:
                        self.checkpoints[roster.digest, certified.checkpoint.index] = certified
                    if old and (block := parse_block(old, roster)) is not None:
                        self._block(roster, block)
        except WireError:
            self.refused += 1

    def _block(self, roster: Roster, block: Block) -> None:
        if judge(block, roster, self.scheme) is not Standing.VALID:
            self.refused += 1
            return
        self._header(roster, block.encoded, block.signature)
        for leaf, inclusion in zip(block.leaves, inclusions(block), strict=True):
            submission = decode_leaf(leaf, roster)
            if submission is not None and submission.sender == roster.ids[block.author]:
                self._submission(roster, submission, inclusion)

    def _header(self, roster: Roster, encoded: bytes, signature: bytes) -> None:
        header = parse_header(encoded, roster)
        assert header is not None  # its signature was checked
        author = roster.digest, roster.ids[header.author]
        signed = Signed(encoded, signature)
        self.headers.setdefault((author, header.round), signed)
        if header.parents:
            self.next.setdefault((author, header.parents[0].digest), signed)

    def _submission(self, roster: Roster, submission: Submission, inclusion: Inclusion) -> None:
        author = roster.digest, submission.sender
        self.submissions.setdefault((author, submission.sequence), (said(submission), inclusion))
        match parse(submission.kind, submission.data):
            case AttestEntry(session=session) as statement:
                tally = self.attested.setdefault((roster.digest, session), Tally(roster))
                tally.add(Entry(statement.position, submission, inclusion), statement)


@dataclass(frozen=True, slots=True)
class Named:
    """A member that signed on both sides.

    Attributes:
        member: its identifier.
        name: what its roster calls it.
        epoch: in which epoch.
        reasons: what it signed twice.
        proof: evidence that anybody with the roster can check; empty where there is none of a kind that travels.
    """

    member: MemberId
    name: str
    epoch: int
    reasons: tuple[str, ...]
    proof: bytes


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comes of putting two histories side by side.

    Attributes:
        compared: what both have and was compared, as (what, how many).
        disagreements: what cannot both be, in words; empty where the histories agree.
        named: who signed on both sides, in roster order.
        least: how many must have, at least, in the epoch of the first disagreement; 0 where there is none.
        only: how many pieces only the first and only the second history has.
        apart: whether they show no epoch in common: those of different groups never do.
    """

    compared: tuple[tuple[str, int], ...]
    disagreements: tuple[str, ...]
    named: tuple[Named, ...]
    least: int
    only: tuple[int, int]
    apart: bool


def compare(one: History, other: History) -> Comparison:
    """Put two histories side by side."""
    return _Comparing(one, other).result()


class _Comparing:
    def __init__(self, one: History, other: History) -> None:
        self.one, self.other = one, other
        self.rosters = {digest: one.rosters[digest] for digest in one.rosters if digest in other.rosters}
        self.reasons: dict[_Author, dict[str, None]] = {}
        self.proofs: dict[_Author, bytes] = {}
        self.disagreements: list[str] = []
        self.parted: list[Roster] = []

    def result(self) -> Comparison:
        self._headers()
        self._submissions()
        self._log()
        self._outcomes()
        self._checkpoints()
        self._ends()
        signed: dict[str, _Sides] = {"headers": (self.one.headers, self.other.headers)}
        signed["submissions"] = self.one.submissions, self.other.submissions
        parts: dict[str, _Sides] = {**signed, "log positions": (self.one.log, self.other.log)}
        parts["sessions"] = self.one.sessions, self.other.sessions
        parts["checkpoints"] = self.one.checkpoints, self.other.checkpoints
        parts["epochs"] = self.one.rosters, self.other.rosters
        compared = tuple((what, len(mine.keys() & theirs.keys())) for what, (mine, theirs) in parts.items())
        only = [sum(len(each[side].keys() - each[1 - side].keys()) for each in signed.values()) for side in (0, 1)]
        least = max((2 * roster.q - roster.n for roster in self.parted), default=0)
        mine, theirs = self.one.shown, self.other.shown
        apart = bool(mine and theirs) and mine.isdisjoint(theirs)
        return Comparison(compared, tuple(self.disagreements), tuple(self._named()), least, (only[0], only[1]), apart)

    def _accuse(self, author: _Author, reason: str, proof: bytes = b"") -> None:
        """Name a member; a proof that does not hold is none."""
        roster = self.rosters[author[0]]
        self.reasons.setdefault(author, {})[reason] = None
        if proof and author not in self.proofs and convict_of(proof, roster, self.one.scheme) == author[1]:
            self.proofs[author] = proof

    def _disagree(self, roster: Roster, about: str) -> None:
        self.disagreements.append(about)
        self.parted.append(roster)

    def _headers(self) -> None:
        for (author, round_), mine in self.one.headers.items():
            theirs = self.other.headers.get((author, round_))
            if theirs is not None and theirs.header != mine.header:
                self._accuse(author, "two blocks for one round", encode_evidence(Equivocation(mine, theirs)))
        for (author, before), mine in self.one.next.items():
            theirs = self.other.next.get((author, before))
            if theirs is not None and theirs.header != mine.header:
                self._accuse(author, "two blocks on one own predecessor", encode_evidence(Equivocation(mine, theirs)))

    def _submissions(self) -> None:
        for (author, sequence), (mine, proof) in self.one.submissions.items():
            theirs = self.other.submissions.get((author, sequence))
            if theirs is not None and theirs[0] != mine:
                evidence = encode_evidence(ConflictingSubmissions(mine, proof, *theirs))
                self._accuse(author, "two submissions under one number", evidence)

    def _log(self) -> None:
        parted: dict[bytes, int] = {}
        for place, mine in self.one.log.items():
            theirs = self.other.log.get(place)
            if theirs is not None and theirs.said != mine.said:
                parted[place[0]] = min(place[1], parted.get(place[0], place[1]))
        for digest, position in parted.items():
            roster = self.rosters[digest]
            here, there = (_words(roster, side.log[digest, position]) for side in (self.one, self.other))
            self._disagree(roster, f"what stands at position {position} of the log: {here}, or {there}")

    def _outcomes(self) -> None:
        for key, mine in self.one.attested.items():
            theirs = self.other.attested.get(key)
            roster = self.rosters.get(key[0])
            if theirs is None or roster is None:
                continue
            first, second = mine.certificate, theirs.certificate
            if first is not None and second is not None and first.statement != second.statement:
                self._disagree(roster, f"the outcome of session {key[1].hex()[:16]}")
            for member in roster.ids:
                if member in mine.said and member in theirs.said and mine.said[member][0] != theirs.said[member][0]:
                    proof = _wrong(roster, first, theirs, member) or _wrong(roster, second, mine, member)
                    self._accuse((key[0], member), "two outcomes of one session", proof)

    def _checkpoints(self) -> None:
        for (digest, index), mine in self.one.checkpoints.items():
            theirs = self.other.checkpoints.get((digest, index))
            roster = self.rosters.get(digest)
            if theirs is None or roster is None or theirs.named == mine.named:
                continue
            self._disagree(roster, f"checkpoint {index}")
            others = dict(theirs.signatures)
            for place, signature in mine.signatures:
                if place in others:
                    both = (mine.named, signature), (theirs.named, others[place])
                    proof = encode_evidence(TwoCheckpoints(roster.ids[place], index, *both))
                    self._accuse((digest, roster.ids[place]), "two checkpoints of one index", proof)

    def _ends(self) -> None:
        for digest, mine in self.one.ends.items():
            theirs = self.other.ends.get(digest)
            roster = self.rosters.get(digest)
            if theirs is None or roster is None:
                continue
            ours, others = mine.statement(roster), theirs.statement(roster)
            if ours == others:
                continue
            self._disagree(roster, f"how epoch {roster.epoch} ended")
            left = [(ours, place, signature) for place, signature in mine.signatures]
            right = [(others, place, signature) for place, signature in theirs.signatures]
            for found in double_signers(roster, left, right):
                self._accuse((digest, found.member), "two ends of one epoch", found.data)

    def _named(self) -> Iterator[Named]:
        for digest, roster in self.rosters.items():
            for member in roster.ids:
                reasons = self.reasons.get((digest, member))
                if reasons:
                    proof = self.proofs.get((digest, member), b"")
                    yield Named(member, roster.name(member), roster.epoch, tuple(reasons), proof)


def _words(roster: Roster, placed: Placed) -> str:
    kind = placed.said.kind
    what = Kind(kind).name if kind in set(Kind) else f"an entry of kind {kind}"
    return f"{what} of {roster.name(placed.said.sender)} (its number {placed.said.sequence}) by round {placed.round}"


def _wrong(roster: Roster, certificate: Certificate | None, tally: Tally, member: MemberId) -> bytes:
    """The proof that a member attested other than a quorum did, of which it was part."""
    if certificate is None or member not in certificate.signers:
        return b""
    return wrong_outcome(certificate, tally.said[member][1], roster.q)
