"""`mechdesign ledger` from journals: what no transcript shows, over several sessions and a change of the members."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mechdesign.cli.roster_files import render_roster
from mechdesign.decision.books import Due
from mechdesign.decision.custody.custodian import Payment, attend
from mechdesign.decision.custody.till import DepositDue
from mechdesign.group.journal import Journal
from mechdesign.group.views.epoch import BEGINNING, beginning, read_beginning
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.money import Currency
from mechdesign.kernel.wire import decode, encode
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases
from tests.cli.command_line import run

CAROL = 2


class Purse:
    """A custodian that gets every deposit, and pays whom it is told to pay."""

    def __init__(self) -> None:
        self.pays: tuple[str, ...] = ()
        self.paid: list[tuple[str, Fraction]] = []

    def received(self, due: DepositDue) -> Sequence[Payment]:
        return [Payment(f"from {due.name} for {due.session.hex()[:8]}", due.deposit)]

    def pay(self, due: Due) -> bool:
        if not due.party.startswith(self.pays):
            return False
        self.paid += [(due.party, due.amount)]
        return True


def attended(cluster: StackCluster, purse: Purse, seconds: int) -> None:
    """Let time pass, with the custodian at its desk."""
    for _ in range(seconds * 5):
        cluster.simulator.run(cluster.simulator.now + SECOND // 5)
        for request in attend(purse, cluster.stack(CAROL).decision.custody()):
            cluster.simulator.submit(CAROL, request)


def auction(**terms: object) -> ProposeSession:
    more = {"custodian": "carol", "deposit": Fraction(30), "accounts": {"SELLER": "the harbour"}, **terms}
    return ProposeSession(mechanism=SecondPrice(), **phases(1500), **more)  # type: ignore[arg-type]


@cache
def lived() -> tuple[StackCluster, Purse]:
    """Two sessions in an epoch of four, then dave leaves, and a third one; some pay-outs come an epoch later."""
    cluster = StackCluster([truthful(10 + place) for place in range(4)], 4, real=True)
    purse = Purse()
    cluster.start()
    purse.pays = ("alice", "bob")
    cluster.propose(0, auction())
    attended(cluster, purse, 8)
    cluster.propose(1, auction(currency=Currency("EUR", 2)))
    attended(cluster, purse, 8)
    assert [len(ended) for ended in cluster.ended] == [2] * 4
    cluster.leave(3)
    assert cluster.in_epoch(1, places=range(3))
    purse.pays = ("alice", "dave", "the harbour")
    cluster.propose(1, auction())
    attended(cluster, purse, 8)
    assert [len(ended) for ended in cluster.ended] == [3, 3, 3, 2]
    return cluster, purse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Alice's data folder: her journal, and the transcripts that she wrote in both epochs."""
    cluster, _ = lived()
    data = tmp_path / "alice"
    data.mkdir()
    with Journal(data / "journal.sqlite3", cluster.roster.ids[0], cluster.roster.digest) as journal:
        journal.write(cluster.simulator.processes[0].disk.records())
    for session, end in cluster.ended[0].items():
        (data / f"{session.hex()[:16]}.transcript").write_bytes(end.transcript or b"")
    return data


def held() -> dict[tuple[str, str, str], Fraction]:
    """What the members themselves have in their books."""
    lines = lived()[0].stack(0).decision.balances  # type: ignore[union-attr]
    return {(line.purse.currency, line.purse.custodian, line.party): line.amount for line in lines}


def shown(*paths: Path) -> dict[tuple[str, str, str], Fraction]:
    told = run("ledger", "balances", *paths, "--json")
    assert told.code == 0, told.err
    lines = told.json["balances"]
    by_line = {(each["currency"], each["custodian"], each["party"]): Fraction(each["amount"]) for each in lines}
    return {line: amount for line, amount in by_line.items() if amount}


def test_the_custodian_was_at_work_in_both_epochs() -> None:
    cluster, purse = lived()
    assert {party.split(" ")[0] for party, _ in purse.paid} == {"alice", "bob", "dave", "the"}
    assert cluster.stack(0).roster.epoch == 1
    assert any(amount for amount in held().values())
    assert sum(held().values()) == 0


def test_a_journal_alone_gives_the_balances_that_the_members_hold(folder: Path) -> None:
    assert shown(folder / "journal.sqlite3") == held()


def test_a_data_folder_gives_the_same_with_the_sessions_of_the_epochs_before(folder: Path) -> None:
    assert shown(folder) == held()
    whole, alone = (run("ledger", "export", path).out for path in (folder, folder / "journal.sqlite3"))
    assert whole.count("deposit returned") > alone.count("deposit returned") > 0
    assert "paid out" in whole


def test_what_earlier_transcripts_do_not_show_is_carried_over(folder: Path) -> None:
    first = next(iter(lived()[0].ended[0]))
    (folder / f"{first.hex()[:16]}.transcript").unlink()
    assert shown(folder) == held()
    assert "carried over" in run("ledger", "export", folder).out


def test_transcripts_alone_show_no_pay_outs(folder: Path) -> None:
    (folder / "journal.sqlite3").unlink()
    assert shown(folder) != held()
    assert "paid out" not in run("ledger", "export", folder).out


def test_a_journal_and_its_copy_count_once_and_a_running_nodes_journal_can_be_read(folder: Path) -> None:
    copy = folder / "copy"
    copy.write_bytes((folder / "journal.sqlite3").read_bytes())
    assert shown(folder, copy) == held()
    cluster, _ = lived()
    with Journal(folder / "journal.sqlite3", cluster.roster.ids[0], cluster.roster.digest):
        assert shown(folder) == held()


def test_the_roster_that_is_trusted_has_to_be_the_journals(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text(render_roster(lived()[0].roster, {}))
    told = run("ledger", "balances", folder / "journal.sqlite3", "--roster", tmp_path / "first.toml")
    assert told.code == 1
    assert "another roster" in told.out


def test_a_damaged_journal_and_one_of_an_unknown_group_are_refused(folder: Path, tmp_path: Path) -> None:
    data = (folder / "journal.sqlite3").read_bytes()
    (tmp_path / "damaged").write_bytes(data[: len(data) // 2])
    assert run("ledger", "balances", tmp_path / "damaged").code == 2
    cluster = StackCluster([truthful(1)], 1, real=True)
    with Journal(tmp_path / "empty", cluster.roster.ids[0], cluster.roster.digest):
        pass
    told = run("ledger", "balances", tmp_path / "empty")
    assert told.code == 2
    assert "name it with --roster" in " ".join(told.err.split())
    (tmp_path / "roster.toml").write_text(render_roster(cluster.roster, {}))
    told = run("ledger", "balances", tmp_path / "empty", "--roster", tmp_path / "roster.toml", "--json")
    assert (told.code, told.json["balances"]) == (0, [])


@pytest.mark.parametrize("form", ["hledger", "beancount"])
def test_the_exports_end_with_the_balances_of_the_members(form: str, folder: Path) -> None:
    text = run("ledger", "export", folder / "journal.sqlite3", "--format", form, "--date", "2026-11-22").out
    ends = [line.split() for line in text.splitlines() if " = " in line or " balance " in line]
    amounts = sorted(Fraction(line[-2]) for line in ends if Fraction(line[-2]))
    assert amounts == sorted(held().values())


def richer(state: bytes) -> bytes:
    """The state of an epoch in which carol's custody owes dave a thousand more."""
    value: Any = decode(state)
    magic, members, convicts, lines, dues = value
    gains = {("", "CUSTODY"): -1000, ("", "dave"): 1000}
    others = tuple((code, held, party, sum_ + gains.get((code, party), 0), by) for code, held, party, sum_, by in lines)
    return encode((magic, members, convicts, others, dues))


@pytest.mark.parametrize(
    ("epoch", "state"), [(0, richer), (1, richer), (1, lambda _: b"")], ids=["first", "later", "later-with-none"]
)
def test_a_journal_whose_epoch_begins_with_what_no_quorum_signed_is_refused(
    epoch: int, state: Callable[[bytes], bytes], folder: Path, tmp_path: Path
) -> None:
    cluster, _ = lived()
    records = cluster.simulator.processes[0].disk.records()
    roster, signed = next(read_beginning(each.data) for each in records if (each.table, each.key) == BEGINNING)
    kept = [each for each in records if (each.table, each.key) != BEGINNING] if epoch else []
    with Journal(tmp_path / "handed-on", cluster.roster.ids[0], cluster.roster.digest) as journal:
        journal.write([beginning(roster if epoch else cluster.roster, state(signed)), *kept])
    (tmp_path / "first.toml").write_text(render_roster(cluster.roster, {}))
    trusted = () if epoch else ("--roster", tmp_path / "first.toml")
    told = run("ledger", "balances", tmp_path / "handed-on", *trusted)
    assert told.code == 1
    assert told.out.startswith("does not hold: succession: handed-on: no quorum in this journal has signed")
    assert told.out.endswith(f"that epoch {epoch} began\n")


def test_the_journal_of_a_member_that_came_in_later_shows_what_the_others_show(tmp_path: Path) -> None:
    cluster = StackCluster([truthful(10 + place) for place in range(4)], 5, founders=3, real=True)
    cluster.start()
    sale = ProposeSession(mechanism=SecondPrice(), accounts={"SELLER": "the harbour"}, **phases(1500))
    cluster.propose(0, sale)
    assert cluster.run(1, places=range(3))
    cluster.invite(3)
    assert cluster.in_epoch(1)
    for place in (0, 3):
        with Journal(tmp_path / str(place), cluster.stack(place).signer.public, cluster.roster.digest) as journal:
            journal.write(cluster.simulator.processes[place].disk.records())
    assert shown(tmp_path / "3") == shown(tmp_path / "0") != {}
