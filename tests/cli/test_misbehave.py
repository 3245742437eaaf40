"""`mechdesign demo --misbehave`: the others agree, and each kind ends as it has to."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import run, spawn

HONEST = ["alice", "bob", "carol"]


def misbehave(kind: str, out: Path, *options: str) -> dict[str, Any]:
    """Run the demo of a kind: whatever dave does, the honest end it alike, and the transcript holds."""
    ran = spawn("demo", "--misbehave", kind, "--json", "--out", out, *options)
    assert ran.code == 0, ran.err
    session = ran.json["sessions"][0]
    assert session["verdict"] == "settled"
    assert sorted(session["digests"]) == HONEST
    assert set(session["digests"].values()) == {session["digest"]}
    assert session["verified"]
    assert session["sentence"] == "bob wins, pays 21"
    assert not [each for each in ran.json["convictions"] if each["member"] != "dave"]
    found: dict[str, Any] = ran.json
    return found


def forfeited(session: dict[str, Any]) -> Fraction:
    """What the others got of dave's deposit."""
    parts = [flow for flow in session["booked"] if flow["reason"] == "deposit forfeited by dave"]
    assert {flow["payee"] for flow in parts} <= set(HONEST)
    return sum((Fraction(flow["amount"]) for flow in parts), Fraction(0))


@pytest.mark.parametrize(
    ("kind", "offence"),
    [("equivocate", "equivocation"), ("wrong-outcome", "wrong-outcome"), ("bad-seal", "false-dealing")],
)
def test_what_is_signed_convicts_by_evidence_that_verify_confirms(kind: str, offence: str, tmp_path: Path) -> None:
    found = misbehave(kind, tmp_path / "demo")
    conviction = next(each for each in found["convictions"] if each["offence"] == offence)
    assert sorted(conviction["by"]) == HONEST
    assert conviction["verified"]
    evidence = Path(conviction["evidence"])
    checked = run("verify", evidence, "--roster", found["roster"])
    assert checked.code == 0
    assert f"dave is convicted of {offence}" in checked.out
    assert forfeited(found["sessions"][0]) == 10
    data = bytearray(evidence.read_bytes())
    data[len(data) // 2] ^= 1
    evidence.write_bytes(bytes(data))
    assert run("verify", evidence, "--roster", found["roster"]).code == 1


def test_not_opening_is_a_default_that_forfeits_and_convicts_nobody(tmp_path: Path) -> None:
    found = misbehave("no-reveal", tmp_path / "demo", "--seal", "commit_reveal")
    assert found["convictions"] == []
    assert found["sessions"][0]["defaults"] == ["dave"]
    assert "dave" not in found["sessions"][0]["reports"]
    assert forfeited(found["sessions"][0]) == 10


def test_under_threshold_sealing_a_report_is_opened_against_its_sender_s_will(tmp_path: Path) -> None:
    found = misbehave("no-reveal", tmp_path / "demo")
    assert found["convictions"] == []
    assert found["sessions"][0]["defaults"] == []
    assert found["sessions"][0]["reports"]["dave"] == "15"
    assert forfeited(found["sessions"][0]) == 0


def test_a_crash_is_a_suspicion_and_the_others_settle(tmp_path: Path) -> None:
    found = misbehave("crash", tmp_path / "demo")
    assert found["convictions"] == []
    assert "dave" in found["suspicions"]
    assert found["sessions"][0]["signatures"] == 3
    assert found["sessions"][0]["reports"]["dave"] == "15"
