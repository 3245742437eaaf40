"""How much a member holds after many rounds: ``python -m tests.group.endurance [ROUNDS [hostile]]``, lasting load.

Counts everything that can be reached from a core, so it does not depend on the allocator: blocks, keys of broadcasts,
all of it. Exits with 1 if what a member holds, or what its journal has beside the log, grows with the rounds.

Of four members all are honest and up; or one lies and floods, and another comes and goes all the time. Then what is
held goes up and down with them, and is compared with an absolute number.

The log has to grow until the epoch ends, and on disk the keys of what stands in it are a part of it, a list of them for
each checkpoint: when the log is replayed the layer above asks again under all of them.
"""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple
from unittest import mock

from mechdesign.group import outbox
from mechdesign.group.block import genesis, make_block
from mechdesign.group.checkpoint import sign_checkpoint
from mechdesign.group.core import GroupCore
from mechdesign.group.packets import Pull, Tips, Vouch, encode_blocks, encode_packet
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.wire import encode
from mechdesign.transport.messages import LinkUp
from tests.group.liar import Liar
from tests.group.lockstep import MILLISECOND, Host, Lockstep, member, signer

CONFIG = GroupConfig(
    round_timeout_s=0.2, pull_retry_s=0.05, tips_min_s=0.1, tips_max_s=1.6, log_bytes_max=20_000, awake_rounds_burst=50
)
SHARED = ("_roster", "_signer", "_scheme")
LOG = ("log", "ordered")

# Some eight rounds below the collection round, the rounds since the last checkpoint, twins, and what a liar may park.
BESIEGED_HELD_MAX = 12_000
BESIEGED_RECORDS_MAX = 400


class Look(NamedTuple):
    """What the members hold at some time.

    Attributes:
        round: the newest.
        held: the most elements that a member holds.
        records: the most records in a journal, beside the log's.
        keys: the most keys of own broadcasts that a member remembers, part of what it holds.
        own: the most records of own broadcasts in a journal, part of its records.
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


def _forget(host: Host) -> None:
    """Drop what grows with the log, and is not looked at here."""
    host.accepted.clear()
    # Only their number is looked at; all may be the newest one.
    host.log[:] = host.log[-1:] * len(host.log)
    if len(host.disk) > 2000:
        host.disk = [record for record in host.disk if record[0] not in LOG]


def endure(rounds: int, marks: int, kept: int = 64) -> Iterator[Look]:
    """Talk for so many rounds; gives a look at each mark. ``kept`` stands for the number of old keys in memory."""
    with mock.patch.object(outbox, "KEYS_KEPT", kept):
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
            yield look(net, said, net.live)


def besieged(rounds: int, marks: int, kept: int = 64, seed: int = 0) -> Iterator[Look]:
    """The same with a liar at place 3 and a member at place 2 that is away for a quarter of the time."""
    random = Random(seed)
    with mock.patch.object(outbox, "KEYS_KEPT", kept):
        net = Lockstep(4, silent=[3], config=CONFIG, depth=8)
        liar = Flooding(net, 3, random)
        net.liars[3] = liar.hear
        for place in net.live:
            net.perform(place, net.hosts[place].core.receive(LinkUp(member(3)), net.now))
        said = 0
        for mark in range(1, marks + 1):
            while net.hosts[0].core.status().round < rounds * mark // marks:
                step = said % 200
                if step == 0 and said:
                    net.restart(2)
                    net.perform(2, net.hosts[2].core.receive(LinkUp(member(3)), net.now))
                elif step == 150:
                    net.crash(2)
                speaker = said % 3 if said % 3 in net.live else 0
                net.say(speaker, b"%d" % said)
                said += 1
                liar.flood()
                net.run(8 * MILLISECOND)
                liar.forget()
                for place in (0, 1):
                    _forget(net.hosts[place])
            # Who has just come back knows all keys of the log until the next checkpoint.
            yield look(net, said, net.live if 100 < said % 200 < 150 else [0, 1])


class Flooding(Liar):
    """Lies in its blocks, and sends everybody everything that costs something to read or to keep."""

    def flood(self) -> None:
        """One packet of each kind to each member."""
        roster, random = self.net.roster, self.random
        far = make_block(roster, signer(3), random.randrange(40, 10**6), [genesis(roster, 3)], (), [b"far"])
        mine = make_block(roster, signer(3), 0, [genesis(roster, 3)], (), [random.randbytes(20)])
        forged = encode((mine.encoded, random.randbytes(64), mine.leaves))
        known = [block.wire for block in list(self.blocks.values())[-10:]]
        named = random.randbytes(32)
        index = random.randrange(1, 10**6)
        vouch = Vouch(index, named, ((3, sign_checkpoint(index, named, roster, signer(3))),))
        ask = Pull(tuple(random.randbytes(32) for _ in range(20)))
        for target in self.net.live:
            for packet in (vouch, ask, Tips((random.randrange(10**6),) * roster.n, 0, False)):
                self.net.give(self.place, target, encode_packet(roster, packet))
            for wires in ([far.wire], [mine.wire], [forged], known):
                self.net.give(self.place, target, encode_blocks(roster, wires))
            self.net.give(self.place, target, random.randbytes(30))

    def forget(self) -> None:
        """Keep no more than a liar needs to go on."""
        newest = max(self.rounds, default=0)
        for round_ in [round_ for round_ in self.rounds if round_ < newest - 20]:
            for blocks in self.rounds.pop(round_).values():
                for block in blocks:
                    self.blocks.pop(block.digest, None)
        self.own = self.own[-20:]


def look(net: Lockstep, said: int, places: Sequence[int]) -> Look:
    """What some members hold now, whichever holds the most."""
    hosts = [net.hosts[place] for place in places]
    tables = [[table for table, _, _ in host.disk] for host in hosts]
    return Look(
        round=hosts[0].core.status().round,
        held=max(holdings(host.core) for host in hosts),
        records=max(sum(table not in LOG for table in each) for each in tables),
        keys=max(len(host.core.outbox.keys) for host in hosts),
        own=max(each.count("own") for each in tables),
        said=said,
    )


def main() -> int:
    """Print a line for each mark; the exit code says whether the last is as small as the first."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    hostile = sys.argv[2:] == ["hostile"]
    looks: list[tuple[int, int, int, int]] = []
    for seen in (besieged if hostile else endure)(rounds, 40):
        print(
            f"round {seen.round}: {seen.held} elements held, {seen.records} records, {seen.keys} keys and {seen.own} "
            f"records of broadcasts after {seen.said} of them",
            flush=True,
        )
        looks.append((seen.held, seen.records, seen.keys, seen.own))
        if hostile and (seen.held > BESIEGED_HELD_MAX or seen.records > BESIEGED_RECORDS_MAX):
            print("this is more than a member may hold")
            return 1
        # Between two checkpoints both grow a little, so the first few looks are the measure.
        if (
            not hostile
            and len(looks) > 8
            and any(
                now > 1.2 * max(before) for now, before in zip(looks[-1], zip(*looks[:8], strict=True), strict=True)
            )
        ):
            print("this grows")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
