"""Members that keep hardly any of the log in memory serve it from their journals, and every promise holds all the same.

In each of these runs somebody reads; ``FAR=2000`` in the environment plays all seeds up to there instead.
"""

import os

import pytest

from mechdesign.group.messages import Read
from mechdesign.testing import cluster, view_cluster
from mechdesign.testing.runs import run_seed
from mechdesign.testing.simulated import settings
from mechdesign.testing.simulator import Simulator

LOG_BYTES = 600
FAR = int(os.environ.get("FAR", "0"))
# fmt: off
READING = (
    16, 97, 111, 172, 198, 215, 235, 329, 352, 360, 391, 571,
    638, 639, 708, 712, 714, 791, 1062, 1854, 1960, 2198, 2547, 2687,
)
# fmt: on


@pytest.fixture
def reads(monkeypatch):
    """How often journals were read for others, by the seed of the run."""
    found: dict[object, int] = {}
    begin = Simulator.__init__

    def begun(simulator, boots, network, seed, **options):
        begin(simulator, boots, network, seed, **options)
        found[seed] = 0

        def read(place, effect):
            found[seed] += 1

        simulator.watch(Read, read)

    def small(**options):
        return settings(**options).model_copy(update={"log_bytes_max": LOG_BYTES})

    monkeypatch.setattr(Simulator, "__init__", begun)
    monkeypatch.setattr(cluster, "settings", small)
    monkeypatch.setattr(view_cluster, "settings", small)
    return found


def test_whoever_is_behind_is_served_from_journals(reads):
    failed = [str(outcome) for seed in range(FAR) or READING if (outcome := run_seed(seed)).violation is not None]
    assert not failed, "\n".join(failed)
    assert any(reads.values()) if FAR else all(reads.values()), reads
