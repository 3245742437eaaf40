"""A custodian that works with files: whatever others write, and wherever a crash comes."""

import json
import os
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from mechdesign.decision.books import Due, Purse
from mechdesign.decision.custody.custodian import Payment, attend
from mechdesign.decision.custody.files import FileCustodian
from mechdesign.decision.custody.till import DepositDue
from mechdesign.decision.messages import Payout, Receipt
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError

ALICE = MemberId(bytes(range(32)))
ONE, TWO = bytes(31) + b"\1", bytes(31) + b"\2"
HEADER = "reference,player,currency,amount\n"


def deposit(session: bytes = ONE, name: str = "alice", amount: int = 20, currency: str = "EUR") -> DepositDue:
    return DepositDue(session, ALICE, name, Fraction(amount), Fraction(amount), currency, 2)


def payout(party: str = "the harbour", amount: str = "37/2", session: bytes = ONE) -> Due:
    return Due(session, Purse("EUR", "carol"), party, Fraction(amount), ALICE)


@pytest.fixture(params=["csv", "jsonl"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def receipts(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"receipts.{kind}"
    lines = [("bank 1", "alice", "EUR", "12.50"), ("bank 2", "bob", "EUR", "20"), ("bank 3", "alice", "EUR", "7.50")]
    lines += [("bank 4", "alice", "USD", "99"), ("bank 5", "alice", "EUR", "20.00")]
    if kind == "csv":
        path.write_text(HEADER + "".join(",".join(line) + "\n" for line in lines))
    else:
        keys = HEADER.strip().split(",")
        path.write_text("".join(json.dumps(dict(zip(keys, line, strict=True))) + "\n" for line in lines))
    return path


@pytest.fixture
def opened(receipts: Path, tmp_path: Path, kind: str) -> Iterator[FileCustodian]:
    with FileCustodian(receipts, tmp_path / f"payouts.{kind}") as custodian:
        yield custodian


def test_the_fewest_receipts_that_make_up_a_deposit_are_used_as_one_payment(opened: FileCustodian) -> None:
    assert opened.received(deposit()) == [Payment("bank 5", Fraction(20))]
    assert opened.received(deposit(name="bob")) == [Payment("bank 2", Fraction(20))]
    assert opened.received(deposit(name="zoe")) == []


def test_a_receipt_is_used_for_one_session_and_the_same_one_whenever_it_is_asked_again(opened: FileCustodian) -> None:
    first = opened.received(deposit(ONE))
    second = opened.received(deposit(TWO))
    (parts,) = second
    assert parts.amount == 20
    assert parts.reference.startswith("2 parts, ")
    assert opened.received(deposit(ONE)) == first
    assert opened.received(deposit(TWO)) == second
    assert opened.received(deposit(bytes(32))) == []


def test_nothing_is_used_before_there_is_enough_and_then_as_few_as_it_takes(
    tmp_path: Path,
) -> None:
    receipts = tmp_path / "receipts.csv"
    cents = "".join(f"rival {number},alice,EUR,0.01\n" for number in range(100))
    with FileCustodian(receipts, tmp_path / "payouts.csv") as custodian:
        receipts.write_text(HEADER + cents)
        assert custodian.received(deposit()) == []
        receipts.write_text(HEADER + cents + "bank 1,alice,EUR,20\n")
        assert custodian.received(deposit()) == [Payment("bank 1", Fraction(20))]
        # The hundred are there still, for a deposit that they make up.
        assert [each.amount for each in custodian.received(deposit(TWO, amount=1))] == [1]


def test_a_deposit_in_many_parts_is_one_payment(tmp_path: Path) -> None:
    receipts = tmp_path / "receipts.csv"
    receipts.write_text(HEADER + "".join(f"part {number},alice,EUR,1\n" for number in range(40)))
    with FileCustodian(receipts, tmp_path / "payouts.csv") as custodian:
        (first,) = custodian.received(deposit(ONE))
        (second,) = custodian.received(deposit(TWO))
    assert first.amount == second.amount == 20
    assert first.reference != second.reference


def test_a_pay_out_of_many_digits_is_written_to_the_last(tmp_path: Path) -> None:
    with FileCustodian(tmp_path / "in.csv", tmp_path / "payouts.csv") as custodian:
        custodian.pay(payout(amount="12345678901234567890123456789012345/1000000000000000000"))
        custodian.pay(payout("bob", amount="1/100"))
    text = (tmp_path / "payouts.csv").read_text()
    assert "12345678901234567.890123456789012345" in text
    assert ",0.01" in text


def test_a_number_beyond_all_bounds_is_a_wrong_line(tmp_path: Path) -> None:
    receipts = tmp_path / "receipts.jsonl"
    receipts.write_text('{"reference": "a", "player": "alice", "currency": "EUR", "amount": 1e99999999999999999999}\n')
    with FileCustodian(receipts, tmp_path / "payouts.csv") as custodian, pytest.raises(ConfigError, match="receipts"):
        custodian.received(deposit())


def test_the_uses_survive_a_restart(receipts: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"payouts.{kind}"
    with FileCustodian(receipts, out) as before:
        first = before.received(deposit(TWO))
    with FileCustodian(receipts, out) as after:
        assert [each.reference[:9] for each in after.received(deposit(ONE))] == ["2 parts, "]
        assert after.received(deposit(TWO)) == first


def test_a_pay_out_is_written_once_over_all_lives(receipts: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"payouts.{kind}"
    for _ in range(3):
        with FileCustodian(receipts, out) as custodian:
            assert custodian.pay(payout())
            assert custodian.pay(payout())
            assert custodian.pay(payout("Zoë, the \N{SNOWMAN} & sons"))
    text = out.read_text()
    assert text.count("18.5") == 2
    assert len(text.splitlines()) == (3 if kind == "csv" else 2)


def test_what_a_crash_has_torn_is_cut_off_and_done_again(
    receipts: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # the crash is made by hand
    out = tmp_path / f"payouts.{kind}"
    used = out.with_name(out.name + ".used.jsonl")
    party = "Zoë, the \N{SNOWMAN} & sons"
    with FileCustodian(receipts, out) as custodian:
        custodian.pay(payout("bob"))
        custodian.received(deposit(name="bob"))
        custodian.pay(payout(party))
        custodian.received(deposit())
    whole, whole_used = out.read_bytes(), used.read_bytes()
    for at in range(0, len(whole), 3):
        out.write_bytes(whole[:at])
        with FileCustodian(receipts, out) as custodian:
            custodian.pay(payout("bob"))
            custodian.pay(payout(party))
        assert out.read_bytes() == whole
    for at in range(0, len(whole_used), 3):
        used.write_bytes(whole_used[:at])
        with FileCustodian(receipts, out) as custodian:
            assert custodian.received(deposit(name="bob")) == [Payment("bank 2", Fraction(20))]
            assert [each.amount for each in custodian.received(deposit())] == [20]
        assert used.read_bytes() == whole_used


def test_nothing_is_reported_before_it_is_on_disk(
    receipts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def fails(descriptor: int) -> None:
        synced.append(descriptor)
        raise OSError("the disk is full")

    with FileCustodian(receipts, tmp_path / "payouts.jsonl") as custodian:
        monkeypatch.setattr(os, "fsync", fails)
        for act in (lambda: custodian.received(deposit()), lambda: custodian.pay(payout())):
            with pytest.raises(OSError, match="full"):
                act()
    assert len(synced) == 2


def test_a_second_process_on_the_same_files_is_refused(
    opened: FileCustodian, receipts: Path, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(ConfigError, match="another process uses it"):
        FileCustodian(receipts, tmp_path / f"payouts.{kind}")


def test_the_receipts_are_parsed_once_for_all_open_deposits_until_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, parsed = tmp_path / "receipts.csv", list[str]()
    path.write_text(HEADER + "r1,alice,EUR,5.00\n")
    honest = FileCustodian._read

    def read(custodian: FileCustodian, text: str) -> object:
        parsed.append(text)
        return honest(custodian, text)

    monkeypatch.setattr(FileCustodian, "_read", read)
    with FileCustodian(path, tmp_path / "payouts.csv") as custodian:
        for session in range(2, 20):
            assert custodian.received(deposit(bytes([session]) * 32, amount=10)) == []
        assert len(parsed) == 1
        path.write_text(HEADER + "r1,alice,EUR,9.00\n")  # as long as before
        os.utime(path, (time.time() - 1800,) * 2)
        assert custodian.received(deposit(bytes([2]) * 32, amount=8)) == [Payment("r1", Fraction(9))]
        path.unlink()
        assert custodian.received(deposit(bytes([3]) * 32, amount=8)) == []


def test_a_line_that_is_still_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "receipts.csv"
    with FileCustodian(path, tmp_path / "payouts.csv") as custodian:
        assert custodian.received(deposit()) == []
        path.write_text(HEADER + "bank 1,alice,EUR,2")
        assert custodian.received(deposit()) == []
        path.write_text(HEADER + "bank 1,alice,EUR,20\n")
        assert custodian.received(deposit()) == [Payment("bank 1", Fraction(20))]


@pytest.mark.parametrize(
    "line",
    [
        "bank 1,alice,EUR",
        "bank 1,alice,EUR,20,more",
        "bank 1,alice,EUR,-20",
        "bank 1,alice,EUR,0.00",
        "bank 1,alice,EUR,NaN",
        "bank 1,alice,EUR,1e9",
        "bank 1,alice,EUR,1/3",
        ",alice,EUR,20",
        "x" * 65 + ",alice,EUR,20",
        "bank 0,alice,EUR,21",
    ],
)
def test_a_file_of_receipts_with_a_wrong_line_is_refused_as_a_whole(tmp_path: Path, line: str) -> None:
    path = tmp_path / "receipts.csv"
    path.write_text(HEADER + "bank 0,alice,EUR,20\n" + line + "\n")
    with (
        FileCustodian(path, tmp_path / "payouts.csv") as custodian,
        pytest.raises(ConfigError, match=r"not a file of receipts|two different payments"),
    ):
        custodian.received(deposit())
    assert (tmp_path / "payouts.csv.used.jsonl").read_bytes() == b""


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "\x00\x01\n", "session,party,currency,amount\n1,2\n"])
def test_a_file_of_pay_outs_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "payouts.csv").write_text(content)
    with pytest.raises(ConfigError, match="not a file of pay-outs"):
        FileCustodian(tmp_path / "receipts.csv", tmp_path / "payouts.csv")


def test_a_payment_of_no_whole_minor_unit_of_the_session_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "receipts.csv"
    path.write_text(HEADER + "bank 1,alice,EUR,20.005\n")
    with FileCustodian(path, tmp_path / "payouts.csv") as custodian:
        assert custodian.received(deposit()) == []


def test_a_custodian_is_attended_to_with_what_it_is_waited_for(opened: FileCustodian) -> None:
    said = attend(opened, (deposit(amount=12), payout()))
    assert said == [Receipt(ONE, ALICE, Fraction(25, 2), "bank 1"), Payout(ONE, "the harbour")]
