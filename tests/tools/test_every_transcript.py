"""The plugin that shows every transcript of the tests to the second verifier."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = "tests/decision/test_aborted.py"
OF_PROCESSES = (
    "tests/cli/test_demo.py::test_four_players_print_the_documented_layout_and_leave_what_verify_confirms",
    "tests/cli/test_verify_aborted.py",
)
SAYS_ANYTHING = """
class Session:
    check = None


def verify(data):
    return "consistent: aborted: whatever"
"""


def run(*tests: str, **environment: str) -> tuple[int, str]:
    plugin = ["-p", "no:cacheprovider", "-p", "tests.tools.every_transcript"]
    command = [sys.executable, "-m", "pytest", "-q", *plugin, *tests]
    environment = {**os.environ, **environment}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout


def counts(printed: str) -> list[int]:
    (line,) = (line for line in printed.splitlines() if line.startswith("second verifier: "))
    return list(map(int, re.findall(r"\d+", line)))


def test_transcripts_of_this_process_and_files_of_others_are_seen_and_agreed_upon() -> None:
    code, printed = run(HERE, *OF_PROCESSES)
    made, signed, files, damaged, unknown, refused = counts(printed)
    assert (code, refused, unknown) == (0, 0, 0), printed
    assert made > signed >= 2
    assert files > damaged >= 1


def test_a_second_verifier_that_says_something_else_fails_the_run(tmp_path: Path) -> None:
    script = tmp_path / "verify.py"
    script.write_text(SAYS_ANYTHING, encoding="utf-8")
    code, printed = run(HERE, OF_PROCESSES[1], SECOND_VERIFIER=str(script))
    assert code == 1
    assert counts(printed)[-1] > 0
    assert "we refuse it" in printed, "it takes what was damaged"
    assert "settled" in printed, "it says that all were aborted"
