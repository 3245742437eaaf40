"""Who waits for a thread: nobody for a session of an epoch that is over."""

import asyncio
import threading

from mechdesign.decision.messages import Attest, Verdict
from mechdesign.kernel.crypto import MemberId
from mechdesign.mechanisms.work import Computed, Job
from mechdesign.node.workers import Workers

PROPOSER = MemberId(bytes(32))


async def test_jobs_of_an_epoch_that_is_over_are_not_computed_before_those_of_the_next() -> None:
    enough, ran = threading.Event(), []
    done: asyncio.Queue[Computed] = asyncio.Queue()

    def job(session: bytes, wait: bool = False) -> Job:
        def run() -> Attest:
            assert not wait or enough.wait(60)
            ran.append(session)
            return Attest(session, Verdict.SETTLED, bytes(32), ())

        return Job(session, PROPOSER, False, run)

    def fail(error: Exception) -> None:
        raise AssertionError from error

    workers = Workers(done.put_nowait, fail, patience_s=0)
    assert workers.begin(job(b"long", wait=True)) is None
    assert [workers.begin(job(name)) for name in (b"stale", b"stale too", b"next")] == [None] * 3
    workers.keep([b"next"])
    enough.set()
    async with asyncio.timeout(60):
        told = [(await done.get()).job.session for _ in range(2)]
    assert told == ran == [b"long", b"next"]
    workers.close()
