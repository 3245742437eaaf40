"""Node processes under a test's control: started, listened to, killed, started again."""

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mechdesign.cli.demo.folder import Folder
from mechdesign.cli.demo.scenario import Scenario
from mechdesign.group.group import Group
from mechdesign.group.journal import Journal
from mechdesign.group.messages import Delivered
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.identity import Identity
from tests.cli.command_line import environment, run

Record = dict[str, Any]


class Life:
    """One process of a node, from start to end, with all that it told."""

    def __init__(self, name: str, config: Path, heard: "queue.Queue[None]", more: Sequence[str] = ()) -> None:
        self.name = name
        self.records: list[Record] = []
        command = [sys.executable, "-m", "mechdesign", "node", "--config", str(config), "--json", "--until-eof", *more]
        with config.with_suffix(".stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        self._heard = heard
        self.told_to_end = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):  # a killed process may leave half a line
                self.records.append(json.loads(line))
                self._heard.put(None)

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait until the process is gone and all that it told is read."""
        self.told_to_end = True
        self.process.send_signal(number)
        self.process.wait(60)
        self._reader.join(60)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def of(self, event: str) -> list[Record]:
        """The records of a kind."""
        return [record for record in list(self.records) if record["event"] == event]

    @property
    def settled(self) -> dict[str, str]:
        """The digest of every session that this life saw settled, in order; replayed ones included."""
        return {record["session"]: record["digest"] for record in self.of("settled")}


class Nodes:
    """The nodes of one group; a context that leaves no process behind.

    Args:
        scenario: who plays, with which values.
        out: the folder for their files.
        seconds: how long each phase waits for the silent.
    """

    def __init__(self, scenario: Scenario, out: Path, seconds: int) -> None:
        self.folder = Folder(scenario, out)
        self.roster = self.folder.roster
        self.lives: dict[str, Life] = {}
        self._heard: queue.Queue[None] = queue.Queue()
        self._proposal = (
            f'\n[[propose]]\nlabel = "LABEL"\nafter = AFTER\nmechanism = "{scenario.cls.full_name()}"\n'
            f"enrol_s = {seconds}\nreport_s = {seconds}\nopen_s = {seconds}\nattest_s = {seconds}\n"
        )
        for name in scenario.players:
            config = self.folder.config(name)
            config.write_text(config.read_text().partition("\n[[propose]]")[0] + "\n")

    def will_propose(self, name: str, after: int, more: str = "") -> None:
        """Have a node propose a session once so many have ended; with more lines of its table, if given."""
        with self.folder.config(name).open("a") as config:
            config.write(self._proposal.replace("LABEL", f"{name}-{after}").replace("AFTER", str(after)) + more)

    def start(self, *names: str, more: Sequence[str] = ()) -> None:
        """Start nodes, for the first time or again; with more options of the command, if given."""
        for name in names:
            self.lives[name] = Life(name, self.folder.config(name), self._heard, more)

    def seen(self, name: str) -> dict[str, Any]:
        """What a node's status says; empty while it does not answer."""
        ran = run("status", self.folder.data(name), "--json")
        seen: dict[str, Any] = ran.json if ran.code == 0 else {}
        return seen

    def wait_members(self, *names: str) -> None:
        """Wait until these are the members at each of them."""
        self.wait(
            lambda: all(sorted(self.seen(name).get("members", ())) == sorted(names) for name in names),
            f"the members are {', '.join(names)}",
        )

    def kill(self, *names: str) -> None:
        """SIGKILL: nothing is closed, nothing is said."""
        for name in names:
            self.lives[name].end(signal.SIGKILL)

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = 90) -> None:
        """Listen until something holds; fails with where everybody stands."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            try:
                self._heard.get(timeout=max(0.01, min(0.5, deadline - time.monotonic())))
            except queue.Empty:
                for name, life in self.lives.items():
                    died = life.process.poll() is not None and not life.told_to_end
                    assert not died, f"{what}: {name} died\n{self.errors(name)}"
                assert time.monotonic() < deadline, f"{what}: not so after {timeout_s} s\n{self._where()}"

    def wait_settled(self, names: list[str], count: int) -> None:
        """Listen until each of these saw so many sessions settled."""
        self.wait(
            lambda: all(len(self.lives[name].settled) >= count for name in names),
            f"{count} sessions settled at {', '.join(names)}",
        )

    def _where(self) -> str:
        return "\n".join(f"{name}: {life.records[-1:]}" for name, life in self.lives.items())

    def log(self, name: str) -> list[tuple[bytes, int, int, bytes]]:
        """The ordered log in the journal of a stopped node: sender, sequence, kind and data of each entry."""
        secret = (self.folder.path / "passphrase").read_text().strip()
        identity = Identity.load(self.folder.path / f"{name}.pem", secret)
        journal = Journal(self.folder.data(name) / "journal.sqlite3", identity.public, self.roster.digest)
        try:
            core = Group(self.roster, identity, Ed25519(), GroupConfig())
            effects = core.restore(journal.records(), 0)
        finally:
            journal.close()
        entries = [effect.submission for effect in effects if isinstance(effect, Delivered)]
        return [(entry.sender, entry.sequence, entry.kind, entry.data) for entry in entries]

    def errors(self, name: str) -> str:
        """What a node wrote to standard error, in all its lives."""
        return (self.folder.path / f"{name}.stderr").read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for life in self.lives.values():
            life.end(signal.SIGKILL)


def auction(names: tuple[str, ...]) -> Scenario:
    """A second-price auction with the demo's values."""
    scenario = Scenario.make(
        "auction.second-price", players=len(names), seal="commit_reveal", faults=None, values=None, sessions=1,
        misbehave=None, timeout_s=60,
    )  # fmt: skip
    assert scenario.players == names
    return scenario
