"""Runs the command line: in this process where it is pure, as a process of its own where it has sockets."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mechdesign.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "correct horse"


class Ran:
    """What a command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


def run(*arguments: str | int | Path, stdin: str | None = None, passphrase: str | None = PASSPHRASE) -> Ran:
    """Run a command in this process."""
    result = CliRunner(env={"MECHDESIGN_PASSPHRASE": passphrase}).invoke(app, list(map(str, arguments)), input=stdin)
    assert "Traceback" not in result.stderr, result.stderr
    return Ran(result.exit_code, result.stdout, result.stderr)


def environment() -> dict[str, str]:
    """The environment of a process that is to run the working tree."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "MECHDESIGN_PASSPHRASE": PASSPHRASE, "PYTHONWARNINGS": "error"}


def spawn(*arguments: str | int | Path, timeout_s: float = 100) -> Ran:
    """Run a command as a process, and wait for it."""
    command = [sys.executable, "-m", "mechdesign", *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)
