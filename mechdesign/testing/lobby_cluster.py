"""A simulated lobby: players on a virtual clock, links that fail and come back, packets that are lost, and liars.

Everything that happens follows from the arguments and the seed. Places 0..n-1 name the players.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TypeAlias, TypeVar

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.dialing import Dial
from mechdesign.group.lobby.events import Seat
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.group.lobby.messages import LobbyEffect, LobbyRequest
from mechdesign.group.messages import Append, Compact
from mechdesign.group.roster import Member
from mechdesign.kernel.crypto import KeyedHash, MemberId, SignatureScheme
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.kernel.wire import digest
from mechdesign.testing.disk import Disk
from mechdesign.testing.lobby_bounds import LobbyBounds
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet, Send

__all__ = [
    "Edges",
    "Liar",
    "LobbyCluster",
    "LobbyWeather",
    "holds_test_key",
    "line",
    "possession_of",
    "random_graph",
    "ring",
    "seat_of",
    "star",
    "tree",
]

Edges: TypeAlias = "list[tuple[int, int]]"

Liar: TypeAlias = Callable[["LobbyCluster", int, LinkEvent], Iterable[Send]]
"""``liar(cluster, place, event)``: what a hostile player sends when the transport reports something to it."""

EventT = TypeVar("EventT")

WALL = 1_700_000_000 * SECOND

_NEVER = 2**62


def line(n: int) -> Edges:
    """Each with the next."""
    return [(place, place + 1) for place in range(n - 1)]


def ring(n: int) -> Edges:
    """A line whose ends meet."""
    return [*line(n), (n - 1, 0)] if n > 2 else line(n)


def star(n: int) -> Edges:
    """Everybody with 0."""
    return [(0, place) for place in range(1, n)]


def tree(n: int, random: Random) -> Edges:
    """Everybody with one that came before."""
    return [(random.randrange(place), place) for place in range(1, n)]


def random_graph(n: int, random: Random, more: int) -> Edges:
    """A tree and some edges more."""
    edges = {frozenset(edge) for edge in tree(n, random)}
    edges |= {frozenset(random.sample(range(n), 2)) for _ in range(more if n > 1 else 0)}
    return sorted((min(edge), max(edge)) for edge in edges)


def possession_of(line: Member) -> bytes:
    """The stand-in for a proof of possession; only who has a player's seat has the player's."""
    return digest("testing/possession", line.id, line.curve, line.sealing)


def holds_test_key(scheme: SignatureScheme, line: Member, proof: bytes) -> bool:
    """Checks the stand-in."""
    return proof == possession_of(line)


def seat_of(place: int) -> Seat:
    """The keys of a simulated player."""
    name = place.to_bytes(4, "big")
    key = MemberId(digest("testing/lobby/key", name))
    line = Member(key, f"player {place}", digest("testing/lobby/curve", name), digest("testing/lobby/sealing", name))
    return Seat(KeyedHash.Signer(key), line, possession_of(line), KeyedHash(), holds_test_key)


@dataclass(frozen=True, slots=True)
class LobbyWeather:
    """How links treat packets.

    Attributes:
        delay_us: least time one way.
        jitter_us: what is added to it at most; packets of one link overtake each other by it unless ``in_order``.
        loss: share of packets that vanish.
        repeat: share of packets that arrive twice.
        in_order: no packet of one direction of a link overtakes another.
    """

    delay_us: int = 1_000
    jitter_us: int = 4_000
    loss: float = 0.0
    repeat: float = 0.0
    in_order: bool = True


@dataclass(slots=True)
class _Player:
    seat: Seat
    lobby: Lobby | None = None
    disk: Disk = field(default_factory=Disk)
    events: list[LobbyEffect] = field(default_factory=list)
    written: list[Append] = field(default_factory=list)
    links: dict[int, int] = field(default_factory=dict)
    lives: int = 0
    fuse: int | None = None
    due: Instant = _NEVER
    liar: Liar | None = None


class LobbyCluster:
    """Players, links, a clock and a heap of what is to happen.

    Args:
        n: how many players there are.
        edges: the links that are up at the start.
        seed: decides everything that is left to chance.
        config: of every lobby.
        weather: of every link.
        dialling: whether a Dial effect makes a link.
        liars: hostile players by place; they have no lobby.
        skew_us: how far a player's wall clock is off, by place.

    Attributes:
        now: the virtual time.
        players: what each has: its lobby while it is up, its disk and all that was ever written there, its events.
        sent: packets that were sent so far.
        bounds: watches after every step of a lobby that it holds no more than it may.
    """

    def __init__(
        self,
        n: int,
        edges: Iterable[tuple[int, int]],
        *,
        seed: int = 0,
        config: LobbyConfig | None = None,
        weather: LobbyWeather | None = None,
        dialling: bool = False,
        liars: dict[int, Liar] | None = None,
        skew_us: dict[int, int] | None = None,
    ) -> None:
        self.now: Instant = 0
        self.sent = 0
        self.random = Random(seed)
        self.config = config or LobbyConfig()
        self.weather = weather or LobbyWeather()
        self.bounds = LobbyBounds(self.config)
        self._seed = seed
        self._dialling = dialling
        self._skew = skew_us or {}
        self._heap: list[tuple[Instant, int, Callable[[], None]]] = []
        self._count = 0
        self._last: dict[tuple[int, int], Instant] = {}
        self.players = [_Player(seat_of(place)) for place in range(n)]
        self._places = {player.seat.line.id: place for place, player in enumerate(self.players)}
        for place, liar in (liars or {}).items():
            self.players[place].liar = liar
        for place in range(n):
            self.start(place)
        for a, b in edges:
            self.link(a, b)

    # Who is who. -----------------------------------------------------------------------------------------------------

    def key(self, place: int) -> MemberId:
        """A player's key."""
        return self.players[place].seat.line.id

    def keys(self, places: Iterable[int]) -> tuple[MemberId, ...]:
        """Players' keys, ascending."""
        return tuple(sorted(self.key(place) for place in places))

    def place(self, key: MemberId) -> int:
        """The player of a key."""
        return self._places[key]

    def lobby(self, place: int) -> Lobby:
        """A player's lobby; it has to be up."""
        lobby = self.players[place].lobby
        if lobby is None:
            raise AssertionError(f"player {place} is not up")
        return lobby

    @property
    def honest(self) -> list[int]:
        """The places of players that run a lobby now."""
        return [place for place, player in enumerate(self.players) if player.lobby is not None]

    def events(self, place: int, kind: type[EventT]) -> list[EventT]:
        """What a player's lobby told the layer above, in all of its lives."""
        return [event for event in self.players[place].events if isinstance(event, kind)]

    def known(self, place: int) -> set[int]:
        """Whose records a player has."""
        return {self._places[key] for key in self.lobby(place).status().known if key in self._places}

    def neighbours(self, place: int) -> list[int]:
        """Whom a player has a link with, ascending."""
        return sorted(self.players[place].links)

    # What happens. ---------------------------------------------------------------------------------------------------

    def start(self, place: int) -> None:
        """Start a player from its disk; its links come up when they are made."""
        player = self.players[place]
        player.lives += 1
        if player.liar is not None:
            return
        chance = Random(f"{self._seed}/{place}/{player.lives}")
        wall = WALL + self._skew.get(place, 0)
        player.lobby = Lobby(player.seat, (f"sim:{place}",), self.config, chance.randbytes, wall)
        records = ((record.table, record.key, record.data) for record in player.disk.records())
        self._perform(place, player.lobby.restore(records, self.now))

    def crash(self, place: int) -> None:
        """Stop a player; its disk loses what was not synced.

        What it sent before still arrives. Its neighbours learn of it after that.
        """
        player = self.players[place]
        later = self.now + self.weather.delay_us + self.weather.jitter_us + 1
        for other, number in player.links.items():
            self.at(later, partial(self._miss, other, place, number))
        player.links.clear()
        player.lobby, player.fuse, player.due = None, None, _NEVER
        player.disk.crash(self.random)

    def _miss(self, place: int, gone: int, number: int) -> None:
        """One end learns that its link is down, if it did not come up again since."""
        if self.players[place].links.get(gone) == number:
            del self.players[place].links[gone]
            self._report(place, LinkDown(self.key(gone)))

    def link(self, a: int, b: int) -> None:
        """Let a link come up; both ends are told."""
        one, other = self.players[a], self.players[b]
        up = all(player.lobby is not None or player.liar is not None for player in (one, other))
        if a == b or not up or one.links.get(b, 0) == other.links.get(a, 1):
            return
        for at, peer in ((a, b), (b, a)):
            self._miss(at, peer, self.players[at].links.get(peer, 0))
        self._count += 1
        one.links[b] = other.links[a] = self._count
        for at, peer in ((a, b), (b, a)):
            self._report(at, LinkUp(self.key(peer)))

    def cut(self, a: int, b: int) -> None:
        """Let a link go down; what is under way is lost, and both ends are told."""
        if self.players[a].links.pop(b, None) is None:
            return
        self.players[b].links.pop(a, None)
        for at, peer in ((a, b), (b, a)):
            self._report(at, LinkDown(self.key(peer)))

    def submit(self, place: int, request: LobbyRequest) -> None:
        """Ask a player's lobby for something."""
        self._perform(place, self.lobby(place).submit(request, self.now))

    def send(self, source: int, send: Send) -> None:
        """Carry a packet, if there is a link."""
        target = self._places.get(send.peer)
        number = None if target is None else self.players[source].links.get(target)
        self.sent += 1
        if target is None or number is None:
            return
        weather, chance = self.weather, self.random
        if weather.loss and chance.random() < weather.loss:
            return
        for _ in range(2 if weather.repeat and chance.random() < weather.repeat else 1):
            arrival = self.now + weather.delay_us + chance.randrange(1 + weather.jitter_us)
            if weather.in_order:
                arrival = self._last[source, target] = max(arrival, self._last.get((source, target), 0))
            self.at(arrival, self._arrival(source, target, number, send.data))

    def _arrival(self, source: int, target: int, number: int, data: bytes) -> Callable[[], None]:
        def arrive() -> None:
            if self.players[target].links.get(source) == number:
                self._report(target, Packet(self.key(source), data))

        return arrive

    def at(self, time: Instant, action: Callable[[], None]) -> None:
        """Let something happen later."""
        self._count += 1
        heapq.heappush(self._heap, (time, self._count, action))

    def _report(self, place: int, event: LinkEvent) -> None:
        player = self.players[place]
        if player.liar is not None:
            for send in player.liar(self, place, event):
                self.send(place, send)
        elif player.lobby is not None:
            self._perform(place, player.lobby.receive(event, self.now))

    def _perform(self, place: int, effects: Sequence[LobbyEffect]) -> None:
        player = self.players[place]
        if player.lobby is not None:
            self.bounds.look(place, player.lobby, len(player.links))
        deadline = None if player.lobby is None else player.lobby.deadline
        player.due = _NEVER if deadline is None else deadline
        for effect in effects:
            if player.fuse is not None:
                player.fuse -= 1
                if player.fuse < 0:
                    self.crash(place)
                    return
            match effect:
                case Append():
                    player.disk.write(effect)
                    player.written.append(effect)
                case Compact():
                    player.disk.write(effect)
                case Send():
                    self.send(place, effect)
                case Dial(record):
                    player.events.append(effect)
                    if self._dialling and record.member in self._places:
                        dialled = partial(self.link, place, self._places[record.member])
                        self.at(self.now + self.weather.delay_us, dialled)
                case _:
                    player.events.append(effect)

    # Time. -----------------------------------------------------------------------------------------------------------

    def step(self, until: Instant) -> bool:
        """Do the next thing that is due, or let the time come; whether there was anything."""
        at, place = min((player.due, place) for place, player in enumerate(self.players))
        if self._heap and self._heap[0][0] <= min(at, until):
            at, _, action = heapq.heappop(self._heap)
            self.now = max(self.now, at)
            action()
        elif at <= until:
            self.now = max(self.now, at)
            self._perform(place, self.lobby(place).tick(self.now))
        else:
            self.now = max(self.now, until)
            return False
        return True

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + round(seconds * SECOND)
        while self.step(until):
            pass

    def run_until(self, done: Callable[[], object], seconds: float) -> bool:
        """Let time pass until something holds; whether it came to hold."""
        until = self.now + round(seconds * SECOND)
        while not done():
            if not self.step(until):
                return bool(done())
        return True
