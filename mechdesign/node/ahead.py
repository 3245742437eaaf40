"""Checks dealings in a thread, while the blocks that carry them wait to be ordered.

Checking a dealing takes half a millisecond a member. It is a function of the dealing's bytes and of the session's terms
alone, so where and when it is computed changes nothing: what is in the log is looked up here, and computed on the spot
where it was never looked at. One thread is enough: libsodium's calls release the interpreter.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

from mechdesign.decision.entries import CarryEntry, CoinEntry, Kind, SealEntry, parse
from mechdesign.decision.sealed import dealings_in
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing, verify_dealing
from mechdesign.decision.setting import Setting
from mechdesign.group.block import parse_block
from mechdesign.group.leaf import decode_leaf
from mechdesign.group.messages import Submission
from mechdesign.group.roster import Roster

__all__ = ["Ahead"]

SettingOf: TypeAlias = Callable[[bytes], Setting | None]
"""The fixed part of an open session, by its identifier."""

_BLOCK_BYTES = 140
# A block with a dealing has more for each member: a reference of 44 bytes, two points and a scalar.
_WAITING_MAX = 1024
# Dealings that are looked at and not ordered yet; more are checked when they are ordered, so nobody can fill memory.


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
        self._waiting: dict[tuple[bytes, bytes], tuple[bytes, Future[bool]]] = {}

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
        setting = self._setting_of(said.session) if isinstance(said, SealEntry | CoinEntry | CarryEntry) else None
        for committee, context, dealing in dealings_in(submission, setting) if setting is not None else ():
            place = committee.digest, context.encoded
            if place in self._waiting:  # a second dealing for one place seldom counts
                continue
            while len(self._waiting) >= _WAITING_MAX:
                self._waiting.pop(next(iter(self._waiting)))[1].cancel()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, "mechdesign-dealings")
            self._waiting[place] = dealing.encoded, self._pool.submit(verify_dealing, committee, context, dealing)

    def check(self, committee: Committee, context: Context, dealing: Dealing) -> bool:
        """What ``verify_dealing`` says, from the thread if that has come to this very dealing."""
        encoded, verdict = self._waiting.pop((committee.digest, context.encoded), (b"", None))
        # Before one that has not begun a liar may have put a thousand; the loop waits for none of those.
        if verdict is None or encoded != dealing.encoded or verdict.cancel():
            return verify_dealing(committee, context, dealing)
        return verdict.result()

    def close(self) -> None:
        """Drop what was not asked for."""
        self._waiting.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
