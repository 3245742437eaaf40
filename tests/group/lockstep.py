"""A toy network for tests of the group: every packet takes one millisecond, and a test may cut, lose and inject."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mechdesign.group.block import Block, parse_block
from mechdesign.group.committer import CommitRule
from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Append, Broadcast, Compact, Delivered, EvidenceFound, Found, GroupEffect, Read
from mechdesign.group.packets import Blocks, decode_packet
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.group.status import GroupStatus
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.testing.disk import read_from
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send

MILLISECOND = 1_000
SECOND = 1_000_000
SCHEME = KeyedHash()
CONFIG = GroupConfig(round_timeout_s=0.2, pull_retry_s=0.05, tips_min_s=0.1, tips_max_s=1.6)


def member(place: int) -> MemberId:
    """A key that reads well in a failure."""
    return MemberId(bytes([place + 1]) * 32)


def signer(place: int) -> KeyedHash.Signer:
    """Signs for :func:`member`."""
    return KeyedHash.Signer(member(place))


def make_roster(n: int, faults: FaultModel | None = None, **more: Any) -> Roster:
    """A roster of n members."""
    members = tuple(Member(member(place), f"m{place}", bytes([place]) * 32, bytes(32)) for place in range(n))
    return Roster("test", members, faults or FaultModel.default(n), **more)


@dataclass
class Host:
    """One member: its core, its disk, and what it handed up."""

    core: GroupCore
    disk: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    accepted: list[bytes] = field(default_factory=list)
    log: list[Delivered] = field(default_factory=list)
    evidence: list[EvidenceFound] = field(default_factory=list)
    up: bool = True

    @property
    def said(self) -> list[bytes]:
        """The data of the log's entries."""
        return [entry.submission.data for entry in self.log]


class Lockstep:
    """n cores and the packets between them."""

    def __init__(
        self,
        n: int,
        faults: FaultModel | None = None,
        *,
        silent: Iterable[int] = (),
        config: GroupConfig = CONFIG,
        rule: CommitRule | None = None,
        links: Iterable[tuple[int, int]] | None = None,
        **more: Any,
    ) -> None:
        self.roster = make_roster(n, faults, **more)
        self.now = SECOND
        self.config = config
        self.rule = rule
        self.silent = set(silent)
        self.sent = 0
        self.wire: list[tuple[int, int, int, bytes]] = []
        # Who is listed here gets packets instead of a core; a liar must be silent, too.
        self.liars: dict[int, Callable[[int, bytes], None]] = {}
        self.lose: Callable[[int, int, bytes], bool] = lambda source, target, data: False
        pairs = links if links is not None else [(a, b) for a in range(n) for b in range(a)]
        self.links = {frozenset(pair) for pair in pairs}
        self.hosts = [Host(self._core(place)) for place in range(n)]
        for place in self.live:
            self.perform(place, self.hosts[place].core.restore((), self.now))
        for pair in sorted(map(sorted, self.links)):
            self.join(*pair)

    def _core(self, place: int) -> GroupCore:
        return GroupCore(self.roster, signer(place), KeyedHash(), self.config, rule=self.rule)

    @property
    def live(self) -> list[int]:
        """Who runs."""
        return [place for place in range(self.roster.n) if place not in self.silent and self.hosts[place].up]

    def join(self, a: int, b: int) -> None:
        """Both ends see the link."""
        for one, other in ((a, b), (b, a)):
            if one in self.live:
                self.perform(one, self.hosts[one].core.receive(LinkUp(member(other)), self.now))

    def part(self, a: int, b: int) -> None:
        """Both ends lose the link."""
        for one, other in ((a, b), (b, a)):
            if one in self.live:
                self.perform(one, self.hosts[one].core.receive(LinkDown(member(other)), self.now))

    def perform(self, place: int, effects: Sequence[GroupEffect]) -> None:
        """Do what a core asks, and check the promised order of effects."""
        host = self.hosts[place]
        upward = False
        found: list[Found] = []
        for effect in effects:
            match effect:
                case Append(table, key, data):
                    assert not upward, "the journal comes before the layer above"
                    host.disk.append((table, key, data))
                    if table == "block":
                        host.accepted.append(data)
                case Compact(records, gone):
                    assert not upward, "the journal comes before the layer above"
                    kept = {(table, key): data for table, key, data in host.disk}
                    kept.update({(record.table, record.key): record.data for record in records})
                    host.disk = [(*name, data) for name, data in kept.items() if name not in set(gone)]
                case Read(peer, table, keys, bytes_max):
                    held = {key: data for part, key, data in host.disk if part == table}
                    found.append(Found(peer, read_from(held, keys, bytes_max)))
                case Send(peer, data):
                    assert not upward, "the transport comes before the layer above"
                    target = self.roster.place(peer)
                    assert target is not None
                    if not self.lose(place, target, data):
                        self.sent += 1
                        self.wire.append((self.now + MILLISECOND, place, target, data))
                case Delivered(position):
                    upward = True
                    assert position == len(host.log)
                    host.log.append(effect)
                case EvidenceFound():
                    upward = True
                    host.evidence.append(effect)
        for event in found:
            self.perform(place, host.core.receive(event, self.now))

    def say(self, place: int, data: bytes, key: bytes | None = None) -> None:
        """A member submits something."""
        effects = self.hosts[place].core.submit(Broadcast(key or data, 7, data), self.now)
        self.perform(place, effects)

    def give(self, source: int, target: int, data: bytes) -> None:
        """Put a packet on the wire that no core sent."""
        self.wire.append((self.now + MILLISECOND, source, target, data))

    def _ticks(self) -> None:
        for place in self.live:
            core = self.hosts[place].core
            for _ in range(1000):
                due = core.deadline
                if due is None or due > self.now:
                    break
                self.perform(place, core.tick(self.now))
            else:
                raise AssertionError("a core wants to be ticked for ever")

    def run(self, duration: int = 2 * SECOND, until: Callable[[], bool] | None = None) -> None:
        """Let time pass, event by event."""
        end = self.now + duration
        while until is None or not until():
            self._ticks()
            dues = [self.hosts[place].core.deadline for place in self.live]
            times = [when for when, *_ in self.wire] + [due for due in dues if due is not None]
            if not times or min(times) > end:
                self.now = end
                return
            self.now = max(self.now, min(times))
            due_now = [item for item in self.wire if item[0] <= self.now]
            self.wire = [item for item in self.wire if item[0] > self.now]
            for _, source, target, data in due_now:
                if target in self.liars:
                    self.liars[target](source, data)
                elif target in self.live:
                    incoming = Packet(member(source), data)
                    self.perform(target, self.hosts[target].core.receive(incoming, self.now))

    def crash(self, place: int) -> None:
        """A process dies; its disk stays."""
        self.hosts[place].up = False
        for other in range(self.roster.n):
            if frozenset((place, other)) in self.links and other in self.live:
                self.perform(other, self.hosts[other].core.receive(LinkDown(member(place)), self.now))

    def restart(self, place: int) -> None:
        """A process starts again from its disk."""
        host = Host(self._core(place))
        host.disk = self.hosts[place].disk
        self.hosts[place] = host
        self.perform(place, host.core.restore(tuple(host.disk), self.now))
        for other in range(self.roster.n):
            if frozenset((place, other)) in self.links:
                self.join(*sorted((place, other)))

    def assert_agreement(self) -> None:
        """Of any two logs one is a prefix of the other."""
        logs = [self.hosts[place].core.log_digests() for place in self.live]
        longest = max(logs, key=len)
        for log in logs:
            assert log == longest[: len(log)]
        entries = [[entry.submission for entry in self.hosts[place].log] for place in self.live]
        most = max(entries, key=len)
        for entry in entries:
            assert entry == most[: len(entry)]


def status(net: Lockstep, place: int) -> GroupStatus:
    """Where a member stands."""
    return net.hosts[place].core.status()


def rounds(net: Lockstep) -> list[int]:
    """The newest round of each member that is up."""
    return [status(net, place).round for place in net.live]


def said(net: Lockstep) -> list[list[bytes]]:
    """What each member that is up was told, in its order."""
    return [net.hosts[place].said for place in net.live]


def read(wire: bytes, roster: Roster) -> Block:
    """The block in bytes that are one."""
    block = parse_block(wire, roster)
    assert block is not None
    return block


def blocks_in(net: Lockstep, data: bytes) -> list[Block]:
    """The blocks in a packet, if it has any."""
    packet = decode_packet(net.roster, data)
    return [read(wire, net.roster) for wire in packet.blocks] if isinstance(packet, Blocks) else []
