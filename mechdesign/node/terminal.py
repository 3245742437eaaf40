"""Lines from standard input, without stopping the loop."""

import asyncio
import contextlib
import sys
import threading

__all__ = ["read_terminal"]


class _Reader:
    """Reads one line at a time, in a thread of its own.

    A read cannot be cancelled: a prompt that nobody waits for any more leaves its read behind, and the next prompt
    takes that one over instead of starting a second.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.Future[str] | None = None
        self._reading = False

    async def read(self, prompt: str) -> str:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        if self._reading:
            print(prompt, end="", flush=True)
        else:
            self._reading = True
            # A daemon: a process must be able to end while somebody has not typed yet.
            threading.Thread(target=self._work, args=(loop, prompt), name="terminal", daemon=True).start()
        try:
            return await self._waiting
        except asyncio.CancelledError:
            _forget_typed()
            raise

    def _work(self, loop: asyncio.AbstractEventLoop, prompt: str) -> None:
        text, problem = "", None
        try:
            text = input(prompt)
        except (EOFError, OSError, ValueError) as error:
            problem = EOFError(str(error))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._typed, text, problem)

    def _typed(self, text: str, problem: EOFError | None) -> None:
        self._reading = False
        if self._waiting is None or self._waiting.done():
            return
        if problem is None:
            self._waiting.set_result(text)
        else:
            self._waiting.set_exception(problem)


def _forget_typed() -> None:
    """Discard what was typed at a terminal and not read: half a line would be the beginning of the next answer."""
    try:
        import termios
    except ImportError:  # not a POSIX system: there it stays with the terminal
        return
    with contextlib.suppress(OSError, ValueError, AttributeError, termios.error):
        # A pipe holds the answers to questions that are yet to come, and keeps them.
        if sys.stdin.isatty():
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


_reader = _Reader()


async def read_terminal(prompt: str) -> str:
    """Show a prompt and read a line from standard input; one caller at a time.

    Raises:
        EOFError: the input has ended.
    """
    return await _reader.read(prompt)
