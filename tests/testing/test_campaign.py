"""The command that plays many seeds: what it prints of a failing one, and that this is enough to replay it."""

import sys
from dataclasses import replace

import pytest
import typer

from mechdesign.group.committer import CommitRule
from mechdesign.testing import campaign
from mechdesign.testing.runs import run_seed


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["campaign", *arguments])
    with pytest.raises(SystemExit) as ended:
        campaign.main()
    return ended.value.code, capsys.readouterr().out


def test_seeds_are_ranges_and_single_numbers():
    assert campaign.parse_seeds("3..7") == [3, 4, 5, 6]
    assert campaign.parse_seeds("7") == [7]
    assert campaign.parse_seeds("9,3..5,1") == [9, 3, 4, 1]
    for wrong in ("", "x", "7..3", "1..", "..4", "1..x", "1,", "1,,2", "3,x..4"):
        with pytest.raises(typer.BadParameter):
            campaign.parse_seeds(wrong)


def test_a_clean_campaign_says_how_many_seeds_a_minute_and_exits_with_0(monkeypatch, capsys):
    code, printed = run(monkeypatch, capsys, "--seeds", "0..4", "--jobs", "1")
    assert code == 0
    assert printed.startswith("4 seeds, 0 failed, ")
    assert "a minute" in printed


def test_the_digests_of_all_histories_are_written_in_the_order_of_their_seeds(monkeypatch, capsys, tmp_path):
    file = tmp_path / "digests.txt"
    code, _ = run(monkeypatch, capsys, "--seeds", "3,0..2", "--jobs", "2", "--digests", str(file))
    assert code == 0
    assert file.read_text() == "".join(f"{seed} {run_seed(seed).digest}\n" for seed in (0, 1, 3))


def test_the_jobs_share_the_seeds(monkeypatch, capsys):
    code, printed = run(monkeypatch, capsys, "--seeds", "0..4", "--jobs", "2")
    assert code == 0
    assert "4 seeds, 0 failed" in printed


def test_a_failing_seed_is_printed_with_how_to_replay_it_and_the_exit_code_is_1(monkeypatch, capsys):
    def broken(seed, **options):
        outcome = run_seed(seed, **options)
        return replace(outcome, violation="it broke") if seed == 2 else outcome

    monkeypatch.setattr(campaign, "run_seed", broken)
    code, printed = run(monkeypatch, capsys, "--seeds", "0..4", "--jobs", "1")
    assert code == 1
    assert "VIOLATION: it broke" in printed
    assert "replay: python -m mechdesign.testing.campaign --seeds 2" in printed
    assert "failing seeds: 2" in printed


def test_a_single_seed_is_replayed_to_the_same_history(monkeypatch, capsys, tmp_path):
    file = tmp_path / "history.txt"
    code, printed = run(monkeypatch, capsys, "--seeds", "10", "--history", str(file))
    assert code == 0
    assert "seed 10: " in printed
    assert run_seed(10).digest[:16] in printed
    first = file.read_text()
    assert first.startswith("start ")
    run(monkeypatch, capsys, "--seeds", "10", "--history", str(file))
    assert file.read_text() == first


def test_a_violation_in_a_replay_gives_exit_code_1(monkeypatch, capsys):
    broken = CommitRule(wave=2)
    monkeypatch.setattr(campaign, "run_seed", lambda seed, **options: run_seed(seed, rule=broken, **options))
    code, printed = run(monkeypatch, capsys, "--seeds", "1646")
    assert code == 1
    assert "logs differ" in printed
