"""The promise of a number of rounds, seen to fail: by seeds in which the load does not end before it is checked."""

import pytest

from mechdesign.group.catchup import CatchUp
from mechdesign.group.committer import UNDECIDED, Committer
from mechdesign.group.views import closing
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.runs import run_seed
from mechdesign.testing.schedule import draw
from tests.long_form import mostly_long

PROMISED_TO = [944, 71, 556]
"""In these a liar promises far rounds to one member while the others never fall silent."""

SLOW_LINK = 167
"""In this one members talk on and on, and one link is slow."""


def commit_late(monkeypatch):
    """A leader is committed thirty rounds after it could be: some 0.2 seconds, where rounds are short."""
    right = Committer.direct

    def direct(self, slot):
        return right(self, slot) if self._dag.highest >= slot[0] + 30 else UNDECIDED

    monkeypatch.setattr(Committer, "direct", direct)


@pytest.mark.parametrize("seed", mostly_long(PROMISED_TO, short=1))
def test_a_promise_that_is_never_kept_delays_no_word_for_more_rounds_than_are_stated(seed):
    scenario = draw(seed)
    assert "promise" in dict(scenario.liars).values()
    assert scenario.load
    assert run_seed(seed).violation is None


@pytest.mark.parametrize("seed", mostly_long(PROMISED_TO, short=1))
def test_it_would_if_patience_had_no_end(seed, monkeypatch):
    monkeypatch.setattr(CatchUp, "holds", lambda self, now: self.asked is not None and self._far(self.asked))
    assert "rounds after it was said" in str(run_seed(seed).violation)


@pytest.mark.long
def test_a_group_that_became_slower_in_rounds_is_found_out_though_no_second_is_lost(monkeypatch):
    assert draw(SLOW_LINK).load
    assert draw(SLOW_LINK).slow_links
    assert run_seed(SLOW_LINK).violation is None
    commit_late(monkeypatch)
    assert "rounds after it was said" in str(run_seed(SLOW_LINK).violation)
    monkeypatch.setattr(Cluster, "assert_prompt", lambda self, most: None)
    assert run_seed(SLOW_LINK).violation is None


def test_who_shows_one_member_two_ends_of_an_epoch_is_convicted_by_it(monkeypatch):
    seed = 3317
    assert run_seed(seed).violation is None
    monkeypatch.setattr(closing, "double_signers", lambda *arguments: [])
    assert "found no Forking" in str(run_seed(seed).violation)
