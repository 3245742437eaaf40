"""One host forms groups again and again, several at once, over one transport: nothing of them stays behind."""

import asyncio
import gc
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mechdesign.group.block import Block
from mechdesign.group.core import GroupCore
from mechdesign.group.group import Group
from mechdesign.group.journal import Journal
from mechdesign.group.lobby.admission import Admission, Policy
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.formation import Formation
from mechdesign.group.lobby.terms import Terms
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.identity import Identity
from mechdesign.node.driver import Driver
from mechdesign.node.host import Host
from mechdesign.node.hub import Line
from mechdesign.node.links import TransportFactory, tcp
from mechdesign.node.room import Room
from mechdesign.transport.face import PeerAddress, Strangers
from tests.network.extent import LONG
from tests.network.processes import free_ports

NAMES = ("alice", "bob", "carol", "dave", "erin")
AT_ONCE, ROUNDS = 3, 120 if LONG else 2
_COUNTED = (Room, Driver, Journal, Line, Group, GroupCore, Block, Formation)
KEYS = {name: Identity.generate() for name in NAMES}
LOBBY = LobbyConfig(
    gossip_min_s=0.05, gossip_max_s=0.2, dial_s=0.2, renewal_min_s=0.05, lifetime_s=6, clocks_s=10, certificate_s=1
)


def _host(name: str, listen: str, seed: str, seed_at: str, data: Path) -> Host:
    def links(strangers: Strangers) -> TransportFactory:
        return tcp(KEYS[name], listen, {}, LOCAL.transport, strangers=strangers)

    seeds = {} if seed == name else {KEYS[seed].public: PeerAddress(KEYS[seed].curve_public, seed_at)}
    return Host(KEYS[name], name, links, addresses=(listen,), seeds=seeds, data=data, preset=LOCAL, lobby=LOBBY)


async def _hold(hosts: Mapping[str, Host], group: str, names: Sequence[str]) -> None:
    """Form a group, hear one word of each member at all of them, and end it."""
    allowed = Admission(Policy.ALLOW_LIST, tuple(sorted(KEYS[name].public for name in names)))
    n = len(names)
    announced = hosts[names[0]].announce(
        Terms(group, allowed, size_min=n, size_max=n, enrol_ms=30_000, attempt_ms=20_000)
    )
    for name in names[1:]:
        await hosts[name].announced(lambda each: each.id == announced)
        hosts[name].enrol(announced)
    formed = await asyncio.gather(*(hosts[name].formed(announced) for name in names))
    assert {each.roster.digest for each in formed} == {formed[0].roster.digest}
    async with AsyncExitStack() as stack:
        rooms: list[Room] = []
        for name, each in zip(names, formed, strict=True):
            rooms.append(await stack.enter_async_context(hosts[name].room(each.roster)))
        for room in rooms:
            room.say(room.name.encode())
        heard = [[(await room.hear()).data for _ in names] for room in rooms]
    assert all(words == heard[0] for words in heard)
    assert sorted(heard[0], key=str) == sorted((name.encode() for name in names), key=str)


def _held(hosts: Mapping[str, Host]) -> dict[str, int]:
    """How much all hosts hold, by kind, and how much the process does."""
    held = {
        "lines of the transport": sum(len(host._hub._lines) for host in hosts.values()),
        "peers": sum(len(host._hub._wanted) for host in hosts.values()),
        "formations": sum(len(host._lobby._formations) for host in hosts.values()),
        "formations written": sum(len(host._lobby._formations._records) for host in hosts.values()),
        "files and sockets": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
    }
    gc.collect()
    for each in gc.get_objects():
        if type(each) in _COUNTED:
            held[type(each).__name__] = held.get(type(each).__name__, 0) + 1
    return held


@pytest.mark.long
async def test_groups_are_formed_one_after_another_and_several_at_once_and_leave_nothing_behind(tmp_path: Path) -> None:
    where = [f"tcp://127.0.0.1:{port}" for port in free_ports(len(NAMES))]
    hosts: dict[str, Host] = {}
    async with AsyncExitStack() as stack, asyncio.timeout(1800):
        for name, listen in zip(NAMES, where, strict=True):
            host = _host(name, listen, NAMES[0], where[0], tmp_path / name)
            hosts[name] = await stack.enter_async_context(host)
        while any(len(host.status().linked) < len(NAMES) - 1 for host in hosts.values()):
            await asyncio.sleep(0.02)
        before = _held(hosts)
        # Who dials whom may change while it lasts; a socket for each group would be more than that.
        pairs = len(NAMES) * (len(NAMES) - 1)
        before |= {"peers": pairs, "files and sockets": before["files and sockets"] + pairs}
        most: dict[str, int] = {}
        for number in range(ROUNDS):
            wanted = []
            for which in range(AT_ONCE):
                first, size = number + 2 * which, 1 + (number + which) % len(NAMES)
                wanted.append([NAMES[(first + step) % len(NAMES)] for step in range(size)])
            await asyncio.gather(*(_hold(hosts, f"{number}.{which}", names) for which, names in enumerate(wanted)))
            now = _held(hosts)
            most = {kind: max(count, most.get(kind, 0)) for kind, count in now.items()}
        # What was formed last is passed on and remembered for a while.
        grown = before
        for _ in range(600):
            grown = {kind: more for kind, more in _held(hosts).items() if more > before.get(kind, 0)}
            if not grown:
                break
            await asyncio.sleep(0.1)
        assert not grown, f"of {grown} there were {before} before the first group"
        print(f"{ROUNDS * AT_ONCE} groups: held before and after {before}, at most {most}")
        assert all(len(host._ended) <= 256 and len(host._announced) <= 256 for host in hosts.values())
    for host in hosts.values():
        journal = host._journal()
        kinds = [table for table, _, _ in journal.records()]
        journal.close()
        assert len(kinds) <= 2, f"{host.name} keeps {kinds}"
