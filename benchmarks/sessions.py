"""What a whole sealed session costs over the stack: CPU of one member and of all, for a second-price auction.

Run by hand: ``python -m benchmarks.sessions [N ...]``. The members run in one process over in-memory links, with real
signatures and threshold sealing, so the process's CPU is that of all members; each row says what one member takes.

* ``blocks``: how many blocks a member accepted until everybody was told the end;
* ``cpu``: CPU of one member, the total divided by n; ``sealing`` is the part of it in dealings, shares and openings,
  and ``signatures`` that in signing and checking blocks;
* ``ahead``: the same sealing work as a live node leaves on its event loop, which checks dealings off it (in a process
  of its own, :mod:`mechdesign.node.ahead`) and meets them as known when they are ordered;
* ``virtual``: how long the session lasted by the members' clocks, over links of a millisecond;
* ``transcript`` and ``verify``: bytes of the transcript, and CPU of ``mechdesign verify`` on it.

Why dealings are not checked together: a random linear combination would save additions, but each of the 2 n points of a
dealing has to be multiplied by a scalar of its own either way, libsodium multiplies one point at a time, and an
invalid dealing has to be found to convict its dealer. Within one dealing the n proofs share one challenge, and its n
commitments one dual-code check; a share opens all dealings of a phase under one proof, which is where batching pays.
"""

import sys
import time
from collections.abc import Callable
from fractions import Fraction
from types import ModuleType
from typing import Any

from mechdesign.cli.auditing import Auditor
from mechdesign.decision import vault, voice
from mechdesign.decision.sealing.threshold import verify_dealing
from mechdesign.decision.setting import Check
from mechdesign.decision.transcript import audit
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.identity import Identity
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession, Settled
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases

SIZES = (4, 10, 16, 32)


class Stopwatch:
    """CPU seconds spent in functions, by what they are for."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._open = 0

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed; what it calls in turn is not counted twice."""

        def timed(*arguments: Any, **options: Any) -> Any:
            if self._open:
                return function(*arguments, **options)
            self._open += 1
            begin = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                self._open -= 1
                self.spent[part] = self.spent.get(part, 0.0) + time.process_time() - begin

        return timed

    def watch(self, owner: ModuleType | type, part: str, *names: str) -> None:
        """Time these functions of a module, or methods of a class."""
        for name in names:
            if hasattr(owner, name):
                setattr(owner, name, self.around(part, getattr(owner, name)))


def measure(n: int, watch: Stopwatch, check: Check) -> None:
    """Print the row of one size."""
    watch.spent.clear()
    strategies = [truthful(Fraction(10 + place)) for place in range(n)]
    cluster = StackCluster(strategies, n, real=True, check=check)
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=SecondPrice(), **phases(60_000)))
    begin, wall = time.process_time(), time.monotonic()
    if not cluster.run(seconds=600):
        raise SystemExit("the session did not end: the numbers mean nothing")
    cpu, wall = time.process_time() - begin, time.monotonic() - wall
    spent = dict(watch.spent)
    (end,) = cluster.ended[0].values()
    if not isinstance(end, Settled):
        raise SystemExit(f"the session was not settled: {end.reason}")
    begin = time.process_time()
    audit(end.transcript, Ed25519(), Auditor().recompute)
    verify = time.process_time() - begin
    blocks = sum(record.table == "block" for record in cluster.simulator.processes[0].disk.records())
    sealing, checks = spent.get("sealing", 0.0) + spent.get("check", 0.0), spent.get("check", 0.0)
    row = [cpu / n, sealing / n, spent.get("signatures", 0.0) / n, (sealing - checks) / n]
    shown = "".join(f"{1000 * each:>12.1f}" for each in row)
    print(
        f"{n:>4}{blocks:>8}{shown}{wall:>10.2f}{cluster.simulator.now / 1e6:>10.3f}"
        f"{len(end.transcript):>12}{1000 * verify:>10.1f}"
    )


def main() -> None:
    """Print the table."""
    watch = Stopwatch()
    watch.watch(voice, "sealing", "deal", "contribute", "open_share")
    watch.watch(vault, "sealing", "verify_share", "combine", "coin")
    watch.watch(Ed25519, "signatures", "verify")
    watch.watch(Identity, "signatures", "sign")
    check = watch.around("check", verify_dealing)
    print("milliseconds of CPU a member; wall and virtual in seconds; verify in milliseconds\n")
    heads = ("cpu", "sealing", "signatures", "ahead")
    print(
        f"{'n':>4}{'blocks':>8}"
        + "".join(f"{head:>12}" for head in heads)
        + f"{'wall':>10}{'virtual':>10}{'transcript':>12}{'verify':>10}"
    )
    for n in [int(word) for word in sys.argv[1:]] or SIZES:
        measure(n, watch, check)


if __name__ == "__main__":
    main()
