"""The bounds on what a lobby holds: met under siege, and each seen to fail where a rule is broken."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

import pytest

from mechdesign.group.lobby import allowances, formations, wave
from mechdesign.group.lobby.book import Book
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.convention import Announcement, Enrolment, signed_by
from mechdesign.group.lobby.dialing import Dialler
from mechdesign.group.lobby.formation import Formation
from mechdesign.group.lobby.formations import Formations
from mechdesign.group.lobby.gossip import Gossip
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.group.lobby.messages import StartWave
from mechdesign.group.lobby.packets import (
    NONCE_BYTES,
    Answer,
    Probe,
    Records,
    Root,
    decode_lobby_packet,
    encode_lobby_packet,
)
from mechdesign.group.lobby.presence import Presence
from mechdesign.group.lobby.relay import Relay
from mechdesign.group.lobby.shares import Shares
from mechdesign.group.lobby.wave import Waves, reached_signed, start_signed, wave_name
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.lobby_bounds import lobby_holdings
from mechdesign.testing.lobby_cluster import WALL, LobbyCluster, line, seat_of
from mechdesign.testing.simulator import Violation
from mechdesign.transport.messages import LinkEvent, Packet, Send
from tests.group.formations import items, terms
from tests.long_form import mostly_long

HONEST, LIARS = 3, 12
CONFIG = LobbyConfig(
    peers_max=10,
    remembered_max=24,
    lifetime_s=10,
    reached_max=5,
    waves_max=2,
    wave_s=4,
    formations_max=3,
    formations_all_max=6,
    certificate_s=1,
    links_all=40,
    links_max=40,
)


def answering(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
    """Names more players in its answer to a wave than are kept."""
    probe = decode_lobby_packet(event.data) if isinstance(event, Packet) else None
    if not isinstance(probe, Probe):
        return []
    name = wave_name(probe.initiator, probe.nonce, probe.about)
    crowd = [seat_of(number) for number in range(5000, 5008)]
    reached = tuple(sorted((seat.line.id, seat.signer.sign(reached_signed(name))) for seat in crowd))
    return [Send(event.peer, encode_lobby_packet(Answer(name, True, reached)))]


def flood(cluster: LobbyCluster, liar: int) -> None:
    """Everything that a neighbour can bring, and more of it than is kept."""
    to, first = cluster.key(1), 1000 * liar
    records = []
    for number in range(first, first + 16):
        seat = seat_of(number)
        made = Presence(seat.line, seat.possession, (f"sim:{number}",), WALL + cluster.now, 5)
        records.append((replace(made, signature=seat.signer.sign(made.signed)).wire, 5000, 0))
    cluster.send(liar, Send(to, encode_lobby_packet(Records(tuple(records)))))
    cluster.send(liar, Send(to, encode_lobby_packet(Root(bytes(32)))))
    for number in range(4):
        seat, nonce = seat_of(first + number), number.to_bytes(NONCE_BYTES, "big")
        name = wave_name(seat.line.id, nonce, b"")
        probe = Probe(seat.line.id, nonce, b"", seat.signer.sign(start_signed(name)), 4000)
        cluster.send(liar, Send(to, encode_lobby_packet(probe)))
        of = terms(group=f"{first}/{number}", enrol_ms=1000, attempt_ms=1000, size_max=2, size_min=2)
        unsigned = Announcement(seat.line.id, of, bytes(16), WALL + cluster.now)
        announcement = replace(unsigned, signature=signed_by(unsigned, seat.signer))
        cluster.send(liar, items(to, announcement))
        for each in range(first, first + 6):
            one = seat_of(each)
            bare = Enrolment(announcement.id, one.line, one.possession, b"")
            cluster.send(liar, items(to, replace(bare, signature=signed_by(bare, one.signer))))


def siege() -> LobbyCluster:
    """Liars under many keys come to the player in the middle of three, twice; half of them leave again at once."""
    liars = {HONEST + each: answering for each in range(LIARS)}
    cluster = LobbyCluster(HONEST + LIARS, line(HONEST), config=CONFIG, liars=dict(liars))
    for _ in range(2):
        cluster.submit(1, StartWave(b"who"))
        for liar in liars:
            cluster.link(liar, 1)
            cluster.run(0.3)
            flood(cluster, liar)
            cluster.run(0.3)
            if liar % 2:
                cluster.cut(liar, 1)
        cluster.run(15)
        for liar in liars:
            cluster.cut(liar, 1)
    return cluster


@pytest.fixture(autouse=True)
def tight(monkeypatch):
    """What is kept of players that are gone is thousands, which no siege of seconds comes to."""
    monkeypatch.setattr(allowances, "_UNLINKED_MAX", 2)
    monkeypatch.setattr(formations, "_PAST_MAX", 8)
    monkeypatch.setattr(wave, "_GONE_MAX", 2)


def test_a_lobby_under_siege_stays_within_all_bounds_and_comes_to_those_that_are_numbers():
    cluster = siege()
    held = lobby_holdings(cluster.lobby(1), CONFIG, links=2, most=8)
    reached = {name for name, (_, bound) in held.items() if cluster.bounds.largest[name] >= bound}
    assert reached >= {
        "live records",
        "records",
        "choices whom to dial",
        "waves of one neighbour",
        "keys that a wave reached",
        "formations of others",
        "formations that are past",
    }
    assert all(cluster.bounds.largest[name] for name in held if name != "parts of a formation beyond its size")


Break = Callable[[pytest.MonkeyPatch], None]
LEAKS: dict[str, Break] = {}


def leak(kept: str) -> Callable[[Break], Break]:
    """Enter a rule that is broken, by what is kept too much of then."""

    def enter(broken: Break) -> Break:
        LEAKS[kept] = broken
        return broken

    return enter


def without(kept: str, owner: type, method: str, result: object = None) -> None:
    """Something is kept too much of where a method does nothing."""
    LEAKS[kept] = lambda patch: patch.setattr(owner, method, lambda *_args, **_named: result)


class Hoard(dict[Any, Any]):
    """Nothing is ever taken out."""

    def __delitem__(self, key: object) -> None:
        pass

    def pop(self, key: object, *default: object) -> object:
        return self.get(key, *default)


def hoarding(kept: str, owner: Any, *names: str) -> None:
    """Something is kept too much of where tables of an object never lose anything."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        begun = owner.__init__

        def begin(self: object, *args: object, **named: object) -> None:
            begun(self, *args, **named)
            for name in names:
                setattr(self, name, Hoard())

        patch.setattr(owner, "__init__", begin)

    LEAKS[kept] = broken


hoarding("links", Gossip, "_linked")
hoarding("times of comparisons", Gossip, "_listed")
hoarding("allowances", Lobby, "_meters")
hoarding("allowances for others", Relay, "_own")
hoarding("formations that are past", Formations, "_past")
without("records", Book, "_forget_for")


@leak("live records")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Shares, "spare", lambda *_: None)
    patch.setattr(Book, "_room", lambda *_: True)


@leak("places in shares")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Book, "_forgettable", lambda *_: 0)
    leave = Shares.leave
    patch.setattr(Shares, "leave", lambda shares, key: leave(shares, key) if len(shares) > 1 else None)


@leak("shares")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Shares, "orphan", lambda *_: None)


@leak("waves of one neighbour")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Waves, "probed", _generous(Waves.probed))


@leak("keys that a wave reached")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Waves, "answered", _generous(Waves.answered))


def _generous(method: Callable[..., object]) -> Callable[..., object]:
    def call(waves: Waves, *args: object) -> object:
        waves._config = waves._config.model_copy(update={"waves_max": 99})
        waves._reached_max = 99
        return method(waves, *args)

    return call


@leak("waves")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Waves, "_orphan", lambda waves, peer: waves._brought.pop(peer, None))
    patch.setattr(wave, "_OWN_MAX", 1)


@leak("neighbours that a wave asks")
def _(patch: pytest.MonkeyPatch) -> None:
    linked = Waves.linked

    def link(waves: Waves, peer: MemberId, now: int) -> object:
        for each in waves._waves.values():
            each.asked.update(dict.fromkeys([*each.asked, peer], False))
        return linked(waves, peer, now)

    patch.setattr(Waves, "linked", link)
    patch.setattr(Waves, "_look", lambda *_: [])


@leak("choices whom to dial")
def _(patch: pytest.MonkeyPatch) -> None:
    choose = Dialler.choose

    def keep(dialler: Dialler, known: Iterable[Presence], linked: Collection[MemberId], now: int) -> object:
        kept.update({record.member: record for record in known})
        return choose(dialler, kept.values(), linked, now)

    kept: dict[MemberId, Presence] = {}
    patch.setattr(Dialler, "choose", keep)


@leak("formations of others")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Formations, "_make_room", lambda *_: True)


@leak("parts of a formation beyond its size")
def _(patch: pytest.MonkeyPatch) -> None:
    taken = Formation._enrolment

    def take(group: Formation, item: Enrolment, now: int) -> object:
        found = taken(group, item, now)
        group._enrolments[item.member] = item
        return found

    patch.setattr(Formation, "_enrolment", take)


@pytest.mark.parametrize("kept", mostly_long(LEAKS, short=5))
def test_more_than_the_bound_is_found(kept, monkeypatch):
    LEAKS[kept](monkeypatch)
    with pytest.raises(Violation, match=rf"holds \d+ {kept} where"):
        siege()


def test_there_is_a_leak_for_each_bound():
    assert sorted(LEAKS) == sorted(siege().bounds.largest)
