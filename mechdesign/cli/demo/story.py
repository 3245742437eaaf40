"""One demo from start to end: start the nodes, follow them, stop them, tell what happened."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from mechdesign.cli.demo.children import Child, Children
from mechdesign.cli.demo.folder import Folder
from mechdesign.cli.demo.scenario import Scenario
from mechdesign.cli.demo.screen import Phases, Screen
from mechdesign.cli.demo.summary import Findings, summarise
from mechdesign.cli.exits import Exit
from mechdesign.cli.output import emit_json, say, warn

__all__ = ["tell"]

_PATIENCE_S = 15.0


class _Story:
    """What was heard so far.

    Args:
        scenario: what is played.
        folder: its files.
        screen: where phases are shown.
    """

    def __init__(self, scenario: Scenario, folder: Folder, screen: Screen) -> None:
        self.scenario = scenario
        self.folder = folder
        self.screen = screen
        self.started_us = time.monotonic_ns() // 1000
        self.observer = scenario.honest[0]
        self.phases: dict[str, Phases] = {}
        self.ends: dict[str, dict[str, dict[str, Any]]] = {}
        self.defaults: list[tuple[str, str]] = []
        self.convictions: dict[tuple[str, str], dict[str, str]] = {}
        self._suspected_by: dict[str, list[str]] = {}
        self.closed: set[str] = set()

    @property
    def suspicions(self) -> list[str]:
        """Whom more than b honest players suspect at present; a single one may just be short of time."""
        count = Counter(name for suspected in self._suspected_by.values() for name in suspected)
        return [name for name in self.scenario.players if count[name] > self.scenario.b]

    @property
    def order(self) -> list[str]:
        """Sessions in the order in which the observer saw them proposed."""
        return list(self.phases)

    def take(self, child: Child, record: dict[str, Any]) -> None:
        """Take a record of a child."""
        honest = child.name != self.scenario.cheater
        match record["event"]:
            case "status":
                child.status = record
                if honest:
                    self._suspected_by[child.name] = record["suspected"]
            case "progress" | "proposed" | "settled" | "aborted":
                self._session(child, record, honest)
            case "default" if child.name == self.observer:
                self.defaults.append((record["session"], record["member"]))
            case "convicted" if honest:
                found = self.convictions.setdefault((record["member"], record["offence"]), {})
                found[child.name] = record["evidence"]

    def _session(self, child: Child, record: dict[str, Any], honest: bool) -> None:
        session = record["session"]
        child.phase = record.get("phase", record["event"])
        if record["event"] in ("settled", "aborted"):
            child.ended += 1
            if honest:
                self.ends.setdefault(session, {})[child.name] = record
        if child.name == self.observer:
            self.phases.setdefault(session, Phases()).take(record)

    def show(self, children: Children) -> None:
        """Show the phases of the present session."""
        for session, phases in self.phases.items():
            if session in self.closed:
                continue
            others = " · ".join(f"{child.name} {child.phase}" for child in children.by_name.values())
            self.screen.update(phases, others)
            if phases.ended:
                self.screen.close(phases)
                self.closed.add(session)
            return

    @property
    def ended(self) -> bool:
        """Whether every honest player has told the end of every session."""
        ended = [ends for ends in self.ends.values() if len(ends) == len(self.scenario.honest)]
        return len(ended) >= self.scenario.sessions

    @property
    def complete(self) -> bool:
        """Whether all have ended, and what has to become of the cheater is known."""
        if not self.ended:
            return False
        if self.scenario.misbehave == "crash":
            return self.scenario.cheater in self.suspicions
        if self.scenario.convicts:
            return any(len(by) == len(self.scenario.honest) for by in self.convictions.values())
        return True


async def tell(scenario: Scenario, out: Path | None, *, as_json: bool) -> Exit:
    """Run a demo and print it.

    Returns:
        The exit code: 1 where honest players disagree or a check fails, 3 where they were not done in time, 4 where a
        session was aborted.
    """
    folder = Folder(scenario, out)
    task = asyncio.current_task()
    assert task is not None  # a coroutine that runs is in a task
    # As for Ctrl-C: end the nodes, remove the files, then go.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    story = _Story(scenario, folder, Screen(quiet=as_json))
    if not as_json:
        say(scenario.header, style="bold")
    keep = True
    try:
        async with Children() as children:
            for name in scenario.players:
                extra = ("--misbehave", str(scenario.misbehave)) if name == scenario.cheater else ()
                await children.start(name, folder.config(name), folder.path / f"{name}.stderr", extra)
            problem = await _follow(story, children)
            if problem is not None:
                _explain(story, children, problem)
                return Exit.STALLED
        findings = Findings.gather(
            scenario,
            folder,
            order=story.order,
            ends=story.ends,
            phases=story.phases,
            started_us=story.started_us,
            defaults=story.defaults,
            convictions=story.convictions,
            unproved=scenario.convicts and not story.complete,
            suspicions=story.suspicions,
        )
        if as_json:
            emit_json(findings.data)
        else:
            summarise(findings)
        folder.tidy()
        return findings.exit
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            folder.remove()


async def _follow(story: _Story, children: Children) -> str | None:
    """Listen until the story is complete; return what went wrong, or None."""
    deadline = time.monotonic() + story.scenario.timeout_s
    patience: float | None = None
    while not story.complete:
        left = deadline - time.monotonic()
        if story.ended:
            # What is known of the cheater may come after the end; that it does not is a finding, and no stall.
            patience = patience or time.monotonic() + _PATIENCE_S
            left = min(left, patience - time.monotonic())
            if left <= 0:
                return None
        if left <= 0:
            return f"not finished after {story.scenario.timeout_s:g} s"
        try:
            # Not wait_for: in Python 3.11 it may lose a cancellation that comes with the record.
            async with asyncio.timeout(left):
                child, record = await children.records.get()
        except TimeoutError:
            continue
        if record is None:
            if child.name == story.scenario.cheater:
                continue
            return f"the process of {child.name} ended (exit code {child.process.returncode})"
        story.take(child, record)
        story.show(children)
    return None


def _explain(story: _Story, children: Children, problem: str) -> None:
    """Say where each node stands, with the last lines that it wrote to standard error."""
    if story.phases:
        open_now = [phases for session, phases in story.phases.items() if session not in story.closed]
        if open_now:
            story.screen.close(open_now[0])
    warn(f"demo: {problem}; the nodes said last:")
    for child in children.by_name.values():
        warn(f"  {child.describe()}")
        for line in child.tail():
            warn(f"    {line}")
    warn(f"all files are in {story.folder.path}")
