"""Forming groups with the command line: processes that know one address find one another."""

import subprocess
import sys
from pathlib import Path

import pytest

from mechdesign.cli.roster_files import load_roster_file
from tests.cli.command_line import environment, run
from tests.network.processes import free_ports

NAMES = ("alice", "bob", "carol", "dave")


class Players:
    """Key files, records and addresses of some players."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = dict(zip(NAMES, (f"tcp://127.0.0.1:{port}" for port in free_ports(len(NAMES))), strict=True))
        for name in NAMES:
            record = folder / f"{name}.toml"
            made = run(
                "keygen", folder / f"{name}.pem", "--name", name, "--address", self.where[name], "--record", record
            )
            assert made.code == 0, made.err

    def spawn(
        self, command: str, name: str, *arguments: str | Path, seed: str | None = None
    ) -> "subprocess.Popen[str]":
        seeds = ["--seed", self.folder / f"{seed}.toml"] if seed is not None else []
        key = ["--key", self.folder / f"{name}.pem", "--listen", self.where[name], "--preset", "local"]
        command_line = [sys.executable, "-m", "mechdesign", command, *arguments, *key, *seeds]
        return subprocess.Popen(
            list(map(str, command_line)),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _end(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=90)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def test_four_processes_form_a_group_by_list_and_one_that_is_not_on_it_stays_out(tmp_path: Path) -> None:
    players = Players(tmp_path)
    listed = [option for name in NAMES[:3] for option in ("--allow", tmp_path / f"{name}.toml")]
    out = {name: tmp_path / f"{name}-group.toml" for name in NAMES}
    running = {
        "alice": players.spawn("convene", "alice", "club", "--size", "3", "--out", out["alice"], *listed),
        "bob": players.spawn("enrol", "bob", "club", "--out", out["bob"], seed="alice"),
        # Carol knows bob only, dave carol only.
        "carol": players.spawn("enrol", "carol", "club", "--out", out["carol"], seed="bob"),
        "dave": players.spawn("enrol", "dave", "club", "--out", out["dave"], "--timeout-s", "60", seed="carol"),
    }
    ended = {name: _end(process) for name, process in running.items()}
    for name in NAMES[:3]:
        assert ended[name][0] == 0, ended[name]
        assert "all 3 signed its roster" in ended[name][2]
    assert "choice of members is unpoliced" in ended["bob"][2]
    rosters = [load_roster_file(out[name]) for name in NAMES[:3]]
    assert len({file.roster.digest for file in rosters}) == 1
    assert sorted(member.name for member in rosters[0].roster.members) == ["alice", "bob", "carol"]
    assert rosters[1].addresses["bob"] == players.where["bob"]
    assert rosters[2].addresses["alice"] == players.where["alice"]
    assert ended["dave"][0] == 2
    # By the time that it hears of the group this may be closed already; either way it stays out, and is told.
    assert any(said in ended["dave"][2] for said in ("admit", "too late"))
    assert not out["dave"].exists()


def test_an_invitation_of_the_convener_lets_one_in(tmp_path: Path) -> None:
    players = Players(tmp_path)
    asked = run("invite", "club", tmp_path / "bob.toml", "--key", tmp_path / "alice.pem")
    assert asked.code == 0, asked.err
    out = {name: tmp_path / f"{name}-group.toml" for name in NAMES}
    alice = players.spawn("convene", "alice", "club", "--size", "2", "--invited", "--out", out["alice"])
    bob = players.spawn("enrol", "bob", "club", "--out", out["bob"], "--invitation", asked.out.strip(), seed="alice")
    assert [_end(process)[0] for process in (alice, bob)] == [0, 0]
    assert load_roster_file(out["alice"]).roster == load_roster_file(out["bob"]).roster


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["convene", "club", "--size", "2"], "say who may enrol"),
        (["convene", "club", "--size", "2", "--open", "--invited"], "say who may enrol"),
        (["convene", "club", "--size", "2", "--open", "--faults", "none"], "--faults"),
        (["enrol", "club"], "nobody can be reached"),
        (["enrol", "club", "--invitation", "xyz"], "hexadecimal"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(tmp_path: Path, arguments: list[str], said: str) -> None:
    assert run("keygen", tmp_path / "alice.pem").code == 0
    ran = run(*arguments, "--key", tmp_path / "alice.pem", "--out", tmp_path / "group.toml")
    assert ran.code == 2
    assert said in ran.err
