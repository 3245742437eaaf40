"""What group layers hold after many rounds: ``python -m tests.simulation.layer_endurance [ROUNDS]``.

Members talk, whisper and write, one of them comes and goes, a liar hoards and floods, strangers bother everybody. After
each tenth of the rounds the largest of every holding is printed, with all elements that a layer reaches, whether a
bound is stated for them or not, and the memory of the process, disks included. Exits with 1 if either grows.

Of rosters so many are cached that the memory is flat from some sixty epochs on: 6,000 rounds are the least that tell.
"""

import gc
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.group.endurance import holdings
from tests.simulation.layer_run import Layers, tight

__all__ = ["Look", "endure", "grows"]

_GROWTH = 1.05
"""Looks differ by less than this. Each is the lesser of two visits: one in hundreds ends at an instant of more."""


class Look(NamedTuple):
    """What was held up to a mark.

    Attributes:
        rounds: how many rounds there were, over all epochs.
        epochs: how many changes of the members.
        held: the most elements that the layer of one that stays reaches now.
        memory: bytes that the process has allocated now, 0 where nobody counts them.
        largest: by name the most that anybody held of a thing since the last mark.
    """

    rounds: int
    epochs: int
    held: int
    memory: int
    largest: dict[str, int]


def endure(rounds: int, marks: int) -> Iterator[Look]:
    """Go on for so many rounds; gives a look at each mark, always when a visitor has just gone."""
    with tight():
        net = Layers()
        net.visit()
        for mark in range(1, marks + 1):
            net.bounds.largest.clear()
            while net.rounds < rounds * mark // marks:
                net.turn()
                net.visit()
            held, memory = _held(net)
            net.turn()
            net.visit()
            held, memory = map(min, (held, memory), _held(net))
            yield Look(net.rounds, net.epochs, held, memory, dict(net.bounds.largest))


def _held(net: Layers) -> tuple[int, int]:
    """The elements of the largest layer that stays, and the bytes that the process has allocated."""
    gc.collect()
    memory = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0
    return max(_elements(layer) for layer in net.layers.values()), memory


def grows(looks: Sequence[Look]) -> bool:
    """Whether more is held, or allocated, in the second half than in the first third."""
    early, late = looks[: len(looks) // 3], looks[len(looks) // 2 :]
    held = max(look.held for look in late) > _GROWTH * max(look.held for look in early)
    return held or max(look.memory for look in late) > _GROWTH * max(look.memory for look in early)


def _elements(layer: Any) -> int:
    """Of all containers that a layer reaches."""
    return holdings(layer)


def main() -> int:
    """Print a line for each tenth, and then a table; the exit code says whether anything grows."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    tracemalloc.start()
    looks: list[Look] = []
    for look in endure(rounds, 10):
        looks.append(look)
        print(
            f"round {look.rounds}, epoch {look.epochs}: {look.held} elements, {look.memory // 1024} kB allocated",
            flush=True,
        )
    print("the largest of each holding, by tenths:")
    for name in dict.fromkeys(name for look in looks for name in look.largest):
        print(f"{name:>42} " + " ".join(f"{look.largest.get(name, 0):>6}" for look in looks))
    if grows(looks):
        print("this grows")
    return int(grows(looks))


if __name__ == "__main__":
    sys.exit(main())
