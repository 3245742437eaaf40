"""The command that plays many sessions beside everyone who means ill, and what is held against a run's ends."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mechdesign.decision.core import DecisionCore
from mechdesign.kernel.errors import VerificationError
from mechdesign.mechanisms.events import ProposeSession, Settled
from mechdesign.mechanisms.registry import load
from mechdesign.mechanisms.session import registered
from mechdesign.player import truthful
from mechdesign.testing import sessions
from mechdesign.testing.session_cases import CASES
from mechdesign.testing.session_ends import agreed, check_convictions, check_settlement
from mechdesign.testing.session_runs import Played, play_sessions
from mechdesign.testing.simulator import Violation
from mechdesign.testing.stacks import StackCluster, phases


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str]]:
    def run(*arguments: str) -> tuple[Any, str]:
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["sessions", "--jobs", "1", *arguments])
        with pytest.raises(SystemExit) as ended:
            sessions.main()
        return ended.value.code, capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def cluster() -> StackCluster:
    """Four members that have settled a session whose shares do not divide."""
    cluster = StackCluster([truthful(5)] * 4, 1)
    cluster.start()
    thirds = load("cost.equal-share").from_parameters({"cost": 10})
    cluster.propose(0, ProposeSession(mechanism=thirds, seal="open", asked=("alice", "bob", "carol"), **phases(1000)))
    assert cluster.run()
    return cluster


def ends_of(cluster: StackCluster) -> tuple[dict[int, dict[bytes, Any]], bytes, Settled]:
    ended = {place: dict(told) for place, told in enumerate(cluster.ended)}
    ((session, end),) = ended[0].items()
    assert isinstance(end, Settled)
    return ended, session, end


def test_a_run_without_violations_ends_with_a_table_and_exit_code_0(command: Callable[..., tuple[Any, str]]) -> None:
    code, printed = command("--sessions", "4", "--cases", "nobody,cheat late", "--conditions", "calm")
    assert code == 0
    assert "1 of 2: nobody, calm: 4 settled, 0 aborted" in printed
    assert "books compared" in printed


def test_as_json_each_run_is_an_object(command: Callable[..., tuple[Any, str]]) -> None:
    code, printed = command("--sessions", "4", "--cases", "nobody", "--conditions", "calm,storm", "--json")
    assert code == 0
    runs = json.loads(printed)
    assert [(run["case"], run["conditions"], run["settled"], run["violation"]) for run in runs] == [
        ("nobody", "calm", 4, ""),
        ("nobody", "storm", 4, ""),
    ]


def test_a_violation_is_printed_with_how_to_replay_it_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, command: Callable[..., tuple[Any, str]]
) -> None:
    def broken(case: str, conditions: str, seed: int, many: int) -> Played:
        return Played(case, conditions, seed, violation="it broke")

    monkeypatch.setattr(sessions, "play_sessions", broken)
    code, printed = command("--cases", "lie hide", "--conditions", "storm", "--seed", "7")
    assert code == sessions.FOUND_VIOLATION
    assert "VIOLATION in lie hide, storm: it broke" in printed
    assert "--cases 'lie hide' --conditions storm --seed 7 --sessions 200 --jobs 1" in printed


def test_what_a_core_raises_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(core: Any, incoming: Any, now: int) -> Any:
        raise KeyError("nobody")

    monkeypatch.setattr(DecisionCore, "receive", broken)
    assert play_sessions("nobody", "calm", 1, 4).violation.startswith("KeyError: 'nobody' (test_sessions.py:")


def test_every_case_is_played_under_every_condition_unless_some_are_chosen(
    monkeypatch: pytest.MonkeyPatch, command: Callable[..., tuple[Any, str]]
) -> None:
    monkeypatch.setattr(sessions, "play_sessions", lambda *piece: Played(*piece[:3]))
    assert f"{3 * len(CASES)} of {3 * len(CASES)}: " in command()[1]
    assert command("--cases", "lie bribe")[0] == 2
    assert command("--conditions", "fog")[0] == 2


def test_ends_that_differ_between_members_are_a_violation(cluster: StackCluster) -> None:
    ended, session, end = ends_of(cluster)
    nobody: dict[int, tuple[bytes, ...]] = dict.fromkeys(ended, ())
    assert agreed(ended, nobody) == {session: end}
    for other in (replace(end, booked=()), replace(end, digest=bytes(32))):
        with pytest.raises(Violation, match="a session ended as"):
            agreed({**ended, 2: {session: other}}, nobody)
    with pytest.raises(Violation, match="computed another outcome"):
        agreed({**ended, 2: {session: replace(end, agrees=False)}}, nobody)


def test_an_end_that_a_member_was_not_told_of_is_a_violation_unless_it_missed_the_epoch(cluster: StackCluster) -> None:
    ended, session, end = ends_of(cluster)
    assert agreed({**ended, 2: {}}, {**dict.fromkeys(ended, ()), 2: (session,)}) == {session: end}
    with pytest.raises(Violation, match="knows no end"):
        agreed({**ended, 2: {}}, dict.fromkeys(ended, ()))


def test_a_unit_that_is_lost_in_rounding_is_a_violation(cluster: StackCluster) -> None:
    _, _, end = ends_of(cluster)
    check_settlement(end, registered)
    assert {flow.amount.denominator for flow in end.flows} - {1}, "the shares do not divide"
    first, *rest = end.flows
    for flows in ((replace(first, amount=first.amount - 1), *rest), tuple(rest)):
        with pytest.raises(Violation, match="is due"):
            check_settlement(replace(end, flows=flows), registered)


def test_a_transcript_that_shows_another_end_or_does_not_hold_is_found(cluster: StackCluster) -> None:
    _, _, end = ends_of(cluster)
    with pytest.raises(Violation, match="another end"):
        check_settlement(replace(end, digest=bytes(32)), registered)
    with pytest.raises(VerificationError):
        check_settlement(replace(end, transcript=end.transcript[:-1]), registered)


def test_an_honest_member_that_is_convicted_and_convictions_that_differ_are_violations(cluster: StackCluster) -> None:
    assert check_convictions(cluster, (0, 1, 2), (0, 1, 2)) == []
    cluster.convicted[1]["dave", "equivocation"] = None
    try:
        with pytest.raises(Violation, match="convict differently"):
            check_convictions(cluster, (0, 1, 2), (0, 1, 2))
        with pytest.raises(Violation, match="convicts honest members"):
            check_convictions(cluster, (0, 1, 2, 3), (0, 1, 2, 3))
    finally:
        cluster.convicted[1].clear()
