"""A host: one player's process in the network, before, between and beside its groups.

It starts from a few seed addresses. Through the lobby it finds the others, and forms groups with them, several at once
or one after another; all of them and the lobby share one transport. What a group then does is a
:class:`~mechdesign.node.process.Node`, made with :meth:`Host.node`.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from mechdesign.decision.membership import holds_key, member_of, possession
from mechdesign.group.journal import Journal
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.dialing import Dial
from mechdesign.group.lobby.events import Announced, FormationFailed, Formed, Seat
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.group.lobby.messages import Announce, Enrol, Leave, LobbyStatus, PeerGone, PeerKnown, StartWave
from mechdesign.group.lobby.presence import Presence
from mechdesign.group.lobby.terms import Terms
from mechdesign.group.lobby.wave import WaveDone
from mechdesign.group.roster import Roster
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import LAN, Preset
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import ConfigError, FormationError
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import Entropy
from mechdesign.kernel.wire import digest
from mechdesign.node.driver import Driver, clock
from mechdesign.node.hub import Hub
from mechdesign.node.links import TransportFactory
from mechdesign.node.lobby_machine import LOBBY_CHANNEL, LobbyMachine
from mechdesign.node.process import Node
from mechdesign.node.room import Room
from mechdesign.transport.face import PeerAddress, Strangers, Transport

__all__ = ["Host", "HostEvent", "Links"]

log = logging.getLogger(__name__)

HostEvent: TypeAlias = PeerKnown | PeerGone | WaveDone | Announced | Formed | FormationFailed
"""What the lobby tells."""

Links: TypeAlias = Callable[[Strangers], TransportFactory]
"""Makes the transport, with the rule by which strangers are let in."""

_KEY_BYTES = 16
_ANNOUNCED_MAX = 256
# Announcements that a program may still enrol for or ask the end of; the lobby forgets old ones as well.


class Host:
    """One player in the network; an asynchronous context manager.

    Args:
        identity: our keys.
        name: what rosters are to call us.
        links: how to make our transport.
        addresses: where others can dial us, at most four; empty where we only dial.
        seeds: whom we know from the start, and where they listen.
        data: folder for the journals of lobby and groups, or None to keep nothing.
        preset: how eagerly links, lobby and groups work.
        lobby: settings of the lobby.
        on_event: is told every event of the lobby, in order, on the loop.
        entropy: the source of nonces and salts.

    Raises:
        LocalProtocolError: name or addresses are not what a presence record allows.
    """

    def __init__(
        self,
        identity: Identity,
        name: str,
        links: Links,
        *,
        addresses: tuple[str, ...] = (),
        seeds: Mapping[MemberId, PeerAddress] | None = None,
        data: Path | None = None,
        preset: Preset = LAN,
        lobby: LobbyConfig | None = None,
        on_event: Callable[[HostEvent], None] | None = None,
        entropy: Entropy = os.urandom,
    ) -> None:
        self.identity = identity
        self.name = name
        self.addresses = addresses
        self._data = data
        self._preset = preset
        self._entropy = entropy
        self._seeds = dict(seeds or {})
        self._on_event = on_event
        self._known: dict[MemberId, Presence] = {}
        self._announced: dict[bytes, Announced] = {}
        self._ended: dict[bytes, Formed | FormationFailed] = {}
        self._waves: dict[bytes, WaveDone | None] = {}
        self._news = asyncio.Event()
        self._closed = False
        seat = Seat(identity, member_of(identity, name), possession(identity), Ed25519(), holds_key)
        wall = time.time_ns() // 1000 - clock()
        self._lobby = Lobby(seat, addresses, lobby or LobbyConfig(), entropy, wall)
        self._hub = Hub(links(Strangers(self._admit)))
        self._driver = Driver(
            name,
            LobbyMachine(self._lobby),
            self._hub.line(lambda: (LOBBY_CHANNEL,)),
            None if data is None else self._journal,
            self._tell,
            written=self._introduce,
        )

    # ------------------------------------------------------------------------------------------------------- life

    async def __aenter__(self) -> Self:
        """Open journal and links, and look for the seeds."""
        if self._data is not None:
            self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._hub.start()
        try:
            for peer, address in self._seeds.items():
                if peer != self.identity.public:
                    self.links.add(peer, address)
            await self._driver.start()
        except BaseException:
            await self._hub.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Say farewell, close the lobby and all links; nodes of our groups are stopped by whoever started them."""
        if self._closed:
            return
        self._closed = True
        if self._driver.running:
            self._driver.submit(Leave())
        await self._driver.stop()
        await self._hub.close()

    def _journal(self) -> Journal:
        assert self._data is not None
        return Journal(
            self._data / "lobby.sqlite3", self.identity.public, digest("mechdesign/lobby", self.name.encode())
        )

    @property
    def transport(self) -> Transport:
        """The transport that everything shares; over TCP it knows the address that was bound."""
        return self._hub.transport

    @property
    def links(self) -> Transport:
        """The lobby's line of it."""
        return self._driver.transport

    # ------------------------------------------------------------------------------------------------------- lobby

    @property
    def known(self) -> tuple[Presence, ...]:
        """The players whose records are alive, without ourselves."""
        return tuple(self._known.values())

    def status(self) -> LobbyStatus:
        """What the lobby sees."""
        return self._lobby.status()

    async def wave(self) -> WaveDone:
        """Find out who is reachable; ends when everybody has answered, or by its time limit as incomplete."""
        key = self._entropy(_KEY_BYTES)
        self._waves[key] = None
        try:
            self._driver.submit(StartWave(key))
            await self._until(lambda: self._waves[key] is not None)
        finally:
            done = self._waves.pop(key)
        assert done is not None  # that is what was waited for
        return done

    def announce(self, terms: Terms) -> bytes:
        """Convene a group by these terms; gives the announcement's identifier.

        Raises:
            LocalProtocolError: we take part in too many formations.
        """
        before = set(self._announced)
        self._driver.submit(Announce(terms))
        return next(id_ for id_ in self._announced if id_ not in before)

    def enrol(self, announcement: bytes, invitation: bytes = b"") -> None:
        """Enrol for an announced group.

        Raises:
            LocalProtocolError: nobody announced it, it is too late, or we would not be admitted.
        """
        self._driver.submit(Enrol(announcement, invitation))

    async def announced(self, wanted: Callable[[Announced], bool]) -> Announced:
        """The first announcement that is wanted, heard of already or yet to come."""
        await self._until(lambda: any(map(wanted, self._announced.values())))
        return next(each for each in self._announced.values() if wanted(each))

    async def formed(self, announcement: bytes) -> Formed:
        """Wait until a group that we convened or enrolled for exists.

        Raises:
            FormationError: it does not come about, and why.
        """
        await self._until(lambda: announcement in self._ended)
        ended = self._ended[announcement]
        if isinstance(ended, FormationFailed):
            raise FormationError(ended.why)
        return ended

    # ------------------------------------------------------------------------------------------------------ groups

    def address(self, member: MemberId) -> str | None:
        """Where a player can be dialled, by its record or as a seed; None where nobody knows."""
        record = self._known.get(member)
        if record is not None and record.addresses:
            return record.addresses[0]
        seed = self._seeds.get(member)
        return None if seed is None else seed.address

    def node(self, start: Roster | Invitation, **options: Any) -> Node:
        """A node for a group of ours, over our transport; start and stop it like any other.

        Args:
            start: the group's roster, or our invitation into it.
            options: as for :class:`Node`; transport, journal and configuration are given already.

        Raises:
            ConfigError: we are not in the roster, or not invited.
        """
        roster = start if isinstance(start, Roster) else start.roster
        folder = None if self._data is None else self._data / roster.digest.hex()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        options.setdefault("journal", None if folder is None else folder / "journal.sqlite3")
        options.setdefault("out", folder)
        options.setdefault("config", self._preset.group)
        node = Node(
            start,
            self.identity,
            transport=self._hub.line(lambda: node.channels),
            address=lambda member: self.address(member.id),
            here=self.addresses[0] if self.addresses else None,
            entropy=self._entropy,
            **options,
        )
        return node

    def room(self, start: Roster | Invitation, *, journal: Path | None = None) -> Room:
        """A room with the members of a group, over our transport."""
        room = Room(
            start,
            self.identity,
            transport=self._hub.line(lambda: room.channels),
            address=lambda member: self.address(member.id),
            here=self.addresses[0] if self.addresses else None,
            journal=journal,
            config=self._preset.group,
        )
        return room

    # ------------------------------------------------------------------------------------------------------ events

    def _tell(self, event: Any) -> None:
        match event:
            case Dial(record):
                self._reach(record)
                return
            case PeerKnown(record):
                self._known[record.member] = record
                self._reach(record, only_known=True)
            case PeerGone(record):
                self._known.pop(record.member, None)
                if record.member not in self._seeds:
                    self.links.remove(record.member)
            case Announced(announcement, _):
                _keep(self._announced, announcement, event)
            case Formed(id=announcement) | FormationFailed(id=announcement):
                _keep(self._ended, announcement, event)
            case WaveDone(key) if key in self._waves:
                self._waves[key] = event
        if self._on_event is not None:
            self._on_event(event)
        self._news.set()
        self._news = asyncio.Event()

    async def _until(self, holds: Callable[[], bool]) -> None:
        ended = asyncio.ensure_future(self._driver.run())
        try:
            while not holds():
                news = asyncio.ensure_future(self._news.wait())
                await asyncio.wait({news, ended}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if ended.done():
                    await ended
                    self._driver.check_running()
        finally:
            ended.cancel()

    def _reach(self, record: Presence, *, only_known: bool = False) -> None:
        """Want a link to a player; what its record says of its address is hearsay, and may be rubbish."""
        if only_known and record.member not in self._seeds:
            return
        try:
            address = record.addresses[0] if record.addresses else None
            self.links.add(record.member, PeerAddress(record.line.curve, address))
        except ConfigError as error:
            log.info("%s cannot be reached: %s", record.line.name, error)

    def _admit(self, curve: bytes, introduction: bytes) -> MemberId | None:
        """Let a stranger in that shows a fresh record of its own for the key that it came with."""
        return self._lobby.admit(curve, introduction, clock())

    def _introduce(self, _: object) -> None:
        """Our record is in the journal: it introduces us from now on."""
        if self._lobby.record is not None:
            self.links.introduction = self._lobby.record.wire


def _keep(newest: dict[bytes, Any], announcement: bytes, event: Any) -> None:
    newest[announcement] = event
    if len(newest) > _ANNOUNCED_MAX:
        del newest[next(iter(newest))]
