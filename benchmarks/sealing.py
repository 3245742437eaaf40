"""What threshold sealing costs: CPU time of one member, for reports of 1 KiB sealed by everyone.

Run by hand: ``python -m benchmarks.sealing [N ...]``. A line a size, in milliseconds:

* ``deal``: seal one report;
* ``check``: verify one dealing (off the event loop, once; grows with n);
* ``open``: publish one share that opens all n dealings, with its one proof;
* ``verify``: check one such share of another member, and ``per point`` what that is for each dealing in it;
* ``combine``: one report from t checked shares;
* ``phase``: all that one member does in a sealed phase: deal, check the others' dealings, open, check t - 1 shares of
  others, combine every report; with ``singly``, the same without batched shares, as a measure of what batching saves.

The last columns are bytes of one dealing beyond its report, and of one share.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from mechdesign.decision.sealing.threshold import (
    Committee,
    Context,
    EncryptionKey,
    Purpose,
    combine,
    deal,
    open_share,
    targets,
    verify_dealing,
    verify_share,
)
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import MemberId

SIZES = (4, 10, 16, 32)
REPORT_BYTES = 1024
T = TypeVar("T")


def seed(text: str) -> bytes:
    """32 bytes that stand for fresh entropy."""
    return hashlib.sha256(text.encode()).digest()


def timed(call: Callable[[], T], times: int) -> tuple[T, float]:
    """What a call gives, and the CPU time of one call in milliseconds (the least of several)."""
    best = float("inf")
    for _ in range(times):
        begin = time.process_time()
        result = call()
        best = min(best, time.process_time() - begin)
    return result, best * 1e3


def demand(holds: bool) -> None:
    """Stop a benchmark that measures something broken."""
    if not holds:
        raise SystemExit("what was measured did not hold: the numbers mean nothing")


def measure(n: int, times: int = 5) -> None:
    """Print the line of one size."""
    keys = [EncryptionKey(seed(f"key {index}")) for index in range(n)]
    members = tuple(MemberId(seed(f"member {index}")) for index in range(n))
    liars = FaultModel.BYZANTINE.liars(n)
    threshold = (n + liars) // 2 + 1
    committee = Committee(members, tuple(key.public for key in keys), threshold)
    context = Context(bytes(32), 0, bytes(32), 0, Purpose.REPORT, members[0])
    report = bytes(REPORT_BYTES // 2)

    _, deal_ms = timed(lambda: deal(committee, context, report, REPORT_BYTES, seed("dealing 0")), times)
    dealings = [
        (context.of(member), deal(committee, context.of(member), report, REPORT_BYTES, seed(f"dealing {index}")))
        for index, member in enumerate(members)
    ]
    holds, check_ms = timed(lambda: verify_dealing(committee, *dealings[1 % n]), times)
    demand(holds)
    opened = [targets(committee, member, dealings) for member in members]
    _, open_ms = timed(lambda: open_share(keys[0], committee, members[0], opened[0]), times)
    count = threshold
    shares = [open_share(keys[index], committee, members[index], opened[index]) for index in range(count)]
    holds, verify_ms = timed(lambda: verify_share(committee, members[0], opened[0], shares[0]), times)
    demand(holds)
    single = open_share(keys[0], committee, members[0], opened[0][:1])
    holds, single_ms = timed(lambda: verify_share(committee, members[0], opened[0][:1], single), times)
    demand(holds)
    _, open_one_ms = timed(lambda: open_share(keys[0], committee, members[0], opened[0][:1]), times)
    points = {members[index]: shares[index].point(0) for index in range(count)}
    found, combine_ms = timed(lambda: combine(committee, *dealings[0], REPORT_BYTES, points), times)
    demand(found == report)

    sealing = deal_ms + (n - 1) * check_ms
    phase = sealing + open_ms + (threshold - 1) * verify_ms + n * combine_ms
    singly = sealing + n * open_one_ms + (threshold - 1) * n * single_ms + n * combine_ms
    costs = (deal_ms, check_ms, open_ms, verify_ms, verify_ms / n, combine_ms, phase, singly)
    row = "".join(f"{cost:>10.2f}" for cost in costs)
    overhead = len(dealings[0][1].encoded) - REPORT_BYTES
    print(f"{n:>4}{threshold:>4}{row}{overhead:>9}{len(shares[0].encoded):>7}")


def main() -> None:
    """Print the table."""
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    print(f"milliseconds of CPU, reports padded to {REPORT_BYTES} bytes\n")
    heads = ("deal", "check", "open", "verify", "per point", "combine", "phase", "singly")
    print(f"{'n':>4}{'t':>4}" + "".join(f"{head:>10}" for head in heads) + f"{'dealing':>9}{'share':>7}")
    for n in sizes:
        measure(n)


if __name__ == "__main__":
    main()
