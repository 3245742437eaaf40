"""How much a member holds after many rounds: ``python -m tests.group.endurance [ROUNDS]``, four members, lasting load.

Counts everything that can be reached from a core, so it does not depend on the allocator. Exits with 1 if what a member
holds, or what its journal has beside the log, grows with the rounds.
"""

import sys
from collections import deque
from collections.abc import Iterator

from mechdesign.group.core import GroupCore
from mechdesign.kernel.config import GroupConfig
from tests.group.lockstep import MILLISECOND, Host, Lockstep

CONFIG = GroupConfig(
    round_timeout_s=0.2, pull_retry_s=0.05, tips_min_s=0.1, tips_max_s=1.6, log_bytes_max=20_000, awake_rounds_burst=50
)
SHARED = ("_roster", "_signer", "_scheme")


def holdings(core: GroupCore) -> int:
    """Elements of all containers that a core reaches, but for the keys of its own broadcasts."""
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
    return count - len(core._outbox._keys)


def _fields(thing: object) -> Iterator[object]:
    if not type(thing).__module__.startswith("mechdesign"):
        return
    names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
    for name in names:
        if name not in SHARED and hasattr(thing, name):
            yield getattr(thing, name)


def _forget(host: Host) -> None:
    """Drop what grows with the log, and is not looked at here: what the layer above has, and its records on disk."""
    host.accepted.clear()
    # Only their number is looked at; all may be the newest one.
    host.log[:] = host.log[-1:] * len(host.log)
    if len(host.disk) > 2000:
        host.disk = [record for record in host.disk if record[0] not in ("own", "log")]


def endure(rounds: int, marks: int) -> Iterator[tuple[int, int, int]]:
    """Talk for so many rounds; gives (round, most holdings, most records beside own and log) at each mark."""
    net = Lockstep(4, config=CONFIG, depth=8)
    net.run(10 * MILLISECOND)
    said = 0
    for mark in range(1, marks + 1):
        while net.hosts[0].core.status().round < rounds * mark // marks:
            net.say(said % 4, b"%d" % said)
            said += 1
            net.run(4 * MILLISECOND)
            for host in net.hosts:
                _forget(host)
        records = [sum(table not in ("own", "log") for table, _, _ in host.disk) for host in net.hosts]
        yield net.hosts[0].core.status().round, max(holdings(host.core) for host in net.hosts), max(records)


def main() -> int:
    """Print a line for each mark; the exit code says whether the last is as small as the first."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    looks: list[tuple[int, int]] = []
    for round_, held, records in endure(rounds, 40):
        print(f"round {round_}: {held} elements held, {records} records", flush=True)
        looks.append((held, records))
        # Between two checkpoints both grow a little, so the first few looks are the measure.
        if len(looks) > 8 and any(
            now > 1.2 * max(before) for now, before in zip(looks[-1], zip(*looks[:8], strict=True), strict=True)
        ):
            print("this grows")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
