"""Runs in which members come and go, each drawn from its seed, and rules that are broken on purpose and found out.

More seeds: ``python -m mechdesign.testing.view_runs FIRST LAST``, which also replays a single one.
"""

from collections import Counter

import pytest

from mechdesign.group.committer import Commit
from mechdesign.group.ordering import Committed, Ordered, Ordering
from mechdesign.group.outbox import Outbox
from mechdesign.group.proposer import Proposer
from mechdesign.group.turn import Turn
from mechdesign.group.views.guide import Guide
from mechdesign.group.views.pursuit import Pursuit
from mechdesign.group.views.transition import Transition
from mechdesign.testing.view_liars import VIEW_LIAR_KINDS
from mechdesign.testing.view_runs import draw_views, view_scenario

SEEDS = 40
CHUNK = 4


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_promise_holds_in_runs_of_seeds_from(first):
    outcomes = map(view_scenario, range(first, first + CHUNK))
    failed = [str(outcome) for outcome in outcomes if outcome.violation is not None]
    assert not failed, "\n".join(failed)


def test_the_seeds_cover_what_they_are_meant_to():
    scenarios = [draw_views(seed) for seed in range(SEEDS)]
    lies = Counter(kind for scenario in scenarios for _, kind in scenario.liars)
    assert set(lies) == set(VIEW_LIAR_KINDS)
    assert {scenario.founders for scenario in scenarios} >= {1, 3, 4, 5}
    assert sum(scenario.drains for scenario in scenarios) >= SEEDS / 4
    assert sum(bool(scenario.dead) for scenario in scenarios) >= 5
    assert sum(bool(scenario.sleepers) for scenario in scenarios) >= 5
    assert sum(bool(scenario.crashes) for scenario in scenarios) >= SEEDS / 4
    assert sum(bool(scenario.cuts) for scenario in scenarios) >= SEEDS / 4
    assert sum(len(scenario.steps) > 1 for scenario in scenarios) >= SEEDS / 2
    assert any(step.joins and step.goes for scenario in scenarios for step in scenario.steps)


def test_a_run_is_a_function_of_its_seed():
    assert view_scenario(3) == view_scenario(3)


# Broken rules


def _closes_with_the_batch(monkeypatch):
    """The epoch ends where a member happens to look, and not with the commit that settles the change."""

    def decide(self):
        if self.final is not None:
            return
        last = None
        for slot, verdict in self.committer.decide():
            if isinstance(verdict, Commit):
                last = slot
                self.commits += 1
                self.committed_round = slot[0]
                for block in self.linearizer.linearise(verdict.leader):
                    yield Ordered(block, self.enter(block))
                yield Committed(None)
        if self.view.settled is not None and last is not None:
            self.final = self._checkpoint(last, [])
            yield Committed(self.final)

    monkeypatch.setattr(Ordering, "decide", decide)


def _forgets_keys(monkeypatch):
    """Keys of earlier epochs mean nothing."""
    monkeypatch.setattr(Outbox, "used", lambda self, key: None)


def _carries_over_what_it_has_not_seen(monkeypatch):
    """Who did not see the end of the log says all of it again."""
    right = Outbox.pending
    monkeypatch.setattr(Outbox, "pending", lambda self, counted: right(self, lambda number: False))


def _carries_nothing_over(monkeypatch):
    """What an epoch did not order is gone."""
    monkeypatch.setattr(Outbox, "pending", lambda self, counted: iter(()))


def _believes_any_state(monkeypatch):
    """A state is taken as it comes."""

    def offer(self, states):
        for state in states:
            if self.wanted and state:
                self.state = state
                return True
        return False

    monkeypatch.setattr(Pursuit, "offer", offer)


def _waits_for_a_reason(monkeypatch):
    """Nobody makes a first block without one."""

    def causes(self, round_):
        return [self._me] if self._outbox.waiting else Proposer.causes(self._proposer, round_)

    monkeypatch.setattr(Turn, "_causes", causes)


def _shows_nobody_the_way(monkeypatch):
    """Who is behind is not told how its epoch ended."""
    monkeypatch.setattr(Guide, "announce", lambda self, now: [])
    monkeypatch.setattr(Guide, "point", lambda self, peer, channel, now: None)


def _never_loses_patience(monkeypatch):
    """Who missed the end waits for the rest of the log for ever."""
    right = Transition._may_go_on

    def may_go_on(self, now):
        self._given_up = False
        return right(self, now) and (self._epoch is None or self._epoch.closing.statement is not None)

    monkeypatch.setattr(Transition, "_may_go_on", may_go_on)


MUTATIONS = [
    (_closes_with_the_batch, 738, "settle"),
    (_forgets_keys, 4, "ordered twice"),
    (_carries_over_what_it_has_not_seen, 204, "ordered twice"),
    (_carries_nothing_over, 1, "settle"),
    (_believes_any_state, 4, "settle"),
    (_waits_for_a_reason, 4, "still serve"),
    (_shows_nobody_the_way, 2, "settle"),
    (_never_loses_patience, 5, "settle"),
]


@pytest.mark.parametrize(("mutate", "seed", "found"), MUTATIONS, ids=[mutate.__name__ for mutate, _, _ in MUTATIONS])
def test_a_broken_rule_is_found_out(monkeypatch, mutate, seed, found):
    mutate(monkeypatch)
    violation = view_scenario(seed, patience_s=20).violation
    assert violation is not None
    assert found in violation
    monkeypatch.undo()
    assert view_scenario(seed).violation is None, "and it is the rule that makes the difference"
