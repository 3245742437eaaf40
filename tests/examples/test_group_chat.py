"""The chat of ``examples/``: processes of their own, one order."""

import subprocess
import sys
import threading
from pathlib import Path

from mechdesign.cli.demo.folder import Folder
from tests.cli.command_line import ROOT, environment
from tests.cli.live_nodes import auction

NAMES = ("alice", "bob", "carol", "dave")
SCRIPT = ROOT / "examples" / "group_chat.py"


def test_it_has_under_forty_lines() -> None:
    assert len(SCRIPT.read_text().splitlines()) < 40


class _Chatter:
    """One process of the chat."""

    def __init__(self, config: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(config)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.read: list[str] = []

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def listen(self, lines: int) -> None:
        assert self.process.stdout is not None
        watchdog = threading.Timer(90, self.process.kill)
        watchdog.start()
        while len(self.read) < lines and (line := self.process.stdout.readline()):
            self.read.append(line.rstrip("\n"))
        watchdog.cancel()

    def leave(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(60)
        self.end()
        return code

    def end(self) -> None:
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait(60)


def test_everybody_reads_the_same_lines_in_the_same_order(tmp_path: Path) -> None:
    folder = Folder(auction(NAMES), tmp_path / "group")
    chatters = {name: _Chatter(folder.config(name)) for name in NAMES}
    try:
        for number in range(3):
            for name, chatter in chatters.items():
                chatter.say(f"{name} says {number}")
        for chatter in chatters.values():
            chatter.listen(12)
        first = chatters["alice"].read
        assert all(chatter.read == first for chatter in chatters.values())
        assert [line.split()[0] for line in first] == [str(position) for position in range(12)]
        for name in NAMES:
            assert [line.split(": ")[1] for line in first if f" {name}: " in line] == [
                f"{name} says {number}" for number in range(3)
            ]

        # One leaves, the others go on, and it reads on its return all that was said.
        assert chatters["dave"].leave() == 0
        chatters["alice"].say("dave is away")
        chatters["bob"].listen(13)
        chatters["dave"] = _Chatter(folder.config("dave"))
        chatters["dave"].listen(13)
        assert chatters["dave"].read == chatters["bob"].read == [*first, "12 alice: dave is away"]
    finally:
        for chatter in chatters.values():
            chatter.end()
