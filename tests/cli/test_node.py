"""`mechdesign node`: a group set up by hand, as the README says, and what a node says when it cannot go on."""

import json
import socket
import subprocess
import sys
from pathlib import Path

from mechdesign.cli.exits import Exit
from tests.cli.command_line import environment, run, spawn


def free_addresses(count: int) -> list[str]:
    """Addresses of loopback that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found = [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return found


def found_group(folder: Path, names: list[str]) -> None:
    """What the parties do before their first session: keys, records, one roster."""
    for name, address in zip(names, free_addresses(len(names)), strict=True):
        made = run("keygen", folder / f"{name}.pem", "--address", address, "--record", folder / f"{name}.record.toml")
        assert made.code == 0, made.err
    records = [folder / f"{name}.record.toml" for name in names]
    assert run("roster", *records, "--group", "harbour", "--out", folder / "roster.toml").code == 0


def configure(folder: Path, name: str, *more: str) -> Path:
    """Write the configuration of a node."""
    lines = [f'key = "{name}.pem"', 'roster = "roster.toml"', f'data = "{name}"', 'preset = "local"', *more]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_three_parties_with_keys_roster_and_configurations_settle_and_exit(tmp_path: Path) -> None:
    names = ["alice", "bob", "carol"]
    found_group(tmp_path, names)
    nodes = {}
    for name, bid in zip(names, ("18.10", "24", "21.50"), strict=True):
        (tmp_path / f"{name}-values.toml").write_text(
            f'[[answer]]\nmechanism = "auction.second-price"\nvalue = "{bid}"\n'
        )
        player = ["[player]", f'values = "{name}-values.toml"']
        proposal = ["[[propose]]", 'mechanism = "auction.second-price"', 'parameters = { currency = "EUR" }']
        config = configure(tmp_path, name, *player, *(proposal if name == "alice" else []))
        command = [sys.executable, "-m", "mechdesign", "node", "--config", str(config)]
        options = ["--sessions", "1", "--timeout-s", "90", "--linger-s", "1"]
        nodes[name] = subprocess.Popen(
            [*command, *options], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    try:
        said = {name: process.communicate(timeout=100) for name, process in nodes.items()}
    finally:
        for process in nodes.values():
            process.kill()
    digests = set()
    for name, (out, err) in said.items():
        assert nodes[name].returncode == 0, err
        assert out.startswith(f"{name} is up at tcp://127.0.0.1:"), out
        line = next(line for line in out.splitlines() if " settled: " in line)
        assert "bob wins, pays 43/2" in line or "bob wins, pays 21.50" in line
        digests.add(line.rpartition(" ")[2])
        transcript = next((tmp_path / name).glob("*.transcript"))
        assert run("verify", transcript, "--roster", tmp_path / "roster.toml").code == 0
    assert len(digests) == 1


def test_a_person_can_be_the_player(tmp_path: Path) -> None:
    found_group(tmp_path, ["alice"])
    proposal = ["[[propose]]", 'mechanism = "auction.second-price"', "parameters = { reserve = 5 }"]
    config = configure(tmp_path, "alice", "[player]", "ask = true", *proposal)
    command = [sys.executable, "-m", "mechdesign", "node", "--config", str(config), "--json"]
    done = subprocess.run(
        [*command, "--sessions", "1", "--linger-s", "0"],
        input="minus three\n18\n",
        capture_output=True,
        text=True,
        env=environment(),
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert "is not an exact amount" in done.stderr
    settled = next(record for record in records if record["event"] == "settled")
    assert settled["sentence"] == "alice wins, pays 5"


def test_a_node_alone_gives_up_with_the_names_of_those_it_waits_for(tmp_path: Path) -> None:
    found_group(tmp_path, ["alice", "bob"])
    config = configure(tmp_path, "alice", "[[propose]]", 'mechanism = "auction.second-price"')
    ran = spawn("node", "--config", config, "--sessions", 1, "--timeout-s", 2)
    assert ran.code == Exit.STALLED
    lost = "the quorum is lost: 1 of 2 members are here and 2 are needed; missing are bob"
    assert f"alice: stalled after 2 s: {lost}" in ran.err


def test_a_session_that_aborts_is_reported_by_the_exit_code(tmp_path: Path) -> None:
    found_group(tmp_path, ["alice"])
    proposal = ["[[propose]]", 'mechanism = "auction.second-price"', "players_min = 1"]
    config = configure(tmp_path, "alice", "[policy]", "enrol = false", *proposal)
    ran = spawn("node", "--config", config, "--sessions", 1, "--linger-s", 0, "--timeout-s", 60)
    assert ran.code == Exit.ABORTED, ran.out
    assert " aborted: " in ran.out


def test_configurations_that_cannot_work_are_refused_with_what_to_do(tmp_path: Path) -> None:
    found_group(tmp_path, ["alice", "bob"])
    assert run("keygen", tmp_path / "mallory.pem").code == 0
    stranger = run("node", "--config", configure(tmp_path, "mallory"))
    assert stranger.code == 2
    assert "is not the key of any member" in stranger.err
    wrong = run("node", "--config", configure(tmp_path, "alice"), passphrase="wrong")
    assert wrong.code == 2
    assert "wrong passphrase" in wrong.err
    unknown = run("node", "--config", configure(tmp_path, "alice", "[addresses]", 'mallory = "tcp://h:1"'))
    assert "'mallory' is not in the roster" in unknown.err
    missing = run("node", "--config", configure(tmp_path, "alice", "[player]", 'values = "none.toml"'))
    assert missing.code == 2
    assert "none.toml cannot be read" in missing.err
    for line, said in [
        ('mechanism = "auction.nothing"', "there is no mechanism"),
        ('mechanism = "public.clarke"', "cost"),
        ('mechanism = "auction.second-price"\nasked = ["zoe"]', "zoe is not in the roster"),
    ]:
        ran = run("node", "--config", configure(tmp_path, "alice", "[[propose]]", line), "--sessions", 1)
        assert ran.code == 2, ran.err
        assert said in ran.err


def test_an_address_in_use_is_said_so(tmp_path: Path) -> None:
    found_group(tmp_path, ["alice"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f'listen = "tcp://127.0.0.1:{taken.getsockname()[1]}"'
        ran = run("node", "--config", configure(tmp_path, "alice", listen), "--sessions", 1)
    assert ran.code == 2
    assert "listen" in ran.err
