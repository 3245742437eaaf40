"""Checks dealings in a thread, while the blocks that carry them wait to be ordered.

Checking a dealing takes half a millisecond a member. It is a function of the dealing's bytes and of the session's terms
alone, so where and when it is computed changes nothing: what is in the log is looked up here, and computed on the spot
where it was never looked at. One thread is enough: libsodium's calls release the interpreter.

A liar can make dealings that are worth nothing, and the honest ones would wait behind them. So only those are looked
at that can count: of the step and phase that a session is in and of a sender that was not heard in it, or of the next
step, since a member that is ahead of us may have begun it. And every sender has its own part of the room: one that
fills it loses what it sent first, and nobody else anything.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.decision.entries import CarryEntry, CoinEntry, Kind, SealEntry, parse
from mechdesign.decision.phases import ENDED, Phase
from mechdesign.decision.sealed import dealings_in
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing, verify_dealing
from mechdesign.decision.setting import Setting
from mechdesign.group.block import parse_block
from mechdesign.group.leaf import decode_leaf
from mechdesign.group.messages import Submission
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.mechanisms.events import Progress

__all__ = ["Ahead"]

SettingOf: TypeAlias = Callable[[bytes], Setting | None]
"""The fixed part of an open session, by its identifier."""

_Place: TypeAlias = tuple[bytes, bytes, bytes]
"""Where a dealing belongs, its committee, and session, step, purpose and dealer; and which one: a ballot is revised."""

_BLOCK_BYTES = 140
# A block with a dealing has more for each member: a reference of 44 bytes, two points and a scalar.
_WAITING_MAX = 1024
# Dealings that are looked at and not ordered yet; more are checked when they are ordered, so nobody can fill memory.
_SENDER_MIN = 4
# However many members there are, each has room for its dealings to a few sessions at a time.


@dataclass(frozen=True, slots=True)
class _Look:
    """A dealing that is, or will be, looked at."""

    sender: MemberId
    verdict: Future[bool]


class Ahead:
    """Knows the verdict on a dealing before it is asked.

    Args:
        roster: the group's.
        setting_of: finds open sessions.
    """

    def __init__(self, roster: Roster, setting_of: SettingOf) -> None:
        self._roster = roster
        self._setting_of = setting_of
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: dict[_Place, _Look] = {}
        self._sent: dict[MemberId, dict[_Place, None]] = {member: {} for member in roster.ids}
        self._stages: dict[bytes, Progress] = {}

    def progress(self, event: Progress) -> None:
        """Know where a session stands, and whom it has heard there."""
        if event.phase in ENDED:
            self._stages.pop(event.session, None)
        else:
            self._stages[event.session] = event

    def look(self, record: bytes) -> None:
        """Begin to check the dealings in a block that was accepted, given as its record in the journal."""
        if len(record) < _BLOCK_BYTES * self._roster.n:
            return
        block = parse_block(record, self._roster)
        for leaf in block.leaves if block is not None else ():
            submission = decode_leaf(leaf, self._roster)
            if submission is not None and submission.kind in (Kind.SEAL, Kind.COIN, Kind.CARRY):
                self._begin(submission)

    def _begin(self, submission: Submission) -> None:
        said = parse(submission.kind, submission.data)
        if not isinstance(said, SealEntry | CoinEntry | CarryEntry):
            return
        stage, setting = self._stages.get(said.session), self._setting_of(said.session)
        if stage is None or setting is None or not _expected(said, self._roster.name(submission.sender), stage):
            return
        for committee, context, dealing in dealings_in(submission, setting):
            place = committee.digest, context.encoded, dealing.encoded
            if place in self._waiting:
                continue
            own = self._sent[submission.sender]
            while len(own) >= max(_WAITING_MAX // self._roster.n, _SENDER_MIN):
                self._drop(next(iter(own)))
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, "mechdesign-dealings")
            verdict = self._pool.submit(verify_dealing, committee, context, dealing)
            self._waiting[place] = _Look(submission.sender, verdict)
            own[place] = None

    def _take(self, place: _Place) -> _Look | None:
        look = self._waiting.pop(place, None)
        if look is not None:
            del self._sent[look.sender][place]
        return look

    def _drop(self, place: _Place) -> None:
        if (look := self._take(place)) is not None:
            look.verdict.cancel()

    def check(self, committee: Committee, context: Context, dealing: Dealing) -> bool:
        """What ``verify_dealing`` says, from the thread if that has come to this very dealing."""
        look = self._take((committee.digest, context.encoded, dealing.encoded))
        # One that has not begun may stand behind a hundred others; the loop waits for none of those.
        if look is None or look.verdict.cancel():
            return verify_dealing(committee, context, dealing)
        return look.verdict.result()

    def close(self) -> None:
        """Drop what was not asked for."""
        self._waiting.clear()
        self._sent = {member: {} for member in self._roster.ids}
        self._stages.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _expected(said: SealEntry | CoinEntry | CarryEntry, sender: str, stage: Progress) -> bool:
    """Whether an entry can count where its session stands, or in the step after that."""
    match said:
        case SealEntry():
            phase, heard = Phase.SEALING, sender not in stage.missing
        case CoinEntry():
            phase, heard = Phase.TOSSING, sender not in stage.missing
        case CarryEntry():
            phase, heard = Phase.GATHERING, False  # a member carries as often as it is handed ballots
    if stage.phase == phase and said.step == stage.step:
        return not heard
    return said.step == (0 if stage.phase == Phase.ENROLLING else stage.step + 1)
