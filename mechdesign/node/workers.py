"""Computes the steps of sessions in threads, so that a long one stops nothing else in this process.

Most steps take a few milliseconds: a step is waited for as long as :data:`PATIENCE_S`, and only what takes longer goes
on beside the loop, as ``Computed``. A session in which this member plays has a thread of its own while it computes:
whoever waits in a line may miss a phase, and lose its deposit. The other sessions of one proposer share a thread. So
there are no more threads than members, and sessions that the member agreed to play in (``Policy.sessions_max``). They
are daemons: whoever stops a node, or leaves the program, waits for none of them.
"""

import asyncio
import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from itertools import islice

from mechdesign.mechanisms.work import Computed, Job, Reaction

__all__ = ["PATIENCE_S", "Workers"]

PATIENCE_S = 0.02
"""So long the loop waits for a step before it goes on without it, in seconds."""

_TURN_S_MIN = 0.0005


class _Turns:
    """Shares the interpreter: the more threads compute, the sooner each gives way to whoever else has something to do.

    With turns of the usual five milliseconds a loop beside 64 of them would wait for seconds whenever it goes on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._usual = 0.0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        with self._lock:
            if not self._count:
                self._usual = sys.getswitchinterval()
            self._count += by
            shared = max(self._usual / max(self._count, 1), _TURN_S_MIN)
            sys.setswitchinterval(min(shared, self._usual))


_turns = _Turns()
# One for the process, like the interpreter.


class _Running:
    """A job in its thread, or in line for one.

    Attributes:
        job: what is computed.
        over: set when it is done, one way or the other.
        reaction: what came out.
        error: why there is none: a bug, since whatever an author's code raises is an outcome.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.over = threading.Event()
        self.reaction: Reaction | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with _turns.taken():
                self.reaction = self.job.run()
        except Exception as error:
            self.error = error
        except BaseException as error:  # nobody above a thread is there to take it
            self.error = RuntimeError(f"a computation was broken off: {type(error).__name__}: {error}")
            self.error.__cause__ = error
        finally:
            self.over.set()

    def result(self) -> Reaction:
        if self.error is not None:
            raise self.error
        assert self.reaction is not None  # it is over
        return self.reaction


class Workers:
    """Threads for jobs; used on one loop.

    Args:
        done: is told on the loop what was computed beside it.
        fail: is told on the loop what a job raised instead.
        patience_s: how long a job is waited for when it begins.
    """

    def __init__(
        self, done: Callable[[Computed], None], fail: Callable[[Exception], None], patience_s: float = PATIENCE_S
    ) -> None:
        self._done = done
        self._fail = fail
        self._patience_s = patience_s
        self._running: dict[Job, _Running] = {}
        # By session or proposer: who has the thread, and behind it who waits for that.
        self._lines: dict[bytes, deque[_Running]] = {}

    def begin(self, job: Job) -> Reaction | None:
        """Start a job and wait for it a little, or let it wait for its proposer's thread.

        Raises:
            Exception: what the job raised by then.
        """
        running = _Running(job)
        if line := self._lines.get(_line_of(job)):
            line.append(running)
            self._running[job] = running
            return None
        self._start(running)
        self._lines[_line_of(job)] = deque((running,))
        self._running[job] = running
        return self.finish(job) if running.over.wait(self._patience_s) else None

    def finish(self, job: Job) -> Reaction:
        """Wait for a job; one that has no thread yet is computed here.

        Raises:
            Exception: what it raised.
        """
        running = self._running.pop(job)
        line = self._lines[_line_of(job)]
        if line[0] is running:
            running.over.wait()
            self._go_on(running)
        else:
            line.remove(running)
            running.run()
        return running.result()

    def keep(self, sessions: Collection[bytes]) -> None:
        """Let go of the jobs in line for sessions other than these, such as those of an epoch that is over.

        What has a thread keeps it until it is done: whoever could leave threads behind would have ever more of them.
        """
        for line in self._lines.values():
            for running in [each for each in islice(line, 1, None) if each.job.session not in sessions]:
                line.remove(running)
                self._running.pop(running.job, None)

    def close(self) -> None:
        """Tell of nothing any more, and start nothing."""
        self._running.clear()
        self._lines.clear()

    def _start(self, running: _Running) -> None:
        loop = asyncio.get_running_loop()

        def run() -> None:
            running.run()
            # The loop may be closed by now, by whoever did not want to wait.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._over, running)

        threading.Thread(target=run, name="mechdesign-computation", daemon=True).start()

    def _over(self, running: _Running) -> None:
        self._go_on(running)
        if self._running.pop(running.job, None) is None:
            return  # it was waited for, or nobody waits any more
        if running.error is not None:
            self._fail(running.error)
        else:
            self._done(Computed(running.job, running.result()))

    def _go_on(self, running: _Running) -> None:
        """Give the thread of a job that is over to the next in its line; once."""
        name = _line_of(running.job)
        line = self._lines.get(name)
        if not line or line[0] is not running:
            return
        line.popleft()
        if not line:
            del self._lines[name]
            return
        try:
            self._start(line[0])
        except RuntimeError as error:  # the system has no thread for it
            self._fail(error)


def _line_of(job: Job) -> bytes:
    return job.session if job.plays else job.proposer
