"""Every example runs and prints exactly what its own docstring says that it prints."""

import ast
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITH_ARGUMENTS = {"group_chat"}  # run by a test of its own
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if path.stem not in WITH_ARGUMENTS)
REQUIRED = {"vickrey_auction", "cost_sharing", "public_project", "your_own_mechanism"}


def printed(path: Path) -> str:
    """What the docstring of an example says under ``It prints::``."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    _, found, block = text.partition("It prints::\n\n")
    assert found, f"{path.name} does not say what it prints"
    return textwrap.dedent(block).rstrip() + "\n"


def test_the_promised_examples_are_there() -> None:
    assert {path.stem for path in EXAMPLES} >= REQUIRED


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_says(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == printed(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_between_20_and_80_lines(path: Path) -> None:
    assert 20 <= len(path.read_text(encoding="utf-8").splitlines()) <= 80


def test_your_own_mechanism_is_a_class_of_under_40_lines() -> None:
    tree = ast.parse((ROOT / "examples" / "your_own_mechanism.py").read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert sum((node.end_lineno or 0) - node.lineno + 1 for node in classes) < 40


def test_the_readme_shows_the_class_of_the_example() -> None:
    source = (ROOT / "examples" / "your_own_mechanism.py").read_text(encoding="utf-8")
    found = re.search(r"^class LowestUnique.*?(?=^def main)", source, re.M | re.S)
    assert found
    assert found[0].strip() in (ROOT / "README.md").read_text(encoding="utf-8")


DATA = Path(os.environ.get("MECHDESIGN_DATA", ROOT.parent / "shared" / "data"))


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real elections are not part of the repository: no {DATA}")
def test_the_examples_take_real_files() -> None:
    election, budget = DATA / "elections" / "debian-2002-leader.soi", DATA / "participatory_budgeting"
    runs = {
        ("stv_election.py", str(election), "1"): "elected: Bdale Garbee",
        ("participatory_budget.py", str(budget / "Poland_Warszawa_2017_Aleksandrow.pb")): "first: 261, 720; 234 of 422",
    }
    for (example, *words), says in runs.items():
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / example), *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert says in done.stdout
