"""Many sessions at once beside every kind of liar, cheat and schemer, in a calm, a storm, or while members change."""

import re
from typing import get_args

import pytest

from mechdesign.mechanisms.session import registered
from mechdesign.testing.equivocators import LiarKind
from mechdesign.testing.lying_groups import EPOCH_LIAR_KINDS
from mechdesign.testing.misbehaviour import KINDS
from mechdesign.testing.schemers import SCHEMES
from mechdesign.testing.session_cases import CASES, VIEW_CASES
from mechdesign.testing.session_mix import KINDS_OF_SESSIONS, session
from mechdesign.testing.session_runs import CONDITIONS, play_sessions
from mechdesign.testing.stacks import NAMES
from mechdesign.testing.view_liars import VIEW_LIAR_KINDS

MANY, FEW = 200, 12

FORCED = {
    "was convicted of": "sessions whose sanction is abort, by whoever is convicted while nothing shows",
    "0 of at least 1 players enrolled": "sessions of which it is the custodian, and those that nobody understands",
    "of at least 1 participants gave a report": "sessions of its own with a roll, which it does not carry ballots for",
    "members have the code, and a quorum": "sessions whose mechanism it has alone",
    "the mechanism failed": "sessions whose mechanism it made to fail",
    "no digest can reach a quorum any more": "sessions of a mechanism that it has alone",
}
"""What one that means ill can make of which sessions, by what is told of their end."""


def conditions_of(case: str) -> str:
    """Each case has one of them in the short form; those that lie about the end of epochs have one."""
    return "change" if case in VIEW_CASES else CONDITIONS[list(CASES).index(case) % 2]


def test_there_is_a_case_for_every_kind_and_every_condition_has_some() -> None:
    villains = [villain for case in CASES.values() for villain in case]
    assert {villain.lie for villain in villains} >= {*get_args(LiarKind), *VIEW_LIAR_KINDS, *EPOCH_LIAR_KINDS}
    assert {villain.cheat for villain in villains} >= set(KINDS)
    assert {villain.scheme for villain in villains} >= set(SCHEMES)
    assert sum(len(case) == 2 for case in CASES.values()) >= 5
    assert {conditions_of(case) for case in CASES} == set(CONDITIONS)


def test_the_mix_has_sessions_of_every_kind() -> None:
    mix = [session(number, "alice", NAMES[:4], 1000) for number in range(MANY)]
    kinds = [request.label.partition(" ")[2] for request in mix]
    assert set(kinds) == set(KINDS_OF_SESSIONS)
    assert min(kinds.count(kind) for kind in KINDS_OF_SESSIONS) >= 4
    assert all(registered(request.mechanism.name, request.mechanism.version) for request in mix)


@pytest.mark.parametrize("case", CASES)
def test_sessions_at_once_end_alike_whoever_is_among_the_members(case: str) -> None:
    wanted = FEW // max(1, len(CASES[case]))
    played = play_sessions(case, conditions_of(case), 1, wanted, audited=10)
    assert played.violation == ""
    assert played.members == max(4, 3 * len(CASES[case]) + 1) + (case in VIEW_CASES)
    assert played.settled + sum(many for _, many in played.aborted) >= wanted
    assert played.settled >= wanted // 2
    assert played.positions > 10 * wanted, "the books are compared at every position"
    if case == "nobody":
        assert played.aborted == ()
    for reason, _ in played.aborted:
        assert any(re.search(forced, reason) for forced in FORCED), reason


def test_two_hundred_sessions_at_once_end_alike_beside_one_that_lies_in_a_storm() -> None:
    played = play_sessions("lie equivocate", "storm", 3, MANY, audited=20)
    assert played.violation == ""
    assert played.settled >= MANY * 9 // 10
    assert played.settled + sum(many for _, many in played.aborted) >= MANY


def test_a_run_replays_from_its_seed() -> None:
    one, other = (play_sessions("lie select", "storm", 5, 4) for _ in range(2))
    assert one == other
