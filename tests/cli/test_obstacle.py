"""Why nothing is happening, said in one's own words, the gravest first."""

from typing import Any

import pytest

from mechdesign.cli.obstacle import obstacle, obstacles

WELL: dict[str, Any] = {
    "member": "alice", "state": "running", "detail": "", "members": ["alice", "bob", "carol", "dave"], "quorum": 3,
    "linked": ["bob", "carol", "dave"], "unreached": [], "missing": [], "view": None, "hindrance": "", "held": 0,
    "pending": 0, "sessions": [],
}  # fmt: skip
CHANGE = {"joins": ["erin"], "goes": ["dave"], "unready": ["bob", "dave"], "closed": False, "unsigned": []}
SESSION = {
    "session": "ab" * 32, "mechanism": "auction.second-price/1", "phase": "sealing", "missing": ["bob"], "unpaid": [],
    "for_s": 31,
}  # fmt: skip

UNPAID = {**SESSION, "phase": "enrolling", "missing": [], "unpaid": ["alice", "bob"]}


def told(**seen: Any) -> list[str]:
    return obstacles({**WELL, **seen})


def test_a_group_that_is_well_has_nothing_in_its_way() -> None:
    assert obstacle(WELL) is None
    assert told(pending=3) == [], "what waits is not in the way: it goes into the next block"


@pytest.mark.parametrize(
    ("state", "detail", "text"),
    [
        (
            "refusing",
            "the journal was rolled back",
            "refusing to sign: the journal was rolled back; that does not pass: come back under a new key, by an "
            "invitation of the others",
        ),
        ("forked", "round 7 of bob has contradicting quorums", "forked: round 7 of bob has contradicting quorums"),
        ("left", "", "left: this member is in the group no more"),
    ],
)
def test_what_does_not_pass_by_itself_is_all_that_is_said(state: str, detail: str, text: str) -> None:
    assert told(state=state, detail=detail, unreached=["bob", "carol", "dave"], held=2) == [text]


def test_a_member_that_is_behind_or_starting_says_so_and_who_is_missing() -> None:
    assert told(state="behind", detail="fetches the log", unreached=["dave"]) == [
        "behind: fetches the log",
        "no way to dave",
    ]
    assert told(state="starting", detail="asks the others", unreached=["bob", "carol", "dave"]) == [
        "the quorum is lost: 1 of 4 members are here and 3 are needed; missing are bob, carol, dave",
        "starting: asks the others",
    ]


def test_a_member_that_comes_in_says_what_it_asks_for_and_whether_anybody_hears_it() -> None:
    joining = {"state": "joining", "detail": "asks for the certificates", "unreached": list(WELL["members"])}
    assert told(**joining) == ["joining: asks for the certificates"]
    assert told(**joining, linked=[])[1:] == ["no link to any of alice, bob, carol, dave"]


def test_who_is_missing_is_named_once() -> None:
    assert told(missing=["bob"], unreached=["bob"]) == ["waiting for bob"]
    assert told(missing=["bob"]) == ["waiting for bob"]
    assert told(unreached=["bob"]) == ["no way to bob"]
    assert told(missing=["bob"], unreached=["carol"]) == [
        "the quorum is lost: 2 of 4 members are here and 3 are needed; missing are bob, carol"
    ]


def test_a_change_of_the_members_says_what_it_waits_for() -> None:
    assert told(view=CHANGE, hindrance="it waits for the end of abab") == [
        "the members change (+erin, -dave) once 3 members are ready: not yet bob, dave; it waits for the end of abab"
    ]
    assert told(view={**CHANGE, "unready": ["dave"]}) == [
        "the members change (+erin, -dave): enough members are ready, and the log comes to its end"
    ]
    assert told(view={**CHANGE, "unready": ["dave"], "closed": True, "unsigned": ["bob", "carol"]}) == [
        "the members change (+erin, -dave): the log has ended, 2 of 3 signatures are here, not of bob, carol"
    ]


def test_what_is_held_back_and_whom_sessions_wait_for_is_said() -> None:
    assert told(held=2, pending=90, sessions=[SESSION, {**SESSION, "missing": []}, UNPAID]) == [
        "2 submissions of ours are held back until some of the 90 that wait to be ordered are",
        "session abababababababab (auction.second-price/1) waits in sealing for bob, 31 s by now",
        "session abababababababab (auction.second-price/1) waits in enrolling for a receipt for what alice, "
        "bob deposit, 31 s by now",
    ]
