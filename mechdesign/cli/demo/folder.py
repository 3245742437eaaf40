"""The files of a demo: keys, roster, configurations and values, in one folder."""

import os
import secrets
import shutil
import socket
import tempfile
from pathlib import Path

from mechdesign.cli.demo.scenario import Scenario
from mechdesign.cli.fields import render_value
from mechdesign.cli.roster_files import render_roster
from mechdesign.decision.membership import member_of
from mechdesign.group.roster import Roster
from mechdesign.kernel.errors import ConfigError
from mechdesign.kernel.identity import Identity

__all__ = ["Folder"]

# Generous where everybody plays by the rules, since phases close as soon as all were heard; short where one is silent,
# since then the timers are what closes a phase.
_PATIENT = {"enrol_s": 40, "report_s": 40, "open_s": 40, "attest_s": 40}
_BRISK = {"enrol_s": 40, "report_s": 4, "open_s": 2, "attest_s": 2}


class Folder:
    """The folder of one demo.

    Args:
        scenario: what is played.
        out: where; None makes a temporary folder, of which only roster, transcripts and evidence are kept in the end.

    Raises:
        ConfigError: the folder exists and is not empty, or cannot be made.
    """

    def __init__(self, scenario: Scenario, out: Path | None) -> None:
        self.scenario = scenario
        self.kept = out is not None
        try:
            if out is None:
                self.path = Path(tempfile.mkdtemp(prefix="mechdesign-demo-"))
            else:
                out.mkdir(parents=True, exist_ok=True)
                self.path = out.resolve()
                if any(out.iterdir()):
                    raise ConfigError(f"--out: {out} is not empty: name a new folder, nothing is overwritten")
        except OSError as error:
            raise ConfigError(f"--out: {out} cannot be used: {error.strerror}") from error
        self.roster = self._write()

    @property
    def roster_path(self) -> Path:
        """The roster file."""
        return self.path / "roster.toml"

    def config(self, player: str) -> Path:
        """The configuration of a player's node."""
        return self.path / f"{player}.toml"

    def data(self, player: str) -> Path:
        """The data folder of a player's node."""
        return self.path / player

    def _write(self) -> Roster:
        scenario = self.scenario
        passphrase = secrets.token_hex(16)
        _private(self.path / "passphrase", passphrase + "\n")
        identities = {name: Identity.generate() for name in scenario.players}
        for name, identity in identities.items():
            identity.save(self.path / f"{name}.pem", passphrase)
        roster = Roster(
            group="demo",
            members=tuple(member_of(each, name) for name, each in identities.items()),
            faults=scenario.faults,
            nonce=os.urandom(16),
        )
        ports = _free_ports(scenario.n)
        addresses: dict[str, str | None] = {
            name: f"tcp://127.0.0.1:{port}" for name, port in zip(scenario.players, ports, strict=True)
        }
        self.roster_path.write_text(render_roster(roster, addresses), encoding="utf-8")
        for place, name in enumerate(scenario.players):
            self.config(name).write_text(self._config(name, proposes=place == 0), encoding="utf-8")
            (self.path / f"{name}-values.toml").write_text(self._values(name), encoding="utf-8")
        return roster

    def _config(self, name: str, *, proposes: bool) -> str:
        scenario = self.scenario
        lines = [
            f"key = {render_value(name + '.pem')}",
            'roster = "roster.toml"',
            f"data = {render_value(name)}",
            'preset = "local"',
        ]
        if scenario.load:
            lines.append(f"load = {render_value([scenario.load])}")
        lines += ["", "[passphrase]", 'file = "passphrase"']
        lines += ["", "[player]", f"values = {render_value(name + '-values.toml')}"]
        for place in range(scenario.sessions if proposes else 0):
            lines += ["", "[[propose]]", f'label = "session-{place}"', f"after = {place}"]
            lines += [f"mechanism = {render_value(scenario.cls.full_name())}", f'seal = "{scenario.seal}"']
            lines.append(f"parameters = {render_value(scenario.plain.get('parameters', {}))}")
            if scenario.deposit:
                lines.append(f"deposit = {scenario.deposit}")
            if "FUNDER" in [account.value for account in scenario.cls.accounts]:
                lines.append('accounts = { FUNDER = "funder" }')
            times = _BRISK if scenario.misbehave else _PATIENT
            lines += [f"{key} = {seconds}" for key, seconds in times.items()]
        return "\n".join(lines) + "\n"

    def _values(self, name: str) -> str:
        report = self.scenario.plain["reports"][name]
        lines = ["[[answer]]", f"mechanism = {render_value(self.scenario.cls.name)}"]
        if report is None:
            lines.append("absent = true")
        elif self.scenario.cls.overrides("play"):  # as for `decide`: what plays is given private types
            lines.append(f"value = {render_value(report)}")
        else:
            lines.append(f"reports = [{render_value(report)}]")
        return "\n".join(lines) + "\n"

    def tidy(self) -> None:
        """Remove keys, journals and configurations, so that a temporary folder keeps only what a verifier needs."""
        if self.kept:
            return
        for path in sorted(self.path.iterdir()):
            if path.is_dir():
                for file in sorted(path.iterdir()):
                    if file.suffix not in (".transcript", ".evidence"):
                        file.unlink()
                if not any(path.iterdir()):
                    path.rmdir()
            elif path != self.roster_path:
                path.unlink()

    def remove(self) -> None:
        """Remove a temporary folder with everything in it."""
        if not self.kept:
            shutil.rmtree(self.path, ignore_errors=True)


def _private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)


def _free_ports(count: int) -> list[int]:
    """Ports of loopback that were free a moment ago, all different because all are held at once."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
