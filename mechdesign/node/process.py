"""One member as a running process: the loop that drives its stack.

Everything happens on one asyncio loop. Frames and link events queue up and are handed to the stack in one go, together
with what is due by then; the effects are performed in order: consecutive records in one transaction, durable before the
next frame leaves. An exception in a core is a bug, and stops the node loudly; an exception in a strategy is the
party's, and makes the player pass.
"""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechdesign.decision.membership import member_of
from mechdesign.group.journal import Journal
from mechdesign.group.messages import Append, Compact
from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import ConfigError, InputError, LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.mechanisms.events import MemberConvicted, ProposeSession, Report, Settled, UserEvent, UserRequest
from mechdesign.mechanisms.session import Lookup, Policy, registered
from mechdesign.node.ahead import Ahead
from mechdesign.node.archive import Archive
from mechdesign.node.links import TransportFactory
from mechdesign.node.party import End, Party
from mechdesign.node.stack_like import StackLike
from mechdesign.player import Strategy
from mechdesign.stack import Stack, StackEffect, StackStatus
from mechdesign.transport.face import Transport
from mechdesign.transport.messages import LinkEvent, Send

__all__ = ["Node", "NodeStatus"]

log = logging.getLogger(__name__)

_BATCH = 64
# Inputs that are handed over in one go; more are handed over at once, so that the queue stays this short.
_TICKS = 256
# Ticks in one turn of the loop, after which sockets get theirs.


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What a node sees; local, and nothing that others agree on.

    Attributes:
        name: our member's name.
        stack: group and open sessions.
        counters: the transport's.
    """

    name: str
    stack: StackStatus
    counters: Mapping[str, int]


class Node:
    """Runs one member.

    Args:
        roster: the group.
        identity: our keys; the member has to stand in the roster.
        transport: how to make our links.
        journal: our journal's file, or None to keep nothing (a node that is stopped is then gone for good).
        strategy: answers what our player is asked; None where the application answers with :meth:`report`.
        policy: which sessions we enrol in.
        lookup: where mechanisms are found.
        config: how eagerly the group core advances.
        out: folder for transcripts and evidence, or None.
        on_event: is told every event of the party, in order, on the loop.
        wrap: makes an adversary of the stack, for tests and demonstrations.
        entropy: the source of salts and nonces.

    Raises:
        ConfigError: the identity is not in the roster, or not with these keys.
    """

    def __init__(
        self,
        roster: Roster,
        identity: Identity,
        *,
        transport: TransportFactory,
        journal: Path | None = None,
        strategy: Strategy | None = None,
        policy: Policy | None = None,
        lookup: Lookup = registered,
        config: GroupConfig | None = None,
        out: Path | None = None,
        on_event: Callable[[UserEvent], None] | None = None,
        wrap: Callable[[Stack], StackLike] | None = None,
        entropy: Entropy = os.urandom,
    ) -> None:
        place = roster.place(identity.public)
        if place is None:
            raise ConfigError(f"{identity} is not a member of the group {roster.group!r}: check roster and key file")
        if roster.members[place] != member_of(identity, roster.members[place].name):
            raise ConfigError(
                f"the group {roster.group!r} has other link or sealing keys of {identity}: keygen ran again"
            )
        self.roster = roster
        self.name = roster.name(identity.public)
        self.replaying = False
        self._journal_path = journal
        self._journal: Journal | None = None
        self._out = out
        self._archive = Archive(None)
        self._party = Party(strategy, self.report)
        self._on_event = on_event
        self._ahead = Ahead(roster, lambda session: stack.decision.setting(session))  # noqa: PLW0108 - made below
        stack = Stack.build(
            roster,
            identity,
            Ed25519(),
            config or GroupConfig(),
            entropy,
            sealing_seed=identity.sealing_seed,
            lookup=lookup,
            policy=policy,
            check=self._ahead.check,
        )
        self._stack: StackLike = wrap(stack) if wrap else stack
        self._transport = transport(self._arrived)
        self._member = identity.public
        self._inputs: deque[LinkEvent] = deque()
        self._effects: deque[StackEffect] = deque()
        self._performing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn: asyncio.Handle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    # ------------------------------------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Open and replay the journal, then open the links.

        Events of earlier lives are told again, with :attr:`replaying` set.

        Raises:
            JournalError: the journal is in use, damaged, or of another member or group.
            ConfigError: the address to listen on cannot be used.
        """
        if self._loop is not None:
            raise LocalProtocolError("a node is started once")
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        try:
            self._archive = Archive(self._out)
            records: Iterable[tuple[str, bytes, bytes]] = ()
            if self._journal_path is not None:
                self._journal = Journal(self._journal_path, self._member, self.roster.digest)
                records = self._journal.records()
            self.replaying = True
            try:
                self._perform(self._stack.restore(records, _now()))
            finally:
                self.replaying = False
            await self._transport.start()
        except BaseException:
            self._done.cancel()
            await self._close()
            raise
        log.info("%s is up in group %s", self.name, self.roster.group)
        self._soon()

    async def run(self) -> None:
        """Wait until the node is stopped.

        Raises:
            Exception: whatever made the node stop by itself: a bug in a core, or a journal that cannot be written.
        """
        if self._done is None:
            raise LocalProtocolError("start the node first")
        await asyncio.shield(self._done)

    async def stop(self) -> None:
        """Cancel what waits for the party, close links and journal; a second call waits for the first."""
        if self._done is None:
            return
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)
        if not self._done.done():
            self._done.set_result(None)

    async def _close(self) -> None:
        for handle in (self._turn, self._alarm):
            if handle is not None:
                handle.cancel()
        await self._party.close(
            self._failure or LocalProtocolError(f"{self.name} was stopped before the session ended")
        )
        try:
            await self._transport.close()
        finally:
            self._ahead.close()
            if self._journal is not None:
                self._journal.close()

    def _fail(self, error: Exception) -> None:
        """Stop at once: nothing that a broken core says may leave."""
        if self._failure is not None or self._done is None or self._done.done():
            return
        log.critical("%s stops: %s: %s", self.name, type(error).__name__, error, exc_info=error)
        self._failure = error
        self._inputs.clear()
        self._effects.clear()
        done = self._done

        async def close() -> None:
            try:
                await self._close()
            except Exception as second:  # such as the journal that could not be written and now cannot be closed
                log.error("%s does not close cleanly: %s", self.name, second)
            finally:
                if not done.done():
                    done.set_exception(error)
                    done.exception()  # whoever waits in run() sees it; nobody has to

        self._closing = asyncio.ensure_future(close())

    # ------------------------------------------------------------------------------------------------------- party

    def propose(self, request: ProposeSession) -> None:
        """Propose a session to the group.

        Raises:
            LocalProtocolError: the request names what does not exist, or the node is not running.
        """
        self._submit(request)

    def report(self, session: bytes, step: int, value: Any) -> None:
        """Answer what our player was asked; None passes, an answer to what is closed does nothing.

        Raises:
            InputError: the report is not of the type that was asked for.
            LocalProtocolError: the node is not running.
        """
        self._submit(Report(session, step, value))

    async def ended(self, session: bytes | None = None) -> End:
        """Wait for the end of a session; without one, for the next session to end.

        Raises:
            Exception: the node stopped before that.
        """
        self._check_running()
        return await self._party.ended(session)

    def status(self) -> NodeStatus:
        """What this node sees at present."""
        return NodeStatus(self.name, self._stack.status(), dict(self._transport.counters))

    @property
    def transport(self) -> Transport:
        """Our links; over TCP they know the address that was bound."""
        return self._transport

    def _submit(self, request: UserRequest) -> None:
        self._check_running()
        try:
            effects = self._stack.submit(request, _now())
        except (InputError, LocalProtocolError):
            raise  # the caller's mistake, which left the stack as it was
        except Exception as error:
            self._fail(error)
            raise
        try:
            self._perform(effects)
        except Exception as error:
            self._fail(error)
            raise
        self._soon()

    def _check_running(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._loop is None or self._closing is not None:
            raise LocalProtocolError(f"{self.name} is not running")

    # -------------------------------------------------------------------------------------------------------- loop

    def _arrived(self, event: LinkEvent) -> None:
        if self._failure is not None or self._closing is not None:
            return
        self._inputs.append(event)
        if len(self._inputs) >= _BATCH and not self._performing:
            self._run_turn()
        else:
            self._soon()

    def _soon(self) -> None:
        if self._turn is None and self._loop is not None:
            self._turn = self._loop.call_soon(self._run_turn)

    def _run_turn(self) -> None:
        """Hand over all that waits, do what is due, perform the effects, set the alarm."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._failure is not None or self._closing is not None:
            return
        try:
            now = _now()
            effects: list[StackEffect] = []
            while self._inputs:
                effects += self._stack.receive(self._inputs.popleft(), now)
            for _ in range(_TICKS):
                deadline = self._stack.deadline
                if deadline is None or deadline > now:
                    break
                effects += self._stack.tick(now)
            self._perform(effects)
        except Exception as error:
            self._fail(error)
            return
        self._arm()

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        deadline = self._stack.deadline
        if deadline is not None and self._loop is not None:
            self._alarm = self._loop.call_later(max(0, deadline - _now()) / SECOND, self._soon)

    def _perform(self, effects: Iterable[StackEffect]) -> None:
        """Perform effects in order; what is caused meanwhile by callbacks is performed after them."""
        self._effects.extend(effects)
        if self._performing:
            return
        self._performing = True
        try:
            while self._effects:
                effect = self._effects.popleft()
                match effect:
                    case Append() | Compact():
                        self._write(effect)
                    case Send(peer, data):
                        self._transport.send(peer, data)
                    case _:
                        self._tell(effect)
        finally:
            self._performing = False

    def _write(self, first: Append | Compact) -> None:
        batch = [first]
        while self._effects and isinstance(self._effects[0], Append | Compact):
            batch.append(self._effects.popleft())  # type: ignore[arg-type]  # the line above has looked
        if self._journal is not None:
            self._journal.write(batch)
        for record in batch:
            if isinstance(record, Append) and record.table == "block":
                self._ahead.look(record.data)

    def _tell(self, event: UserEvent) -> None:
        self._archive.keep(event)
        match event:
            case MemberConvicted(member, _, offence):
                log.warning("%s is convicted of %s", member, offence)
            case Settled(session=session, agrees=False, result=result) if result is not None:
                log.error("%s computed another digest than the quorum in session %s", self.name, session.hex()[:16])
            case _:
                pass
        self._party.tell(event, replaying=self.replaying)
        if self._on_event is not None:
            self._on_event(event)


def _now() -> Instant:
    return time.monotonic_ns() // 1000
