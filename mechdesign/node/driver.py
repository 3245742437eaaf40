"""Drives one machine on the asyncio loop: the only place where a core meets sockets, clock and disk.

Frames and link events queue up and are handed to the machine in one go, together with what is due by then; the effects
are performed in order: consecutive records in one transaction, durable before the next frame leaves. An exception in a
machine is a bug, and stops the driver loudly: nothing that a broken core says may leave.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from mechdesign.group.journal import Journal
from mechdesign.group.messages import Append, Compact, Found, GroupEvent, Read
from mechdesign.kernel.errors import InputError, LocalProtocolError
from mechdesign.kernel.machine import SECOND, Again, Instant
from mechdesign.node.links import TransportFactory
from mechdesign.transport.face import Transport
from mechdesign.transport.messages import LinkEvent, Send

__all__ = ["Driven", "Driver", "clock"]

log = logging.getLogger(__name__)

_BATCH = 64
# Inputs that are handed over in one go; more are handed over at once, so that the queue stays this short.
_TICKS = 256
# Ticks in one turn of the loop, after which sockets get theirs.


def clock() -> Instant:
    """The process's monotonic clock."""
    return time.monotonic_ns() // 1000


class Driven(Protocol):
    """What can be driven: a machine over links that can be restored from a journal."""

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do next."""
        ...

    def submit(self, request: Any, now: Instant) -> Sequence[object]:
        """Take a request from above."""
        ...

    def receive(self, incoming: Any, now: Instant) -> Sequence[object]:
        """Take a link event, or what it asked to have read."""
        ...

    def tick(self, now: Instant) -> Sequence[object]:
        """Do what was due."""
        ...

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[object]:
        """Rebuild from the journal, once."""
        ...


class Driver:
    """Runs one machine.

    Args:
        name: what it is called in messages.
        machine: what is driven.
        transport: how to make its links.
        journal: opens its journal, or None to keep nothing.
        tell: is given every effect that is neither a record nor a frame, in order, on the loop.
        written: is given every record that was appended, after it was written.
        closing: is run when the driver closes, before its links do; with the error that ended it, or None.

    Attributes:
        replaying: whether what is told now follows from what the journal brought back, so an earlier life was told it.
    """

    def __init__(
        self,
        name: str,
        machine: Driven,
        transport: TransportFactory,
        journal: Callable[[], Journal] | None,
        tell: Callable[[Any], None],
        *,
        written: Callable[[Append], None] | None = None,
        closing: "Callable[[Exception | None], Any] | None" = None,
    ) -> None:
        self.replaying = False
        self._name = name
        self._machine = machine
        self._transport = transport(self._arrived)
        self._open_journal = journal
        self._journal: Journal | None = None
        self._tell = tell
        self._written = written
        self._at_close = closing
        self._inputs: deque[GroupEvent] = deque()
        # Each with whether it is of the journal that was taken back.
        self._effects: deque[tuple[object, bool]] = deque()
        self._performing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn: asyncio.Handle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    @property
    def transport(self) -> Transport:
        """The links."""
        return self._transport

    # ------------------------------------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Open and replay the journal, then open the links.

        Events of earlier lives are told again, with :attr:`replaying` set; some only later, as :class:`Again`.

        Raises:
            JournalError: the journal is in use, damaged, or of another member or group.
            ConfigError: the address to listen on cannot be used.
        """
        if self._loop is not None:
            raise LocalProtocolError("a node is started once")
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        try:
            records: Iterable[tuple[str, bytes, bytes]] = ()
            if self._open_journal is not None:
                self._journal = self._open_journal()
                records = self._journal.records()
            self._perform(self._machine.restore(records, clock()), again=True)
            await self._transport.start()
        except BaseException:
            self._done.cancel()
            await self._close()
            raise
        self._soon()

    async def run(self) -> None:
        """Wait until the driver is stopped.

        Raises:
            Exception: whatever made it stop by itself: a bug in a core, or a journal that cannot be written.
        """
        if self._done is None:
            raise LocalProtocolError("start the node first")
        await asyncio.shield(self._done)

    async def stop(self) -> None:
        """Close links and journal; a second call waits for the first."""
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
        if self._at_close is not None:
            await self._at_close(self._failure)
        try:
            await self._transport.close()
        finally:
            if self._journal is not None:
                self._journal.close()

    def fail(self, error: Exception) -> None:
        """Stop at once."""
        if self._failure is not None or self._done is None or self._done.done():
            return
        log.critical("%s stops: %s: %s", self._name, type(error).__name__, error, exc_info=error)
        self._failure = error
        self._inputs.clear()
        self._effects.clear()
        done = self._done

        async def close() -> None:
            try:
                await self._close()
            except Exception as second:  # such as the journal that could not be written and now cannot be closed
                log.error("%s does not close cleanly: %s", self._name, second)
            finally:
                if not done.done():
                    done.set_exception(error)
                    done.exception()  # whoever waits in run() sees it; nobody has to

        self._closing = asyncio.ensure_future(close())

    @property
    def running(self) -> bool:
        """Whether it was started, and has neither failed nor been stopped."""
        return self._failure is None and self._loop is not None and self._closing is None

    def check_running(self) -> None:
        """Refuse what only a running node can do.

        Raises:
            Exception: what it failed with, or :class:`LocalProtocolError` where it is not running.
        """
        if self._failure is not None:
            raise self._failure
        if not self.running:
            raise LocalProtocolError(f"{self._name} is not running")

    def submit(self, request: Any) -> None:
        """Hand a request to the machine.

        Raises:
            InputError: the request is not what it should be; the machine is as it was.
            LocalProtocolError: the machine does not take it, or is not running.
        """
        self.check_running()
        try:
            effects = self._machine.submit(request, clock())
        except (InputError, LocalProtocolError):
            raise  # the caller's mistake, which left the machine as it was
        except Exception as error:
            self.fail(error)
            raise
        try:
            self._perform(effects)
        except Exception as error:
            self.fail(error)
            raise
        self._soon()

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
            now = clock()
            effects: list[object] = []
            while self._inputs:
                effects += self._machine.receive(self._inputs.popleft(), now)
            for _ in range(_TICKS):
                deadline = self._machine.deadline
                if deadline is None or deadline > now:
                    break
                effects += self._machine.tick(now)
            self._perform(effects)
        except Exception as error:
            self.fail(error)
            return
        self._arm()

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        deadline = self._machine.deadline
        if deadline is not None and self._loop is not None:
            self._alarm = self._loop.call_later(max(0, deadline - clock()) / SECOND, self._soon)

    def _perform(self, effects: Iterable[object], *, again: bool = False) -> None:
        """Perform effects in order; what is caused meanwhile by callbacks is performed after them."""
        self._effects.extend((effect, again) for effect in effects)
        if self._performing:
            return
        self._performing = True
        try:
            while self._effects:
                effect, self.replaying = self._effects.popleft()
                if isinstance(effect, Again):
                    effect, self.replaying = effect.effect, True
                match effect:
                    case Append() | Compact():
                        self._write(effect)
                    case Send(peer, data):
                        self._transport.send(peer, data)
                    case Read(peer, table, keys, bytes_max):
                        records = () if self._journal is None else self._journal.read(table, keys, bytes_max)
                        self._inputs.append(Found(peer, records))
                        self._soon()
                    case _:
                        self._tell(effect)
        finally:
            self._performing = self.replaying = False

    def _write(self, first: Append | Compact) -> None:
        batch: list[Append | Compact] = [first]
        while self._effects and isinstance(following := self._effects[0][0], Append | Compact):
            batch.append(following)
            self._effects.popleft()
        if self._journal is not None:
            self._journal.write(batch)
        for record in batch:
            if isinstance(record, Append) and self._written is not None:
                self._written(record)
