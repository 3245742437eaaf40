"""Processes that are the members of one room: started, killed, started again, and none left behind."""

import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from tests.cli.command_line import environment

__all__ = ["Processes", "free_ports"]

Who = TypeVar("Who", int, str)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on at present."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Processes(ABC, Generic[Who]):
    """The processes of one room; a context that leaves none behind.

    Args:
        folder: where they write what they said and heard, see :mod:`tests.network.chatter`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[Who, subprocess.Popen[bytes]] = {}

    def launch(self, who: Who, name: str, script: Path, arguments: Sequence[object], on: Sequence[str] = ()) -> None:
        """Have a member run a script; what it writes to standard error is kept under its name."""
        with (self.folder / f"{name}.stderr").open("ab") as errors:
            self._processes[who] = subprocess.Popen(
                [*on, sys.executable, str(script), *map(str, arguments)], env=environment(), stderr=errors
            )

    def kill(self, who: Who) -> None:
        """SIGKILL."""
        process = self._processes.pop(who)
        process.kill()
        process.wait(60)

    def stop(self, who: Who) -> int:
        """SIGTERM; gives the exit code."""
        process = self._processes.pop(who)
        process.terminate()
        return process.wait(60)

    def freeze(self, who: Who) -> None:
        """SIGSTOP: its links stay open, and it neither reads nor says anything."""
        self._processes[who].send_signal(signal.SIGSTOP)

    def thaw(self, who: Who) -> None:
        """SIGCONT."""
        self._processes[who].send_signal(signal.SIGCONT)

    @property
    def running(self) -> list[Who]:
        """Who has a process."""
        return list(self._processes)

    @abstractmethod
    def where(self) -> object:
        """Where everybody stands, for the message of a wait that was in vain."""

    def wait(self, what: str, holds: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until something holds; fails with where everybody stands."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"{what}: not so after {seconds} s: {self.where()}\n{self.errors()}"
            time.sleep(0.1)

    def silence(self) -> None:
        """Have everybody stop talking."""
        (self.folder / "hush").touch()

    def lines(self, file: str) -> list[str]:
        """What stands in a file of the folder, whole lines only."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines()

    def errors(self) -> str:
        """What the members wrote to standard error."""
        texts = {path.stem: path.read_text()[-800:] for path in sorted(self.folder.glob("*.stderr"))}
        return "\n".join(f"{name}: {text}" for name, text in texts.items() if text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for who in self.running:
            self.kill(who)
