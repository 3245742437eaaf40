"""Two links driven by hand, and a recorder of what transports report: what tests of the transport stand on."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import Ed25519, MemberId, SignatureScheme
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import digest
from mechdesign.transport.link import Link, LinkEffect, Transmit
from mechdesign.transport.messages import LinkEvent, Packet

__all__ = ["LinkPair", "Recorder", "seeded_entropy", "seeded_identity"]


def seeded_entropy(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run."""
    count = 0

    def entropy(length: int) -> bytes:
        nonlocal count
        count += 1
        key = digest(f"testing/{seed}", count.to_bytes(8, "big"))
        return hashlib.shake_256(key).digest(length)

    return entropy


def seeded_identity(name: str) -> Identity:
    """The identity of a player in tests: the same keys for the same name in every run."""
    return Identity.generate(seeded_entropy(name))


class LinkPair:
    """A dialling and an answering link with a perfect wire between them.

    Attributes:
        dialler: the link of the end that dials, towards the other.
        answerer: the link of the other end.
        events: what each link reported upward, oldest first, as (link, event).
        wire: every frame that was carried, as (from the dialler?, bytes).
    """

    def __init__(
        self,
        config: TransportConfig | None = None,
        *,
        dialler: Identity | None = None,
        answerer: Identity | None = None,
        seed: str = "pair",
    ) -> None:
        self.config = config or TransportConfig()
        self.scheme: SignatureScheme = Ed25519()
        self.keys = (dialler or seeded_identity("alice"), answerer or seeded_identity("bob"))
        self.now: Instant = 0
        self.route = b"route 1"
        self.events: list[tuple[Link, LinkEvent]] = []
        self.wire: list[tuple[bool, bytes]] = []
        self._seed = seed
        self._lives = 0
        self.dialler = self.make(dials=True)
        self.answerer = self.make(dials=False)

    def make(self, *, dials: bool) -> Link:
        """A new life of one end."""
        self._lives += 1
        mine, theirs = self.keys if dials else self.keys[::-1]
        return Link(
            mine,
            mine.curve_public,
            theirs.public,
            theirs.curve_public,
            scheme=self.scheme,
            config=self.config,
            entropy=seeded_entropy(f"{self._seed} {self._lives}"),
            dials=dials,
            now=self.now,
        )

    def perform(self, link: Link, effects: Sequence[LinkEffect], *, deliver: bool = True) -> None:
        """Record events and carry frames to the other end, depth first."""
        for effect in effects:
            if isinstance(effect, Transmit):
                from_dialler = link is self.dialler
                self.wire.append((from_dialler, effect.data))
                if deliver:
                    other, route = (self.answerer, self.route) if from_dialler else (self.dialler, b"")
                    self.perform(other, other.receive((route, effect.data), self.now))
            elif isinstance(effect, LinkEvent):
                self.events.append((link, effect))

    def tick(self, *, deliver: bool = True) -> None:
        """Let both ends do what is due now."""
        for link in (self.dialler, self.answerer):
            if link.deadline is not None and link.deadline <= self.now:
                self.perform(link, link.tick(self.now), deliver=deliver)

    def run(self, duration: Instant, *, deliver: bool = True) -> None:
        """Advance the clock from deadline to deadline."""
        end = self.now + duration
        while True:
            due = [link.deadline for link in (self.dialler, self.answerer) if link.deadline is not None]
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            self.tick(deliver=deliver)
        self.now = end

    def connect(self) -> None:
        """Complete a handshake and forget what it reported."""
        self.tick()
        if not (self.dialler.up and self.answerer.up):
            raise AssertionError("the handshake did not complete")
        self.events.clear()
        self.wire.clear()

    def send(self, link: Link, data: bytes, *, deliver: bool = True) -> bool:
        """Send one frame; whether the link took it."""
        effects = link.submit(data, self.now)
        self.perform(link, effects, deliver=deliver)
        return bool(effects)

    def packets(self, link: Link) -> list[bytes]:
        """The frames that a link handed up."""
        return [event.data for at, event in self.events if at is link and isinstance(event, Packet)]

    def reported(self, link: Link) -> list[str]:
        """The names of the events of a link other than packets."""
        return [type(event).__name__ for at, event in self.events if at is link and not isinstance(event, Packet)]


class Recorder:
    """Takes the events of a transport and lets a test wait for what it expects.

    A wait has a generous limit, so that a failing test ends; nothing is asserted about how long anything takes.
    """

    def __init__(self, limit_s: float = 30.0) -> None:
        self.events: list[LinkEvent] = []
        self._limit_s = limit_s
        self._changed = asyncio.Event()

    def __call__(self, event: LinkEvent) -> None:
        """Take one event; pass the recorder as ``on_event``."""
        self.events.append(event)
        self._changed.set()

    def packets(self, peer: MemberId | None = None) -> list[bytes]:
        """The frames that arrived, of one peer or of all."""
        return [each.data for each in self.events if isinstance(each, Packet) and peer in (None, each.peer)]

    def count(self, kind: type[LinkEvent], peer: MemberId | None = None) -> int:
        """How many events of a kind were reported."""
        return sum(isinstance(each, kind) and peer in (None, each.peer) for each in self.events)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds; it is looked at after each batch of events and a few times a second.

        Raises:
            TimeoutError: it never held within the limit.
        """
        async with asyncio.timeout(self._limit_s):
            while not condition():
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), 0.05)
                except TimeoutError:
                    continue
