"""All schedules of small groups keep the promise of agreement; broken rules have a shortest schedule that breaks it."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from typer import Exit

from mechdesign.group.block import Block
from mechdesign.group.committer import SKIP, Commit, Committer, Skip, Slot, Verdict
from mechdesign.group.roster import FaultModel
from mechdesign.testing import exploration
from mechdesign.testing.exploration import SHORT, Case
from mechdesign.testing.explorer import Explorer
from mechdesign.testing.interleavings import Interleavings
from mechdesign.testing.small_groups import SmallGroup, Tips

MAJORITY, BYZANTINE, UNANIMOUS = FaultModel.MAJORITY, FaultModel.BYZANTINE, FaultModel.UNANIMOUS


# Other numbers mean other rules for making blocks: explain the difference before writing down another.
EXPECTED = {SHORT[1]: (1883, 338, 354, 829, 163), SHORT[3]: (694, 694, 694, 1232, 340)}

TWO_ROUNDS = """\
two members decide or order differently (10 blocks):
  alice/0 on nothing
  bob/0 on nothing
  carol/0 on nothing
  alice/1 on alice/0, bob/0
  bob/1 on alice/0, bob/0
  carol/1 on alice/0, bob/0, carol/0
  alice/2 on alice/1, carol/1
  carol/2 on alice/1, carol/1
  alice/3 on alice/2, carol/2
  carol/3 on alice/2, carol/2
  alice has accepted alice/0, bob/0, carol/0, alice/1, carol/1, alice/2, carol/2, alice/3, carol/3 and decides \
commit alice/0, commit bob/0, commit carol/0, skip bob/1, commit carol/1, commit alice/1, commit carol/2, \
commit alice/2, skip bob/2
  bob has accepted alice/0, bob/0, alice/1, bob/1 and decides commit alice/0, commit bob/0, skip carol/0"""
"""The shortest schedule that forks a wave of two rounds under majority quorums, although nobody lies."""


@pytest.mark.parametrize("case", SHORT, ids=str)
def test_a_guarantee_holds_in_all_schedules_and_a_broken_rule_in_not_all(case: Case) -> None:
    found = case.explore()
    assert (found.counterexample is None) == case.holds, str(found.counterexample)
    if case in EXPECTED:
        assert (found.schedules, found.classes, found.views, found.comparisons, found.blocks) == EXPECTED[case]
    if case.rule.wave == 2:
        assert str(found.counterexample) == TWO_ROUNDS


@pytest.mark.parametrize(
    ("n", "faults", "rounds", "schedules", "states"),
    [
        (1, UNANIMOUS, 4, 5, 5),
        (2, UNANIMOUS, 5, 16, 57),
        (3, UNANIMOUS, 3, 22, 1021),
        (3, MAJORITY, 2, 80, 14269),
        (4, BYZANTINE, 1, 16, 6561),
    ],
)
def test_every_order_of_deliveries_leads_to_the_schedules_of_the_reduced_exploration(
    n: int, faults: FaultModel, rounds: int, schedules: int, states: int
) -> None:
    group = SmallGroup(n, faults, rounds)
    naive = Interleavings(group)
    naive.explore()
    reduced: set[frozenset[int]] = set()
    found = Explorer(group, reduced=False, visit=lambda tips: reduced.add(group.closure(tips))).explore()
    assert found.counterexample is None
    assert naive.schedules == reduced
    assert (len(naive.schedules), naive.states) == (schedules, states)


def without_idle_links(group: SmallGroup, tips: Tips, other: SmallGroup) -> frozenset[int]:
    """A schedule of one group made again in another, where later blocks have no weak links."""
    again: dict[int, int] = {}
    for number in sorted(group.closure(tips), key=lambda number: (group.made[number].round, number)):
        made = group.made[number]
        parents, weak = (tuple(again[link] for link in links) for links in (made.parents, made.weak))
        bare = weak if made.round < other.linked else ()
        again[number] = other.number(made.author, made.round, parents, bare, made.leaf)
    return frozenset(again.values())


@pytest.mark.parametrize(
    ("n", "faults", "rounds", "omissions", "liars", "twins"),
    [
        (3, UNANIMOUS, 5, None, 0, 0),
        (3, MAJORITY, 3, None, 0, 0),
        pytest.param(3, MAJORITY, 4, 2, 0, 0, marks=pytest.mark.long),
        (3, MAJORITY, 6, 0, 0, 0),
        (4, BYZANTINE, 2, None, 0, 0),
        (4, BYZANTINE, 3, 1, 0, 0),
        pytest.param(4, BYZANTINE, 3, 0, 1, 1, marks=pytest.mark.long),
        (4, BYZANTINE, 4, 0, 1, 0),
    ],
)
def test_what_is_left_out_differs_by_names_or_by_links_that_change_nothing(
    n: int, faults: FaultModel, rounds: int, omissions: int | None, liars: int, twins: int
) -> None:
    places = range(n - liars, n)
    whole, small = (SmallGroup(n, faults, rounds, liars=places, twins=twins) for _ in range(2))
    everything: list[Tips] = []
    representatives: list[Tips] = []
    naive = Explorer(whole, omissions, reduced=False, visit=everything.append)
    reduced = Explorer(small, omissions, visit=representatives.append)
    assert naive.explore().counterexample is None
    found = reduced.explore()
    assert found.counterexample is None
    stripped = {without_idle_links(whole, tips, small) for tips in everything}
    covered = [small.closure(tips) for each in representatives for tips in reduced.symmetry.orbit(each)]
    assert stripped == set(covered)
    assert len(covered) == found.schedules == len(stripped), "no schedule is looked at twice"
    assert (found.classes < found.schedules) == (rounds < 6)


class SkipsEarly(Committer):
    """One author less than a quorum of blame is enough."""

    def direct(self, slot: Slot) -> Verdict:
        verdict = super().direct(slot)
        few = self._blames.get(slot, 0).bit_count() >= self._q - 1
        return SKIP if few and not isinstance(verdict, Commit) else verdict


class CommitsEarly(Committer):
    """One author less than a quorum of certificates is enough."""

    def _reaches_quorum(self, before: int, mask: int) -> bool:
        # It has to look whenever there is one more, as the right rule does at a quorum.
        self._stale = True
        return super()._reaches_quorum(before, mask)

    def direct(self, slot: Slot) -> Verdict:
        for twin in self._dag.slot(*slot):
            if self._certs.get(twin.digest, 0).bit_count() >= self._q - 1:
                return Commit(twin)
        return super().direct(slot)


class NeverLooksBack(Committer):
    """What is not decided by itself is skipped as soon as a later slot is committed."""

    def indirect(self, slot: Slot, anchor: Block) -> Commit | Skip:
        return SKIP


class TakesAVote(Committer):
    """A vote in the history of a later leader counts as a certificate."""

    def indirect(self, slot: Slot, anchor: Block) -> Commit | Skip:
        for block in self._dag.history(anchor, slot[0] + 1):
            for parent in block.header.parents:
                leader = self._dag.get(parent.digest)
                if leader is not None and (leader.round, leader.author) == slot and block.round == slot[0] + 1:
                    return Commit(leader)
        return SKIP


def begin(group: SmallGroup, rounds: Iterable[Iterable[str]]) -> Tips:
    """Rounds of three members from the second on; by member whom it names, as in ``("ab", "abc", "bc")``."""
    tips = tuple(group.number(place, 0, ()) for place in range(3))
    for round_, named in enumerate(rounds, 1):
        links = [["abc".index(name) for name in names] for names in named]
        tips = tuple(
            group.number(place, round_, (tips[place], *(tips[other] for other in others if other != place)))
            for place, others in enumerate(links)
        )
    return tips


@pytest.mark.parametrize(
    ("broken", "rounds", "omissions"),
    [
        (SkipsEarly, [("ab", "ab", "abc")], 1),
        pytest.param(CommitsEarly, [("abc", "ab", "abc"), ("ab", "ab", "abc")], 2, marks=pytest.mark.long),
        (NeverLooksBack, [("abc", "ab", "abc"), ("abc", "ab", "abc")], 2),
        pytest.param(TakesAVote, [("ab", "ab", "abc"), ("ac", "abc", "ac")], 2, marks=pytest.mark.long),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_commit_rule_is_found_out_where_the_sound_one_holds(
    broken: type[Committer], rounds: list[tuple[str, ...]], omissions: int
) -> None:
    group = SmallGroup(3, MAJORITY, 6)
    start = begin(group, rounds)
    found = Explorer(group, omissions, committer=broken).explore(start)
    assert found.counterexample is not None
    named = " decides " in str(found.counterexample)
    assert named == (broken is not SkipsEarly), "two members and what they decide, or that the order of arrival matters"
    assert Explorer(group, omissions).explore(start).counterexample is None


def test_a_broken_commit_rule_is_found_out_where_members_change_places() -> None:
    found = Explorer(SmallGroup(3, MAJORITY, 4), 2, committer=SkipsEarly).explore()
    assert found.counterexample is not None
    assert found.classes < found.schedules


def test_the_command_prints_each_case_and_fails_where_theory_is_contradicted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = Case("sound", 3, UNANIMOUS, 3)
    monkeypatch.setattr(exploration, "SHORT", (sound,))
    exploration.explore_all()
    assert (
        "sound: n = 3, unanimous, 3 rounds, any number of omissions\n  holds in 22 schedules" in capsys.readouterr().out
    )
    monkeypatch.setattr(exploration, "SHORT", (sound, replace(sound, holds=False)))
    with pytest.raises(Exit) as caught:
        exploration.explore_all()
    assert caught.value.exit_code == 1
    assert capsys.readouterr().out.count("THIS IS NOT WHAT THEORY SAYS") == 1
