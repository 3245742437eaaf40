"""Members that keep hardly any of the log in memory serve it from their journals, and every promise holds all the same.

In each of some runs somebody reads; the long form plays all seeds up to two thousand.
"""

import pytest

from mechdesign.group.messages import Read
from mechdesign.testing import cluster, view_cluster
from mechdesign.testing.runs import run_seed
from mechdesign.testing.simulated import settings
from mechdesign.testing.simulator import Simulator
from tests.long_form import mostly_long

LOG_BYTES = 600
FAR, CHUNK = 2000, 500
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


def failed_of(seeds):
    return [str(outcome) for seed in seeds if (outcome := run_seed(seed)).violation is not None]


@pytest.mark.parametrize("seeds", mostly_long(map(pytest.param, (READING[::3], READING)), short=1), ids=len)
def test_whoever_is_behind_is_served_from_journals(reads, seeds):
    failed = failed_of(seeds)
    assert not failed, "\n".join(failed)
    assert all(reads.values()), reads


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, FAR, CHUNK))
def test_every_promise_holds_where_logs_are_in_journals_in_runs_of_seeds_from(first, reads):
    failed = failed_of(range(first, first + CHUNK))
    assert not failed, "\n".join(failed)
    assert any(reads.values())
