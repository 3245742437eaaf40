"""How much the tests of processes do: a little of everything in each run of all tests, all of it in `make network`."""

import os
from random import SystemRandom

__all__ = ["DOWN", "KILLS", "LONG", "MEMBERS", "SECONDS", "drawn_seed"]

KILLS = int(os.environ.get("KILLS", "2"))
SECONDS = float(os.environ.get("KILL_SECONDS", "5"))
LONG = KILLS >= 20
MEMBERS, DOWN = (7, 2) if LONG else (4, 1)
"""How many members are killed, and how many of them may be down at once."""


def drawn_seed() -> int:
    """Another one in every run; a failing test shows it, and the variable KILL_SEED repeats it."""
    seed = int(os.environ.get("KILL_SEED") or SystemRandom().randrange(10**6))
    print(f"KILL_SEED={seed}")
    return seed
