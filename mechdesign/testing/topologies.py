"""Shapes of networks that are not full meshes, connected among those who last."""

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from random import Random
from typing import Literal, get_args

__all__ = ["SHAPES", "Edges", "Shape", "connected", "diameter", "links_of"]

Edges = tuple[tuple[int, int], ...]
"""Links between places, each as (higher, lower), ascending."""

Shape = Literal["line", "ring", "chord", "star", "tree", "random"]
"""Name of a shape; ``chord`` is a ring with one link across, ``random`` a tree with some more links."""

SHAPES: tuple[Shape, ...] = get_args(Shape)


def links_of(shape: Shape, places: Sequence[int], chance: Random | None = None) -> Edges:
    """The links of a shape through places in the order given; ``tree`` and ``random`` need a source of chance.

    The centre of the star is the first place.
    """
    order = list(places)
    path = list(pairwise(order))
    match shape:
        case "line":
            pairs = path
        case "ring":
            pairs = [*path, (order[-1], order[0])]
        case "chord":
            pairs = [*path, (order[-1], order[0]), (order[0], order[len(order) // 2])]
        case "star":
            pairs = [(order[0], place) for place in order[1:]]
        case "tree" | "random":
            chance = chance or Random(0)
            pairs = [(order[at], chance.choice(order[:at])) for at in range(1, len(order))]
            if shape == "random":
                pairs += [(a, b) for a in order for b in order if a > b and chance.random() < 0.3]
    return _tidy(pairs)


def connected(edges: Edges, lasting: Collection[int], chance: Random) -> Edges:
    """Add links until those who last reach each other without the help of anybody else, and nobody is alone."""
    places = sorted({place for edge in edges for place in edge}.union(lasting))
    pairs = set(edges)
    whole = _reached(min(lasting), edges, lasting)
    for place in sorted(lasting):
        if place not in whole:
            pairs.add((place, chance.choice(sorted(whole))))
            whole |= _reached(place, edges, lasting)
    for place in places:
        if not any(place in pair for pair in pairs) and len(places) > 1:
            pairs.add((place, chance.choice([other for other in places if other != place])))
    return _tidy(pairs)


def diameter(edges: Edges, lasting: Collection[int]) -> int:
    """Over how many links two of those who last hear of each other at most, without the help of anybody else."""
    longest = 0
    for start in lasting:
        found, steps = _near({start}, edges, lasting), 0
        reached = {start}
        while found - reached:
            reached, steps = found, steps + 1
            found = _near(found, edges, lasting)
        longest = max(longest, steps)
    return longest


def _near(places: Collection[int], edges: Edges, allowed: Collection[int]) -> set[int]:
    found = set(places)
    for a, b in edges:
        if (a in places or b in places) and a in allowed and b in allowed:
            found |= {a, b}
    return found


def _reached(start: int, edges: Iterable[tuple[int, int]], allowed: Collection[int]) -> set[int]:
    found, stack = {start}, [start]
    pairs = list(edges)
    while stack:
        here = stack.pop()
        for a, b in pairs:
            other = b if a == here else a if b == here else here
            if other in allowed and other not in found:
                found.add(other)
                stack.append(other)
    return found


def _tidy(pairs: Iterable[tuple[int, int]]) -> Edges:
    return tuple(sorted({(max(a, b), min(a, b)) for a, b in pairs if a != b}))
