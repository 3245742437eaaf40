"""A member that dies between any two of its effects comes back, and everything ends as if it had not."""

from typing import Any

import pytest

from mechdesign.decision.core import DecisionCore
from mechdesign.group.core import GroupCore
from mechdesign.testing.boundaries import SCENES, chat, open_auction
from mechdesign.testing.crashes import crash_everywhere
from mechdesign.testing.simulator import Violation
from mechdesign.transport.messages import Send
from tests.long_form import mostly_long

EVERY = 20
"""Of the boundaries of a whole stack one in so many is looked at here, and all of them by the module's own command."""


@pytest.mark.parametrize("every", mostly_long([10, 1], short=1))
def test_a_member_of_a_group_comes_back_from_every_boundary(every: int) -> None:
    played = crash_everywhere(chat, 1, every=every)
    assert played * every > 250, "every record written, frame sent and entry delivered, and of those with a tail both"


@pytest.mark.parametrize("every", mostly_long([EVERY, EVERY // 2], short=1))
@pytest.mark.parametrize("seal", ["threshold", "commit_reveal"])
def test_no_crash_costs_a_deposit_or_changes_what_was_sealed(seal: str, every: int) -> None:
    played = crash_everywhere(SCENES[seal], 1, first=3, every=every)
    assert played * every > 400


def test_whoever_proposes_comes_back_and_proposes_the_same() -> None:
    assert crash_everywhere(open_auction, 0, every=100) > 0


def test_a_member_that_forgets_its_secrets_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DecisionCore.restore
    monkeypatch.setattr(DecisionCore, "restore", lambda core, records: whole(core, ()))
    with pytest.raises(Violation, match="chooses another secret in its second life"):
        crash_everywhere(open_auction, 1, every=10)


def test_a_member_that_sends_before_it_writes_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = GroupCore._effects

    def hasty(core: GroupCore) -> list[Any]:
        return sorted(whole(core), key=lambda effect: not isinstance(effect, Send))

    monkeypatch.setattr(GroupCore, "_effects", hasty)
    with pytest.raises(Violation, match="before it is on disk"):
        chat(1, 1, "kept")


def test_a_scene_says_whether_the_member_got_so_far() -> None:
    assert chat(1, 1, "lost") is not None
    assert chat(1, 100_000, "lost") is None
