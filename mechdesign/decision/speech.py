"""What one member says in its sessions: what its session core wants said, and what the phases ask for by themselves.

Whatever is drawn for that is kept in the journal before anything that follows from it is said, so that a further life
says the same again. Whatever is said twice is heard once.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from mechdesign.decision.ballots.carriage import Carriage
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.dealt import Tossing
from mechdesign.decision.entries import REASON_BYTES_MAX, DeclineEntry, EnrolEntry, Kind
from mechdesign.decision.messages import Carried, Carry, Decline, SessionId, Submit
from mechdesign.decision.phases import Phase
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.sealing.commit_reveal import SALT_BYTES
from mechdesign.decision.sealing.threshold import EncryptionKey
from mechdesign.decision.secret import Secret
from mechdesign.decision.session import Session
from mechdesign.decision.voice import Voice, say
from mechdesign.group.messages import Append, Broadcast
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Entropy
from mechdesign.kernel.wire import digest, encode

__all__ = ["Speech"]

_PROPOSAL_TAG = "mechdesign/proposal/1"
_CARRIAGE_TAG = "mechdesign/carriage/1"

_Said: TypeAlias = Sequence[Append | Broadcast]


class Speech:
    """One member's part in its sessions.

    Args:
        roster: the group's.
        me: the member.
        sealing: its encryption key.
        entropy: where salts and seeds come from.

    Raises:
        LocalProtocolError: the roster has no such member, or another key of it.
    """

    def __init__(self, roster: Roster, me: MemberId, sealing: EncryptionKey, entropy: Entropy) -> None:
        place = roster.place(me)
        if place is None:
            raise LocalProtocolError("only a member of the roster takes part in its sessions")
        if roster.members[place].sealing != sealing.public:
            raise LocalProtocolError("the roster has another sealing key of this member")
        self._roster = roster
        self._me = me
        self._entropy = entropy
        self._voice = Voice(roster, me, sealing)
        self._carriage = Carriage()
        self._secrets: dict[tuple[SessionId, int], Secret] = {}
        self._leaving: set[SessionId] = set()

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the journal's table ``secret``, before anything else.

        Raises:
            JournalError: a record is damaged.
        """
        for key, data in records:
            secret = Secret.parse(key, data)
            self._secrets[secret.session, secret.step] = secret

    def propose(self, proposal: Proposal) -> _Said:
        """Propose a session.

        Raises:
            LocalProtocolError: the group cannot hold it.
        """
        proposal = proposal.resolved(self._roster)
        if fault := proposal.fault(self._roster):
            raise LocalProtocolError(f"the group cannot hold this session: {fault}")
        key = encode(("propose", digest(_PROPOSAL_TAG, proposal.encoded)))
        # Said twice it would be two sessions.
        return [Broadcast(key, Kind.PROPOSE, proposal.encoded, lasting=True)]

    def enrol(self, session: Session | None) -> _Said:
        """Take part in a session.

        Raises:
            LocalProtocolError: this member is not asked.
        """
        if session is None or session.phase is not Phase.ENROLLING:
            return []
        if self._me not in session.proposal.asked:
            raise LocalProtocolError("only a member that is asked can enrol")
        return [say(Kind.ENROL, EnrolEntry(session.id), session.id)]

    def decline(self, session: Session | None, request: Decline) -> _Said:
        """Take no part in a session: follow it, or leave it where the code is lacking."""
        if session is None:
            return []
        reason = request.reason.encode("utf-8", "replace")[:REASON_BYTES_MAX].decode("utf-8", "ignore")
        if not request.follows:
            self._leaving.add(session.id)
        # The same act as enrolling: whatever was said first, in this life or an earlier one, stands.
        return [say(Kind.ENROL, DeclineEntry(session.id, reason, request.follows), session.id)]

    def leaves(self, session: Session) -> bool:
        """Whether this member follows a session until enrolment closes, and no further."""
        return session.id in self._leaving

    def report(self, session: Session | None, request: Submit) -> _Said:
        """Report what the party answers to an ask.

        Raises:
            LocalProtocolError: it is not asked, or the report is too long.
        """
        if session is None or request.step < session.step or session.phase not in {Phase.SEALING, Phase.ASKING}:
            return []
        if (
            request.step > session.step
            or isinstance(session.ask, Tossing | Gathering | None)
            or self._me not in session.ask.of
        ):
            raise LocalProtocolError(f"this member is not asked in step {request.step}")
        if (session.id, request.step) in self._secrets:
            return self.speak(session)
        if request.report is not None and len(request.report) > session.proposal.report_bytes:
            raise LocalProtocolError(
                f"a report of {len(request.report)} bytes passes the session's limit of {session.proposal.report_bytes}"
            )
        return [self._draw(session, request.report), *self.speak(session)]

    def carry(self, session: Session | None, request: Carry) -> Sequence[Carried | Broadcast]:
        """Carry ballots of participants that are no members."""
        told = self._carriage.take(session, request)
        return [told, *(self._convey(session) if session is not None else ())]

    def speak(self, session: Session) -> _Said:
        """What this member has to say in the current phase by itself."""
        drawn = []
        if (session.id, session.step) not in self._secrets and self._voice.needs_seed(session):
            drawn.append(self._draw(session, None))
        secret = self._secrets.get((session.id, session.step))
        return [*drawn, *self._voice.speak(session, secret), *self._convey(session)]

    def forget(self, session: Session) -> None:
        """The session is over for us."""
        self._leaving.discard(session.id)
        self._carriage.forget(session.id)
        for step in range(session.step + 1):
            self._secrets.pop((session.id, step), None)

    def _draw(self, session: Session, report: bytes | None) -> Append:
        secret = Secret(session.id, session.step, self._entropy(SALT_BYTES), report)
        self._secrets[session.id, session.step] = secret
        return Append("secret", secret.key, secret.data)

    def _convey(self, session: Session) -> list[Broadcast]:
        entries = self._carriage.load(session)
        return [say(Kind.CARRY, entry, session.id, digest(_CARRIAGE_TAG, entry.encoded)) for entry in entries]
