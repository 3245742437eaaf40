"""Computes the steps of sessions in threads, so that a long one stops nothing else in this process.

Most steps take a few milliseconds: a step is waited for as long as :data:`PATIENCE_S`, and only what takes longer goes
on beside the loop, as ``Computed``. One proposer's sessions have one job at a time, so there are no more threads than
members. They are daemons: whoever stops a node, or leaves the program, waits for none of them.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from mechdesign.mechanisms.work import Computed, Job, Reaction

__all__ = ["PATIENCE_S", "Workers"]

PATIENCE_S = 0.02
"""So long the loop waits for a step before it goes on without it, in seconds."""


class _Running:
    """A job in its thread.

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

    def begin(self, job: Job) -> Reaction | None:
        """Start a job and wait for it a little.

        Raises:
            Exception: what the job raised by then.
        """
        loop = asyncio.get_running_loop()
        running = _Running(job)

        def run() -> None:
            running.run()
            # The loop may be closed by now, by whoever did not want to wait.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._over, running)

        threading.Thread(target=run, name="mechdesign-computation", daemon=True).start()
        self._running[job] = running
        return self.finish(job) if running.over.wait(self._patience_s) else None

    def finish(self, job: Job) -> Reaction:
        """Wait for a job.

        Raises:
            Exception: what it raised.
        """
        running = self._running.pop(job)
        running.over.wait()
        return running.result()

    def close(self) -> None:
        """Tell of nothing any more."""
        self._running.clear()

    def _over(self, running: _Running) -> None:
        if self._running.pop(running.job, None) is None:
            return  # it was waited for, or nobody waits any more
        if running.error is not None:
            self._fail(running.error)
        else:
            self._done(Computed(running.job, running.result()))
