"""The party of a node: its strategy is asked, and whoever waits for the end of a session is told."""

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from mechdesign.kernel.errors import InputError, MechdesignError
from mechdesign.mechanisms.events import Asked, Progress, SessionAborted, SessionMissed, Settled, UserEvent
from mechdesign.mechanisms.play import PASS
from mechdesign.player import Person, Strategy

__all__ = ["End", "Party"]

log = logging.getLogger(__name__)

End: TypeAlias = Settled | SessionAborted | SessionMissed
"""How a session ended, or that it ended without us."""

_ENDS_MAX = 1024


class Party:
    """Runs the strategy beside the loop of the node.

    Args:
        strategy: answers asks; None where the application does.
        report: hands an answer to the stack.
    """

    def __init__(self, strategy: Strategy | None, report: Callable[[bytes, int, Any], None]) -> None:
        self._strategy = strategy
        self._report = report
        # What a person types would answer the question of another session, if that came in between.
        self._turn = asyncio.Lock() if isinstance(strategy, Person) else contextlib.nullcontext()
        self._answers: dict[asyncio.Task[None], Asked] = {}
        self._ends: dict[bytes, End] = {}
        self._waiting: dict[asyncio.Future[End], bytes | None] = {}

    def tell(self, event: UserEvent, *, replaying: bool) -> None:
        """React to an event: ask the strategy, stop asking, remember an end."""
        match event:
            case Asked():
                if self._strategy is not None:
                    task = asyncio.get_running_loop().create_task(self._answer(event, self._strategy))
                    self._answers[task] = event
                    task.add_done_callback(lambda done: self._answers.pop(done, None))
            case Progress(session, phase, step):
                self._drop(session, step if phase in ("sealing", "asking") else None)
            case Settled() | SessionAborted() | SessionMissed():
                self._end(event, replaying)
            case _:
                pass

    async def ended(self, session: bytes | None) -> End:
        """Wait for the end of a session, or of the next one that ends from now on."""
        if session is not None and session in self._ends:
            return self._ends[session]
        waiting: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = session
        try:
            return await waiting
        finally:
            self._waiting.pop(waiting, None)

    async def close(self, error: Exception) -> None:
        """Stop asking; whoever waits for an end gets the error."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(error)
        tasks = [task for task in self._answers if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, event: End, replaying: bool) -> None:
        self._drop(event.session, None)
        self._ends[event.session] = event
        while len(self._ends) > _ENDS_MAX:
            del self._ends[next(iter(self._ends))]
        for waiting, session in self._waiting.items():
            if not waiting.done() and (session == event.session or (session is None and not replaying)):
                waiting.set_result(event)

    def _drop(self, session: bytes, still_asked: int | None) -> None:
        """Stop asking our party what is closed by now."""
        for task, asked in list(self._answers.items()):
            if asked.session == session and (still_asked is None or asked.step < still_asked):
                task.cancel()

    async def _answer(self, asked: Asked, strategy: Strategy) -> None:
        try:
            async with self._turn:
                value = strategy(asked)
                if inspect.isawaitable(value):
                    value = await value
        except MechdesignError as error:
            log.error("%s passes: %s", asked.player, error)
            value = PASS
        except Exception:
            log.exception("the strategy of %s raised; the player passes", asked.player)
            value = PASS
        try:
            self._report(asked.session, asked.step, value)
        except InputError as error:
            log.error("%s passes: %s", asked.player, error)
            self._report(asked.session, asked.step, PASS)
        except Exception as error:  # the node is stopping, or has stopped with an error of its own that it told loudly
            log.debug("the answer of %s came too late: %s", asked.player, error)
