"""Live nodes whose deposits one member holds, by files and by a person's word."""

import csv
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.command_line import environment, run
from tests.cli.test_node import configure, found_group

NAMES = ("alice", "bob", "carol")
PROPOSAL = (
    "[[propose]]", 'mechanism = "auction.second-price"', 'parameters = { currency = "EUR" }', "deposit = 30",
    'custodian = "carol"', "payment_max = 30", 'accounts = { SELLER = "the harbour" }', 'seal = "open"',
)  # fmt: skip
EXPECTED = {"alice": "30", "bob": "8.5", "carol": "30", "the harbour": "21.5"}


class Group:
    """Three node processes of which carol's holds the deposits."""

    def __init__(self, folder: Path, *custodian: str) -> None:
        self.folder = folder
        found_group(folder, list(NAMES))
        self.nodes = {}
        for name, bid in zip(NAMES, ("18.10", "24", "21.50"), strict=True):
            values = f'[[answer]]\nmechanism = "auction.second-price"\nvalue = "{bid}"\n'
            (folder / f"{name}-values.toml").write_text(values)
            player = ("[player]", f'values = "{name}-values.toml"', "[policy]", "payment_max = 30")
            more = PROPOSAL if name == "alice" else custodian if name == "carol" else ()
            config = configure(folder, name, *player, *more)
            command = [sys.executable, "-m", "mechdesign", "node", "--config", str(config), "--json", "--until-eof"]
            self.nodes[name] = subprocess.Popen(
                command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )

    def transcripts(self) -> list[Path]:
        return list(self.folder.glob("*/*.transcript"))

    def close(self) -> None:
        for process in self.nodes.values():
            process.communicate(timeout=60)


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[Callable[..., Group]]:
    made: list[Group] = []

    def make(*custodian: str) -> Group:
        made.append(Group(tmp_path, *custodian))
        return made[-1]

    yield make
    for group in made:
        group.close()


def wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_custodian_works_with_files(groups: Callable[..., Group], tmp_path: Path) -> None:
    lines = [f"bank {name},{name},EUR,30.00\n" for name in NAMES]
    (tmp_path / "receipts.csv").write_text("reference,player,currency,amount\n" + "".join(lines))
    group = groups("[custodian]", 'receipts = "receipts.csv"', 'payouts = "payouts.csv"')
    wait(lambda: len(group.transcripts()) == 3, "three members have a transcript")
    paid = tmp_path / "payouts.csv"
    wait(lambda: len(paid.read_text().splitlines()) == 5, "everybody is paid")
    with paid.open() as file:
        assert {row["party"]: row["amount"] for row in csv.DictReader(file)} == EXPECTED
    shown = run("ledger", "balances", group.transcripts()[0], "--json").json["balances"]
    assert {line["party"]: line["amount"] for line in shown if line["amount"] != "0"} == {
        "alice": "30", "bob": "17/2", "carol": "30", "the harbour": "43/2", "CUSTODY": "-90",
    }  # fmt: skip


def test_a_person_confirms_payments_to_the_running_node(groups: Callable[..., Group], tmp_path: Path) -> None:
    group = groups()

    def waiting() -> list[str]:
        ran = run("ledger", "confirm", tmp_path / "carol")
        return [line for line in ran.out.splitlines() if "/" in line] if ran.code == 0 else []

    wait(lambda: len(waiting()) == 3, "the deposits of three are waited for")
    assert run("ledger", "confirm", tmp_path / "carol", "in/nothing").code != 0
    for name in waiting():
        assert run("ledger", "confirm", tmp_path / "carol", name).code == 0
    wait(lambda: len(group.transcripts()) == 3, "three members have a transcript")
    wait(lambda: len(waiting()) == 4, "four pay-outs are waited for")
    assert {name.rpartition("/")[2] for name in waiting()} == set(EXPECTED)
