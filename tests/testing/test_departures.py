"""Who is left bears its liars and its dead, whatever of the requests to go comes true, and none holds up for ever."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from mechdesign.group.group import Group
from mechdesign.group.messages import Exclude, Leave
from mechdesign.group.roster import Roster
from mechdesign.group.status import ViewStatus
from mechdesign.group.views.view import broadcast_of
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.departures import Departures
from mechdesign.testing.runs import run_seed
from mechdesign.testing.view_machines import PROOF
from tests.group.lockstep import make_roster

ROSTER = make_roster(6)
ALL = ROSTER.ids
WISH = broadcast_of(Leave()).key

TAKEN_BY_A_CRASH = 24
"""In this run a member is asked to go, dies at that very moment, and is wanted again; then another one is to go."""


@dataclass
class Seen:
    """What a group shows of itself: which of its own requests wait, and whom the view that is under way takes out."""

    waits: set[bytes] = field(default_factory=set)
    goes: tuple[str, ...] = ()

    def awaits(self, key: bytes) -> bool:
        return key in self.waits

    def status(self) -> Any:
        @dataclass
        class Status:
            view: ViewStatus | None

        return Status(ViewStatus((), self.goes, (), ()) if self.goes else None)


def seen(**by_place: Seen) -> dict[MemberId, Group]:
    """The groups of the roster's members, of those named ``m0`` and so on as given."""
    return {member: cast(Group, by_place.get(ROSTER.name(member), Seen())) for member in ALL}


def asked(least: int, *places: int) -> Departures:
    """Of these all have been asked to go, as far as the roster bears it."""
    departures = Departures(least)
    for place in places:
        departures.grant(ALL[place], ROSTER, 0)
    return departures


def test_so_many_are_asked_to_go_as_the_roster_bears_and_each_may_be_asked_again():
    departures = Departures(4)
    assert [departures.grant(ALL[place], ROSTER, 0) for place in (0, 1, 2, 0, 1)] == [True, True, False, True, True]


def test_with_each_liar_that_was_expelled_three_more_may_go_but_never_the_last():
    departures = Departures(7)
    assert not departures.grant(ALL[0], ROSTER, 0)
    assert [departures.grant(member, ROSTER, 2) for member in ALL] == [True] * 5 + [False]


def test_each_epoch_counts_for_itself():
    departures = asked(5, 0)
    assert not departures.grant(ALL[1], ROSTER, 0)
    assert departures.grant(ALL[1], make_roster(6, epoch=1), 0)


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param(seen(m0=Seen({WISH})), id="its wish is on its way"),
        pytest.param(seen(m3=Seen({broadcast_of(Exclude(PROOF + ALL[0])).key})), id="its exclusion is on its way"),
        pytest.param(seen(m3=Seen(goes=("m0",))), id="it was ordered"),
    ],
)
def test_who_is_wanted_again_counts_as_long_as_it_may_go(groups: dict[MemberId, Group]):
    departures = asked(5, 0)
    departures.review(ROSTER, groups, ALL)
    assert not departures.grant(ALL[1], ROSTER, 0)


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param(seen(), id="a crash took its wish"),
        pytest.param(seen(m3=Seen({WISH})), id="the wish that waits is another's"),
        pytest.param({member: group for member, group in seen().items() if member != ALL[0]}, id="it is dead"),
    ],
)
def test_who_is_wanted_again_and_cannot_go_any_more_keeps_nobody_else(groups: dict[MemberId, Group]):
    departures = asked(4, 0)
    departures.review(ROSTER, groups, ALL)
    assert departures.grant(ALL[1], ROSTER, 0)


def test_who_is_not_wanted_counts_whatever_became_of_the_request():
    departures = asked(5, 0)
    departures.review(ROSTER, seen(), ALL[1:])
    assert not departures.grant(ALL[1], ROSTER, 0)


def test_a_wish_that_outlived_its_epoch_counts_in_the_next():
    departures = Departures(5)
    departures.review(ROSTER, seen(m0=Seen({WISH})), ALL)
    assert not departures.grant(ALL[1], ROSTER, 0)


def test_a_wish_that_a_crash_took_holds_up_no_run():
    assert run_seed(TAKEN_BY_A_CRASH, changing=True).violation is None


def test_if_it_counted_for_ever_the_run_would_never_settle(monkeypatch):
    def never(self: Departures, roster: Roster, groups: object, lasting: object) -> None:
        """Nobody who was once asked is looked at again."""

    monkeypatch.setattr(Departures, "review", never)
    assert "do not settle" in str(run_seed(TAKEN_BY_A_CRASH, changing=True).violation)
