"""Every promise that a run is held to is broken once on purpose: see ``mutations.py`` and ``view_mutations.py``."""

import pytest

from mechdesign.testing.runs import run_seed
from tests.simulation.mutations import MUTATIONS
from tests.simulation.view_mutations import VIEW_MUTATIONS


@pytest.mark.parametrize("broken", [*MUTATIONS, *VIEW_MUTATIONS], ids=lambda broken: broken.name)
def test_the_campaign_finds_out_when(broken, monkeypatch):
    right = run_seed(broken.seed)
    broken.apply(monkeypatch)
    wrong = run_seed(broken.seed)
    assert right.violation is None
    assert wrong.violation is not None
    assert broken.breaks in wrong.violation


def test_every_promise_is_among_those_that_were_broken():
    promised = {
        "logs differ",
        "number",
        "rests on a block",
        "leaves out one",
        "does not sync",
        "before it is on disk",
        "signed two blocks",
        "nothing to decide",
        "found no Equivocation",
        "found no ConflictingSubmissions",
        "found no InvalidBlock",
        "convicts honest",
        "does not hold for others",
        "rounds where",
        "parked blocks",
        "not ordered",
        "rounds after it was said",
    }
    assert promised <= {broken.breaks for broken in MUTATIONS}


def test_every_promise_about_changing_members_is_among_those_that_were_broken():
    promised = {"settle", "begins another epoch", "convicts honest", "still serve", "ordered twice"}
    assert promised <= {broken.breaks for broken in VIEW_MUTATIONS}
