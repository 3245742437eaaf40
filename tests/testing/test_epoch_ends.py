"""Every schedule of a small group leads to one end of its epoch, and everybody there; broken rules do not."""

import pytest

from mechdesign.group.committer import CommitRule, Committer
from mechdesign.group.roster import FaultModel
from mechdesign.group.views.closing import Closing
from mechdesign.group.views.succession import EpochCertificate
from mechdesign.testing.epoch_ends import ClosingDecider, ClosingGroup
from mechdesign.testing.exploration import EndingCase
from tests.simulation.view_mutations import an_epoch_ends_where_a_member_happens_to_look

MAJORITY, BYZANTINE = FaultModel.MAJORITY, FaultModel.BYZANTINE
THREE = EndingCase("three", 3, MAJORITY, 6, 1, together=3)
FOUR = EndingCase("four", 4, BYZANTINE, 6, 0, liars=1, together=4)


def test_a_group_in_lockstep_ends_its_epoch_six_rounds_after_a_member_said_that_it_leaves() -> None:
    group = ClosingGroup(3, MAJORITY, 9)
    ended = [bool(decided(group, rounds).story.end) for rounds in range(8)]
    assert ended == [False] * 6 + [True] * 2


def decided(group: ClosingGroup, rounds: int) -> ClosingDecider:
    decider = ClosingDecider(group, CommitRule(), Committer)
    decider.accept(*sorted(group.closure(group.lockstep(rounds))))
    return decider


def test_all_schedules_of_three_members_lead_everybody_to_one_end_and_the_same_next_epoch() -> None:
    found = THREE.explore()
    assert found.counterexample is None
    # Other numbers mean other rules for making blocks, or for the end: explain the difference first.
    assert (found.schedules, found.views) == (409, 436)
    assert found.ends == (
        "from 118 of them, with 118 ways to show what liars made, everybody comes to one of 19 ends in at most 3 rounds"
        ", and by each of 114 orders of signatures to the same next epoch"
    )


def test_a_liar_that_shows_its_last_blocks_to_some_cannot_keep_the_others_from_the_end() -> None:
    found = FOUR.explore()
    assert found.counterexample is None
    assert "from 13 of them, with 90 ways to show what liars made" in found.ends


def test_it_could_if_members_stopped_voting_at_their_own_end_of_the_log() -> None:
    found = EndingCase("stops", 4, BYZANTINE, 6, 0, liars=1, together=4, votes_on=False).explore()
    assert found.counterexample is not None
    assert found.counterexample.what == "the epoch does not end for everybody, although the network is whole"
    assert found.counterexample.lines[-1].startswith("dave/5 on"), "shown to those who can do without it"


def test_an_end_wherever_a_member_happens_to_look_is_found_to_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    an_epoch_ends_where_a_member_happens_to_look(monkeypatch)
    found = EndingCase("anywhere", 3, MAJORITY, 6, 2, together=4).explore()
    assert found.counterexample is not None
    assert found.counterexample.what == "two members decide or order differently"
    assert "the end of the epoch" in str(found.counterexample)


def test_a_certificate_that_fewer_than_a_quorum_sign_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Closing.certificate

    def certificate(self: Closing) -> EpochCertificate | None:
        return right(self) or EpochCertificate(b"", b"", (), ())

    monkeypatch.setattr(Closing, "certificate", certificate)
    with pytest.raises(AssertionError, match="a quorum of signatures and no fewer"):
        THREE.explore()
