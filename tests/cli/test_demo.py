"""`mechdesign demo`: real processes, the documented layout, the same digest everywhere, verified at the end."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mechdesign.cli.demo.scenario import Scenario, default_document
from mechdesign.cli.exits import Exit
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.inputs import decide
from tests.cli.command_line import environment, run, spawn

PHASES = r"proposed \d+ ms · enrolling \d+ ms · sealing \d+ ms · opening \d+ ms · attesting \d+ ms · session \d+ ms"
LAYOUT = re.compile(
    rf"""auction\.second-price/1 · 4 players · byzantine b=1 q=3 · threshold t=3
proposed ✓ enrolling 4/4 sealing 4/4 opening 3/3 attesting 4/4 settled
outcome      bob wins, pays 21 \(second-highest bid: carol\)
player  bid  transfer
alice    18         0
bob      24       -21
carol    21         0
dave     15         0
SELLER             21
certificate  4 of 4 signatures \(3 needed\) · digest [0-9a-f]{{16}}, the same at 4 of 4 processes
timings      start \d+\.\d s · {PHASES}
verify       ok: (?P<transcript>\S+\.transcript), roster fingerprint [0-9a-f]{{16}}
next         mechdesign demo --misbehave equivocate
"""
)


def test_four_players_print_the_documented_layout_and_leave_what_verify_confirms() -> None:
    ran = spawn("demo")
    assert ran.code == 0, ran.err
    found = LAYOUT.fullmatch(ran.out)
    assert found, ran.out
    transcript = Path(found["transcript"])
    roster = transcript.parents[1] / "roster.toml"
    checked = run("verify", transcript, "--roster", roster)
    assert checked.code == 0
    assert checked.out.startswith("authentic: auction.second-price/1 settled: bob wins, pays 21")
    left = {path.suffix for path in roster.parent.rglob("*") if path.is_file()}
    assert left == {".toml", ".transcript"}, "keys and journals of a temporary demo are removed"


def test_the_default_seal_follows_the_number_of_players() -> None:
    options = {"faults": None, "values": None, "sessions": 1, "misbehave": None, "timeout_s": 60.0, "seal": None}
    for players, seal in (
        (1, "commit_reveal · deposit 10"),
        (3, "commit_reveal · deposit 10"),
        (4, "threshold t=3"),
        (7, "threshold t=5"),
    ):
        scenario = Scenario.make("auction.second-price", players=players, **options)  # type: ignore[arg-type]
        assert scenario.header.endswith(f" · {seal}")


@pytest.mark.parametrize("players", [2, 7])
def test_threshold_sealing_settles_among_other_numbers_of_players(players: int) -> None:
    ran = spawn("demo", "auction.second-price", "--seal", "threshold", "--players", players, "--json")
    assert ran.code == 0, ran.err
    session = ran.json["sessions"][0]
    assert len(session["digests"]) == players
    assert set(session["digests"].values()) == {session["digest"]}
    assert session["verified"]


@pytest.mark.parametrize(
    ("players", "pays"),
    [(1, "alice wins, pays 0"), (2, "bob wins, pays 18"), (3, "bob wins, pays 21"), (7, None), (10, None)],
)
def test_any_number_of_players_settles_with_one_digest(players: int, pays: str | None) -> None:
    ran = spawn("demo", "auction.second-price", "--seal", "commit_reveal", "--players", players, "--json")
    assert ran.code == 0, ran.err
    session = ran.json["sessions"][0]
    assert session["verdict"] == "settled"
    assert session["sentence"] == (pays or "bob wins, pays 21")
    assert len(session["digests"]) == players
    assert set(session["digests"].values()) == {session["digest"]}
    assert session["verified"]
    assert ran.json["b"] == {1: 0, 2: 1, 3: 2, 7: 2, 10: 3}[players]


def test_other_mechanisms_fault_models_and_open_reports_over_several_sessions(tmp_path: Path) -> None:
    values = tmp_path / "votes.json"
    reports = {"ann": ["tea", "coffee"], "ben": ["coffee", "tea"], "cat": ["tea", "coffee"]}
    values.write_text(json.dumps({"parameters": {"options": ["coffee", "tea"]}, "reports": reports}))
    out = tmp_path / "votes"
    ran = spawn(
        "demo", "voting.borda", "--values", values, "--faults", "majority", "--seal", "open", "--sessions", 2,
        "--out", out,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "majority b=0 q=2 (crashes only: all code is trusted) · open" in ran.out
    assert ran.out.count("outcome      tea wins with 2") == 2
    assert "proposed ✓ enrolling 3/3 asking 3/3 attesting 3/3 settled" in ran.out
    assert (out / "ann" / "journal.sqlite3").exists(), "a demo with --out keeps everything"
    assert spawn("demo", "--out", out).code == Exit.USAGE


def test_a_terminal_is_not_needed_and_an_interrupt_leaves_no_process(tmp_path: Path) -> None:
    out = tmp_path / "left"
    command = [sys.executable, "-m", "mechdesign", "demo", "--out", str(out), "--sessions", "100", "--timeout-s", "90"]
    demo = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("auction.second-price/1")
        assert demo.stdout.readline().startswith("proposed ✓")
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert demo.returncode == Exit.INTERRUPTED, errors
    assert "Traceback" not in errors
    assert not _processes_with(str(out))


def test_a_demo_that_is_killed_takes_its_nodes_with_it(tmp_path: Path) -> None:
    out = tmp_path / "left"
    command = [sys.executable, "-m", "mechdesign", "demo", "--out", str(out), "--sessions", "100", "--timeout-s", "90"]
    demo = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert demo.stdout is not None
    demo.stdout.readline()
    assert demo.stdout.readline().startswith("proposed ✓")
    assert len(_processes_with(str(out / "alice"))) == 1
    demo.kill()
    demo.communicate(timeout=60)
    for _ in range(600):
        if not _processes_with(str(out)):
            return
        time.sleep(0.1)
    raise AssertionError(f"nodes outlive the demo: {_processes_with(str(out))}")


def _processes_with(argument: str) -> list[str]:
    """The processes that were started with a path in their arguments."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if argument in text:
            found.append(text)
    return found


def test_a_demo_that_stalls_says_where_each_node_stands(tmp_path: Path) -> None:
    # Nobody can be up and settle within one second of the start of four interpreters and 50 sessions.
    ran = spawn("demo", "--timeout-s", 1, "--sessions", 50, "--out", tmp_path / "stalled")
    assert ran.code == Exit.STALLED
    assert "not finished after 1 s" in ran.err
    for name in ("alice", "bob", "carol", "dave"):
        assert re.search(rf"^  {name}: ", ran.err, re.M)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--misbehave", "nonsense"], "not one of equivocate"),
        (["--misbehave", "crash", "--players", "3"], "at least 4 players"),
        (["--misbehave", "equivocate", "--faults", "majority"], "crashes only"),
        (["--misbehave", "no-reveal", "--seal", "open"], "nothing to open"),
        (["--misbehave", "bad-seal", "--seal", "commit_reveal"], "only with --seal threshold"),
        (["--seal", "wax"], "threshold, commit_reveal, open"),
        (["--faults", "none"], "byzantine, unanimous, majority"),
        (["nothing.here"], "there is no mechanism"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_a_process_starts(arguments: list[str], said: str) -> None:
    ran = run("demo", *arguments)
    assert ran.code == Exit.USAGE
    assert said in ran.err


def test_a_values_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    values = tmp_path / "bids.json"
    values.write_text('{"reports": {"alice": 1, "bob": -2}}')
    ran = run("demo", "--values", values)
    assert ran.code == Exit.USAGE
    assert "bids.json" in ran.err
    assert "reports.bob" in ran.err
    values.write_text('{"reports": {"alice": 1, "bob": 2}}')
    assert "reports of 2 players" in run("demo", "--values", values, "--players", 3).err


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 10])
def test_every_registered_mechanism_has_values_for_any_number_of_players(name: str, count: int) -> None:
    cls = registry.load(name)
    document = default_document(cls, count)
    assert len(document["reports"]) == count
    assert decide(cls, document).result.outcome is not None


def test_the_header_names_model_and_quorum() -> None:
    options = {"seal": "open", "values": None, "sessions": 1, "misbehave": None, "timeout_s": 60.0}
    scenario = Scenario.make("public.clarke", players=7, faults="unanimous", **options)  # type: ignore[arg-type]
    assert scenario.header == "public.clarke/1 · 7 players · unanimous b=6 q=7 · open"
