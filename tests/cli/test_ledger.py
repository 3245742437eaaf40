"""`mechdesign ledger`: what sessions moved, in forms that other programs read; hledger and beancount check them."""

import csv
import shutil
import subprocess
from dataclasses import replace
from datetime import date
from fractions import Fraction
from io import StringIO
from pathlib import Path

import pytest

from mechdesign.cli.journals import Transaction, balances, render
from mechdesign.decision.transcript import AuditReport, audit
from mechdesign.group.messages import Leave
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.flow import Flow
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.money import Currency
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.mechanisms.session import recomputation
from mechdesign.player import truthful
from mechdesign.settlement import Settlement, settle_sync
from mechdesign.stack import Stack
from mechdesign.testing.stacks import StackCluster, phases
from tests.cli.command_line import run

DAY = date(2026, 11, 22)
CHECKERS = {"hledger": ("hledger", ["check", "--strict", "-f"]), "beancount": ("bean-check", [])}


@pytest.fixture(scope="module")
def settled() -> Settlement:
    auction = registry.load("auction.second-price").from_parameters({})
    return settle_sync(
        auction,
        {"alice": 18, "bob": 24, "carol": "20.55", "dave": 15},
        deposit=Fraction(5, 2),
        currency=Currency("EUR", 2),
        accounts={"SELLER": "the harbour"},
    )


@pytest.fixture
def folder(settled: Settlement, tmp_path: Path) -> Path:
    (tmp_path / "boat.transcript").write_bytes(settled.transcript)
    return tmp_path


def odd() -> list[Transaction]:
    """Names that a hostile proposer may choose, two currencies that look alike, and a custodian."""
    players = frozenset({"Zoë", "zo-", "=1+1", "a:b  ;c"})
    flows = (
        Flow("Zoë", "SELLER", Fraction(12345, 100), 'a "price", of: 2 \\ more\nlines'),
        Flow("zo-", "SELLER", Fraction(1), "@cmd"),
        Flow("SELLER", "SINK", Fraction(1, 1000), "x"),
        Flow("=1+1", "a:b  ;c", Fraction(10**20), "=HYPERLINK(1)"),
    )

    def made(position: int, currency: str, custodian: str) -> Transaction:
        behind = {"SELLER": '(the) "harbour" | * ! 2026'}
        session = bytes([position]) * 32
        return Transaction(0, position, "g", session, "m/1", currency, 2, custodian, flows, behind, players)

    return [made(3, "", ""), made(4, "eur", ""), made(5, "EUR", "Zoë"), made(6, "E", "zo-"), made(7, "A1", "")]


def test_the_export_has_every_flow_of_the_transcript_with_the_party_behind_it(folder: Path) -> None:
    ran = run("ledger", "export", folder)
    assert ran.code == 0
    rows = list(csv.DictReader(StringIO(ran.out)))
    price = next(row for row in rows if row["reason"] == "price")
    assert (price["payer"], price["payee"], price["payee_party"]) == ("bob", "SELLER", "the harbour")
    assert (price["amount"], price["currency"], price["mechanism"]) == ("20.55", "EUR", "auction.second-price/1")
    assert [row["reason"] for row in rows].count("deposit") == 4
    assert [row["reason"] for row in rows].count("deposit returned") == 4


def test_balances_are_shown_and_sum_to_zero(folder: Path) -> None:
    ran = run("ledger", "balances", folder, "--json")
    lines = {line["party"]: Fraction(line["amount"]) for line in ran.json["balances"]}
    assert ran.json["sessions"] == 1
    assert lines["the harbour"] == Fraction(2055, 100) == -lines["bob"]
    assert sum(lines.values()) == 0
    assert "the harbour" in run("ledger", "balances", folder).out


def test_transcripts_of_several_epochs_give_the_balances_that_the_members_hold(tmp_path: Path) -> None:
    cluster = StackCluster([truthful(10 + place) for place in range(4)], 4, real=True)
    auction = ProposeSession(mechanism=SecondPrice(), accounts={"SELLER": "the harbour"}, **phases(1000))
    cluster.start()
    cluster.propose(0, auction)
    assert cluster.run(1)
    assert cluster.simulator.submit(3, Leave())
    staying = cluster.simulator.processes[:3]
    until = cluster.simulator.now + 60 * SECOND
    assert cluster.simulator.run(
        until, lambda: all(isinstance(each.machine, Stack) and each.machine.roster.n == 3 for each in staying)
    )
    cluster.propose(1, auction)
    assert cluster.run(2, places=[0, 1, 2])
    for session, end in cluster.ended[0].items():
        (tmp_path / f"{session.hex()[:16]}.transcript").write_bytes(end.transcript or b"")
    shown = run("ledger", "balances", tmp_path, "--json").json["balances"]
    alice = staying[0].machine
    assert isinstance(alice, Stack)
    held = alice.decision.balances  # type: ignore[union-attr]  # alice is in the group
    assert {line["party"]: Fraction(line["amount"]) for line in shown} == {line.party: line.amount for line in held}


def test_a_session_that_stands_in_two_files_counts_once(folder: Path) -> None:
    shutil.copy(folder / "boat.transcript", folder / "again.transcript")
    once = run("ledger", "export", folder / "boat.transcript", "--date", "2026-11-22").out
    assert run("ledger", "export", folder, folder / "again.transcript", "--date", "2026-11-22").out == once


def two_accounts(folder: Path, monkeypatch: pytest.MonkeyPatch, first: AuditReport, second: AuditReport) -> list[Path]:
    """Two files that audits find to show these; no two honest members write such."""
    shown = {b"first": first, b"second": second}
    monkeypatch.setattr("mechdesign.cli.transactions.audit_stream", lambda chunks, *_, **__: shown[b"".join(chunks)])
    files = [folder / "1.transcript", folder / "2.transcript"]
    for file, data in zip(files, shown, strict=True):
        file.write_bytes(data)
    return files


@pytest.mark.parametrize("signed_first", [True, False])
def test_of_two_files_that_differ_about_a_session_the_certified_one_counts_and_it_is_said(
    settled: Settlement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed_first: bool
) -> None:
    signed = audit(settled.transcript, Ed25519(), recomputation(), settled.roster)
    aborted = replace(signed, verdict=None, aborted="too few", digest=b"", certificate=None, flows=())
    both = (signed, aborted) if signed_first else (aborted, signed)
    files = two_accounts(tmp_path, monkeypatch, *both)
    ran = run("ledger", "balances", *files, "--json")
    assert (ran.code, ran.json["sessions"]) == (0, 1)
    assert "the harbour" in {line["party"] for line in ran.json["balances"]}
    said = " ".join(ran.err.split())
    assert f"1.transcript and 2.transcript differ about session {signed.session.hex()}" in said
    assert f"{1 if signed_first else 2}.transcript is certified" in said


@pytest.mark.parametrize("certified", [True, False])
def test_where_both_are_certified_or_neither_nothing_is_chosen(
    settled: Settlement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certified: bool
) -> None:
    first = audit(settled.transcript, Ed25519(), recomputation(), settled.roster)
    first = first if certified else replace(first, certificate=None)
    files = two_accounts(tmp_path, monkeypatch, first, replace(first, flows=first.flows[:-1]))
    ran = run("ledger", "balances", *files)
    assert ran.code == 1
    assert ("both are certified" if certified else "neither is certified") in " ".join(ran.out.split())


def test_a_transcript_that_does_not_hold_stops_the_export_and_is_named(folder: Path) -> None:
    data = bytearray((folder / "boat.transcript").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "forged.transcript").write_bytes(bytes(data))
    ran = run("ledger", "export", folder)
    assert ran.code == 1
    assert "forged.transcript" in ran.out
    assert "payer" not in ran.out


def test_what_cannot_be_exported_is_said(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no transcripts in this folder" in run("ledger", "export", empty).err
    assert run("ledger", "export", folder, "--format", "ledger-cli").code == 2
    other = settle_sync(registry.load("auction.second-price").from_parameters({}), {"alice": 1, "bob": 2})
    (folder / "other.transcript").write_bytes(other.transcript)
    assert run("ledger", "export", folder, "--roster", folder / "nothing.toml").code == 2


def test_cells_that_a_spreadsheet_would_run_are_made_text() -> None:
    rows = list(csv.DictReader(StringIO(render(odd(), "csv", DAY))))
    assert {"'=1+1", "'@cmd", "'=HYPERLINK(1)"} <= {cell for row in rows for cell in row.values()}
    assert not any(cell.startswith(("=", "@", "+", "-")) for row in rows for cell in row.values())


@pytest.mark.parametrize("form", ["hledger", "beancount"])
def test_a_journal_is_the_same_whenever_it_is_written_and_no_name_is_lost(form: str) -> None:
    text = render(odd(), form, DAY)  # type: ignore[arg-type]
    assert text == render(odd(), form, DAY)  # type: ignore[arg-type]
    accounts = {word for line in text.splitlines() for word in line.split() if word.startswith("Assets:")}
    parties = {(custodian, party) for _, custodian, party in balances(odd())}
    assert len(accounts) == len(parties)


@pytest.mark.parametrize("form", list(CHECKERS))
def test_the_real_program_accepts_the_journal_and_its_balances(form: str, folder: Path, tmp_path: Path) -> None:
    program, arguments = CHECKERS[form]
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed: it is copyleft, so it is no dependency of the project's tests")

    def checked(text: str) -> int:
        path = tmp_path / f"ledger.{form}"
        path.write_text(text, encoding="utf-8")
        return subprocess.run([found, *arguments, str(path)], capture_output=True, check=False).returncode

    exported = run("ledger", "export", folder, "--format", form, "--date", "2026-11-22").out
    assert checked(exported) == 0
    assert checked(exported.replace("20.55", "20.56", 1)) != 0, "the program checks the sums"
    assert checked(render(odd(), form, DAY)) == 0  # type: ignore[arg-type]
    assert checked(render([], form, DAY)) == 0  # type: ignore[arg-type]
