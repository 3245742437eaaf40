"""A seeded discrete-event driver: the same machines as on real hosts, with a virtual clock and a fake disk.

Everything that happens is drawn from one seed, so a run is replayed by running it again. The driver keeps a digest of
the history (every input and every effect with its instant), and two runs of one seed have the same digest, whatever
the hash seed of the process.

A machine's effects are performed in order. A crash may fall between any two of them: what comes later in the list never
happens, and the disk forgets what was not synced. Each life of a member has a clock with another origin, because the
monotonic clocks of two hosts, or of one host before and after a restart, have nothing to do with each other.
"""

import hashlib
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, Protocol, TypeAlias

from mechdesign.group.messages import Append, Compact, EvidenceFound, Found, Read
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND, Again, Entropy, Instant, Machine
from mechdesign.testing.disk import Disk, Tail
from mechdesign.testing.network import Network
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send

__all__ = ["AnyMachine", "Boot", "Process", "Simulator", "Violation", "Watcher"]

AnyMachine: TypeAlias = Machine[Any, Any, Any]
"""A group core or a whole stack: the simulator drives either."""


class Boot(Protocol):
    """How a member starts: from what its disk holds, at an instant of its own clock."""

    def __call__(
        self, records: Sequence[Append], now: Instant, entropy: Entropy
    ) -> tuple[AnyMachine, Sequence[object]]:
        """Return the machine and the effects of its restart."""
        ...


Watcher: TypeAlias = Callable[[int, Any], None]
"""Called with a member's place and an effect of it, after the effect was performed."""

_PACKET, _LINK, _TICK, _CALL, _FOUND = range(5)
_TICKS_MAX = 1000
_READING: Instant = 100
# So long a read takes: other things happen meanwhile, a crash or a compaction too.


class Violation(AssertionError):
    """A guarantee does not hold in this run; the message says which and where."""


class Process:
    """One member as the simulator sees it.

    Attributes:
        machine: None while it is down.
        life: counts its starts.
        peers_up: the places of the peers to which its transport reported a link, each with the peer's life then.
        lag_us: how much too late its timers go off.
    """

    def __init__(self, place: int, member: MemberId, boot: Boot) -> None:
        self.place = place
        self.member = member
        self.boot = boot
        self.disk = Disk()
        self.machine: AnyMachine | None = None
        self.life = 0
        self.clock_offset: Instant = 0
        self.fuse: int | None = None
        self.tail: Tail | None = None
        self.lag_us: Instant = 0
        self.tick_at: Instant | None = None
        self.ticks_in_place = 0
        self.peers_up: dict[int, int] = {}


class Simulator:
    """Drives the processes of one run.

    Args:
        boots: (member, how it starts) in the order of their places.
        network: decides what becomes of frames.
        seed: names every stream of chance in the run except the network's own.
        silence_us: after this long without a frame passing, an end of a link learns that it is down.
    """

    def __init__(
        self,
        boots: Sequence[tuple[MemberId, Boot]],
        network: Network,
        seed: int | str,
        *,
        silence_us: Instant = SECOND,
        keep_history: bool = False,
    ) -> None:
        self.now: Instant = 0
        self.network = network
        self.seed = seed
        self.events = 0
        self.silence_us = silence_us
        self.processes = [Process(place, member, boot) for place, (member, boot) in enumerate(boots)]
        self.history: list[str] | None = [] if keep_history else None
        self._places = {member: place for place, (member, _) in enumerate(boots)}
        self._random = Random(f"{seed}/driver")
        self._heap: list[tuple[Instant, int, int, int, Any, Any]] = []
        self._count = 0
        self._digest = hashlib.blake2b(digest_size=32)
        self._watchers: dict[type, list[Watcher]] = {}
        self._life_watchers: list[Callable[[int, bool], None]] = []
        self._step_watchers: list[Callable[[int], None]] = []

    # ------------------------------------------------------------------------------------------------- observation

    @property
    def digest(self) -> str:
        """Hash over everything that happened so far; equal for two runs of one seed."""
        return self._digest.hexdigest()

    def watch(self, kind: type, watcher: Watcher) -> None:
        """Call ``watcher`` after each effect of exactly this type, such as ``Delivered`` or ``Send``.

        What comes as ``Again`` is also seen as what it tells. For ``Packet`` it is called before the member takes one
        that arrived.

        A watcher that wants to act asks for it with :meth:`at`, since the machine is in the middle of a step.
        """
        self._watchers.setdefault(kind, []).append(watcher)

    def watch_lives(self, watcher: Callable[[int, bool], None]) -> None:
        """Call ``watcher(place, True)`` before the effects of each start and ``(place, False)`` at each crash."""
        self._life_watchers.append(watcher)

    def watch_steps(self, watcher: Callable[[int], None]) -> None:
        """Call ``watcher(place)`` whenever a member has done all that one event brought about and is still up."""
        self._step_watchers.append(watcher)

    def _record(self, what: bytes, place: int, *parts: bytes) -> None:
        head = b"%b %d %d" % (what, self.now, place)
        told = head
        for part in parts:
            told += b"%d:%b" % (len(part), part)
        self._digest.update(told)
        if self.history is not None:
            shown = " ".join(hashlib.sha256(part).hexdigest()[:8] if len(part) > 12 else repr(part) for part in parts)
            self.history.append(f"{head.decode()} {shown}")

    # ------------------------------------------------------------------------------------------------------ control

    def at(self, instant: Instant, action: Callable[[], object]) -> None:
        """Call ``action`` at an instant of the simulation's clock (not before now)."""
        self._push(max(instant, self.now), _CALL, -1, action, None)

    def start(self, place: int) -> None:
        """Start a member from its disk, with a new clock, new entropy and no links; its links come up a little later.

        Raises:
            LocalProtocolError: it is running.
        """
        process = self.processes[place]
        if process.machine is not None:
            raise LocalProtocolError(f"member {place} is running")
        process.life += 1
        process.fuse = None
        process.peers_up.clear()
        chance = Random(f"{self.seed}/life/{place}/{process.life}")
        process.clock_offset = chance.randrange(1000 * SECOND) - self.now
        self._record(b"start", place)
        for watcher in self._life_watchers:
            watcher(place, True)
        entropy = chance.randbytes
        process.machine, effects = process.boot(process.disk.records(), self.now + process.clock_offset, entropy)
        self._perform(process, effects)
        self._schedule_tick(process)
        for peer in self.network.neighbours(place):
            if self.processes[peer].machine is not None:
                self._connect_soon(place, peer, 50_000)

    def crash(self, place: int, after_effects: int = 0, tail: Tail | None = None) -> None:
        """Stop a member at once, or right after as many more of its effects (wherever in a list that falls).

        Args:
            place: which member.
            after_effects: how many more effects it has.
            tail: what becomes of its writes that were not synced; chance decides if None.
        """
        process = self.processes[place]
        if process.machine is None:
            return
        process.tail = tail
        if after_effects > 0:
            process.fuse = after_effects
            return
        process.machine = None
        process.fuse = process.tick_at = None
        lost = process.disk.crash(self._random, process.tail)
        self._record(b"crash", place, b"%d" % lost)
        for watcher in self._life_watchers:
            watcher(place, False)
        for peer in sorted(process.peers_up):
            self._link_soon(peer, place, False, self._random.randrange(1, self.silence_us))
        process.peers_up.clear()

    def submit(self, place: int, request: object) -> bool:
        """Hand a request to a member's machine; False if it is down."""
        process = self.processes[place]
        if process.machine is None:
            return False
        self._record(b"submit", place)
        self._perform(process, process.machine.submit(request, self.now + process.clock_offset))
        self._schedule_tick(process)
        return True

    def cut(self, pairs: Sequence[tuple[int, int]], *, noticed: bool = True) -> None:
        """Let nothing pass in these directions; if ``noticed``, the receiving end learns of it after the silence."""
        self.network.cut(pairs)
        self._record(b"cut", 0, repr(list(pairs)).encode())
        if noticed:
            for source, target in pairs:
                self._link_soon(target, source, False, self.silence_us)

    def mend(self, pairs: Sequence[tuple[int, int]] | None = None) -> None:
        """Undo the cuts of these directions, or every cut; ends that had noticed learn that links are up again."""
        self._record(b"mend", 0, b"" if pairs is None else repr(list(pairs)).encode())
        self.network.mend(pairs)
        for process in self.processes:
            for peer in self.network.neighbours(process.place):
                if peer < process.place:
                    self._connect_soon(process.place, peer, self.silence_us)

    def _connect_soon(self, place: int, peer: int, latest: Instant) -> None:
        # Both ends learn of it at one instant: whoever can send has been heard.
        delay = self._random.randrange(1_000, latest)
        for here, there in ((place, peer), (peer, place)):
            if self.network.passes(there, here):
                self._link_soon(here, there, True, delay)

    def _link_soon(self, place: int, peer: int, up: bool, delay: Instant) -> None:
        self._push(self.now + delay, _LINK, place, (peer, up), self.processes[place].life)

    # --------------------------------------------------------------------------------------------------------- loop

    def run(self, until: Instant, done: Callable[[], bool] | None = None, events_max: int = 1_000_000) -> bool:
        """Let things happen up to an instant, or until ``done()`` (looked at after each event).

        Returns:
            Whether ``done`` came true; without ``done``, True.

        Raises:
            Violation: more than ``events_max`` events were needed: somebody talks without end.
        """
        heap = self._heap
        limit = self.events + events_max
        while True:
            if done is not None and done():
                return True
            if not heap or heap[0][0] > until:
                self.now = max(self.now, until)
                return done is None
            self.now, _, kind, place, what, more = heappop(heap)
            self.events += 1
            if self.events > limit:
                raise Violation(f"no end of talking: {events_max} events by {self.now / SECOND:.3f} s")
            if kind == _PACKET:
                self._arrive(place, what, more)
            elif kind == _TICK:
                self._tick(place, what)
            elif kind == _CALL:
                what()
            elif kind == _FOUND:
                self._found(place, what, more)
            else:
                peer, up = what
                self._link(place, peer, up, more)

    def _push(self, instant: Instant, kind: int, place: int, what: object, more: object) -> None:
        self._count += 1
        heappush(self._heap, (instant, self._count, kind, place, what, more))

    def _arrive(self, place: int, sent: tuple[int, bytes], life: int) -> None:
        process = self.processes[place]
        source, data = sent
        # A frame belongs to one connection: those of an earlier life of the receiver went down with it.
        if process.machine is None or process.life != life or source not in process.peers_up:
            return
        self._record(b"packet", place, b"%d" % source)
        packet = Packet(self.processes[source].member, data)
        for watcher in self._watchers.get(Packet, ()):
            watcher(place, packet)
        self._perform(process, process.machine.receive(packet, self.now + process.clock_offset))
        self._schedule_tick(process)

    def _found(self, place: int, found: Found, life: int) -> None:
        process = self.processes[place]
        if process.machine is None or process.life != life:
            return
        self._record(b"found", place, found.peer, b"%d" % len(found.records))
        self._perform(process, process.machine.receive(found, self.now + process.clock_offset))
        self._schedule_tick(process)

    def _link(self, place: int, peer: int, up: bool, life: int) -> None:
        process, other = self.processes[place], self.processes[peer]
        passes = self.network.passes(peer, place) and other.machine is not None
        if process.machine is None or process.life != life or up != passes:
            return
        known = process.peers_up.get(peer)
        if up and known == other.life:
            return
        # A peer that was away for less than the silence: its new connection replaces the old one.
        if known is not None:
            del process.peers_up[peer]
            self._tell(process, LinkDown(other.member))
        if up and process.machine is not None:
            process.peers_up[peer] = other.life
            self._tell(process, LinkUp(other.member))

    def _tell(self, process: Process, event: LinkUp | LinkDown) -> None:
        if process.machine is None:
            return
        self._record(b"up" if isinstance(event, LinkUp) else b"down", process.place, event.peer)
        self._perform(process, process.machine.receive(event, self.now + process.clock_offset))
        self._schedule_tick(process)

    def _tick(self, place: int, life: int) -> None:
        process = self.processes[place]
        if process.machine is None or process.life != life or process.tick_at != self.now:
            return
        process.tick_at = None
        deadline = process.machine.deadline
        now = self.now + process.clock_offset
        if deadline is not None and deadline <= now:
            self._record(b"tick", place)
            self._perform(process, process.machine.tick(now))
            machine: AnyMachine | None = process.machine
            stuck = machine is not None and machine.deadline is not None and machine.deadline <= now
            process.ticks_in_place = process.ticks_in_place + 1 if stuck else 0
            if process.ticks_in_place > _TICKS_MAX:
                raise Violation(f"member {place} wants to tick for ever at one instant")
        self._schedule_tick(process)

    def _schedule_tick(self, process: Process) -> None:
        if process.machine is None:
            return
        deadline = process.machine.deadline
        if deadline is None:
            process.tick_at = None
            return
        instant = max(deadline - process.clock_offset + process.lag_us, self.now)
        if process.tick_at != instant:
            process.tick_at = instant
            self._push(instant, _TICK, process.place, process.life, None)

    def _perform(self, process: Process, effects: Sequence[object]) -> None:
        for effect in effects:
            if process.fuse is not None:
                if process.fuse == 0:
                    self.crash(process.place, tail=process.tail)
                    return
                process.fuse -= 1
            # Not by patterns with fields: those cost several times as much, and this is done for every frame.
            if isinstance(effect, Send):
                self._record(b"send", process.place, effect.peer, effect.data)
                self._send(process, effect.peer, effect.data)
            elif isinstance(effect, Append):
                self._record(b"append", process.place, effect.table.encode(), effect.key, effect.data)
                process.disk.write(effect)
            elif isinstance(effect, Compact):
                written = b"".join(record.data for record in effect.records)
                self._record(b"compact", process.place, written, b"".join(key for _, key in effect.gone))
                process.disk.write(effect)
            elif isinstance(effect, Read):
                self._record(b"read", process.place, effect.peer, effect.table.encode(), *effect.keys)
                found = Found(effect.peer, process.disk.read(effect.table, effect.keys, effect.bytes_max))
                self._push(self.now + _READING, _FOUND, process.place, found, process.life)
            elif isinstance(effect, EvidenceFound):
                self._record(b"evidence", process.place, effect.member, effect.data)
            else:
                self._record(b"event", process.place, repr(effect).encode())
            for told in (effect, effect.effect) if isinstance(effect, Again) else (effect,):
                for watcher in self._watchers.get(type(told), ()):
                    watcher(process.place, told)
        if process.machine is not None:
            for look in self._step_watchers:
                look(process.place)

    def _send(self, process: Process, peer: MemberId, data: bytes) -> None:
        target = self._places.get(peer)
        if target is None or target == process.place:
            raise LocalProtocolError(f"member {process.place} sends to {peer[:4].hex()}, which is no peer of it")
        # A frame for a peer whose link is down is dropped, as the transport does.
        if target not in process.peers_up:
            return
        for instant in self.network.arrivals(process.place, target, self.now):
            self._push(instant, _PACKET, target, (process.place, data), self.processes[target].life)
