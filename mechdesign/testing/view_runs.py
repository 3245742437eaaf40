"""Runs in which members come and go, whatever their seeds say: ``python -m mechdesign.testing.view_runs 0 1000``."""

import sys
from functools import partial

from mechdesign.testing.runs import run_seed

__all__: list[str] = []


def _main(first: int, last: int) -> int:
    failed = 0
    for outcome in map(partial(run_seed, changing=True), range(first, last)):
        if outcome.violation is not None:
            failed += 1
            print(outcome, flush=True)
        elif outcome.seed % 100 == 99:
            print(f"seeds {first} to {outcome.seed}: {failed} failed", flush=True)
    print(f"{last - first} seeds, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(_main(*map(int, sys.argv[1:3])))
