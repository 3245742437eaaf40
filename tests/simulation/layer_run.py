"""Whole group layers under load: members that talk, write and come and go, beside a liar that hoards and strangers.

Three members stay and one comes and goes, so that epochs follow one another. The liar is a member all the time. It says
what has to be kept for as long as may be: blocks that rest on nothing, letters that wait for others which never come,
ends of epochs beside the true one, where it listens each time anew. Strangers have links and no more.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from random import Random
from unittest import mock

from mechdesign.group.group import Group
from mechdesign.group.layer import GroupLayer
from mechdesign.group.messages import Append, Broadcast, Compact, Found, Leave, Read
from mechdesign.group.multicast.direct import Direct, DirectDelivered
from mechdesign.group.multicast.multicast import Means
from mechdesign.group.multicast.private import Private, PrivateDelivered
from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.exchange import PlainExchange
from mechdesign.testing.disk import read_from
from mechdesign.testing.layer_bounds import LayerBounds
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send
from tests.group.epochs import invite
from tests.group.lockstep import MILLISECOND, SECOND, make_roster, member, signer
from tests.simulation.layer_liars import LIAR, STRANGERS, Hoarder, Strangers

__all__ = ["KEYS", "STAYING", "VISITOR", "Layers", "tight"]

STAYING, VISITOR = (0, 1, 2), 4
KEYS = STRANGERS.stop - 1
"""Every other key that a member may have a link with."""

CONFIG = GroupConfig(
    round_timeout_s=0.03,
    pull_retry_s=0.05,
    tips_min_s=0.1,
    tips_max_s=1.6,
    parked_per_author=64,
    pending_bytes_max=3_000,
    log_bytes_max=4_000,
)
_STEP = 8 * MILLISECOND
_WORDS = 10


@contextmanager
def tight() -> Iterator[None]:
    """Numbers so small that a short run comes to each of them."""
    smaller = {
        "group.multicast.direct._SEEN_MAX": 48,
        "group.multicast.direct.LETTERS_MAX": 4,
        "group.tolerance._PEERS_MAX": 6,
        "group.views.annals.EPOCHS_KEPT": 3,
        "group.views.said.KEYS_KEPT": 16,
        "group.outbox.KEYS_KEPT": 6,
    }
    patches = [mock.patch(f"mechdesign.{name}", number) for name, number in smaller.items()]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


class Layers:
    """The layers, the wires between them, and who is at the other ends.

    Attributes:
        layers: by place the honest member's layer, while it runs.
        bounds: what they may hold, looked at after every step.
        letters: how many letters were taken.
        whispers: how many private messages were read.
        refused: how many letters were refused because too many wait already.
        rounds: how many rounds there were, over all epochs.
    """

    def __init__(self, seed: int = 0) -> None:
        self.now = SECOND
        self.random = Random(seed)
        self.layers: dict[int, GroupLayer] = {}
        self.disks: dict[int, dict[tuple[str, bytes], bytes]] = {}
        self.letters = self.whispers = self.refused = self.rounds = self.epochs = 0
        self._said, self._highest = 0, -1
        self._wire: list[tuple[int, int, int, int, bytes]] = []
        self._frames = 0
        self._watchers: list[Callable[[int], None]] = []
        self.bounds = LayerBounds(self, CONFIG, KEYS, self.layers.get)
        roster = make_roster(4, depth=4, submission_bytes_max=400, payload_bytes_max=1_000)
        self.hoarder = Hoarder(self)
        self.strangers = Strangers(self)
        for place in STAYING:
            self.start(place, Group(roster, signer(place), KeyedHash(), CONFIG, carry_over=True))
        self.run()

    def watch_steps(self, watcher: Callable[[int], None]) -> None:
        """Call ``watcher(place)`` whenever a layer has done all that one event brought about."""
        self._watchers.append(watcher)

    @property
    def roster(self) -> Roster:
        """Of the newest epoch that an honest member is in."""
        return max((self.layers[place].roster for place in STAYING), key=lambda roster: roster.epoch)

    # ------------------------------------------------------------------------------------------------------- staging

    def start(self, place: int, group: Group) -> None:
        """Start a member with an empty disk; everybody has a link with it at once."""
        means = Means(PlainExchange(), PlainExchange.Holder(member(place)), self.random.randbytes)
        layer = GroupLayer(group, signer(place), KeyedHash(), CONFIG, means, address=f"tcp://192.0.2.{place}:1")
        self.layers[place], self.disks[place] = layer, {}
        self.perform(place, layer.restore((), self.now))
        for other in range(KEYS + 1):
            if other != place and (other in self.layers or other == LIAR or other in STRANGERS):
                self.link(place, other)
                self.link(other, place)

    def stop(self, place: int) -> None:
        """Stop a member; the others lose their links with it."""
        del self.layers[place]
        for other in list(self.layers):
            self.perform(other, self.layers[other].receive(LinkDown(member(place)), self.now))

    def link(self, place: int, other: int) -> None:
        """One end learns of a link."""
        if place in self.layers:
            self.perform(place, self.layers[place].receive(LinkUp(member(other)), self.now))

    def unlink(self, place: int, other: int) -> None:
        """One end learns that a link is down."""
        self.perform(place, self.layers[place].receive(LinkDown(member(other)), self.now))

    def give(self, source: int, target: int, data: bytes) -> None:
        """Put a frame on the wire."""
        # The liar has the better wires.
        delay = MILLISECOND if LIAR in (source, target) else 3 * MILLISECOND
        self._frames += 1
        heappush(self._wire, (self.now + delay, self._frames, source, target, data))

    def say(self) -> None:
        """One of those that stay says, whispers and writes something."""
        number = self._said
        self._said += 1
        place = number % len(STAYING)
        key, data = b"%d" % number, b"word %d" % number
        others = tuple(member(other) for other in STAYING if other != place)
        layer = self.layers[place]
        self.perform(place, layer.submit(Broadcast(key, 7, data), self.now))
        self.perform(place, layer.submit(Private(b"p" + key, others, data.ljust(200)), self.now))
        # The liar never takes one, and the others none while they are in another epoch.
        for letter in (Direct(key, others, data), Direct(b"liar" + key, (member(LIAR),), data)):
            try:
                self.perform(place, layer.submit(letter, self.now))
            except LocalProtocolError:
                self.refused += 1

    def turn(self, steps: int = _WORDS) -> None:
        """Talk for so many steps, while the liar lies and strangers bother everybody."""
        for _ in range(steps):
            self.say()
            self.hoarder.lie()
            self.strangers.bother()
            self.run(_STEP)

    def visit(self) -> None:
        """The visitor comes, stays for a while and goes."""
        invitation = invite(self.roster, VISITOR)
        self.start(VISITOR, Group(invitation, signer(VISITOR), KeyedHash(), CONFIG, carry_over=True))
        self.perform(0, self.layers[0].submit(invitation.join, self.now))
        self._await(lambda roster: roster.place(member(VISITOR)) is not None)
        self.turn()
        self.perform(VISITOR, self.layers[VISITOR].submit(Leave(), self.now))
        self._await(lambda roster: roster.place(member(VISITOR)) is None)
        self.turn()
        self.stop(VISITOR)

    def _await(self, done: Callable[[Roster], bool]) -> None:
        """Talk until all who run are in an epoch of which this is true."""
        for _ in range(200):
            if all(done(layer.roster) for layer in self.layers.values()):
                return
            self.turn(1)
        raise AssertionError("the members do not change")

    # ------------------------------------------------------------------------------------------------------- the wires

    def perform(self, place: int, effects: Sequence[object]) -> None:
        """Do what a layer asks."""
        found: list[Found] = []
        disk = self.disks[place]
        for effect in effects:
            match effect:
                case Append(table, key, data):
                    disk[table, key] = data
                case Compact(records, gone):
                    disk.update({(record.table, record.key): record.data for record in records})
                    for name in gone:
                        disk.pop(name, None)
                case Read(peer, table, keys, bytes_max):
                    held = {key: data for (part, key), data in disk.items() if part == table}
                    found.append(Found(peer, read_from(held, keys, bytes_max)))
                case Send(peer, data):
                    self.give(place, peer[0] - 1, data)
                case DirectDelivered():
                    self.letters += 1
                case PrivateDelivered(_, _, _, data):
                    self.whispers += data is not None
        for event in found:
            self.perform(place, self.layers[place].receive(event, self.now))
        for watcher in self._watchers:
            watcher(place)

    def run(self, duration: int = SECOND // 2) -> None:
        """Let time pass."""
        end = self.now + duration
        while True:
            for place, layer in list(self.layers.items()):
                while layer.deadline is not None and layer.deadline <= self.now:
                    self.perform(place, layer.tick(self.now))
            dues = [layer.deadline for layer in self.layers.values()]
            soon = min([end + 1, *(due for due in dues if due is not None), *(self._wire[0][:1] if self._wire else ())])
            if soon > end:
                self.now = end
                self._count()
                return
            self.now = max(self.now, soon)
            while self._wire and self._wire[0][0] <= self.now:
                _, _, source, target, data = heappop(self._wire)
                if target == LIAR:
                    self.hoarder.hear(source, data)
                elif target in self.layers:
                    packet = Packet(member(source), data)
                    self.perform(target, self.layers[target].receive(packet, self.now))

    def _count(self) -> None:
        """Count the rounds of the epoch in which the first member is."""
        core = self.layers[0].group.epochs[0].core
        if core._roster.epoch != self.epochs:
            self.epochs, self._highest = core._roster.epoch, -1
        highest = core._order.dag.highest
        self.rounds += highest - self._highest
        self._highest = highest
