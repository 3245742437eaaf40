"""The lobby as a machine: announcements, waves, and the contract that it keeps with its driver."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from random import Random

import pytest

from mechdesign.decision.membership import holds_key, member_of, possession
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.events import Announced, Formed, Seat
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.group.lobby.messages import Announce, Enrol, Leave, LobbyEffect
from mechdesign.group.lobby.packets import (
    LOBBY_PACKET_BYTES_MAX,
    batches,
    decode_lobby_packet,
    encode_lobby_packet,
)
from mechdesign.group.lobby.terms import Terms
from mechdesign.group.lobby.wave import WaveDone
from mechdesign.group.messages import Append
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import JournalError, LocalProtocolError
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.links import seeded_entropy, seeded_identity
from mechdesign.testing.lobby_cluster import (
    WALL,
    LobbyCluster,
    line,
    seat_of,
)
from mechdesign.transport.messages import LinkUp, Packet, Send
from tests.group.lobbies import OPEN

# Announcements and waves. --------------------------------------------------------------------------------------------


def test_the_convener_learns_when_its_announcement_has_reached_everybody():
    cluster = LobbyCluster(9, line(9))
    cluster.run(5)
    cluster.submit(4, Announce(Terms("club", OPEN)))
    assert cluster.run_until(lambda: cluster.events(4, WaveDone), 5)
    (done,) = cluster.events(4, WaveDone)
    (own,) = cluster.events(4, Announced)
    assert done == WaveDone(own.id, True, cluster.keys(range(9)))
    assert all(cluster.events(place, Announced) == [own] for place in range(9))


def test_everything_works_with_the_real_keys():
    identities = {name: seeded_identity(name) for name in ("alice", "bob")}
    seats = {
        name: Seat(identity, member_of(identity, name), possession(identity), Ed25519(), holds_key)
        for name, identity in identities.items()
    }
    lobbies = {
        name: Lobby(seat, (f"tcp://{name}:1",), LobbyConfig(), seeded_entropy(name), WALL)
        for name, seat in seats.items()
    }
    journal: dict[str, list[tuple[str, bytes, bytes]]] = {name: [] for name in seats}
    events: dict[str, list[LobbyEffect]] = {name: [] for name in seats}
    names = {identity.public: name for name, identity in identities.items()}
    for lobby in lobbies.values():
        lobby.restore((), 0)
    wire: list[tuple[str, str, bytes]] = []

    def perform(name: str, effects: Iterable[LobbyEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                wire.append((name, names[effect.peer], effect.data))
            elif isinstance(effect, Append):
                journal[name].append((effect.table, effect.key, effect.data))
            else:
                events[name].append(effect)

    def run(until: int) -> None:
        for now in range(0, until * SECOND, SECOND // 10):
            for name, lobby in lobbies.items():
                while lobby.deadline is not None and lobby.deadline <= now:
                    perform(name, lobby.tick(now))
            while wire:
                source, target, data = wire.pop(0)
                perform(target, lobbies[target].receive(Packet(identities[source].public, data), now))

    for name, other in (("alice", "bob"), ("bob", "alice")):
        perform(name, lobbies[name].receive(LinkUp(identities[other].public), 0))
    perform("alice", lobbies["alice"].submit(Announce(Terms("club", OPEN, size_max=2, enrol_ms=1000)), 0))
    run(1)
    (heard,) = [event for event in events["bob"] if isinstance(event, Announced)]
    perform("bob", lobbies["bob"].submit(Enrol(heard.id), SECOND))
    run(10)
    rosters = [event.roster for name in identities for event in events[name] if isinstance(event, Formed)]
    assert len(rosters) == 2
    assert rosters[0] == rosters[1]
    again = Lobby(seats["bob"], (), LobbyConfig(), seeded_entropy("again"), WALL)
    assert [effect.roster for effect in again.restore(journal["bob"], 0) if isinstance(effect, Formed)] == rosters[:1]


# The contract of a machine. ------------------------------------------------------------------------------------------


def test_nothing_is_asked_of_a_lobby_before_it_was_restored_and_that_only_once():
    lobby = Lobby(seat_of(0), (), LobbyConfig(), Random(0).randbytes, WALL)
    assert lobby.deadline is None
    with pytest.raises(LocalProtocolError, match="restore"):
        lobby.submit(Leave(), 0)
    assert lobby.receive(LinkUp(seat_of(1).line.id), 0) == []
    lobby.restore((), 0)
    with pytest.raises(LocalProtocolError, match="once"):
        lobby.restore((), 0)


@pytest.mark.parametrize(
    ("key", "data"),
    [
        (b"sequence", b"short"),
        (b"enrolled/" + bytes(32), b"junk"),
        (b"signed/" + bytes(36), bytes(32)),
        (b"proposed/" + bytes(36), b"junk"),
        (b"formed/" + bytes(32), b"junk"),
        (b"unknown", b""),
    ],
)
def test_a_damaged_journal_is_refused(key, data):
    lobby = Lobby(seat_of(0), (), LobbyConfig(), Random(0).randbytes, WALL)
    with pytest.raises(JournalError):
        lobby.restore([("lobby", key, data)], 0)


def test_records_of_other_tables_are_left_alone():
    lobby = Lobby(seat_of(0), (), LobbyConfig(), Random(0).randbytes, WALL)
    assert lobby.restore([("block", b"sequence", b"short"), ("own", b"x", b"")], 0) == []


def test_no_packet_is_longer_than_it_may_be():
    parts = [bytes(300_000)] * 5 + [bytes(10)] * 200
    packets = batches(parts)
    assert [part for packet in packets for part in packet.items] == parts
    assert all(len(encode_lobby_packet(packet)) <= LOBBY_PACKET_BYTES_MAX for packet in packets)
    assert all(decode_lobby_packet(encode_lobby_packet(packet)) == packet for packet in packets)


HISTORY = """
from mechdesign.group.lobby.admission import Admission, Policy
from mechdesign.group.lobby.events import Announced
from mechdesign.group.lobby.messages import Announce, Enrol, StartWave
from mechdesign.group.lobby.terms import Terms
from mechdesign.testing.lobby_cluster import LobbyCluster, LobbyWeather, star
import hashlib
cluster = LobbyCluster(9, star(9), seed=5, weather=LobbyWeather(loss=0.1, in_order=False), dialling=True)
cluster.run(5)
cluster.submit(1, Announce(Terms("club", Admission(Policy.OPEN), enrol_ms=3000)))
cluster.run(1)
for place in (2, 3, 4):
    cluster.submit(place, Enrol(cluster.events(place, Announced)[0].id))
cluster.submit(0, StartWave(b"who"))
cluster.cut(0, 5)
cluster.run(25)
print(hashlib.sha256(repr([player.events for player in cluster.players]).encode()).hexdigest(), cluster.sent)
"""


def test_the_same_seed_gives_the_same_history_whatever_the_hash_seed():
    histories = set()
    for hash_seed in ("0", "1", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", HISTORY],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        histories.add(run.stdout)
    assert len(histories) == 1
    assert len(histories.pop().split()[0]) == len(hashlib.sha256().hexdigest())
