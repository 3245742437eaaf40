"""The command as a whole: help, exit codes, errors, start-up."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mechdesign.cli import app as application
from mechdesign.cli.exits import Exit
from tests.cli.command_line import ROOT, environment, run, spawn

DOCS = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = ["keygen", "roster", "mechanisms", "describe", "decide", "node", "demo", "verify"]


def test_help_lists_every_command() -> None:
    out = run("--help").out
    for command in COMMANDS:
        assert re.search(rf"^\s+{command}\s", out, re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_every_option_is_documented(command: str) -> None:
    out = run(command, "--help").out
    assert f"## `mechdesign {command}" in DOCS
    for option in set(re.findall(r"--[a-z][a-z-]+", out)) - {"--help"}:
        assert f"`{option}" in DOCS, option


def test_every_exit_code_is_documented_with_its_number() -> None:
    for code in Exit:
        assert re.search(rf"^\| {int(code)} \|", DOCS, re.M), code


def test_the_version_is_printed() -> None:
    assert re.fullmatch(r"mechdesign \d+\.\d+\.\d+\n", run("--version").out)


@pytest.mark.parametrize("arguments", [["nonsense"], ["decide"], ["demo", "--players", "0"], ["demo", "--nonsense"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert run(*arguments).code == Exit.USAGE


def test_help_loads_neither_sockets_nor_cryptography_nor_pydantic() -> None:
    code = (
        "import sys\n"
        "import mechdesign.cli.app\n"
        "print([name for name in ('zmq', 'nacl', 'cryptography', 'pydantic', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_module_is_the_command(tmp_path: Path) -> None:
    (tmp_path / "bids.json").write_text('{"reports": {"alice": 18, "bob": 24}}')
    ran = spawn("decide", "auction.second-price", tmp_path / "bids.json", "--json")
    assert ran.code == 0
    assert ran.json["transfers"] == {"alice": "0", "bob": "-18"}


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m mechdesign describe voting.borda | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment(), check=True, timeout=60
    )
    assert done.stdout == "voting.borda/1\n"
    assert done.stderr == ""


def test_a_bug_is_told_from_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from mechdesign.mechanisms import registry

    def broken() -> tuple[str, ...]:
        raise RuntimeError("something is wrong inside")

    monkeypatch.setattr(registry, "names", broken)
    result = CliRunner().invoke(application.app, ["mechanisms"])
    assert result.exit_code == Exit.BUG
    assert "This is a bug in mechdesign" in result.stderr
    assert "something is wrong inside" in result.stderr


def test_letters_that_the_terminal_lacks_end_no_command(tmp_path: Path) -> None:
    ballots = tmp_path / "ballots.json"
    ballots.write_text(
        '{"parameters": {"options": ["Αθήνα", "Oslo"]}, "reports": {"alice": {"order": ["Αθήνα"]}}}', encoding="utf-8"
    )
    command = [sys.executable, "-m", "mechdesign", "decide", "voting.plurality", str(ballots)]
    ran = subprocess.run(
        command, capture_output=True, text=True, env={**environment(), "PYTHONIOENCODING": "ascii"}, check=False
    )
    assert "Traceback" not in ran.stderr
    assert "\\u0391" in ran.stdout + ran.stderr
