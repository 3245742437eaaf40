"""The sessions of an epoch from its log alone, for whoever reads a journal and takes no part.

Every session is run as at its members, with outcomes computed again by a function that the caller injects. So what
comes out are the members' own transcripts and balances, and also the pay-outs, which stand in no transcript.
"""

from dataclasses import dataclass

from mechdesign.decision.admission import refusal
from mechdesign.decision.ballots.notice import announce
from mechdesign.decision.bench import Bench
from mechdesign.decision.books import Books, Due
from mechdesign.decision.certificate import Entry
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.entries import EvidenceEntry, Kind, parse
from mechdesign.decision.epoch import Ending, Epoch
from mechdesign.decision.messages import Aborted, Convicted, Decided, DecisionEvent, SessionId
from mechdesign.decision.session import Session
from mechdesign.decision.transcript import Recomputation, Recompute, react
from mechdesign.group.messages import Delivered, ViewChanging
from mechdesign.group.reading import Reading
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError, MechdesignError, VerificationError

__all__ = ["Paid", "Replayed", "replay"]


@dataclass(frozen=True, slots=True)
class Paid:
    """A pay-out that a custodian has reported, and that was due.

    Attributes:
        position: where in the log.
        due: what was paid.
    """

    position: int
    due: Due


@dataclass(frozen=True, slots=True)
class Replayed:
    """What an epoch has brought so far.

    Attributes:
        carried: the balances with which it began.
        transcripts: of the sessions that have ended, in the order of their ends.
        paid: pay-outs, in log order.
        books: the balances at the end of the log.
        open: sessions that go on.
    """

    carried: Books
    transcripts: tuple[bytes, ...]
    paid: tuple[Paid, ...]
    books: Books
    open: tuple[SessionId, ...]


def replay(reading: Reading, scheme: SignatureScheme, recompute: Recompute) -> Replayed:
    """Run the sessions of a log.

    Args:
        reading: the log.
        scheme: how signatures are checked.
        recompute: makes the computation that a proposal names.

    Raises:
        VerificationError: a session cannot be computed here, or the state with which the epoch began is none.
    """
    try:
        return _Replay(reading, scheme, recompute).run(reading)
    except VerificationError:
        raise
    except MechdesignError as error:
        raise VerificationError("code", f"the sessions of this log cannot be computed again here: {error}") from error


class _Replay:
    def __init__(self, reading: Reading, scheme: SignatureScheme, recompute: Recompute) -> None:
        self._roster = reading.roster
        self._scheme = scheme
        self._recompute = recompute
        self._epoch = _begin(reading)
        self._bench = Bench(reading.roster, scheme, self._epoch.standing)
        self._sessions: dict[SessionId, Session] = {}
        self._computations: dict[SessionId, Recomputation] = {}
        self._transcripts: list[bytes] = []
        self._paid: list[Paid] = []
        self._position = 0

    def run(self, reading: Reading) -> Replayed:
        for each in reading.entries:
            if isinstance(each, ViewChanging):
                self._epoch.closing = True
                self._epoch.ready(self._sessions, self._bench.convicts)
            else:
                self._take(each)
        ended = tuple(self._transcripts), tuple(self._paid)
        return Replayed(_begin(reading).books, *ended, self._epoch.books, tuple(self._sessions))

    def _take(self, delivered: Delivered) -> None:
        self._position = delivered.position
        entry = Entry(delivered.position, delivered.submission, delivered.inclusion)
        if delivered.submission.kind == Kind.PROPOSE:
            self._found(entry)
            return
        said = parse(delivered.submission.kind, delivered.submission.data)
        if isinstance(said, EvidenceEntry):
            self._judge(entry, said)
        elif isinstance(said, PayoutEntry):
            due = self._epoch.pay(entry.sender, said)
            self._paid += [] if due is None else [Paid(entry.position, due)]
        elif said is not None and (session := self._sessions.get(said.session)) is not None:
            self._see(session, session.apply(entry, said))

    def _found(self, entry: Entry) -> None:
        session = Session.found(self._roster, entry, scheme=self._scheme)
        if session is None or session.id in self._sessions:
            return
        if not refusal(session, self._sessions.values(), self._epoch.closing):
            self._sessions[session.id] = session
            self._epoch.reserve(session)

    def _judge(self, entry: Entry, said: EvidenceEntry) -> None:
        if (sentence := self._bench.judge(entry, said)) is None:
            return
        self._bench.note(Convicted(sentence.member, sentence.offence, said.evidence, ()), entry.position, False)
        for session in [each for each in self._sessions.values() if each.sanctions(sentence.member)]:
            self._see(session, session.punish(entry, sentence.member, sentence.offence))

    def _see(self, session: Session, events: list[DecisionEvent]) -> None:
        for event in events:
            if isinstance(event, Convicted):
                self._bench.note(event, self._position, False)
            elif isinstance(event, Decided | Aborted):
                del self._sessions[session.id]
                self._computations.pop(session.id, None)
                self._transcripts.append(event.transcript)
                self._epoch.book(Ending.of(session, event, self._position))
                self._epoch.ready(self._sessions, self._bench.convicts)
        if (waiting := session.waiting) is not None:
            if session.id not in self._computations:
                self._computations[session.id] = self._recompute(announce(session.setting, None))
            self._see(session, session.answer(react(self._computations[session.id], waiting)))


def _begin(reading: Reading) -> Epoch:
    try:
        return Epoch(reading.roster, reading.state)
    except LocalProtocolError as error:
        raise VerificationError("format", str(error)) from error
