"""One epoch at one of its members: the core that runs it, the signatures that end it, its channel and its records.

Every record of a core stands in the journal under a key that begins with the number of the epoch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mechdesign.group.channel import channel_of, frame
from mechdesign.group.checkpoint import Checkpoint
from mechdesign.group.committer import CommitRule
from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Append, Broadcast, Compact, EvidenceFound, GroupEffect, Read, Submission
from mechdesign.group.multicast.private import PRIVATE
from mechdesign.group.roster import Roster
from mechdesign.group.views.closing import Closing
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.view import Convicts, ViewKind, is_reserved, is_view_key
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import SignatureScheme, Signer
from mechdesign.kernel.errors import DamagedError, WireError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import decode, encode
from mechdesign.transport.messages import Send

__all__ = ["BEGINNING", "Epoch", "beginning", "read_beginning", "records_of"]

BEGINNING = ("view", b"epoch")
"""Where in the journal the present epoch's roster and state stand: (table, key)."""

_TABLES = ("own", "ordered", "block", "log", "checkpoint")
_SIGNED = ("view", b"signed")


class Epoch:
    """A core within its epoch.

    Args:
        roster: of the epoch.
        signer: signs for this member, who stands in the roster.
        scheme: checks everybody's signatures.
        config: local settings.
        convicts: judges the proofs of exclusions.
        rule: the commit rule.

    Attributes:
        channel: of its frames.
        closing: the signatures under its end.
        over: whether the next has begun; then only frames and proofs leave it.
    """

    def __init__(
        self,
        roster: Roster,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        convicts: Convicts | None,
        rule: CommitRule | None,
    ) -> None:
        self.roster = roster
        self.channel = channel_of(roster)
        self.core = GroupCore(roster, signer, scheme, config, rule=rule, convicts=convicts)
        self.closing = Closing(roster, signer, scheme)
        self.over = False
        self.refusal = ""
        self._me = signer.public
        self._prefix = _prefix(roster)
        self._signed: Statement | None = None
        self._framed: tuple[bytes, bytes] = (b"", b"")

    def restore(
        self, records: Iterable[tuple[str, bytes, bytes]], used: Iterable[bytes], now: Instant
    ) -> Sequence[GroupEffect]:
        """Take back what the journal holds of this epoch, and the keys that were used in earlier ones.

        Raises:
            JournalError: a record is damaged.
        """
        records = list(records)
        own = records_of(self.roster, records)
        for table, key, data in records:
            if (table, key) == _SIGNED:
                self._signed = _read(data)
        for key in used:
            self.core.outbox.used(key)
        return self.core.restore(own, now)

    def unordered(self, final: bytes, carry_over: bool) -> tuple[list[tuple[bytes, Submission]], list[bytes]]:
        """What of ours the epoch did not order and the next one is to, and the other keys that we used in it.

        Its last checkpoint says what it ordered, also to one that never saw the end of the log. A wish to leave is
        nobody's but ours: it holds until it is granted. What needs others' consent or a proof is asked for anew.

        Args:
            final: the last checkpoint.
            carry_over: whether what the layer above submitted is carried over.
        """
        me = self.roster.place(self._me)
        checkpoint = Checkpoint.parse(final, self.roster)
        assert me is not None
        assert checkpoint is not None
        outbox = self.core.outbox
        pending = list(outbox.pending(checkpoint.counts[me].has))
        if not carry_over:
            return [(key, said) for key, said in pending if said.kind == ViewKind.LEAVE], []
        left = {key for key, _ in pending}
        # What is sealed for members of one roster is for the layer beside to seal again.
        again = [
            (key, said)
            for key, said in pending
            if said.kind == ViewKind.LEAVE or (said.kind != PRIVATE and not is_reserved(said.kind))
        ]
        return again, [key for key in outbox.keys if key not in left and not is_view_key(key)]

    def carry(self, pending: Iterable[tuple[bytes, Submission]], now: Instant) -> list[Append]:
        """Take over what the epoch before did not order; gives the records to be written with the beginning."""
        again = [Broadcast(key, submission.kind, submission.data) for key, submission in pending]
        effects = [effect for broadcast in again for effect in self.core.submit(broadcast, now)]
        return [self._keyed(effect) for effect in effects if isinstance(effect, Append)]

    def wrap(self, effects: Sequence[GroupEffect]) -> list[GroupEffect]:
        """What the core asks for, on its channel and under its keys; once the epoch is over only frames and proofs."""
        wrapped: list[GroupEffect] = []
        for effect in effects:
            match effect:
                case Send(peer, data):
                    wrapped.append(Send(peer, self._frame(data)))
                case EvidenceFound():
                    wrapped.append(effect)
                case _ if self.over:
                    continue
                case Append():
                    wrapped.append(self._keyed(effect))
                case Compact(records, gone):
                    names = tuple((table, self._prefix + key) for table, key in gone)
                    wrapped.append(Compact(tuple(map(self._keyed, records)), names))
                case Read(peer, table, keys, bytes_max):
                    wrapped.append(Read(peer, table, tuple(self._prefix + key for key in keys), bytes_max))
                case _:
                    wrapped.append(effect)
        return wrapped

    def names(self) -> Iterator[tuple[str, bytes]]:
        """(table, key) of everything that the journal holds of this epoch."""
        yield from ((table, self._prefix + key) for table, key in self.core.names())
        yield _SIGNED

    def close(self) -> list[GroupEffect]:
        """If the log has come to its end: sign that, once. What is signed is in the journal before it leaves."""
        final, view = self.core.order.final, self.core.order.view
        if final is None or self.closing.statement is not None or self.refusal:
            return []
        statement = self.closing.describe(final, view)
        if self._signed not in (None, statement):
            self.refusal = "we have signed another end of this epoch: more members lie than the roster bears"
            return []
        self.closing.sign(statement, final, view)
        fields = (statement.roster, statement.checkpoint, statement.state, statement.successor)
        return [Append(*_SIGNED, encode(fields))] if self._signed is None else []

    def _keyed(self, record: Append) -> Append:
        return replace(record, key=self._prefix + record.key)

    def _frame(self, packet: bytes) -> bytes:
        # One packet often goes to many neighbours.
        if self._framed[0] is not packet:
            self._framed = packet, frame(self.channel, packet)
        return self._framed[1]


def _prefix(roster: Roster) -> bytes:
    return roster.epoch.to_bytes(4, "big")


def records_of(roster: Roster, records: Iterable[tuple[str, bytes, bytes]]) -> list[tuple[str, bytes, bytes]]:
    """What a journal holds of the core of one epoch, under the core's own keys."""
    prefix = _prefix(roster)
    return [(part, key[len(prefix) :], data) for part, key, data in records if part in _TABLES and key[:4] == prefix]


def beginning(roster: Roster, state: bytes) -> Append:
    """The record of how an epoch began."""
    return Append(*BEGINNING, encode((roster.encoded, state)))


def read_beginning(data: bytes) -> tuple[Roster, bytes]:
    """Roster and state of :func:`beginning`.

    Raises:
        JournalError: the record is damaged.
    """
    try:
        match decode(data):
            case (bytes(roster), bytes(state)):
                return Roster.parse(roster), state
    except WireError as error:
        raise DamagedError("the journal's record of the epoch", error) from error
    raise DamagedError("the journal's record of the epoch")


def _read(data: bytes) -> Statement:
    try:
        match decode(data):
            case (bytes(roster), bytes(checkpoint), bytes(state), bytes(successor)):
                return Statement(roster, checkpoint, state, successor)
    except WireError as error:
        raise DamagedError("the journal's record of a signed end", error) from error
    raise DamagedError("the journal's record of a signed end")
