"""The processes of a demo: started together, heard line by line, and always ended, whatever happens to the demo."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Child", "Children"]

_LINE_BYTES_MAX = 4 << 20
_GRACE_S = 5.0
_TAIL_LINES = 6


@dataclass(slots=True)
class Child:
    """One node.

    Attributes:
        name: the player.
        process: its process.
        stderr: the file that holds what it wrote to standard error.
        status: the last status that it told.
        phase: the last phase of a session that it told.
        ended: how many sessions have ended there.
    """

    name: str
    process: Process
    stderr: Path
    status: Mapping[str, Any] = field(default_factory=dict)
    phase: str = "starting"
    ended: int = 0

    @property
    def running(self) -> bool:
        """Whether the process has not exited."""
        return self.process.returncode is None

    def tail(self) -> list[str]:
        """The last lines that it wrote to standard error."""
        try:
            return self.stderr.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        except OSError:
            return []

    def describe(self) -> str:
        """Where it stands, in a line: phase, log position, links, and who it waits for."""
        parts = [self.phase]
        if self.status:
            status = self.status
            parts.append(f"{status['state']}{': ' if status['detail'] else ''}{status['detail']}")
            parts.append(f"log {status['delivered']}, round {status['round']} of {status['highest']}")
            parts.append(f"{len(status['linked'])} links")
            for what in ("missing", "suspected"):
                if self.status[what]:
                    parts.append(f"{what} {', '.join(self.status[what])}")
        if not self.running:
            parts.append(f"exited with {self.process.returncode}")
        return f"{self.name}: {'; '.join(parts)}"


class Children:
    """All nodes of a demo; a context that leaves no process behind.

    Each child's standard input stays open as long as this process lives, and a child stops when it ends: so even a demo
    that is killed leaves none.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Child] = {}
        self.records: asyncio.Queue[tuple[Child, dict[str, Any] | None]] = asyncio.Queue()
        self._readers: list[asyncio.Task[None]] = []

    async def start(self, name: str, config: Path, stderr: Path, extra: Sequence[str] = ()) -> Child:
        """Start the node of a player."""
        command = [sys.executable, "-m", "mechdesign", "node", "--config", str(config), "--json", "--until-eof", *extra]
        with stderr.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                limit=_LINE_BYTES_MAX,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                # A Ctrl-C goes to this process only, which then ends the children in its own order.
                start_new_session=True,
            )
        child = Child(name, process, stderr)
        self.by_name[name] = child
        self._readers.append(asyncio.create_task(self._read(child)))
        return child

    async def _read(self, child: Child) -> None:
        """Queue what a child says; None says that it has exited."""
        stream = child.process.stdout
        assert stream is not None  # asked for above
        async for line in stream:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # not an event: something printed by a library
            if isinstance(record, dict) and "event" in record:
                await self.records.put((child, record))
        await child.process.wait()
        await self.records.put((child, None))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.stop())

    async def stop(self) -> None:
        """Ask every child to stop, and kill what has not within a few seconds."""
        for child in self.by_name.values():
            if child.running:
                with contextlib.suppress(ProcessLookupError):
                    child.process.terminate()
        waiting = [asyncio.create_task(child.process.wait()) for child in self.by_name.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=_GRACE_S)
        for child in self.by_name.values():
            if child.running:
                with contextlib.suppress(ProcessLookupError):
                    child.process.kill()
        await asyncio.gather(*waiting, *self._readers, return_exceptions=True)
