"""One seed gives one history, whatever the hash seed of the process that plays it.

Other seeds are compared by ``python -m mechdesign.testing.campaign --seeds A..B --digests FILE``, twice, with different
PYTHONHASHSEEDs: the two files are equal.
"""

import os
import subprocess
import sys

import pytest

from mechdesign.testing.runs import run_seed
from mechdesign.testing.schedule import draw
from tests.long_form import mostly_long

# Of the first 330 seeds some that take little time, of every kind of run.
SEEDS = [
    *(19, 21, 24, 25, 27, 33, 36, 37, 39, 41, 46, 61, 62, 65, 66, 67, 74, 81, 83, 90, 95, 99, 100, 103, 109, 115, 121),
    *(133, 137, 146, 152, 153, 157, 158, 162, 169, 173, 181, 184, 192, 194, 197, 205, 219, 222, 225, 227, 237, 245),
    *(246, 256, 258, 259, 260, 272, 275, 277, 279, 281, 284, 285, 290, 297, 300, 304, 312, 314, 318, 320, 328),
]
FEW = SEEDS[:4]

CAMPAIGN = """
from mechdesign.testing.campaign import main
main()
"""
BY_HASH = """
from mechdesign.group.proposer import Proposer
right = Proposer.parents
def parents(self, round_):
    own, *others = right(self, round_)
    return [own, *sorted(others, key=lambda parent: hash(parent.digest))]
Proposer.parents = parents
"""


def histories(tmp_path, seeds, before=""):
    """The digests that two processes with different hash seeds write, a line for each seed."""
    written = []
    for hash_seed in ("1", "2"):
        file = tmp_path / hash_seed
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        options = ["--seeds", ",".join(map(str, seeds)), "--jobs", "1", "--digests", str(file)]
        command = [sys.executable, "-c", before + CAMPAIGN, *options]
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        written.append(file.read_text().splitlines())
    return written


def test_the_seeds_that_are_compared_are_of_every_kind():
    scenarios = [draw(seed) for seed in SEEDS]
    assert len(set(SEEDS)) >= 64
    assert sum(scenario.changes is not None for scenario in scenarios) >= 10
    assert sum(scenario.edges is not None for scenario in scenarios) >= 15
    assert sum(scenario.real for scenario in scenarios) >= 4
    assert sum(bool(scenario.load) for scenario in scenarios) >= 2
    assert sum(bool(scenario.liars) for scenario in scenarios) >= 20
    assert sum(bool(scenario.crashes) for scenario in scenarios) >= 20
    assert sum(not scenario.live for scenario in scenarios) >= 5


@pytest.mark.parametrize("seeds", mostly_long([SEEDS[::12], SEEDS], short=1), ids=len)
def test_one_seed_gives_one_history_whatever_the_hash_seed_of_the_process(tmp_path, seeds):
    one, other = histories(tmp_path, seeds)
    assert one == other
    assert [int(line.split()[0]) for line in one] == sorted(seeds)
    assert one[:4] == [f"{seed} {run_seed(seed).digest}" for seed in sorted(seeds)[:4]]


@pytest.mark.long
def test_an_order_that_follows_hashes_would_be_noticed(tmp_path):
    one, other = histories(tmp_path, FEW, BY_HASH)
    assert one != other
