"""A room: members that hear the same messages in the same order, with nothing decided above it.

The face of the group layer alone, for programs that want ordered broadcast and no mechanisms: a chat, a replicated log,
a board of notices. Every member that stays hears every message once; no member can say two different things to two
others, and none can keep a message from the rest.

A program that reads slowly slows nobody down. So much is kept for it; beyond that the oldest messages fall out, and
:meth:`Room.hear` says how many at that place. The journal has those of the order still: who opens the room anew hears
them again.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mechdesign.group.group import Group
from mechdesign.group.journal import Journal
from mechdesign.group.layer import GroupLayer
from mechdesign.group.messages import Broadcast, Change, Delivered, ViewChanged
from mechdesign.group.multicast.direct import Acknowledged, Direct, DirectDelivered
from mechdesign.group.multicast.multicast import Means
from mechdesign.group.multicast.private import Private, PrivateDelivered
from mechdesign.group.roster import Member, Roster
from mechdesign.group.status import GroupStatus
from mechdesign.group.topology import Located
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.exchange import X25519Exchange
from mechdesign.kernel.identity import Identity
from mechdesign.node.acquaintances import Acquaintances, Address, our_line
from mechdesign.node.driver import Driver
from mechdesign.node.links import TransportFactory
from mechdesign.node.unread import Unread
from mechdesign.transport.face import Transport

__all__ = ["Heard", "Room"]

_MESSAGE = 0
_KEY_BYTES = 16
_RECEIPTS = 1024


@dataclass(frozen=True, slots=True)
class Heard:
    """A message; in the order, what is heard later has a higher epoch, or the same and a higher position.

    Attributes:
        sender: the name of who said it.
        data: what was said; None where it was said to others only, or its sender sealed rubbish.
        to: the names of those who can read it; empty for all.
        ordered: whether it has a place in the order.
        epoch: the view of the group in which it was said.
        position: counts the entries of the epoch's log from 0; -1 outside the order.
    """

    sender: str
    data: bytes | None
    to: tuple[str, ...] = ()
    ordered: bool = True
    epoch: int = 0
    position: int = -1


class Room:
    """One member in a room; an asynchronous context manager, and an iterator over what is heard.

    What was heard earlier in the present epoch is heard again first, in its order, where there is a journal.

    Args:
        start: the roster of the first epoch that we belong to, or the invitation with which we join.
        identity: our keys.
        transport: how to make our links.
        journal: our journal's file, or None to keep nothing (a member that is stopped is then gone for good).
        config: how eagerly the group advances.
        address: where a member listens that comes in; None where nobody knows, so that it dials us.
        here: where others can dial us, for members to know that come in later; None where they cannot.
        unread_bytes_max: how much is kept of what was heard and is not read yet, some overhead included; not counted is
            what is heard again from the journal.

    Attributes:
        receipts: which of what we sent was acknowledged, as (key, name), the newest last; a bounded number.

    Raises:
        LocalProtocolError: the identity is not in the roster or not invited.
        VerificationError: the invitation is not signed by a quorum.
    """

    def __init__(
        self,
        start: Roster | Invitation,
        identity: Identity,
        *,
        transport: TransportFactory,
        journal: Path | None = None,
        config: GroupConfig | None = None,
        address: Address = lambda _: None,
        here: str | None = None,
        unread_bytes_max: int = 16 << 20,
    ) -> None:
        roster = start if isinstance(start, Roster) else start.roster
        us = our_line(start, identity)
        self.name = "" if us is None else us.name
        self.receipts: deque[tuple[bytes, str]] = deque(maxlen=_RECEIPTS)
        self._unread: Unread[Heard] = Unread(unread_bytes_max)
        self._news = asyncio.Event()
        settings, means = config or GroupConfig(), Means(X25519Exchange(), identity, os.urandom)
        order = Group(start, identity, Ed25519(), settings, carry_over=True)
        self._group = GroupLayer(order, identity, Ed25519(), settings, means, address=here or "")
        # Of what is told at present: the group may have gone on to the next epoch by then.
        self._told_of = roster
        self._acquaintances = Acquaintances(roster, identity, address)
        open_journal = None if journal is None else lambda: Journal(journal, identity.public, roster.digest)
        self._driver = Driver(self.name, self._group, transport, open_journal, self._tell)

    @property
    def roster(self) -> Roster:
        """Of the present epoch; of one that has yet to come in, that of its invitation."""
        return self._group.roster

    @property
    def channels(self) -> tuple[bytes, ...]:
        """On which the group's frames come."""
        return self._group.channels

    async def __aenter__(self) -> Self:
        """Open journal and links."""
        await self._driver.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._driver.stop()

    @property
    def transport(self) -> Transport:
        """Our links."""
        return self._driver.transport

    def status(self) -> GroupStatus:
        """What this member sees of its group."""
        return self._group.status()

    def say(self, data: bytes) -> None:
        """Say something to all; it is heard by us, too, at its place in the order, which is the same for everybody.

        In rare cases, after a lost connection say, a word of ours comes behind one that we said later.

        Raises:
            LocalProtocolError: it is longer than the roster allows, too much waits, or the room is not open.
        """
        self._driver.submit(Broadcast(os.urandom(_KEY_BYTES), _MESSAGE, data))

    def whisper(self, data: bytes, *to: str) -> None:
        """Say something at a place in the order that all see, in words that only some members can read.

        Args:
            data: what is said.
            to: the names of those who are to read it.

        Raises:
            LocalProtocolError: one is no other member, it is too long, or the room is not open.
        """
        self._driver.submit(Private(os.urandom(_KEY_BYTES), self._ids(to), data))

    def send(self, data: bytes, *to: str) -> bytes:
        """Send something to some members outside the order, each of whom acknowledges it.

        Args:
            data: the content.
            to: the names of the recipients.

        Returns:
            A key by which :class:`Acknowledged` names it.

        Raises:
            LocalProtocolError: one is no other member, it is too long, or too many wait for receipts.
        """
        key = os.urandom(_KEY_BYTES)
        self._driver.submit(Direct(key, self._ids(to), data))
        return key

    def _ids(self, names: tuple[str, ...]) -> tuple[MemberId, ...]:
        members = [(name, self.roster.named(name)) for name in names]
        unknown = [name for name, member in members if member is None]
        if unknown:
            raise LocalProtocolError(f"{', '.join(unknown)} is no member of {self.roster.group}")
        return tuple(member.id for _, member in members if member is not None)

    def change(self, change: Change) -> None:
        """Have the members changed, where the change holds.

        Raises:
            LocalProtocolError: we are not in the group, or the room is not open.
        """
        self._driver.submit(change)

    def consent(self, joiner: Member, address: str | None = None) -> tuple[int, bytes]:
        """Sign that somebody may join, and let it link with us; a quorum of these is its invitation.

        Raises:
            ConfigError: its link key is another member's.
            LocalProtocolError: we are not in the group.
        """
        return self._acquaintances.consent(joiner, address, self.roster, self.transport)

    async def hear(self) -> Heard:
        """The next message; waits for it.

        Raises:
            MissedError: we read so slowly that messages at this place were not kept; the next call goes on after them.
            Exception: whatever made the room close by itself.
        """
        while not self._unread:
            self._news.clear()
            await self._news_or_end()
        return self._unread.take()

    async def _news_or_end(self) -> None:
        news = asyncio.ensure_future(self._news.wait())
        ended = asyncio.ensure_future(self._driver.run())
        try:
            await asyncio.wait({news, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not news.done():
                await ended
                self._driver.check_running()
        finally:
            for task in (news, ended):
                task.cancel()

    async def __aiter__(self) -> AsyncIterator[Heard]:
        """All that is heard, until the room is closed; raises as :meth:`hear`, and can be begun again after that."""
        while True:
            yield await self.hear()

    def _tell(self, event: object) -> None:
        called, epoch = self._told_of.name, self._told_of.epoch
        match event:
            case Delivered(position, said) if said.kind == _MESSAGE:
                self._told(Heard(called(said.sender), said.data, epoch=epoch, position=position))
            case PrivateDelivered(position, sender, to, data, fault):
                # Where something is wrong some recipients can read it and others cannot: so nobody hears it.
                content, names = None if fault else data, tuple(map(called, to))
                self._told(Heard(called(sender), content, names, epoch=epoch, position=position))
            case DirectDelivered(sender, _, letter):
                self._told(Heard(called(sender), letter, (self.name,), ordered=False, epoch=epoch))
            case Acknowledged(key, member):
                self.receipts.append((key, called(member)))
            case Located(member, where):
                self._acquaintances.located(member, where, self.transport)
            case ViewChanged(roster):
                self._told_of = roster
                self._acquaintances.changed(roster, self.transport)

    def _told(self, heard: Heard) -> None:
        self._unread.put(heard, again=self._driver.replaying)
        self._news.set()
