"""Runs one node from its configuration until it is told to stop."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from typing import Any

from mechdesign.cli.carriage import ballot_handlers
from mechdesign.cli.changes import change_handlers
from mechdesign.cli.custody import Desk
from mechdesign.cli.events import as_record, as_sentence
from mechdesign.cli.exits import Exit
from mechdesign.cli.foundings import foundings, read_founding
from mechdesign.cli.node_files import ProposalTable, load_values_file
from mechdesign.cli.notebook import Notebook
from mechdesign.cli.obstacle import obstacle
from mechdesign.cli.output import emit_json, say, warn
from mechdesign.cli.plan import Plan
from mechdesign.cli.proposals import Proposals
from mechdesign.cli.standing import Pulse, standing
from mechdesign.cli.values import ValuesStrategy
from mechdesign.kernel.config import PRESETS
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError, CongestionError, InputError, LocalProtocolError, MechanismError
from mechdesign.kernel.identity import fingerprint
from mechdesign.kernel.text import visible
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.events import (
    MemberConvicted,
    ProposeSession,
    Removed,
    SessionAborted,
    SessionMissed,
    SessionProposed,
    Settled,
    UserEvent,
    ViewBegun,
)
from mechdesign.mechanisms.inputs import split_parameters
from mechdesign.mechanisms.session import Policy, lookup_with
from mechdesign.node import Node, read_terminal, tcp
from mechdesign.node.control import Control
from mechdesign.player import Person, Strategy, silent
from mechdesign.transport.zeromq import monotonic

__all__ = ["CRASHED", "run_node"]

CRASHED = 137
"""Exit code of a node that was told to crash, the one of a process that was killed."""

_STATUS_S = 0.5
_TOLD = (
    "state", "detail", "round", "highest", "pending", "pulls", "delivered", "members", "quorum",
    "linked", "unlinked", "unreached", "missing", "suspected", "view", "held", "hindrance",
)  # fmt: skip
# What of the status is told in the stream of events; the rest changes too often, and is there for the asking.
_MS = 1000


class _Running:
    """A node with what it still has to propose, and what it told so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.aborted = 0
        self.changed = asyncio.Event()
        self._pulse = Pulse()
        file = plan.file
        try:
            file.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(f"data: the folder {file.data} cannot be made: {error.strerror}") from error
        self.notebook = Notebook(file.data / "notebook.jsonl")
        self.values = self._values()
        own = [registry.load(name) for name in file.load]
        requests = ((each.after, _request(each, own)) for each in file.propose)
        self.proposals = Proposals(requests, plan.identity.public, self.notebook)
        # The journal brings back this epoch only.
        for found in foundings(file.data, plan.roster.group):
            self.proposals.end(found.session, found)
        preset = PRESETS[file.preset]
        wrap = None
        if plan.misbehave is not None:
            from mechdesign.testing.misbehaviour import misbehave

            wrap = misbehave(plan.misbehave)
        policy = file.policy
        self.desk = Desk(file.custodian, self.tell)
        self.node = Node(
            plan.start,
            plan.identity,
            transport=tcp(plan.identity, plan.listen, plan.peers, preset.transport),
            journal=file.data / "journal.sqlite3",
            strategy=self._strategy(),
            policy=Policy(
                None if policy.mechanisms is None else frozenset(policy.mechanisms),
                policy.deposit_max,
                policy.enrol,
                open_ms_min=policy.open_ms_min,
                payment_max=policy.payment_max,
                report_ms_min=policy.report_ms_min,
                accounts=frozenset(policy.accounts),
                roll_max=policy.roll_max,
            ),
            lookup=lookup_with(*own),
            config=preset.group,
            out=file.data,
            on_event=self._heard,
            wrap=wrap,
            address=plan.newcomer,
            here=plan.here,
        )

    def _values(self) -> ValuesStrategy | None:
        if (file := self.plan.file.player.values) is None:
            return None
        return ValuesStrategy(load_values_file(file), self.notebook.counted, self.notebook.write)

    def _strategy(self) -> Strategy:
        if self.values is not None:
            return self.values
        if self.plan.file.player.ask:
            return Person(read_terminal, warn)
        return silent

    def tell(self, record: dict[str, Any]) -> None:
        """Print a record in the chosen form."""
        if self.plan.as_json:
            emit_json({"player": self.plan.name, "at_us": time.monotonic_ns() // 1000, **record}, lines=True)
        elif (sentence := as_sentence(record)) is not None:
            # One event, one line, whatever members put into it.
            say(visible(sentence))

    def _heard(self, event: UserEvent) -> None:
        if isinstance(event, SessionProposed) and self.values is not None:
            self.values.proposed(event)
        record = as_record(event)
        if isinstance(event, Settled | SessionAborted) and event.transcript:
            record["transcript"] = str(self.node.kept)
        if isinstance(event, MemberConvicted):
            record["evidence"] = str(self.node.kept)
        self.tell(record)
        self._note(event)

    def _note(self, event: UserEvent) -> None:
        """Know what was proposed, and what has ended."""
        match event:
            case SessionProposed(key=key, nonce=nonce):
                self.proposals.founded(MemberId(key), nonce)
            case Settled(session=session, transcript=data) | SessionAborted(session=session, transcript=data):
                self.proposals.end(session, read_founding([data or b""], self.plan.roster.group))
                self.aborted += isinstance(event, SessionAborted)
            case SessionMissed(session):
                self.proposals.end(session, None)
            case ViewBegun(missed=missed):
                self.proposals.begin_epoch(self.node.roster.digest, missed=missed)
                self.warn_of_doubt()
            case Removed():
                self.proposals.leave()
        self.changed.set()

    def warn_of_doubt(self) -> None:
        """Say what is not proposed, since the others may have settled it without us."""
        for label in self.proposals.doubtful:
            self.tell({"event": "doubtful", "label": label})

    def propose_what_is_due(self) -> None:
        """Propose what waits for no further session to end."""
        with contextlib.suppress(CongestionError):  # the group stalls: again with the next status
            self.proposals.hand_in(self._propose)

    def _propose(self, request: ProposeSession) -> None:
        try:
            self.node.propose(request)
        except CongestionError:
            raise
        except LocalProtocolError as error:
            if self.node.roster == self.plan.start:
                raise  # a mistake in the configuration
            # It names somebody who has left since, or we are not in the group; that may change with the members.
            mechanism = type(request.mechanism).full_name()
            self.tell({"event": "refused", "session": "", "mechanism": mechanism, "reason": str(error)})

    async def follow(self) -> Exit:
        """Propose, and wait for what ends this node: enough sessions, the time limit, or a signal."""
        done = self.plan.sessions
        while not done or len(self.proposals.ended) < done or self.proposals.waiting:
            self.propose_what_is_due()
            self.changed.clear()
            await self.changed.wait()
        await asyncio.sleep(self.plan.linger_s)
        return Exit.ABORTED if self.aborted else Exit.OK

    async def report_status(self) -> None:
        """Tell who is missing and how far the log is, whenever that has changed."""
        last: dict[str, Any] = {}
        while True:
            self.desk.attend(self.node)
            self.propose_what_is_due()
            status = self.status()
            told = {name: status[name] for name in _TOLD}
            if told != last:
                last = told
                self.tell({"event": "status", **told})
            await asyncio.sleep(_STATUS_S)

    def status(self) -> dict[str, Any]:
        """The node's local view as plain data."""
        return standing(self.node.status(), self.node.roster, monotonic(), self._pulse)


def _request(table: ProposalTable, own: list[Any]) -> ProposeSession:
    cls = next((each for each in own if table.mechanism in (each.name, each.full_name())), None)
    parameters, session = split_parameters(table.parameters)
    try:
        mechanism = (cls or registry.load(table.mechanism)).from_parameters(parameters)
    except InputError as error:
        raise ConfigError(f"propose: {table.mechanism}: {error}") from error
    except MechanismError as error:
        raise ConfigError(f"propose: mechanism: {error}") from error
    return ProposeSession(
        mechanism=mechanism,
        asked=table.asked,
        seal=table.seal or "",
        threshold=table.threshold,
        deposit=table.deposit,
        sanctions=table.sanctions,
        accounts=table.accounts,
        default_report=table.default_report,
        payment_max=table.payment_max,
        custodian=table.custodian,
        ties=session.ties,
        currency=session.currency,
        enrol_ms=table.enrol_s * _MS,
        report_ms=table.report_s * _MS,
        open_ms=table.open_s * _MS,
        attest_ms=table.attest_s * _MS,
        players_min=table.players_min,
        roll=table.roll,
        rolled=table.rolled,
        label=table.label,
    )


async def run_node(plan: Plan) -> Exit:
    """Run a node until it has done what it was asked to do, or is told to stop.

    Returns:
        The exit code of the process.
    """
    running = _Running(plan)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    watch = await _stop_at_eof(stop) if plan.until_eof else None
    node = running.node
    answers = {"status": lambda _: running.status(), "confirm": running.desk.confirm}
    answers |= change_handlers(node) | ballot_handlers(node)
    control = Control(plan.file.data, answers)
    try:
        await node.start()
        running.proposals.enter(node.roster.digest)
        await control.start()
    except BaseException:
        await node.stop()
        running.desk.close()
        if watch is not None:
            watch.close()
        raise
    running.tell(
        {
            "event": "started",
            "member": plan.name,
            "address": plan.listen,
            "roster": fingerprint(plan.roster.digest),
            "members": plan.roster.n,
            "pid": os.getpid(),
        }
    )
    running.warn_of_doubt()
    work = asyncio.create_task(node.run())
    follow = asyncio.create_task(running.follow())
    status = asyncio.create_task(running.report_status())
    stopped = asyncio.create_task(stop.wait())
    everything: set[asyncio.Task[Any]] = {work, follow, status, stopped}
    try:
        await asyncio.wait(everything, timeout=plan.timeout_s or None, return_when=asyncio.FIRST_COMPLETED)
        return _verdict(running, work, follow, status, stopped)
    finally:
        await control.close()
        await node.stop()
        running.desk.close()
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)
        if watch is not None:
            watch.close()


def _verdict(
    running: _Running,
    work: "asyncio.Task[None]",
    follow: "asyncio.Task[Exit]",
    status: "asyncio.Task[None]",
    stopped: "asyncio.Task[bool]",
) -> Exit:
    if work.done() and (failure := work.exception()) is not None:
        if running.plan.misbehave == "crash" and type(failure).__name__ == "Crashed":
            sys.stdout.flush()
            os._exit(CRASHED)  # as if killed: nothing is closed, nothing is said
        raise failure
    if status.done():
        status.result()  # it never ends by itself: raises what went wrong
    if follow.done():
        code = follow.result()
        running.tell({"event": "stopped", "reason": f"{len(running.proposals.ended)} sessions ended"})
        return code
    if stopped.done():
        running.tell({"event": "stopped", "reason": "told to"})
        return Exit.OK
    why = obstacle(running.status()) or "the sessions did not end"
    warn(f"{running.plan.name}: stalled after {running.plan.timeout_s:g} s: {why}")
    running.tell({"event": "stopped", "reason": "stalled"})
    return Exit.STALLED


async def _stop_at_eof(stop: asyncio.Event) -> asyncio.BaseTransport:
    """Stop when standard input ends: a parent that dies takes its nodes with it, however it dies."""

    class Watch(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            stop.set()

        def eof_received(self) -> bool:
            stop.set()
            return False

    watch, _ = await asyncio.get_running_loop().connect_read_pipe(Watch, sys.stdin)
    return watch
