"""A faulty network: delay, loss, repetition, reordering and one-way partitions, all drawn from one seed.

The network decides what becomes of a frame; the simulator carries it there. Which ends *know* that a link is down is
kept apart from whether frames pass: a real transport learns of silence late, of one direction only, or never.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from mechdesign.kernel.machine import Instant

__all__ = ["CALM", "Network", "Weather"]


@dataclass(frozen=True, slots=True)
class Weather:
    """How links treat frames.

    Attributes:
        delay_us: least time one way, in microseconds.
        jitter_us: scale of what is added to it; four times as much is the most, small values are the most frequent.
        loss: share of frames that vanish.
        repeat: share of frames that arrive twice.
        straggle: share of frames that are held up for as long as ``straggle_us``.
        straggle_us: longest such delay, in microseconds.
        in_order: frames of one direction of a link never overtake each other, as over one TCP connection.
    """

    delay_us: int = 500
    jitter_us: int = 500
    loss: float = 0.0
    repeat: float = 0.0
    straggle: float = 0.0
    straggle_us: int = 0
    in_order: bool = False


CALM = Weather()
"""A healed network: half a millisecond to two and a half, nothing lost."""


class Network:
    """The links between n members that are known by their places 0..n-1.

    Args:
        n: how many members there are.
        random: the only source of chance.
        weather: how links treat frames until :attr:`weather` is set anew.
        edges: the pairs that have a link at all; every pair if None.

    Attributes:
        slowness_us: by place, what is added to every frame from and to a member.
        slow_links_us: by direction (source, target), what is added to every frame that takes it.
    """

    def __init__(
        self, n: int, random: Random, weather: Weather = CALM, edges: Iterable[tuple[int, int]] | None = None
    ) -> None:
        self.n = n
        self.weather = weather
        self.slowness_us = [0] * n
        self.slow_links_us: dict[tuple[int, int], Instant] = {}
        self._random = random
        pairs = [(a, b) for a in range(n) for b in range(a)] if edges is None else list(edges)
        self._edges = {pair for a, b in pairs for pair in ((a, b), (b, a))}
        self._neighbours = [[b for b in range(n) if (a, b) in self._edges] for a in range(n)]
        self._cut: set[tuple[int, int]] = set()
        self._last: dict[tuple[int, int], Instant] = {}

    def neighbours(self, place: int) -> list[int]:
        """Who has a link with this member, ascending."""
        return self._neighbours[place]

    def passes(self, source: int, target: int) -> bool:
        """Whether frames pass in this direction now (each may still be lost)."""
        return (source, target) in self._edges and (source, target) not in self._cut

    def cut(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Let nothing pass any more in these directions."""
        self._cut.update(pairs)

    def mend(self, pairs: Iterable[tuple[int, int]] | None = None) -> list[tuple[int, int]]:
        """Undo the cuts of these directions, or every cut; returns the directions that were cut, ascending."""
        mended = sorted(self._cut if pairs is None else self._cut.intersection(pairs))
        self._cut.difference_update(mended)
        return mended

    def arrivals(self, source: int, target: int, now: Instant) -> tuple[Instant, ...]:
        """When the frame arrives: no instant if it is lost, two if it is repeated."""
        if not self.passes(source, target):
            return ()
        weather, random = self.weather, self._random
        if weather.loss and random.random() < weather.loss:
            return ()
        first = self._arrival(source, target, now)
        if weather.repeat and random.random() < weather.repeat:
            return (first, self._arrival(source, target, now))
        return (first,)

    def _arrival(self, source: int, target: int, now: Instant) -> Instant:
        weather, random = self.weather, self._random
        chance = random.random()
        delay = weather.delay_us + int(4 * weather.jitter_us * chance * chance * chance)
        if weather.straggle and random.random() < weather.straggle:
            delay += random.randrange(1 + weather.straggle_us)
        arrival = now + delay + self.slowness_us[source] + self.slowness_us[target]
        arrival += self.slow_links_us.get((source, target), 0)
        if weather.in_order:
            arrival = self._last[source, target] = max(arrival, self._last.get((source, target), 0))
        return arrival
