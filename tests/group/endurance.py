"""How much a member holds after many rounds: ``python -m tests.group.endurance [ROUNDS]``, four members, lasting load.

Counts everything that can be reached from a core, so it does not depend on the allocator. Exits with 1 if what a member
holds, or what its journal has beside the log, grows with the rounds.

One thing has to grow until the epoch ends, as the log itself does: of each broadcast of its own a member keeps the key,
in memory and in the journal. When the log is replayed the layer above asks again for all that it ever asked for, and
what was forgotten would be said twice. It is counted apart, and has to be one key for each broadcast and no more. (The
next epoch begins with a bounded number of them.)
"""

import sys
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from mechdesign.group.core import GroupCore
from mechdesign.kernel.config import GroupConfig
from tests.group.lockstep import MILLISECOND, Host, Lockstep

CONFIG = GroupConfig(
    round_timeout_s=0.2, pull_retry_s=0.05, tips_min_s=0.1, tips_max_s=1.6, log_bytes_max=20_000, awake_rounds_burst=50
)
SHARED = ("_roster", "_signer", "_scheme")


class Look(NamedTuple):
    """What the members hold at some time.

    Attributes:
        round: the newest.
        held: the most elements that a member holds, beside the keys of its broadcasts.
        records: the most records in a journal, beside the log and those of its member's broadcasts.
        keys: how many keys of broadcasts members hold, all together.
        own: how many records of broadcasts their journals have.
        said: how many broadcasts there were.
    """

    round: int
    held: int
    records: int
    keys: int
    own: int
    said: int


def holdings(core: GroupCore) -> int:
    """Elements of all containers that a core reaches."""
    seen: set[int] = set()
    count = 0
    waiting: deque[object] = deque([core])
    while waiting:
        thing = waiting.popleft()
        if id(thing) in seen or isinstance(thing, str | bytes | int | type(None)):
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            count += len(thing)
            waiting += thing.keys()
            waiting += thing.values()
        elif isinstance(thing, list | set | tuple | deque | frozenset):
            count += len(thing)
            waiting += thing
        else:
            waiting += _fields(thing)
    return count


def _fields(thing: object) -> Iterator[object]:
    if not type(thing).__module__.startswith("mechdesign"):
        return
    names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
    for name in names:
        if name not in SHARED and hasattr(thing, name):
            yield getattr(thing, name)


def _forget(host: Host) -> int:
    """Drop what grows with the log, and is not looked at here; gives how many records of broadcasts were dropped."""
    host.accepted.clear()
    # Only their number is looked at; all may be the newest one.
    host.log[:] = host.log[-1:] * len(host.log)
    own = 0
    if len(host.disk) > 2000:
        own = sum(table == "own" for table, _, _ in host.disk)
        host.disk = [record for record in host.disk if record[0] not in ("own", "log")]
    return own


def endure(rounds: int, marks: int) -> Iterator[Look]:
    """Talk for so many rounds; gives a look at each mark."""
    net = Lockstep(4, config=CONFIG, depth=8)
    net.run(10 * MILLISECOND)
    said = forgotten = 0
    for mark in range(1, marks + 1):
        while net.hosts[0].core.status().round < rounds * mark // marks:
            net.say(said % 4, b"%d" % said)
            said += 1
            net.run(4 * MILLISECOND)
            forgotten += sum(map(_forget, net.hosts))
        cores = [host.core for host in net.hosts]
        tables = [[table for table, _, _ in host.disk] for host in net.hosts]
        yield Look(
            round=cores[0].status().round,
            held=max(holdings(core) - len(core._outbox._keys) for core in cores),
            records=max(sum(table not in ("own", "log") for table in each) for each in tables),
            keys=sum(len(core._outbox._keys) for core in cores),
            own=forgotten + sum(each.count("own") for each in tables),
            said=said,
        )


def main() -> int:
    """Print a line for each mark; the exit code says whether the last is as small as the first."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    looks: list[tuple[int, int]] = []
    for look in endure(rounds, 40):
        print(
            f"round {look.round}: {look.held} elements held, {look.records} records; of {look.said} broadcasts "
            f"{look.keys} keys, {look.own} records",
            flush=True,
        )
        looks.append((look.held, look.records))
        if not look.keys == look.own == look.said:
            print("there are more keys than broadcasts")
            return 1
        # Between two checkpoints both grow a little, so the first few looks are the measure.
        if len(looks) > 8 and any(
            now > 1.2 * max(before) for now, before in zip(looks[-1], zip(*looks[:8], strict=True), strict=True)
        ):
            print("this grows")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
