"""Each import contract of pyproject.toml holds for the tree as it stands, and fails on a deliberate breach."""

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mechdesign"
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {contract["id"]: contract for contract in LINTER["contracts"]}
FORBIDDEN_TO_CORES = CONTRACTS["pure-cores"]["forbidden_modules"]
# The contracts are of interest here, not the code: a run is over long before this.
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Breach:
    """A file with one import that a contract forbids; `also` names files that the import needs to exist."""

    contract: str
    path: str
    line: str
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.contract}: {' '.join(self.line.split())} in {self.path}"


# The planted files are new ones, so that a breach does not depend on what the real modules contain.
BREACHES = [
    # Every step of the order, from the bottom up, and one leap over several steps.
    Breach("layer-order", "kernel/planted.py", "import mechdesign.transport"),
    Breach("layer-order", "transport/planted.py", "import mechdesign.group"),
    Breach("layer-order", "group/planted.py", "from mechdesign import decision"),
    Breach("layer-order", "decision/planted.py", "import mechdesign.mechanisms"),
    Breach("layer-order", "mechanisms/planted.py", "import mechdesign.stack", ("stack.py",)),
    Breach("layer-order", "mechanisms/planted.py", "import mechdesign.testing"),
    Breach("layer-order", "kernel/planted.py", "import mechdesign.cli"),
    # The public door leads to everything, so nothing below may go through it.
    Breach("layer-order", "group/planted.py", "from mechdesign import settle"),
    # A module without a place in the order.
    Breach("layer-order", "planted.py", "import mechdesign.kernel"),
    Breach("no-skip-mechanisms", "mechanisms/planted.py", "import mechdesign.group"),
    Breach("no-skip-mechanisms", "mechanisms/planted.py", "import mechdesign.transport"),
    Breach("no-skip-decision", "decision/planted.py", "import mechdesign.transport"),
    # An import for the type checker ties two layers together as firmly as any other.
    Breach(
        "no-skip-decision",
        "decision/planted.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mechdesign.transport import messages",
    ),
    *(Breach("pure-cores", "group/planted.py", f"import {module}") for module in FORBIDDEN_TO_CORES),
    Breach("pure-cores", "kernel/planted.py", "import time"),
    Breach("pure-cores", "transport/planted.py", "import zmq.asyncio"),
    Breach("pure-cores", "decision/planted.py", "from random import choice"),
    Breach("pure-cores", "mechanisms/voting/planted.py", "import secrets"),
    # An import inside a function is an import all the same.
    Breach("pure-cores", "group/planted.py", "def later():\n    import time"),
    Breach("shells", "group/planted.py", "import mechdesign.group.journal", ("group/journal.py",)),
    Breach("shells", "group/planted.py", "import mechdesign.transport.zeromq", ("transport/zeromq.py",)),
    Breach("families", "mechanisms/auction/planted.py", "import mechdesign.decision"),
    # The same through a module beside the families: it is what the family can reach that counts.
    Breach(
        "families",
        "mechanisms/auction/planted.py",
        "import mechdesign.mechanisms.planted_helper",
        ("mechanisms/planted_helper.py: import mechdesign.decision",),
    ),
    Breach("families", "mechanisms/cost/planted.py", "import mechdesign.mechanisms.voting"),
    Breach("families", "mechanisms/shared/planted.py", "import mechdesign.mechanisms.cost"),
]


def plant(root: Path, breach: Breach) -> None:
    """Write the breach and the files it needs; a file named as `path: text` is created with that text if absent."""
    (root / breach.path).parent.mkdir(exist_ok=True)
    for family in ("auction", "cost", "shared", "voting"):
        (root / "mechanisms" / family).mkdir(exist_ok=True)
        (root / "mechanisms" / family / "__init__.py").touch()
    for needed in breach.also:
        path, _, text = needed.partition(": ")
        if not (root / path).exists():
            (root / path).write_text(text + "\n")
    assert not (root / breach.path).exists()
    (root / breach.path).write_text(breach.line + "\n")


def broken_contracts(folder: Path) -> set[str]:
    """The contracts that `lint-imports` reports broken for the copy of the package in a folder, by identifier."""
    run = subprocess.run(
        # In isolated mode neither the working directory nor the environment can put the installed package first.
        [sys.executable, "-I", "-c", LINT, str(folder)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=folder,
    )
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b.*$", run.stdout, flags=re.MULTILINE))
    names = {contract["name"]: identifier for identifier, contract in CONTRACTS.items()}
    assert set(verdicts) == set(names), f"the run did not reach every contract:\n{run.stdout}\n{run.stderr}"
    broken = {names[name] for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert run.returncode == (1 if broken else 0)
    return broken


LINT = """
import sys
sys.path.insert(0, sys.argv.pop())
from importlinter.cli import lint_imports_command
lint_imports_command(["--no-cache", "--no-logo"])
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "planted*")
    shutil.copytree(PACKAGE, tmp_path / "mechdesign", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_tree_as_it_stands_keeps_every_contract(copy: Path) -> None:
    assert broken_contracts(copy) == set()


@pytest.mark.parametrize("breach", BREACHES, ids=str)
def test_a_deliberate_breach_breaks_its_contract_and_no_other(copy: Path, breach: Breach) -> None:
    plant(copy / "mechdesign", breach)
    assert broken_contracts(copy) == {breach.contract}


def test_every_contract_has_a_breach_that_shows_it_failing() -> None:
    assert {breach.contract for breach in BREACHES} == set(CONTRACTS)


def test_every_folder_of_mechanisms_stands_in_the_contract_that_keeps_families_apart() -> None:
    folders = {file.parent.name for file in (PACKAGE / "mechanisms").glob("*/*.py")}
    declared = set(re.findall(r"\(mechanisms\.(\w+)\)", " ".join(CONTRACTS["families"]["layers"])))
    assert folders <= declared, f"add to the contract `families`: {sorted(folders - declared)}"


def test_the_contracts_name_every_module_that_a_core_must_not_know() -> None:
    required = {"asyncio", "socket", "time", "zmq", "random", "secrets", "threading", "logging"}
    assert required <= set(FORBIDDEN_TO_CORES)
