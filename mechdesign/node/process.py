"""One member as a running process: a driver with its stack, its party, and what it keeps of sessions.

An exception in a strategy is the party's, and makes the player pass.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechdesign.decision.custody.custodian import Custodian, attend
from mechdesign.decision.membership import member_of
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing
from mechdesign.decision.setting import Setting
from mechdesign.group.journal import Journal
from mechdesign.group.messages import Append, Change
from mechdesign.group.multicast.multicast import Means
from mechdesign.group.roster import Member, Roster
from mechdesign.group.topology import Located
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import ConfigError, CongestionError, LocalProtocolError
from mechdesign.kernel.exchange import X25519Exchange
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import Entropy
from mechdesign.mechanisms.events import (
    CarryBallots,
    MemberConvicted,
    Progress,
    ProposeSession,
    Removed,
    Report,
    Settled,
    UserEvent,
    UserRequest,
    ViewBegun,
)
from mechdesign.mechanisms.session import Lookup, Policy, registered
from mechdesign.mechanisms.work import Computed
from mechdesign.node.acquaintances import Acquaintances, Address, our_line
from mechdesign.node.ahead import Ahead
from mechdesign.node.archive import Archive
from mechdesign.node.driver import Driver
from mechdesign.node.links import TransportFactory
from mechdesign.node.party import End, Party
from mechdesign.node.stack_like import StackLike
from mechdesign.node.workers import Workers
from mechdesign.player import Strategy
from mechdesign.stack import Stack, StackStatus
from mechdesign.transport.face import Transport

__all__ = ["Node", "NodeStatus"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What a node sees; local, and nothing that others agree on.

    Attributes:
        name: our member's name.
        stack: group and open sessions.
        counters: the transport's.
    """

    name: str
    stack: StackStatus
    counters: Mapping[str, int]


class Node:
    """Runs one member.

    Args:
        start: the roster of the first epoch that we belong to, or the invitation with which we join.
        identity: our keys; the member has to stand in the roster, or be the one that is invited.
        transport: how to make our links.
        journal: our journal's file, or None to keep nothing (a node that is stopped is then gone for good).
        strategy: answers what our player is asked; None where the application answers with :meth:`report`.
        policy: which sessions we enrol in.
        lookup: where mechanisms are found.
        config: how eagerly the group core advances.
        out: folder for transcripts and evidence, or None.
        on_event: is told every event of the party, in order, on the loop.
        wrap: makes an adversary of the stack, for tests and demonstrations.
        address: where a member listens that comes into the group; None where nobody knows, so that it dials us.
        here: where others can dial us, for members to know that come in later; None where they cannot.
        entropy: the source of salts and nonces.

    Raises:
        ConfigError: the identity is not in the roster or not invited, or not with these keys.
        VerificationError: the invitation is not signed by a quorum.
    """

    def __init__(
        self,
        start: Roster | Invitation,
        identity: Identity,
        *,
        transport: TransportFactory,
        journal: Path | None = None,
        strategy: Strategy | None = None,
        policy: Policy | None = None,
        lookup: Lookup = registered,
        config: GroupConfig | None = None,
        out: Path | None = None,
        on_event: Callable[[UserEvent], None] | None = None,
        wrap: Callable[[Stack], StackLike] | None = None,
        address: Address = lambda _: None,
        here: str | None = None,
        entropy: Entropy = os.urandom,
    ) -> None:
        roster = start if isinstance(start, Roster) else start.roster
        us = our_line(start, identity)
        if us is None:
            raise ConfigError(f"{identity} is not a member of the group {roster.group!r}: check roster and key file")
        if us != member_of(identity, us.name):
            raise ConfigError(
                f"the group {roster.group!r} has other link or sealing keys of {identity}: keygen ran again"
            )
        self.name = us.name
        self._acquaintances = Acquaintances(roster, identity, address)
        self._out = out
        self._archive = Archive(None)
        self._kept: Path | None = None
        self._party = Party(strategy, self.report)
        self._on_event = on_event
        self._ahead = Ahead(roster, self.setting)
        self._workers = Workers(self._computed, self._fail)
        self._inner = Stack.build(
            start,
            identity,
            Ed25519(),
            config or GroupConfig(),
            entropy,
            sealing_seed=identity.sealing_seed,
            lookup=lookup,
            policy=policy,
            check=self._check,
            means=Means(X25519Exchange(), identity, entropy),
            address=here or "",
            work=self._workers,
        )
        self._stack: StackLike = wrap(self._inner) if wrap else self._inner
        open_journal = None if journal is None else lambda: Journal(journal, identity.public, roster.digest)
        self._driver = Driver(
            self.name,
            self._stack,
            transport,
            open_journal,
            self._tell,
            written=self._look_ahead,
            closing=self._closing,
        )

    @property
    def roster(self) -> Roster:
        """Of the present epoch; of one that has yet to come in, that of its invitation."""
        return self._inner.roster

    @property
    def channels(self) -> tuple[bytes, ...]:
        """On which the group's frames come."""
        return self._inner.channels

    # ------------------------------------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Open and replay the journal, then open the links.

        Events of earlier lives are told again, with :attr:`replaying` set: most of them here, and what follows from a
        long computation when that is done.

        Raises:
            JournalError: the journal is in use, damaged, or of another member or group.
            ConfigError: the address to listen on cannot be used.
        """
        self._archive = Archive(self._out)
        await self._driver.start()
        log.info("%s is up in group %s", self.name, self.roster.group)

    @property
    def replaying(self) -> bool:
        """Whether what is told now follows from entries that the journal held when this life began.

        An earlier life was told it, unless that ended first, such as during the computation: whoever has to act on an
        event exactly once keeps a note of its own that it did.
        """
        return self._driver.replaying

    @property
    def kept(self) -> Path | None:
        """The file that holds the transcript, evidence or notice of the event that is told now, where one does."""
        return self._kept

    async def run(self) -> None:
        """Wait until the node is stopped.

        Raises:
            Exception: whatever made the node stop by itself: a bug in a core, or a journal that cannot be written.
        """
        await self._driver.run()

    async def stop(self) -> None:
        """Cancel what waits for the party, close links and journal; a second call waits for the first."""
        await self._driver.stop()

    async def _closing(self, failure: Exception | None) -> None:
        stopped = LocalProtocolError(f"{self.name} was stopped before the session ended")
        await self._party.close(failure or stopped)
        self._ahead.close()
        self._workers.close()

    # ------------------------------------------------------------------------------------------------------- party

    def propose(self, request: ProposeSession) -> None:
        """Propose a session to the group.

        Raises:
            CongestionError: too much of ours waits to be ordered; ask again later.
            LocalProtocolError: the request names what does not exist, or the node is not running.
        """
        self._submit(request)

    def report(self, session: bytes, step: int, value: Any) -> None:
        """Answer what our player was asked; None passes, an answer to what is closed does nothing.

        Raises:
            InputError: the report is not of the type that was asked for.
            LocalProtocolError: the node is not running.
        """
        self._submit(Report(session, step, value))

    def carry(self, ballots: Sequence[bytes]) -> None:
        """Carry ballots of participants that are not members; a ``BallotsCarried`` event tells what becomes of them.

        Raises:
            CongestionError: too much of ours waits to be ordered; ask again later.
            LocalProtocolError: the node is not running.
        """
        self._submit(CarryBallots(tuple(ballots)))

    def attend(self, custodian: Custodian) -> None:
        """Report what a custodian has received and paid out by now; nothing where no session names our member.

        Whatever finds no room, where too much of ours waits to be ordered, is reported by the next call.

        Raises:
            LocalProtocolError: the node is not running.
        """
        with contextlib.suppress(CongestionError):
            for request in attend(custodian, self._inner.decision.custody()):
                self._submit(request)

    def change(self, change: Change) -> None:
        """Have the members of the group changed: once what runs has ended, and where the change holds.

        Raises:
            LocalProtocolError: we are not in the group, or the node is not running.
        """
        self._driver.submit(change)

    def consent(self, joiner: Member, address: str | None = None) -> tuple[int, bytes]:
        """Sign that somebody may join the group's next epoch, and let it link with us.

        Args:
            joiner: its line of the next roster.
            address: where it listens, if we are to dial it.

        Returns:
            Our index in roster order and our signature; a quorum of these is its invitation.

        Raises:
            ConfigError: its link key is another member's.
            LocalProtocolError: we are not in the group.
        """
        return self._acquaintances.consent(joiner, address, self.roster, self.transport)

    async def ended(self, session: bytes | None = None) -> End:
        """Wait for the end of a session; without one, for the next session to end.

        Raises:
            Exception: the node stopped before that.
        """
        self._driver.check_running()
        return await self._party.ended(session)

    def setting(self, session: bytes) -> Setting | None:
        """The terms of an open session, and the entry that founded it; None for any other."""
        return self._inner.decision.setting(session)

    def status(self) -> NodeStatus:
        """What this node sees at present."""
        return NodeStatus(self.name, self._stack.status(), dict(self.transport.counters))

    @property
    def transport(self) -> Transport:
        """Our links; over TCP they know the address that was bound."""
        return self._driver.transport

    def _submit(self, request: UserRequest) -> None:
        self._driver.submit(request)

    def _computed(self, done: Computed) -> None:
        if not self._driver.running:
            return
        try:
            self._driver.submit(done)
        except Exception as error:  # nobody asked for it who could be told: a bug in a core
            self._driver.fail(error)

    def _fail(self, error: Exception) -> None:
        self._driver.fail(error)

    def _change_epoch(self) -> None:
        roster = self.roster
        self._acquaintances.changed(roster, self.transport)
        self._ahead.close()
        self._ahead = Ahead(roster, self.setting)
        self._workers.keep(self._inner.session.open_sessions)

    def _check(self, committee: Committee, context: Context, dealing: Dealing) -> bool:
        return self._ahead.check(committee, context, dealing)

    def _look_ahead(self, record: Append) -> None:
        if record.table == "block":
            self._ahead.look(record.data)

    def _tell(self, event: UserEvent | Located) -> None:
        if isinstance(event, Located):
            self._acquaintances.located(event.member, event.address, self.transport)
            return
        self._kept = self._archive.keep(event)
        match event:
            case ViewBegun() | Removed():
                self._change_epoch()
                log.info("%s: epoch %d of group %s has begun", self.name, self.roster.epoch, self.roster.group)
            case Progress():
                self._ahead.progress(event)
            case MemberConvicted(member, _, offence):
                log.warning("%s is convicted of %s", member, offence)
            case Settled(session=session, agrees=False, result=result) if result is not None:
                log.error("%s computed another digest than the quorum in session %s", self.name, session.hex())
            case _:
                pass
        self._party.tell(event, replaying=self.replaying)
        if self._on_event is not None:
            self._on_event(event)
