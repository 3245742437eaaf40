"""Whom to kill when: a schedule that is drawn from a seed, with all the ways in which kills can come close together."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

__all__ = ["WAYS", "Kill", "down_at", "schedule"]

WAYS = ("alone", "together", "again", "during recovery")
"""How a kill stands to the one before it: all are up; the last victim is still down; the last victim has just been
started; another member, while the last victim comes back."""

_RECOVERY_S = 1.5
_DOWN_S = (0.1, 2.0)


@dataclass(frozen=True, slots=True)
class Kill:
    """One life that ends by force.

    Attributes:
        at: when, in seconds from the beginning.
        back: when the next life is started.
        victim: whose.
        way: how it stands to the kill before it.
    """

    at: float
    back: float
    victim: int
    way: str


def down_at(kills: Sequence[Kill], time: float) -> list[int]:
    """Who is down at a time."""
    return sorted(kill.victim for kill in kills if kill.at <= time < kill.back)


def schedule(random: Random, n: int, b: int, kills: int, seconds: float) -> list[Kill]:
    """Draw kills, each way about equally often, with never more than b members down at once.

    Args:
        random: what is drawn from.
        n: how many members there are.
        b: how many may be down; two at least, or none are ever down together.
        kills: how many.
        seconds: over which time; where the kills need longer, they take it.

    Returns:
        The kills by time; in so many as there are ways, each way stands at least once.
    """
    ways: list[str] = []
    while len(ways) < kills:
        ways += random.sample(WAYS, len(WAYS))
    # The first has none before it, and what is calm lies between the others.
    first = ways.index("alone")
    ways = ["alone", *ways[:first], *ways[first + 1 :]][:kills]
    calms = sorted(random.uniform(0, seconds) for _ in range(ways.count("alone")))
    out: list[Kill] = []
    for way in ways:
        up = max((kill.back for kill in out), default=0.0)
        if way == "together" and (b < 2 or len(down_at(out, out[-1].at)) >= b):
            way = "during recovery"
        if way == "alone":
            at, victim = max(up + _RECOVERY_S, calms.pop(0)), random.randrange(n)
        else:
            last = out[-1]
            others = [place for place in range(n) if place != last.victim]
            match way:
                case "together":
                    at, victim = random.uniform(last.at, last.back), random.choice(others)
                case "again":
                    at, victim = last.back + random.uniform(0, _RECOVERY_S / 2), last.victim
                case _:
                    at, victim = last.back + random.uniform(0, _RECOVERY_S), random.choice(others)
            # Nobody is killed who is down, and no more than b are.
            ends = sorted(kill.back for kill in out if kill.back > at)
            if len(ends) >= b or victim in down_at(out, at):
                at = max(at, ends[-1])
        out.append(Kill(at, at + random.uniform(*_DOWN_S), victim, way))
    return sorted(out, key=lambda kill: kill.at)
