"""Compare votes, committees and allocations with independent implementations on random profiles; keep some results.

Run by ``make oracles`` in an environment of its own (see requirements.txt). Every rule meets ``--count`` profiles; the
first ``--golden`` of each suite are written to tests/golden/oracles, where ``make test`` compares with what the oracles
found. Sets of co-winners are compared, before any tie is broken; allocations after it, or by what all the tied share.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import allocations
import committees
import grades
import rankings
from suite import Suite

from mechdesign.testing.oracle_profiles import ANSWERS, UNDEFINED

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "oracles"
SUITES: dict[str, Callable[[], Suite]] = {
    "rankings": rankings.strict,
    "weak-rankings": rankings.weak,
    "truncated": rankings.truncated,
    "scores": grades.scores,
    "judgment": grades.judgment,
    "committees": committees.committees,
    "budgets": committees.budgets,
    "allocations": allocations.allocations,
}


def main() -> int:
    """Run the suites; return 1 if a result differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="profiles a rule")
    parser.add_argument("--golden", type=int, default=300, help="profiles a rule that are kept")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("suites", nargs="*", help=f"some of {', '.join(SUITES)}; all if none is named")
    options = parser.parse_args()
    wrong = 0
    for name in options.suites or SUITES:
        wrong += _run(name, SUITES[name](), options.count, options.golden, options.seed)
    return 1 if wrong else 0


def _run(name: str, suite: Suite, count: int, golden: int, seed: int) -> int:
    """Compare all rules of a suite, print a line for each, and write the golden file."""
    draw = random.Random(f"{name}/{seed}")
    differ: dict[str, list[str]] = {rule: [] for rule in suite.rules}
    compared = dict.fromkeys(suite.rules, 0)
    tied = dict.fromkeys(suite.rules, 0)
    lines = ["\t".join(["profile", *suite.rules])]
    start = time.perf_counter()
    for number, profile in zip(range(count), _profiles(suite, draw), strict=False):
        found = suite.ask(profile)
        for rule, theirs in found.items():
            if theirs is None:
                continue
            ours = ANSWERS[name](rule, profile)
            compared[rule] += 1
            tied[rule] += "," in ours or (suite.letters and len(ours) > 1)
            if not suite.agree(rule, ours, theirs):
                differ[rule].append(f"{profile}: ours {ours or '-'}, theirs {theirs or '-'}")
        if number < golden:
            lines.append("\t".join([profile, *((found[rule] or UNDEFINED) for rule in suite.rules)]))
        if number == golden - 1:
            GOLDEN.mkdir(parents=True, exist_ok=True)
            (GOLDEN / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for rule in suite.rules:
        print(f"{name:14} {rule:32} {compared[rule]:6} profiles, {tied[rule]:5} tied, {len(differ[rule])} differ")
        for line in differ[rule][:3]:
            print(f"    {line}")
    print(f"{name:14} {time.perf_counter() - start:.0f} s", flush=True)
    return sum(map(len, differ.values()))


def _profiles(suite: Suite, draw: random.Random) -> Iterator[Any]:
    while True:
        yield suite.profile(draw)


if __name__ == "__main__":
    sys.exit(main())
