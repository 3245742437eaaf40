"""What one member says in a session by itself, once it has a report to give or a part to do.

It seals, opens, deals, shares and attests in the phases that want it. All of it is a function of the session as the log
shows it, of the member's keys, and of secrets that are in its journal before they leave: said twice, it is the same.
"""

from dataclasses import dataclass

from mechdesign.decision.ask import Ask
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.coin import contribute
from mechdesign.decision.dealt import SealedAsk, Tossing
from mechdesign.decision.entries import (
    CoinEntry,
    DeclineEntry,
    EntryValue,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    ShareEntry,
    TimerEntry,
)
from mechdesign.decision.epoch import DRAIN_MS
from mechdesign.decision.messages import SessionId
from mechdesign.decision.phases import DRAINING, Phase
from mechdesign.decision.sealing.commit_reveal import commitment, pad
from mechdesign.decision.sealing.threshold import EncryptionKey, Purpose, deal, open_share, targets
from mechdesign.decision.secret import Secret
from mechdesign.decision.session import Session
from mechdesign.group.messages import Broadcast
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import Value, encode

__all__ = ["Voice", "overrun", "ran_out", "say"]


def say(kind: Kind, entry: EntryValue, *act: Value) -> Broadcast:
    """Have an entry ordered; ``kind`` and ``act`` name what is said once, whatever its content turns out to be."""
    made = Kind.DECLINE if isinstance(entry, DeclineEntry) else kind
    return Broadcast(encode((kind.name.lower(), *act)), made, entry.encoded)


def ran_out(session: SessionId, step: int, phase: str) -> Broadcast:
    """Say that a phase has lasted as long as it may, by our own clock."""
    return say(Kind.TIMER, TimerEntry(session, step, phase), session, step, phase)


def overrun(session: Session, step: int, phase: Phase, since: Instant, now: Instant) -> list[Broadcast]:
    """What to say of an open session now that a change of the members has waited for long enough."""
    if session.hidden:
        return [ran_out(session.id, 0, DRAINING)]
    return [ran_out(session.id, step, phase)] if since <= now - DRAIN_MS * 1000 else []


@dataclass(frozen=True, slots=True)
class Voice:
    """One member's side of a session.

    Attributes:
        roster: the group's.
        me: the member.
        sealing: its encryption key.
    """

    roster: Roster
    me: MemberId
    sealing: EncryptionKey

    def needs_seed(self, session: Session) -> bool:
        """Whether the member has to draw a secret for a coin now, before it can speak."""
        return session.phase is Phase.TOSSING and isinstance(session.ask, Tossing) and self.me not in session.left

    def speak(self, session: Session, secret: Secret | None) -> list[Broadcast]:
        """What the member has to say in the current phase.

        Args:
            session: where the log stands.
            secret: what the member drew and decided for the current step, if it did.
        """
        place, ask = (session.id, session.step), session.ask
        match session.phase:
            case Phase.SEALING if secret and isinstance(ask, Ask | SealedAsk) and self.me in ask.of:
                sealed = self._commit(session, secret) if isinstance(ask, Ask) else self._deal(session, ask, secret)
                return [say(Kind.SEAL, SealEntry(*place, sealed), *place)]
            case Phase.ASKING if secret and isinstance(ask, Ask) and self.me in ask.of:
                return [say(Kind.REPORT, ReportEntry(*place, secret.report), *place)]
            case Phase.TOSSING if secret and isinstance(ask, Tossing) and self.me not in session.left:
                return [say(Kind.COIN, CoinEntry(*place, self._contribution(session, ask, secret)), *place)]
            case Phase.OPENING if isinstance(ask, SealedAsk | Tossing | Gathering):
                if ask.vault.locked and self.me not in session.left and self.me not in ask.vault.heard:
                    return [say(Kind.SHARE, ShareEntry(*place, self._share(ask)), *place)]
            case Phase.OPENING if secret and secret.report is not None and isinstance(ask, Ask):
                bound = ask.seals.get(self.me)
                # A seal that is not this secret's (a journal rolled back) stays shut: opening it would convict us.
                if bound is not None and bound[0] == self._commit(session, secret):
                    padded = pad(secret.report, session.proposal.report_bytes)
                    return [say(Kind.OPEN, OpenEntry(*place, secret.salt, padded), *place)]
            case Phase.ATTESTING if session.statement is not None and self.me not in session.left:
                return [say(Kind.ATTEST, session.statement, session.id)]
        return []

    def _commit(self, session: Session, secret: Secret) -> bytes | None:
        if secret.report is None:
            return None
        padded = pad(secret.report, session.proposal.report_bytes)
        return commitment(self.roster, session.id, session.step, self.me, secret.salt, padded)

    def _deal(self, session: Session, ask: SealedAsk, secret: Secret) -> bytes | None:
        if secret.report is None:
            return None
        setting = ask.vault.setting
        context = setting.context(session.step, Purpose.REPORT, self.me)
        return deal(setting.committee, context, secret.report, session.proposal.report_bytes, secret.salt).encoded

    def _contribution(self, session: Session, ask: Tossing, secret: Secret) -> bytes:
        """Our dealing for a coin; its seed is in the journal before it leaves."""
        setting = ask.vault.setting
        context = setting.context(session.step, Purpose.COIN, self.me)
        return contribute(setting.committee, context, secret.salt).encoded

    def _share(self, ask: SealedAsk | Tossing | Gathering) -> bytes:
        """Our share of all that was dealt: not to be made before the close is in our own log, as it is by now."""
        committee = ask.vault.setting.committee
        return open_share(self.sealing, committee, self.me, targets(committee, self.me, ask.vault.locked)).encoded
