"""The lobby: where players find one another and form groups, before, beside and after every group.

Three things share one flood. Presence records (``book.py``), parts of formations (``formations.py``) and echo waves
(``wave.py``) pass over whatever links there are; what is new is sent on at once to every other neighbour. What was
lost is made good by comparison: neighbours exchange a digest of all they have when a link comes up, and ever more
rarely while nothing is new; where it differs they list what they have and send each other what is missing.

Nothing here is safe to rely on but signatures: that somebody is there, or is not, is a hint. A group exists once its
certificate does.
"""

from collections.abc import Iterable, Sequence

from mechdesign.group.lobby.allowances import allowance
from mechdesign.group.lobby.book import Book
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.dialing import Dialler
from mechdesign.group.lobby.events import Announced, Flood, FormationEffect, Seat
from mechdesign.group.lobby.formations import Formations
from mechdesign.group.lobby.gossip import Gossip
from mechdesign.group.lobby.messages import (
    Announce,
    Enrol,
    Leave,
    LobbyEffect,
    LobbyRequest,
    LobbyStatus,
    PeerGone,
    PeerKnown,
    StartWave,
)
from mechdesign.group.lobby.packets import (
    Answer,
    Items,
    Lists,
    Probe,
    Records,
    Root,
    decode_lobby_packet,
    encode_lobby_packet,
)
from mechdesign.group.lobby.presence import SEQUENCE_KEY, Herald, Presence, holds, introduced, parse_presence
from mechdesign.group.lobby.relay import Relay, cost
from mechdesign.group.lobby.wave import WaveEffect, WaveHeard, Waves
from mechdesign.group.messages import Compact
from mechdesign.group.meter import Meter
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet, Send

__all__ = ["Lobby"]

_CROWD = 16
_COUNTING = SECOND // 4


def _whole(record: Presence) -> Records:
    """Our own record as it leaves us: with all its life before it."""
    return Records(((record.wire, record.lifetime_s * 1000, 0),))


class Lobby:
    """A machine for discovery and formation; its packets go over the lobby's channel, which others add and strip.

    Args:
        seat: our keys, our line of a roster, and how the keys of others are checked.
        addresses: where we can be dialled; empty where we only dial.
        config: intervals and bounds.
        entropy: where nonces and the choice of neighbours come from.
        wall: microseconds of the wall clock at instant 0 of the driver's clock.
    """

    def __init__(
        self, seat: Seat, addresses: tuple[str, ...], config: LobbyConfig, entropy: Entropy, wall: int
    ) -> None:
        self._seat = seat
        self._me = seat.signer.public
        self._config = config
        self._herald = Herald(seat.signer, seat.line, seat.possession, addresses, config.lifetime_s, wall)
        self._book = Book(seat.scheme, seat.holds_key, config, wall)
        self._formations = Formations(seat, config, wall, entropy, standing=self._book.standing, named=self._book.named)
        self._waves = Waves(seat.signer, seat.scheme, config, entropy)
        self._dialler = Dialler(config, entropy)
        self._gossip = Gossip(config, self._book, self._formations)
        self._linked: dict[MemberId, None] = {}
        self._meters: dict[MemberId, Meter] = {}
        self._busy, self._counted = 0, -_COUNTING
        self._relay = Relay(config)
        self._dropped: dict[str, int] = {}
        self._restored = False

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[LobbyEffect]:
        """Take back the journal's table ``"lobby"``, as (table, key, data); exactly once, before anything else.

        Raises:
            JournalError: a record is damaged.
            LocalProtocolError: it was called before.
        """
        if self._restored:
            raise LocalProtocolError("a lobby is restored once")
        self._restored = True
        rest: list[tuple[bytes, bytes]] = []
        for table, key, data in records:
            if table == "lobby" and key == SEQUENCE_KEY:
                self._book.restored(self._herald.restore(data), now)
            elif table == "lobby":
                rest.append((key, data))
        self._herald.due = now
        return self._out(self._formations.restore(rest, now), None, now)

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do."""
        parts = (self._herald.due, self._book.deadline, self._waves.deadline, self._formations.deadline)
        times = [*parts, self._dialler.deadline, self._gossip.deadline]
        return min((time for time in times if time is not None), default=None) if self._restored else None

    @property
    def record(self) -> Presence | None:
        """Our newest presence record of this life, which also introduces us to strangers."""
        return self._herald.current

    def submit(self, request: LobbyRequest, now: Instant) -> Sequence[LobbyEffect]:
        """Take a request.

        Raises:
            LocalProtocolError: it cannot be met; the message says why.
        """
        if not self._restored:
            raise LocalProtocolError("restore the lobby before it is used, also with nothing")
        match request:
            case Announce(terms):
                self._waves.require_room()
                effects = self._formations.announce(terms, now)
                heard = next(effect for effect in effects if isinstance(effect, Announced))
                out = self._out(effects, None, now)
                return [*out, *self._wave(self._waves.start(heard.id, heard.announcement.wire, now), now)]
            case Enrol(announcement, invitation):
                return self._out(self._formations.enrol(announcement, invitation, now), None, now)
            case StartWave(key):
                return self._wave(self._waves.start(key, b"", now), now)
            case Leave():
                append, record = self._herald.farewell(now)
                self._gossip.own = None
                return [append, *self._spread(_whole(record), None)]

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[LobbyEffect]:
        """Take an event of the transport; never raises for what a peer sent."""
        if not self._restored:
            return []
        match incoming:
            case LinkUp(peer):
                return self._up(peer, now)
            case LinkDown(peer):
                self._linked.pop(peer, None)
                self._gossip.unlinked(peer)
                self._book.unlinked(peer)
                return [*self._wave(self._waves.unlinked(peer, now), now), *self._dial(now)]
            case Packet(peer, data):
                return self._packet(peer, data, now)

    def tick(self, now: Instant) -> Sequence[LobbyEffect]:
        """Do what was due at ``deadline``."""
        effects: list[LobbyEffect] = []
        if self._herald.due is not None and self._herald.due <= now:
            append, record = self._herald.renew(now)
            self._gossip.own = record
            effects += [append, *self._spread(_whole(record), None)]
        gone: list[LobbyEffect] = [PeerGone(record) for record in self._book.expire(now)]
        effects += self._out(self._formations.tick(now), None, now)
        effects += self._wave(self._waves.tick(now), now)
        effects += self._gossip.tick(now)
        if gone or (self._dialler.deadline is not None and self._dialler.deadline <= now):
            gone += self._dial(now)
        return [*effects, *gone]

    def status(self) -> LobbyStatus:
        """What we know at this moment."""
        dropped = dict(self._dropped)
        parts = [self._book.dropped, self._waves.dropped, self._formations.dropped]
        for part in [*parts, *(formation.dropped for formation in self._formations)]:
            for reason, count in part.items():
                dropped[reason] = dropped.get(reason, 0) + count
        return LobbyStatus(
            linked=tuple(self._linked),
            known=tuple(record.member for record in self._book),
            disputed=self._book.disputed,
            waves=len(self._waves),
            formations=tuple(
                (formation.id, formation.announcement.terms.group, formation.state) for formation in self._formations
            ),
            dropped=tuple(sorted(dropped.items())),
        )

    def admit(self, curve: bytes, introduction: bytes, now: Instant) -> MemberId | None:
        """Who introduces itself over a connection of that CURVE key, or None where the record does not hold.

        A record that is out of date or older than one that we know is refused, so that the dead are not admitted.
        """
        record = introduced(introduction, curve, self._seat.scheme, self._seat.holds_key)
        if record is None or record.member == self._me or not self._book.in_time(record.sequence, now):
            return None
        newest = self._book.newest(record.member)
        if newest is None or newest.sequence < record.sequence:
            return record.member
        return record.member if record == self._book.get(record.member) else None

    # Links and packets. ----------------------------------------------------------------------------------------------

    def _up(self, peer: MemberId, now: Instant) -> list[LobbyEffect]:
        self._linked[peer] = None
        effects: list[LobbyEffect] = []
        if self._herald.current is not None:
            effects.append(Send(peer, encode_lobby_packet(_whole(self._herald.current))))
        effects += self._gossip.linked(peer, now)
        effects += self._wave(self._waves.linked(peer, now), now)
        return [*effects, *self._dial(now)]

    def _packet(self, peer: MemberId, data: bytes, now: Instant) -> list[LobbyEffect]:
        if peer not in self._linked:
            return self._drop("unlinked")
        meter = self._meter(peer)
        if not meter.allows(0, now):
            return self._drop("throttled")
        # Keys cost nothing: what links may cost us grows with their number up to a point, and is shared from there on.
        crowd = self._crowd(meter, now)
        meter.charge(0, crowd * cost(len(data), 0), now)
        packet = decode_lobby_packet(data)
        match packet:
            case None:
                return self._drop("malformed")
            case Records(records):
                meter.charge(0, crowd * len(records), now)
                return [effect for each in records for effect in self._record(*each, peer, now)]
            case Items(items):
                meter.charge(0, crowd * len(items), now)
                return [
                    effect for item in items for effect in self._out(self._formations.take(item, peer, now), peer, now)
                ]
            case Root(root):
                return list(self._gossip.root(peer, root, now))
            case Lists():
                return list(self._gossip.lists(peer, packet, now))
            case Probe():
                return self._wave(self._waves.probed(peer, packet, now), now)
            case Answer():
                meter.charge(0, crowd * len(packet.reached), now)
                return self._wave(self._waves.answered(peer, packet, now), now)

    def _crowd(self, meter: Meter, now: Instant) -> int:
        """How many times what a neighbour sends is charged: as many as there are :data:`_CROWD` that say anything.

        Links on which nothing is said cost nothing, and make nobody's share smaller.
        """
        if now >= self._counted + _COUNTING:
            self._counted = now
            self._busy = sum(not self._meters[peer].full(0, now) for peer in self._linked if peer in self._meters)
        # Whoever begins to speak counts at once, whoever stops at the next count.
        self._busy += meter.full(0, now)
        return max(1, self._busy // _CROWD)

    def _meter(self, peer: MemberId) -> Meter:
        rate, burst = self._config.cost_per_s, self._config.cost_burst
        return allowance(self._meters, peer, self._linked, lambda: Meter(1, rate, burst))

    def _record(self, data: bytes, left_ms: int, rank: int, source: MemberId, now: Instant) -> list[LobbyEffect]:
        record = parse_presence(data)
        if record is None:
            return self._drop("malformed")
        if record.member == self._me:
            return self._mirrored(record, now)
        sighting = self._book.take(record, left_ms * 1000, source, now, rank)
        if sighting is None:
            return []
        before, goes = sighting.before, record.lifetime_s == 0
        if not goes:
            left_ms, rank = self._book.left(record.member, now) // 1000, self._book.rank(record.member)
        effects = self._relayed(Records(((data, left_ms, rank),)), source, now)
        told: list[LobbyEffect] = [] if sighting.ousted is None else [PeerGone(sighting.ousted)]
        if goes:
            told += [] if before is None else [PeerGone(before)]
        elif before is None or not before.same_place(record):
            told.append(PeerKnown(record))
            self._gossip.news(now)
        else:
            return effects
        return [*effects, *told, *self._dial(now)]

    def _mirrored(self, record: Presence, now: Instant) -> list[LobbyEffect]:
        """Somebody shows us a record of our own: if it is not of this life, the next one has to go past it."""
        if record == self._herald.current or not holds(record, self._seat.scheme, self._seat.holds_key):
            return []
        if self._herald.overtaken(record):
            self._herald.hurry(now)
        return []

    # Effects of the parts. -------------------------------------------------------------------------------------------

    def _out(
        self, effects: Iterable[FormationEffect | Compact], source: MemberId | None, now: Instant
    ) -> list[LobbyEffect]:
        out: list[LobbyEffect] = []
        for effect in effects:
            if isinstance(effect, Flood):
                self._gossip.news(now)
                out += self._relayed(Items((effect.item.wire,)), None if effect.ours else source, now)
            else:
                out.append(effect)
        return out

    def _wave(self, effects: Iterable[WaveEffect], now: Instant) -> list[LobbyEffect]:
        out: list[LobbyEffect] = []
        for effect in effects:
            if not isinstance(effect, WaveHeard):
                out.append(effect)
            elif effect.about:
                out += self._out(self._formations.take(effect.about, effect.source, now), effect.source, now)
        return out

    def _spread(self, packet: Records | Items, source: MemberId | None) -> list[LobbyEffect]:
        data = encode_lobby_packet(packet)
        return [Send(peer, data) for peer in self._linked if peer != source]

    def _relayed(self, packet: Records | Items, source: MemberId | None, now: Instant) -> list[LobbyEffect]:
        """Send on what a neighbour brought, or leave it for the next comparison where it brings too much."""
        signed = packet.records if isinstance(packet, Records) else packet.items
        length = sum(len(each) if isinstance(each, bytes) else len(each[0]) for each in signed)
        if source is None or self._relay.admits(source, cost(length, len(signed)), self._linked, now):
            return self._spread(packet, source)
        self._gossip.news(now)
        return self._drop("deferred")

    def _dial(self, now: Instant) -> list[LobbyEffect]:
        return list(self._dialler.choose(self._book, self._linked, now))

    def _drop(self, reason: str) -> list[LobbyEffect]:
        self._dropped[reason] = self._dropped.get(reason, 0) + 1
        return []
