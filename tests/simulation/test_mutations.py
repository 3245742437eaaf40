"""Every promise that a run is held to is broken once on purpose.

See ``commit_mutations.py``, ``mutations.py`` and ``view_mutations.py``; for the bounds on memory ``leaks.py``.
"""

import pytest

from tests.simulation.commit_mutations import COMMIT_MUTATIONS
from tests.simulation.mutation import campaign
from tests.simulation.mutations import MUTATIONS
from tests.simulation.test_seeds import SEEDS
from tests.simulation.view_mutations import VIEW_MUTATIONS

ALL = (*COMMIT_MUTATIONS, *MUTATIONS, *VIEW_MUTATIONS)
OF_EACH_PROMISE = list({broken.breaks: broken for broken in reversed(ALL)}.values())
"""The first of those that break one promise; `make test` plays every other of them, and all of the commit rule."""


def cases():
    for broken in ALL:
        short = broken in COMMIT_MUTATIONS or broken in OF_EACH_PROMISE[::2]
        yield pytest.param(broken, id=broken.name, marks=[] if short else pytest.mark.long)


@pytest.mark.parametrize("broken", list(cases()))
def test_the_campaign_finds_out_when(broken, monkeypatch):
    if broken.play is not campaign or broken.seed >= SEEDS:
        # What all runs of `make test` hold of the others.
        assert broken.play(broken.seed) is None
    broken.apply(monkeypatch)
    wrong = broken.play(broken.seed)
    assert wrong is not None
    assert broken.breaks in wrong


def test_every_promise_is_among_those_that_were_broken():
    promised = {
        "logs differ",
        "logs of epoch",
        "tells position",
        "after -1 of epoch",
        "the proof that comes with",
        "number",
        "said once stands",
        "rests on a block",
        "leaves out one",
        "does not sync",
        "before it is on disk",
        "signed two blocks",
        "nothing to decide",
        "found no Equivocation",
        "found no ConflictingSubmissions",
        "found no TwoCheckpoints",
        "found no InvalidBlock",
        "convicts honest",
        "does not hold for others",
        "rounds where",
        "parked blocks",
        "not ordered",
        "different lengths",
        "does not fall quiet",
        "after a silence",
        "rounds after it was said",
    }
    assert promised <= {broken.breaks for broken in (*COMMIT_MUTATIONS, *MUTATIONS)}


def test_every_promise_about_changing_members_is_among_those_that_were_broken():
    promised = {
        "settle",
        "begins another epoch",
        "convicts honest",
        "found no Forking",
        "still serve",
        "ordered twice",
        "rests on a block",
        "rounds of its epoch",
    }
    assert promised <= {broken.breaks for broken in VIEW_MUTATIONS}


def test_every_promise_about_messages_to_some_of_the_members_is_among_those_that_were_broken():
    promised = {
        "only recipients are to read",
        "private message of",
        "takes letter",
        "has taken",
        "gives number",
        "did not write",
        "did not take the letter",
        "has not got",
    }
    assert promised <= {broken.breaks for broken in VIEW_MUTATIONS}
