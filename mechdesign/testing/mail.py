"""A small network for direct multicast: machines on any topology, frames lost, repeated and reordered by a seed."""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from random import Random

from mechdesign.group.messages import Append, Compact
from mechdesign.group.multicast.direct import Acknowledged, Direct, DirectDelivered, DirectEffect, DirectMulticast
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.exchange import PlainExchange
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.transport.messages import Send

__all__ = ["Mail"]


class Mail:
    """Members that write letters to one another.

    Attributes:
        roster: the group.
        machines: by place; None while a member is down.
        taken: by place, the letters that its layer above was given, as (sender's place, sequence, data).
        acknowledged: by place, the receipts that it was told of, as (key, place).
        frames: how many frames were carried.

    Args:
        n: how many members.
        edges: the pairs that have a link.
        seed: names the run.
        loss: share of frames that vanish.
        config: intervals and rates.
    """

    def __init__(
        self,
        n: int,
        edges: Iterable[tuple[int, int]],
        seed: int,
        *,
        loss: float = 0.0,
        config: GroupConfig | None = None,
    ) -> None:
        self.random = Random(seed)
        ids = [MemberId(bytes((place + 1,)) * 32) for place in range(n)]
        members = tuple(Member(key, f"m{place}", key, key) for place, key in enumerate(ids))
        self.roster = Roster("mail", members, FaultModel.default(n))
        self.links = {frozenset(edge) for edge in edges}
        self.loss = loss
        self.config = config or GroupConfig()
        self.now: Instant = 0
        self.frames = 0
        self.tamper: Callable[[int, int, bytes], bytes] = lambda _source, _target, data: data
        self.taken: list[list[tuple[int, int, bytes | None]]] = [[] for _ in range(n)]
        self.acknowledged: list[list[tuple[bytes, int]]] = [[] for _ in range(n)]
        self.disks: list[dict[tuple[str, bytes], bytes]] = [{} for _ in range(n)]
        self._heap: list[tuple[Instant, int, int, int, bytes]] = []
        self._count = 0
        self.machines: list[DirectMulticast | None] = [None] * n
        for place in range(n):
            self.start(place)

    def start(self, place: int) -> None:
        """Start a member from its disk."""
        key = self.roster.ids[place]
        machine = DirectMulticast(
            self.roster,
            KeyedHash.Signer(key),
            KeyedHash(),
            PlainExchange(),
            PlainExchange.Holder(key),
            self.config,
            self.random.randbytes,
        )
        records = [(table, name, data) for (table, name), data in self.disks[place].items()]
        self._perform(place, machine.restore(records, self.now))
        self.machines[place] = machine
        for edge in sorted(map(sorted, self.links)):
            if place in edge and all(self.machines[end] is not None for end in edge):
                for end in edge:
                    self._link(end, edge[0] + edge[1] - end, up=True)

    def crash(self, place: int) -> None:
        """Stop a member; what it wrote is on its disk."""
        self.machines[place] = None
        for edge in sorted(map(sorted, self.links)):
            if place in edge:
                self._link(edge[0] + edge[1] - place, place, up=False)

    def _link(self, place: int, other: int, *, up: bool) -> None:
        machine = self.machines[place]
        if machine is not None and up:
            self._perform(place, machine.link_up(other, self.now))
        elif machine is not None:
            machine.link_down(other)

    def write(self, place: int, key: bytes, to: Iterable[int], data: bytes) -> None:
        """Have a member write a letter."""
        machine = self.machines[place]
        assert machine is not None, "a member that is down writes nothing"
        ids = tuple(self.roster.ids[other] for other in to)
        self._perform(place, machine.submit(Direct(key, ids, data), self.now))

    def inject(self, place: int, source: int, data: bytes) -> None:
        """Have a frame arrive that nobody sent."""
        machine = self.machines[place]
        if machine is not None:
            self._perform(place, machine.receive(source, data, self.now))

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.now + round(seconds * SECOND)
        while True:
            dues = [machine.deadline for machine in self.machines if machine is not None]
            due = min((due for due in dues if due is not None), default=end + 1)
            at = min(due, self._heap[0][0] if self._heap else end + 1)
            if at > end:
                self.now = end
                return
            self.now = max(self.now, at)
            if self._heap and self._heap[0][0] <= self.now:
                _, _, source, target, data = heappop(self._heap)
                self.inject(target, source, self.tamper(source, target, data))
                continue
            for place, machine in enumerate(self.machines):
                if machine is not None and machine.deadline is not None and machine.deadline <= self.now:
                    self._perform(place, machine.tick(self.now))

    def _perform(self, place: int, effects: Iterable[DirectEffect]) -> None:
        for effect in effects:
            match effect:
                case Append(table, key, data):
                    self.disks[place][table, key] = data
                case Compact(records, gone):
                    self.disks[place].update({(record.table, record.key): record.data for record in records})
                    for name in gone:
                        self.disks[place].pop(name, None)
                case Send(peer, data):
                    self._carry(place, self.roster.ids.index(peer), data)
                case DirectDelivered(sender, sequence, content):
                    self.taken[place].append((self.roster.ids.index(sender), sequence, content))
                case Acknowledged(key, member):
                    self.acknowledged[place].append((key, self.roster.ids.index(member)))

    def _carry(self, source: int, target: int, data: bytes) -> None:
        if frozenset((source, target)) not in self.links:
            raise AssertionError(f"{source} sends to {target}, which is no neighbour")
        self.frames += 1
        for _ in range(1 + (self.random.random() < self.loss / 2)):
            if self.random.random() >= self.loss:
                self._count += 1
                delay = self.random.randrange(500, 20_000)
                heappush(self._heap, (self.now + delay, self._count, source, target, data))
